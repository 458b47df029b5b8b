/* linux: seccomp, personality, labels and intelRdt. */

#include "config-inner.h"

#include <errno.h>
#include <sys/personality.h>
#include <unistd.h>

static int read_seccomp(struct bundle *b, const struct field *lin, struct err *e)
{
        const char *word;
        struct field f;

        if (field_object(lin, "seccomp", &f, e) < 0 || !f.value)
                return f.value ? -e->code : 0;
        struct field action = field_member(&f, "defaultAction");
        if (field_require(&action, e) < 0 || field_as_text(&action, FIELD_MAX_NAME, &word, e) < 0 ||
            field_copy_path(&f, "listenerPath", &b->plan.arena, &b->seccomp_listener, e) < 0 ||
            field_copy_text(&f, "listenerMetadata", FIELD_MAX_TEXT, &b->plan.arena,
                            &b->seccomp_metadata, e) < 0)
                return -e->code;
        struct field metadata = field_member(&f, "listenerMetadata");
        if (b->seccomp_metadata && !b->seccomp_listener)
                return field_fail(&metadata, e, "needs a 'listenerPath'");
        autofree char *text = json_text_print(f.value);
        if (!text)
                return err_set(e, ENOMEM, "out of memory");
        b->seccomp = arena_copy(&b->plan.arena, text, e);
        return b->seccomp ? 0 : -e->code;
}

static int read_personality(struct bundle *b, const struct field *lin, struct err *e)
{
        static const struct field_word words[] = {
                { "LINUX", PER_LINUX },
                { "LINUX32", PER_LINUX32 },
        };
        struct field f;
        struct field flags;
        uint64_t domain = 0;

        if (field_object(lin, "personality", &f, e) < 0)
                return -e->code;
        if (!f.value)
                return 0;
        struct field member = field_member(&f, "domain");
        if (field_require(&member, e) < 0 ||
            field_word(&f, "domain", words, FIELD_N_WORDS(words), &b->has_personality, &domain, e) <
                    0 ||
            field_array(&f, "flags", 100, &flags, e) < 0)
                return -e->code;
        b->personality = domain;
        return field_count(&flags) > 0 ? field_fail(&flags, e, "there are none that are supported")
                                       : 0;
}

/* Where SELinux is not, a label means nothing. */
static int read_mount_label(struct bundle *b, const struct field *lin, struct err *e)
{
        struct field f = field_member(lin, "mountLabel");

        if (field_copy_text(lin, "mountLabel", FIELD_MAX_PATH, &b->plan.arena, &b->mount_label, e) <
            0)
                return -e->code;
        if (b->mount_label && !*b->mount_label)
                b->mount_label = NULL;
        if (!b->mount_label || access("/sys/fs/selinux/enforce", F_OK) == 0)
                return 0;
        return config_ignore(b, &f, "SELinux is not enabled here", e);
}

/* The file system of resctrl cannot be mounted, nor written where it is, without root. */
static int read_intel_rdt(const struct field *lin, struct err *e)
{
        struct field f;
        struct field list;
        const char *text;
        bool on;

        if (field_object(lin, "intelRdt", &f, e) < 0 || !f.value)
                return f.value ? -e->code : 0;
        if (field_text(&f, "closID", FIELD_MAX_NAME, &text, e) < 0 ||
            field_text(&f, "l3CacheSchema", FIELD_MAX_PATH, &text, e) < 0 ||
            field_text(&f, "memBwSchema", FIELD_MAX_PATH, &text, e) < 0 ||
            field_array(&f, "schemata", 1000, &list, e) < 0 ||
            field_bool(&f, "enableMonitoring", &on, e) < 0)
                return -e->code;
        if (access("/sys/fs/resctrl/schemata", F_OK) < 0)
                return field_fail(&f, e, "there is no resctrl file system on this machine");
        return field_fail(&f, e, "is not supported: resctrl is root's");
}

int config_confine(struct bundle *b, const struct field *lin, struct err *e)
{
        if (read_seccomp(b, lin, e) < 0 || read_personality(b, lin, e) < 0 ||
            read_mount_label(b, lin, e) < 0)
                return -e->code;
        return read_intel_rdt(lin, e);
}
