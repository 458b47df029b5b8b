#include "config.h"

#include "config-inner.h"
#include "fd.h"
#include "io.h"
#include "str.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CONFIG_NAME "config.json"

/* What engines write nests 10 deep, and is below 100 KB. */
static const struct json_text_limits limits = {
        .bytes = BUNDLE_MAX_CONFIG,
        .depth = 64,
        .values = 1000000,
        .has_big_numbers = true,
};

/* ------ notices ------ */

int config_add_notice(struct bundle *b, struct err *e, const char *fmt, ...)
{
        char text[400];
        va_list args;

        va_start(args, fmt);
        vsnprintf(text, sizeof(text), fmt, args);
        va_end(args);
        for (size_t i = 0; i < b->n_notices; i++) {
                if (str_eq(b->notices[i], text))
                        return 0;
        }
        if (arena_grow(&b->plan.arena, &b->notices, b->n_notices, sizeof(*b->notices),
                       BUNDLE_MAX_LINES, "things in " CONFIG_NAME " that are ignored", e) < 0)
                return -e->code;
        b->notices[b->n_notices] = arena_copy(&b->plan.arena, text, e);
        if (!b->notices[b->n_notices])
                return -e->code;
        b->n_notices++;
        return 0;
}

int config_ignore(struct bundle *b, const struct field *f, const char *what, struct err *e)
{
        if (!f->value)
                return 0;
        const char *where = field_where(f, &b->plan.arena, e);
        if (!where)
                return -e->code;
        return config_add_notice(b, e, "%s: %s, ignoring", where, what);
}

/* ------ members of the top ------ */

static const char *skip_number(const char *text)
{
        if (text[0] == '0')
                return text + 1;
        if (!isdigit((unsigned char)text[0]))
                return NULL;
        while (isdigit((unsigned char)*text))
                text++;
        return text;
}

/* Identifiers between dots, up to `end`. */
static const char *skip_identifiers(const char *text, char end)
{
        for (;;) {
                const char *start = text;

                while (isalnum((unsigned char)*text) || *text == '-')
                        text++;
                if (text == start)
                        return NULL;
                if (*text != '.')
                        return *text == end || *text == '\0' ? text : NULL;
                text++;
        }
}

/* Source: semver.org 2.0.0. */
static bool is_semver(const char *text)
{
        for (int i = 0; i < 3; i++) {
                if (i > 0 && *text++ != '.')
                        return false;
                text = skip_number(text);
                if (!text)
                        return false;
        }
        if (*text == '-')
                text = skip_identifiers(text + 1, '+');
        if (text && *text == '+')
                text = skip_identifiers(text + 1, '\0');
        return text && *text == '\0';
}

static int read_version(struct bundle *b, const struct field *doc, struct err *e)
{
        struct field f = field_member(doc, "ociVersion");

        if (field_require(&f, e) < 0 ||
            field_copy_text(doc, "ociVersion", FIELD_MAX_NAME, &b->plan.arena, &b->version, e) < 0)
                return -e->code;
        if (!is_semver(b->version))
                return field_fail_text(&f, b->version, "is not a version as 1.0.2", e);
        if (str_has_prefix(b->version, "0."))
                return config_ignore(b, &f, "it is from before 1.0.0, which it is read as", e);
        if (!str_has_prefix(b->version, "1."))
                return field_fail_text(&f, b->version,
                                       "is not supported: this runtime knows version 1", e);
        return 0;
}

static int read_root(struct bundle *b, const struct field *doc, struct err *e)
{
        const char *path = NULL;
        struct field root;

        if (field_object(doc, "root", &root, e) < 0 || field_require(&root, e) < 0)
                return -e->code;
        struct field f = field_member(&root, "path");
        if (field_require(&f, e) < 0 || field_as_text(&f, FIELD_MAX_PATH, &path, e) < 0 ||
            field_bool(&root, "readonly", &b->root_is_read_only, e) < 0)
                return -e->code;
        if (!*path)
                return field_fail(&f, e, "must not be empty");
        b->root = path[0] == '/' ? arena_copy(&b->plan.arena, path, e)
                                 : arena_print(&b->plan.arena, e, "%s/%s", b->dir, path);
        if (!b->root)
                return -e->code;
        return strlen(b->root) > FIELD_MAX_PATH
                       ? field_fail(&f, e,
                                    "is longer than %d bytes with the bundle's path before it",
                                    FIELD_MAX_PATH)
                       : 0;
}

/* A config for another platform has no linux.namespaces to say it in. */
static bool is_foreign(const struct field *doc)
{
        return !json_object_get(doc->value, "linux") &&
               (json_object_get(doc->value, "freebsd") || json_object_get(doc->value, "zos"));
}

/* Both are at most 64 bytes, and of a uts namespace that is not the host's. */
static int read_host_name(struct bundle *b, const struct field *doc, const char *name,
                          const char **ret, struct err *e)
{
        struct field f = field_member(doc, name);
        const char *text = NULL;

        if (field_copy_text(doc, name, 64, &b->plan.arena, &text, e) < 0)
                return -e->code;
        if (!text || !*text)
                return 0;
        if (!b->ns[BUNDLE_NS_UTS].is_asked && is_foreign(doc))
                return config_ignore(b, &f, "there is no uts namespace", e);
        if (!b->ns[BUNDLE_NS_UTS].is_asked)
                return field_fail(&f, e, "needs a uts namespace in linux.namespaces");
        *ret = text;
        return 0;
}

static int read_labels(struct bundle *b, const struct field *doc, struct err *e)
{
        struct field list;
        const char *key;
        json_t *value;

        if (field_object(doc, "annotations", &list, e) < 0)
                return -e->code;
        json_object_foreach((json_t *)list.value, key, value)
        {
                struct field f = { .value = value, .parent = &list, .name = key };
                const char *text;

                if (!*key)
                        return field_fail(&f, e, "is an empty name");
                if (field_as_text(&f, BUNDLE_MAX_CONFIG, &text, e) < 0 ||
                    arena_grow(&b->plan.arena, &b->labels, b->n_labels, sizeof(*b->labels),
                               BUNDLE_MAX_LABELS, "annotations", e) < 0)
                        return -e->code;
                struct bundle_label *label = &b->labels[b->n_labels++];
                label->name = arena_copy(&b->plan.arena, key, e);
                label->value = arena_copy(&b->plan.arena, text, e);
                if (!label->name || !label->value)
                        return -e->code;
        }
        return 0;
}

/* What is for other platforms may be there (config.md, Platform-specific configuration). */
static int read_platforms(struct bundle *b, const struct field *doc, struct err *e)
{
        static const char *const names[] = { "windows", "solaris", "vm", "zos", "freebsd" };

        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                struct field f;

                if (field_object(doc, names[i], &f, e) < 0 ||
                    config_ignore(b, &f, "is for another platform", e) < 0)
                        return -e->code;
        }
        return config_freebsd(doc, e);
}

static int read_members(struct bundle *b, const struct field *doc, struct err *e)
{
        struct field process;

        if (!json_is_object(doc->value))
                return field_fail(doc, e, "must be an object");
        if (read_version(b, doc, e) < 0 || read_root(b, doc, e) < 0 ||
            field_object(doc, "process", &process, e) < 0 || config_process(b, &process, e) < 0 ||
            config_linux(b, doc, e) < 0 || config_mounts(b, doc, e) < 0 ||
            config_hooks(b, doc, e) < 0)
                return -e->code;
        if (read_host_name(b, doc, "hostname", &b->plan.net.host_name, e) < 0 ||
            read_host_name(b, doc, "domainname", &b->domain_name, e) < 0 ||
            read_labels(b, doc, e) < 0)
                return -e->code;
        return read_platforms(b, doc, e);
}

/* ------ files ------ */

static int set_dir(struct bundle *b, const char *dir, struct err *e)
{
        char cwd[PATH_MAX];

        if (dir[0] != '/' && !getcwd(cwd, sizeof(cwd)))
                return err_sys(e, "cannot tell the current directory, which '%s' is in", dir);
        if (dir[0] == '/')
                b->dir = arena_copy(&b->plan.arena, dir, e);
        else if (str_eq(dir, "."))
                b->dir = arena_copy(&b->plan.arena, cwd, e);
        else
                b->dir = arena_print(&b->plan.arena, e, "%s/%s", cwd, dir);
        return b->dir ? 0 : -e->code;
}

int config_read_text(const char *text, size_t len, const char *dir, struct bundle *ret,
                     struct err *e)
{
        if (set_dir(ret, dir, e) < 0)
                return -e->code;
        ret->plan.ids.outer_uid = getuid();
        ret->plan.ids.outer_gid = getgid();
        ret->text = arena_copy_n(&ret->plan.arena, text, len, e);
        ret->text_len = len;
        if (!ret->text)
                return -e->code;
        autojson *json = json_text_parse(text, len, &limits, CONFIG_NAME, e);
        if (!json)
                return -e->code;
        struct field doc = { .value = json, .name = CONFIG_NAME };
        return read_members(ret, &doc, e);
}

int config_read(const char *dir, struct bundle *ret, struct err *e)
{
        char path[PATH_MAX];
        autofree char *text = NULL;
        size_t len;

        if (snprintf(path, sizeof(path), "%s/%s", dir, CONFIG_NAME) >= (int)sizeof(path))
                return err_set(e, ENAMETOOLONG, "the path of the bundle '%.60s...' is too long",
                               dir);
        if (io_read_file(AT_FDCWD, path, BUNDLE_MAX_CONFIG, &text, &len, e) < 0)
                return -e->code;
        return config_read_text(text, len, dir, ret, e);
}

/* A pipe will do: `<(...)` of a shell. */
static int read_part(const char *path, char **ret, size_t *ret_len, struct err *e)
{
        if (str_eq(path, "-"))
                return io_read_all(STDIN_FILENO, BUNDLE_MAX_CONFIG, "standard input", ret, ret_len,
                                   e);
        autofd fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        if (fd < 0)
                return err_sys(e, "cannot open '%s'", path);
        return io_read_all(fd, BUNDLE_MAX_CONFIG, path, ret, ret_len, e);
}

static int read_text(const char *text, size_t len, const char *name, struct bundle *b,
                     int (*read)(struct bundle *b, const struct field *f, struct err *e),
                     struct err *e)
{
        autojson *json = json_text_parse(text, len, &limits, name, e);
        if (!json)
                return -e->code;
        struct field doc = { .value = json, .name = name };
        if (!json_is_object(json))
                return field_fail(&doc, e, "must be an object");
        return read(b, &doc, e);
}

static int read_one(const char *path, const char *name, struct bundle *b,
                    int (*read)(struct bundle *b, const struct field *f, struct err *e),
                    struct err *e)
{
        autofree char *text = NULL;
        size_t len;

        if (read_part(path, &text, &len, e) < 0)
                return -e->code;
        return read_text(text, len, name, b, read, e);
}

int config_read_process(const char *path, struct bundle *ret, struct err *e)
{
        return read_one(path, "process", ret, config_process, e);
}

int config_read_resources(const char *path, struct bundle *ret, struct err *e)
{
        return read_one(path, "resources", ret, config_resources, e);
}

int config_read_resources_text(const char *text, size_t len, struct bundle *ret, struct err *e)
{
        return read_text(text, len, "resources", ret, config_resources, e);
}
