#include "mount-options.h"

#include "mem.h"
#include "str.h"

#include <errno.h>
#include <linux/mount.h>
#include <stdlib.h>
#include <string.h>

#define MAX_VALUE 255

struct standard {
        const char *box_path;
        const char *type; /* of another type nothing is known */
        const char *data;
        uint64_t attr;
};

#define QUIET (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)

/* Source: crun, for mounts without options; engines give them all. */
static const struct standard standards[] = {
        { "/dev", "tmpfs", "mode=755", MOUNT_ATTR_NOEXEC | MOUNT_ATTR_STRICTATIME },
        { "/dev/shm", "tmpfs", "mode=1777,size=65536k", QUIET },
        { "/dev/mqueue", "mqueue", "", QUIET },
        { "/dev/pts", "devpts", "ptmxmode=0666,mode=620", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC },
        { "/sys", "sysfs", "", QUIET },
        { "/sys/fs/cgroup", "cgroup", "", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC },
        { "/sys/fs/cgroup", "cgroup2", "", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC },
};

static bool has_options(const struct bundle_mount *m)
{
        return m->data[0] != '\0' || m->set || m->clear || m->set_all || m->clear_all || m->super ||
               m->n_propagations > 0;
}

static const struct standard *find_standard(const struct bundle_mount *m)
{
        if (has_options(m))
                return NULL;
        for (size_t i = 0; i < sizeof(standards) / sizeof(standards[0]); i++) {
                if (str_eq(standards[i].box_path, m->box_path) &&
                    str_eq(standards[i].type, m->type))
                        return &standards[i];
        }
        return NULL;
}

uint64_t mount_options_default_attr(const struct bundle_mount *m)
{
        const struct standard *s = find_standard(m);

        return s ? s->attr : 0;
}

struct super_word {
        unsigned long flag;
        const char *key;
};

static const struct super_word super_words[] = {
        { MS_SYNCHRONOUS, "sync" },  { MS_DIRSYNC, "dirsync" },    { MS_MANDLOCK, "mand" },
        { MS_LAZYTIME, "lazytime" }, { MS_I_VERSION, "iversion" },
};

static int add_super(const struct bundle_mount *m, struct mount_options *o, struct err *e)
{
        /* whether the kernel's log says why a mount failed is nothing that fsconfig(2) could be told */
        unsigned long left = m->super & ~(unsigned long)MS_SILENT;

        for (size_t i = 0; i < sizeof(super_words) / sizeof(super_words[0]); i++) {
                if (left & super_words[i].flag)
                        o->items[o->n++] = (struct newmount_option){ super_words[i].key, NULL };
                left &= ~super_words[i].flag;
        }
        if (left)
                return err_set(e, EINVAL, "an option (flag 0x%lx) means nothing for '%s'", left,
                               m->type);
        return 0;
}

/* The end of an option: a comma, but for one behind a backslash, which is the file system's to read. */
static char *find_end(char *at)
{
        for (; *at && *at != ','; at++) {
                if (at[0] == '\\' && at[1])
                        at++;
        }
        return at;
}

/*
 * fsconfig(2) takes 255 bytes, and an overlay of many layers has more: each goes by itself then, without
 * the backslashes that told its colons from those between layers.  Source: overlayfs, Linux 6.7.
 */
static void add_layers(struct mount_options *o, char *value)
{
        char *to = value;
        char *layer = value;

        for (char *at = value;; at++) {
                bool is_end = *at == '\0';

                if (*at == '\\' && at[1])
                        at++;
                else if (*at == ':' || is_end) {
                        *to++ = '\0';
                        o->items[o->n++] = (struct newmount_option){ "lowerdir+", layer };
                        layer = to;
                        if (is_end)
                                return;
                        continue;
                }
                *to++ = *at;
        }
}

static void add_data(struct mount_options *o)
{
        for (char *at = o->text; *at;) {
                char *end = find_end(at);
                bool is_last = *end == '\0';
                char *value;

                *end = '\0';
                value = strchr(at, '=');
                if (value)
                        *value++ = '\0';
                /* each devpts is one of its own since Linux 4.7, which knows the word no more */
                bool is_known = *at && !str_eq(at, "newinstance");
                if (is_known && value && str_eq(at, "lowerdir") && strlen(value) > MAX_VALUE &&
                    !strstr(value, "::"))
                        add_layers(o, value);
                else if (is_known)
                        o->items[o->n++] = (struct newmount_option){ at, value };
                at = is_last ? end : end + 1;
        }
}

static bool takes_label(const struct bundle_mount *m)
{
        static const char *const own[] = { "proc", "sysfs", "mqueue", "cgroup", "cgroup2" };

        for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
                if (str_eq(m->type, own[i]))
                        return false;
        }
        return true;
}

static int check_lengths(const struct mount_options *o, struct err *e)
{
        for (size_t i = 0; i < o->n; i++) {
                const char *value = o->items[i].value;

                if (value && strlen(value) > MAX_VALUE)
                        return err_set(e, ENAMETOOLONG, "the value of '%s' has more than %d bytes",
                                       o->items[i].key, MAX_VALUE);
        }
        return 0;
}

static int fill(const struct bundle_mount *m, const char *data, const char *label,
                struct mount_options *o, struct err *e)
{
        size_t room = 4 + sizeof(super_words) / sizeof(super_words[0]);

        for (const char *at = data; *at; at++)
                room += *at == ',' || *at == ':';
        o->items = mem_alloc(room * sizeof(*o->items), e);
        if (!o->items)
                return -e->code;
        o->text = strdup(data);
        if (!o->text)
                return err_set(e, ENOMEM, "no memory for options");
        /* shown in the mount table; nothing that is mounted without a device makes use of it */
        o->items[o->n++] = (struct newmount_option){ "source", m->source[0] ? m->source : m->type };
        if (label && takes_label(m))
                o->items[o->n++] = (struct newmount_option){ "context", label };
        if (add_super(m, o, e) < 0)
                return -e->code;
        add_data(o);
        return check_lengths(o, e);
}

int mount_options_make(const struct bundle_mount *m, const char *label, struct mount_options *ret,
                       struct err *e)
{
        const struct standard *s = find_standard(m);
        struct mount_options o = { 0 };

        if (fill(m, s ? s->data : m->data, label, &o, e) < 0) {
                mount_options_done(&o);
                return -e->code;
        }
        *ret = o;
        return 0;
}

const char *mount_options_get(const struct mount_options *o, const char *key)
{
        for (size_t i = o->n; i > 0; i--) {
                if (str_eq(o->items[i - 1].key, key))
                        return o->items[i - 1].value;
        }
        return NULL;
}

void mount_options_done(struct mount_options *o)
{
        free(o->text);
        free(o->items);
        *o = (struct mount_options){ 0 };
}
