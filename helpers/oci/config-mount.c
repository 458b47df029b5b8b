/* mounts: what is mounted where, in order. */

#include "config-inner.h"
#include "path.h"
#include "str.h"

#include <string.h>
#include <sys/mount.h>

/* mount(2) takes one page of them, with a NUL. */
#define MAX_DATA 4095

/* What no word here is, is for the file system; a bind mount has none. */
static int add_data(struct bundle *b, struct bundle_mount *m, const char *word, struct err *e)
{
        m->data = arena_print(&b->plan.arena, e, "%s%s%s", m->data, *m->data ? "," : "", word);
        return m->data ? 0 : -e->code;
}

static int read_options(struct bundle *b, const struct field *f, struct bundle_mount *m,
                        struct err *e)
{
        struct field list;

        if (field_array(f, "options", 1000, &list, e) < 0)
                return -e->code;
        size_t n = field_count(&list);
        m->propagations = arena_alloc(&b->plan.arena, (n + 1) * sizeof(*m->propagations), e);
        if (!m->propagations)
                return -e->code;
        for (size_t i = 0; i < n; i++) {
                struct field option = field_item(&list, i);
                const char *word;
                bool is_known;

                if (field_as_text(&option, MAX_DATA, &word, e) < 0 ||
                    config_mount_word(m, &option, word, &is_known, e) < 0)
                        return -e->code;
                if (!is_known && *word && add_data(b, m, word, e) < 0)
                        return -e->code;
        }
        if (strlen(m->data) > MAX_DATA)
                return field_fail(&list, e, "have more than %d bytes for the file system",
                                  MAX_DATA);
        return 0;
}

/* Paths of bind mounts are relative to the bundle. */
static int read_source(struct bundle *b, const struct field *f, struct bundle_mount *m,
                       struct err *e)
{
        struct field source = field_member(f, "source");

        if (field_copy_text(f, "source", FIELD_MAX_PATH, &b->plan.arena, &m->source, e) < 0)
                return -e->code;
        if (!m->is_bind || m->source[0] == '/' || m->super & MS_REMOUNT)
                return 0;
        if (!*m->source)
                return field_fail(&source, e, "is missing, of a bind mount");
        m->source = arena_print(&b->plan.arena, e, "%s/%s", b->dir, m->source);
        if (!m->source)
                return -e->code;
        return strlen(m->source) > FIELD_MAX_PATH
                       ? field_fail(&source, e, "is longer than %d bytes", FIELD_MAX_PATH)
                       : 0;
}

/* Relative ones are from old tools, and meant relative to "/" (config.md, Mounts). */
static int read_destination(struct bundle *b, const struct field *f, struct bundle_mount *m,
                            struct err *e)
{
        struct field destination = field_member(f, "destination");
        const char *path = NULL;

        if (field_require(&destination, e) < 0 ||
            field_as_text(&destination, FIELD_MAX_PATH, &path, e) < 0)
                return -e->code;
        if (!*path)
                return field_fail(&destination, e, "must not be empty");
        if (path[0] != '/' &&
            config_ignore(b, &destination, "is not absolute, which is deprecated", e) < 0)
                return -e->code;
        m->box_path = path_clean(&b->plan.arena, "/", path, e);
        return m->box_path ? 0 : field_prefix(&destination, e);
}

static int read_idmap(struct bundle *b, const struct field *f, struct bundle_mount *m,
                      struct err *e)
{
        if (config_both_maps(f, &m->uids, &m->gids, e) < 0)
                return -e->code;
        if (m->uids.n > 0 && m->idmap == BUNDLE_IDMAP_NONE)
                m->idmap = BUNDLE_IDMAP_MOUNT;
        if (m->idmap != BUNDLE_IDMAP_NONE && m->uids.n == 0 && !b->ns[BUNDLE_NS_USER].is_asked)
                return field_fail(f, e, "an idmap needs maps, its own or a user namespace's");
        return 0;
}

static int check_mount(struct bundle *b, const struct field *f, const struct bundle_mount *m,
                       struct err *e)
{
        struct field options = field_member(f, "options");

        if (m->copies_up && !str_eq(m->type, "tmpfs"))
                return field_fail(&options, e, "'tmpcopyup' is for tmpfs alone");
        if (m->is_bind && *m->data)
                return config_ignore(b, &options, "some of them mean nothing to a bind mount", e);
        return 0;
}

static int read_mount(struct bundle *b, const struct field *f, struct bundle_mount *m,
                      struct err *e)
{
        struct field type = field_member(f, "type");

        if (!json_is_object(f->value))
                return field_fail(f, e, "must be an object");
        *m = (struct bundle_mount){ .source = "", .type = "", .data = "" };
        m->where = field_where(f, &b->plan.arena, e);
        if (!m->where || read_destination(b, f, m, e) < 0 ||
            field_copy_text(f, "type", FIELD_MAX_NAME, &b->plan.arena, &m->type, e) < 0 ||
            read_options(b, f, m, e) < 0)
                return -e->code;
        /* "bind" without the option is no type of the kernel's, and Slurm and others write it */
        m->is_bind = m->is_bind || str_eq(m->type, "bind");
        if (m->is_bind)
                m->type = "bind";
        if (!*m->type && !(m->super & MS_REMOUNT) && m->n_propagations == 0)
                return field_fail(&type, e, "is missing, of what is no bind mount");
        if (read_source(b, f, m, e) < 0 || read_idmap(b, f, m, e) < 0)
                return -e->code;
        return check_mount(b, f, m, e);
}

int config_mounts(struct bundle *b, const struct field *doc, struct err *e)
{
        struct field list;

        if (field_array(doc, "mounts", BUNDLE_MAX_MOUNTS, &list, e) < 0)
                return -e->code;
        size_t n = field_count(&list);
        b->mounts = arena_alloc(&b->plan.arena, (n + 1) * sizeof(*b->mounts), e);
        if (!b->mounts)
                return -e->code;
        for (size_t i = 0; i < n; i++) {
                struct field f = field_item(&list, i);

                if (read_mount(b, &f, &b->mounts[i], e) < 0)
                        return -e->code;
        }
        b->n_mounts = n;
        return 0;
}
