/* linux: namespaces, paths and what else has no file of its own. */

#include "config-inner.h"
#include "path.h"
#include "str.h"

#include <string.h>
#include <sys/mount.h>

/* ------ namespaces and maps ------ */

static const struct field_word namespace_words[] = {
        { "user", BUNDLE_NS_USER },       { "mount", BUNDLE_NS_MOUNT }, { "pid", BUNDLE_NS_PID },
        { "network", BUNDLE_NS_NETWORK }, { "ipc", BUNDLE_NS_IPC },     { "uts", BUNDLE_NS_UTS },
        { "cgroup", BUNDLE_NS_CGROUP },   { "time", BUNDLE_NS_TIME },
};

static int read_namespace(struct bundle *b, const struct field *f, struct err *e)
{
        struct field type = field_member(f, "type");
        uint64_t kind = 0;

        if (!json_is_object(f->value))
                return field_fail(f, e, "must be an object");
        if (field_require(&type, e) < 0 ||
            field_word(f, "type", namespace_words, FIELD_N_WORDS(namespace_words), NULL, &kind, e) <
                    0)
                return -e->code;
        struct bundle_namespace *to = &b->ns[kind];
        if (to->is_asked)
                return field_fail(&type, e, "is the second namespace of this kind");
        to->is_asked = true;
        /* Go writes empty ones */
        struct field path = field_member(f, "path");
        const char *text = json_text_string(path.value);
        if (text && !*text)
                return 0;
        to->where = field_where(f, &b->plan.arena, e);
        return to->where ? field_copy_path(f, "path", &b->plan.arena, &to->path, e) : -e->code;
}

static int read_namespaces(struct bundle *b, const struct field *lin, struct err *e)
{
        struct field list;

        if (field_array(lin, "namespaces", 100, &list, e) < 0)
                return -e->code;
        for (size_t i = 0; i < field_count(&list); i++) {
                struct field f = field_item(&list, i);

                if (read_namespace(b, &f, e) < 0)
                        return -e->code;
        }
        return 0;
}

/*
 * podman gives this map with every user namespace to join, for runc wanted one; containerd gives those
 * that the namespace was made with.
 */
static bool is_dummy(const struct id_map *map)
{
        return map->n == 1 && map->ranges[0].inner == 0 && map->ranges[0].outer == 0 &&
               map->ranges[0].count == 1;
}

static int read_maps(struct bundle *b, const struct field *lin, struct err *e)
{
        const struct bundle_namespace *user = &b->ns[BUNDLE_NS_USER];
        struct field uids = field_member(lin, "uidMappings");

        if (config_both_maps(lin, &b->maps.uids, &b->maps.gids, e) < 0)
                return -e->code;
        if (b->maps.uids.n == 0)
                return 0;
        if (!user->is_asked)
                return field_fail(&uids, e, "needs a user namespace in linux.namespaces");
        b->has_maps = !user->path;
        if (b->has_maps || (is_dummy(&b->maps.uids) && is_dummy(&b->maps.gids)))
                return 0;
        return config_ignore(b, &uids, "the user namespace that is joined has its own", e);
}

static int read_clock(const struct field *offsets, const char *name, struct bundle_time_offset *ret,
                      struct err *e)
{
        struct field f;
        uint64_t ns = 0;

        if (field_object(offsets, name, &f, e) < 0 ||
            field_integer(&f, "secs", INT64_MIN, INT64_MAX, NULL, &ret->s, e) < 0 ||
            field_number(&f, "nanosecs", 0, 999999999, NULL, &ns, e) < 0)
                return -e->code;
        ret->is_set = f.value != NULL;
        ret->ns = (uint32_t)ns;
        return 0;
}

static int read_clocks(struct bundle *b, const struct field *lin, struct err *e)
{
        const struct bundle_namespace *ns = &b->ns[BUNDLE_NS_TIME];
        struct field offsets;
        const char *key;
        json_t *value;

        if (field_object(lin, "timeOffsets", &offsets, e) < 0)
                return -e->code;
        json_object_foreach((json_t *)offsets.value, key, value)
        {
                struct field f = { .value = value, .parent = &offsets, .name = key };

                if (!str_eq(key, "monotonic") && !str_eq(key, "boottime"))
                        return field_fail(&f, e, "is no clock of a time namespace");
        }
        if (read_clock(&offsets, "monotonic", &b->monotonic, e) < 0 ||
            read_clock(&offsets, "boottime", &b->boottime, e) < 0)
                return -e->code;
        if ((b->monotonic.is_set || b->boottime.is_set) && (!ns->is_asked || ns->path))
                return field_fail(&offsets, e, "needs a new time namespace in linux.namespaces");
        return 0;
}

/* ------ the root ------ */

static int read_propagation(struct bundle *b, const struct field *lin, struct err *e)
{
        static const struct field_word words[] = {
                { "private", MS_PRIVATE },       { "rprivate", MS_PRIVATE },
                { "shared", MS_SHARED },         { "rshared", MS_SHARED },
                { "slave", MS_SLAVE },           { "rslave", MS_SLAVE },
                { "unbindable", MS_UNBINDABLE }, { "runbindable", MS_UNBINDABLE },
        };
        struct field f = field_member(lin, "rootfsPropagation");
        const char *text = json_text_string(f.value);
        uint64_t value = 0;

        if (text && !*text)
                return 0;
        if (field_word(lin, "rootfsPropagation", words, FIELD_N_WORDS(words), NULL, &value, e) < 0)
                return -e->code;
        b->propagation = value;
        return 0;
}

static int read_paths(struct bundle *b, const struct field *lin, const char *name,
                      const char ***ret, size_t *ret_n, struct err *e)
{
        struct field list;

        if (field_copy_texts(lin, name, BUNDLE_MAX_PATHS, FIELD_MAX_PATH, &b->plan.arena, ret,
                             ret_n, e) < 0)
                return -e->code;
        list = field_member(lin, name);
        for (size_t i = 0; i < *ret_n; i++) {
                struct field f = field_item(&list, i);

                if ((*ret)[i][0] != '/')
                        return field_fail_text(&f, (*ret)[i], "is not an absolute path", e);
                (*ret)[i] = path_clean(&b->plan.arena, "/", (*ret)[i], e);
                if (!(*ret)[i])
                        return field_prefix(&f, e);
        }
        return 0;
}

/* ------ all of it ------ */

static int read_cgroups_path(struct bundle *b, const struct field *lin, struct err *e)
{
        struct field f = field_member(lin, "cgroupsPath");
        const char *path = NULL;

        if (field_copy_text(lin, "cgroupsPath", FIELD_MAX_PATH, &b->plan.arena, &path, e) < 0)
                return -e->code;
        if (!path || !*path)
                return 0;
        for (const char *at = path; at; at = strchr(at, '/')) {
                at += *at == '/';
                if (str_has_prefix(at, "..") && (at[2] == '/' || at[2] == '\0'))
                        return field_fail_text(&f, path, "must not have '..'", e);
        }
        b->group.path = path;
        return 0;
}

static int read_rest(struct bundle *b, const struct field *lin, struct err *e)
{
        struct field resources;

        if (read_cgroups_path(b, lin, e) < 0 || field_object(lin, "resources", &resources, e) < 0 ||
            config_resources(b, &resources, e) < 0 || config_devices(b, lin, e) < 0 ||
            config_net_devices(b, lin, e) < 0 || config_sysctls(b, lin, e) < 0 ||
            config_memory_policy(b, lin, e) < 0)
                return -e->code;
        return config_confine(b, lin, e);
}

int config_linux(struct bundle *b, const struct field *doc, struct err *e)
{
        struct field lin;

        if (field_object(doc, "linux", &lin, e) < 0 || read_namespaces(b, &lin, e) < 0 ||
            read_maps(b, &lin, e) < 0 || read_clocks(b, &lin, e) < 0 ||
            read_propagation(b, &lin, e) < 0 ||
            read_paths(b, &lin, "maskedPaths", &b->masked, &b->n_masked, e) < 0 ||
            read_paths(b, &lin, "readonlyPaths", &b->read_only, &b->n_read_only, e) < 0)
                return -e->code;
        return read_rest(b, &lin, e);
}
