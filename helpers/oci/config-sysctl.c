/*
 * linux.sysctl: only what a namespace of the container's own has, or what is set would be set for the
 * host.  Source: sysctl(8) and sysctl.d(5) of the names, and what crun and runc take for namespaced.
 */

#include "config-inner.h"
#include "path.h"
#include "str.h"

#include <string.h>

struct rule {
        const char *path; /* with a slash at its end: all below */
        enum bundle_ns ns;
};

static const struct rule rules[] = {
        { "fs/mqueue/", BUNDLE_NS_IPC },         { "kernel/domainname", BUNDLE_NS_UTS },
        { "kernel/hostname", BUNDLE_NS_UTS },    { "kernel/msgmax", BUNDLE_NS_IPC },
        { "kernel/msgmnb", BUNDLE_NS_IPC },      { "kernel/msgmni", BUNDLE_NS_IPC },
        { "kernel/sem", BUNDLE_NS_IPC },         { "kernel/sem_next_id", BUNDLE_NS_IPC },
        { "kernel/shm_next_id", BUNDLE_NS_IPC }, { "kernel/shm_rmid_forced", BUNDLE_NS_IPC },
        { "kernel/shmall", BUNDLE_NS_IPC },      { "kernel/shmmax", BUNDLE_NS_IPC },
        { "kernel/shmmni", BUNDLE_NS_IPC },      { "net/", BUNDLE_NS_NETWORK },
};

static const char *const ns_names[BUNDLE_N_NS] = {
        [BUNDLE_NS_IPC] = "an ipc",
        [BUNDLE_NS_UTS] = "a uts",
        [BUNDLE_NS_NETWORK] = "a network",
};

/*
 * "net.ipv4.conf.eth0/7.forwarding" and "net/ipv4/conf/eth0.7/forwarding" are the same: whichever of
 * the two comes first is what separates.
 */
static void make_path(char *name)
{
        size_t first = strcspn(name, "./");

        if (name[first] != '.')
                return;
        for (; *name; name++) {
                if (*name == '.')
                        *name = '/';
                else if (*name == '/')
                        *name = '.';
        }
}

static int check_path(struct bundle *b, const struct field *f, const char *path, struct err *e)
{
        for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
                const struct rule *r = &rules[i];
                bool is_dir = str_has_suffix(r->path, "/");

                if (is_dir ? !str_has_prefix(path, r->path) : !str_eq(path, r->path))
                        continue;
                if (!b->ns[r->ns].is_asked)
                        return field_fail(f, e, "needs %s namespace in linux.namespaces",
                                          ns_names[r->ns]);
                return 0;
        }
        return field_fail(f, e, "is no setting that a container can have for itself");
}

/* The members of the config say the same names. */
static int check_names(const struct field *doc, const struct field *f, const char *path,
                       const char *value, struct err *e)
{
        const char *name = NULL;

        if (str_eq(path, "kernel/hostname"))
                return field_fail(f, e, "is what 'hostname' is for");
        if (!str_eq(path, "kernel/domainname"))
                return 0;
        if (field_text(doc, "domainname", FIELD_MAX_NAME, &name, e) < 0)
                return -e->code;
        return name && *name && !str_eq(name, value)
                       ? field_fail(f, e, "is not what 'domainname' says")
                       : 0;
}

static int read_sysctl(struct bundle *b, const struct field *f, struct bundle_line *line,
                       struct err *e)
{
        struct arena *a = &b->plan.arena;
        const char *value = NULL;

        if (field_as_text(f, FIELD_MAX_TEXT, &value, e) < 0)
                return -e->code;
        char *path = arena_copy(a, f->name, e);
        if (!path)
                return -e->code;
        make_path(path);
        if (strlen(path) > FIELD_MAX_NAME || path[0] == '/')
                return field_fail(f, e, "is no name of a sysctl");
        const char *whole = path_join(a, "/", path, e);
        if (!whole)
                return -e->code;
        if (!path_is_clean(whole) || !strchr(path, '/'))
                return field_fail(f, e, "is no name of a sysctl");
        if (check_path(b, f, path, e) < 0 ||
            check_names(f->parent->parent->parent, f, path, value, e) < 0)
                return -e->code;
        *line = (struct bundle_line){
                .where = field_where(f, a, e),
                .file = path,
                .value = arena_copy(a, value, e),
        };
        return line->where && line->value ? 0 : -e->code;
}

int config_sysctls(struct bundle *b, const struct field *lin, struct err *e)
{
        struct field list;
        const char *key;
        json_t *value;

        if (field_object(lin, "sysctl", &list, e) < 0)
                return -e->code;
        size_t n = json_object_size(list.value);
        if (n > BUNDLE_MAX_SYSCTLS)
                return field_fail(&list, e, "has more than %d members", BUNDLE_MAX_SYSCTLS);
        b->sysctls = arena_alloc(&b->plan.arena, (n + 1) * sizeof(*b->sysctls), e);
        if (!b->sysctls)
                return -e->code;
        json_object_foreach((json_t *)list.value, key, value)
        {
                struct field f = { .value = value, .parent = &list, .name = key };

                if (read_sysctl(b, &f, &b->sysctls[b->n_sysctls], e) < 0)
                        return -e->code;
                b->n_sysctls++;
        }
        return 0;
}
