/* process: the command, its environment and whom it runs as. */

#include "config-inner.h"
#include "str.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* (uid_t)-1 is "do not change it" to the kernel. */
#define MAX_ID 4294967294u

/* ------ env ------ */

struct variable {
        const char *text; /* "NAME=VALUE" */
        size_t name_len;
        size_t index;
};

static int compare_names(const struct variable *a, const struct variable *b)
{
        size_t len = a->name_len < b->name_len ? a->name_len : b->name_len;
        int order = memcmp(a->text, b->text, len);

        if (order != 0)
                return order;
        return (a->name_len > b->name_len) - (a->name_len < b->name_len);
}

static int compare_variables(const void *a, const void *b)
{
        const struct variable *x = a;
        const struct variable *y = b;
        int order = compare_names(x, y);

        return order ? order : (x->index > y->index) - (x->index < y->index);
}

/* Of several with one name the last one counts, as with putenv(3) one after another. */
static int drop_doubles(const char **env, size_t *n, struct err *e)
{
        autofree struct variable *all = mem_alloc(*n * sizeof(*all), e);
        size_t used = 0;

        if (!all)
                return -e->code;
        for (size_t i = 0; i < *n; i++)
                all[i] = (struct variable){ env[i], strcspn(env[i], "="), i };
        qsort(all, *n, sizeof(*all), compare_variables);
        for (size_t i = 0; i + 1 < *n; i++) {
                if (compare_names(&all[i], &all[i + 1]) == 0)
                        env[all[i].index] = NULL;
        }
        for (size_t i = 0; i < *n; i++) {
                if (env[i])
                        env[used++] = env[i];
        }
        env[used] = NULL;
        *n = used;
        return 0;
}

/* Images have entries like "" or "NAME", which set nothing. */
static int drop_unnamed(struct bundle *b, const struct field *process, const char **env, size_t *n,
                        struct err *e)
{
        struct field list = field_member(process, "env");
        size_t used = 0;

        for (size_t i = 0; i < *n; i++) {
                struct field f = field_item(&list, i);

                if (env[i][0] != '=' && strchr(env[i], '='))
                        env[used++] = env[i];
                else if (config_ignore(b, &f, "is not NAME=VALUE", e) < 0)
                        return -e->code;
        }
        env[used] = NULL;
        *n = used;
        return 0;
}

static int read_env(struct bundle *b, const struct field *process, struct err *e)
{
        const char **env;
        size_t n;

        if (field_copy_texts(process, "env", PLAN_MAX_ENV, FIELD_MAX_TEXT, &b->plan.arena, &env, &n,
                             e) < 0 ||
            drop_unnamed(b, process, env, &n, e) < 0 || drop_doubles(env, &n, e) < 0)
                return -e->code;
        b->plan.exec.env = env;
        b->plan.exec.n_env = n;
        return 0;
}

/* ------ args, cwd, terminal ------ */

static int read_args(struct bundle *b, const struct field *process, struct err *e)
{
        struct field f = field_member(process, "args");

        if (field_require(&f, e) < 0 ||
            field_copy_texts(process, "args", PLAN_MAX_ARGS, FIELD_MAX_TEXT, &b->plan.arena,
                             &b->plan.exec.argv, &b->plan.exec.n_args, e) < 0)
                return -e->code;
        return b->plan.exec.n_args > 0 ? 0 : field_fail(&f, e, "must have one word at least");
}

static int read_cwd(struct bundle *b, const struct field *process, struct err *e)
{
        struct field f = field_member(process, "cwd");

        if (field_require(&f, e) < 0)
                return -e->code;
        return field_copy_path(process, "cwd", &b->plan.arena, &b->plan.exec.workdir, e);
}

static int read_side(const struct field *size, const char *name, unsigned *ret, struct err *e)
{
        struct field f = field_member(size, name);
        uint64_t value = 0;

        if (field_require(&f, e) < 0 || field_number(size, name, 0, 65535, NULL, &value, e) < 0)
                return -e->code;
        *ret = (unsigned)value;
        return 0;
}

/* consoleSize must be ignored where there is no terminal. */
static int read_terminal(struct bundle *b, const struct field *process, struct err *e)
{
        struct field size;

        if (field_bool(process, "terminal", &b->process.has_terminal, e) < 0)
                return -e->code;
        if (!b->process.has_terminal)
                return 0;
        if (field_object(process, "consoleSize", &size, e) < 0)
                return -e->code;
        if (!size.value)
                return 0;
        if (read_side(&size, "height", &b->process.rows, e) < 0)
                return -e->code;
        return read_side(&size, "width", &b->process.columns, e);
}

/* ------ user ------ */

static int read_groups(struct bundle *b, const struct field *user, struct err *e)
{
        struct field list;

        if (field_array(user, "additionalGids", BUNDLE_MAX_GROUPS, &list, e) < 0)
                return -e->code;
        size_t n = field_count(&list);
        gid_t *groups = arena_alloc(&b->plan.arena, (n + 1) * sizeof(*groups), e);
        if (!groups)
                return -e->code;
        for (size_t i = 0; i < n; i++) {
                struct field f = field_item(&list, i);
                uint64_t value;

                if (!json_text_number(f.value, &value) || value > MAX_ID)
                        return field_fail(&f, e, "must be an integer from 0 to %u", MAX_ID);
                groups[i] = (gid_t)value;
        }
        b->process.groups = groups;
        b->process.n_groups = n;
        return 0;
}

static int read_user(struct bundle *b, const struct field *process, struct err *e)
{
        struct field user;
        uint64_t uid = 0;
        uint64_t gid = 0;
        uint64_t umask = 0;

        if (field_object(process, "user", &user, e) < 0 ||
            field_number(&user, "uid", 0, MAX_ID, NULL, &uid, e) < 0 ||
            field_number(&user, "gid", 0, MAX_ID, NULL, &gid, e) < 0 ||
            field_number(&user, "umask", 0, 0777, &b->process.has_umask, &umask, e) < 0)
                return -e->code;
        b->process.uid = (uid_t)uid;
        b->process.gid = (gid_t)gid;
        b->process.umask = (unsigned)umask;
        struct field name = field_member(&user, "username");
        if (config_ignore(b, &name, "names users of Windows alone", e) < 0)
                return -e->code;
        return read_groups(b, &user, e);
}

/* ------ all of it ------ */

static int read_affinity(struct bundle *b, const struct field *affinity, const char *name,
                         const char **ret, struct err *e)
{
        struct field f = field_member(affinity, name);

        if (field_copy_text(affinity, name, FIELD_MAX_PATH, &b->plan.arena, ret, e) < 0)
                return -e->code;
        if (*ret && !**ret)
                *ret = NULL;
        if (*ret && !config_is_number_list(*ret))
                return field_fail_text(&f, *ret, "is not a list as 0-3,7", e);
        return 0;
}

static int read_affinities(struct bundle *b, const struct field *process, struct err *e)
{
        struct field affinity;

        if (field_object(process, "execCPUAffinity", &affinity, e) < 0 ||
            read_affinity(b, &affinity, "initial", &b->process.cpu_affinity_initial, e) < 0)
                return -e->code;
        return read_affinity(b, &affinity, "final", &b->process.cpu_affinity_final, e);
}

int config_process(struct bundle *b, const struct field *process, struct err *e)
{
        struct field windows = field_member(process, "commandLine");

        if (!process->value)
                return 0;
        b->has_process = true;
        if (read_args(b, process, e) < 0 || read_cwd(b, process, e) < 0 ||
            read_env(b, process, e) < 0 || read_terminal(b, process, e) < 0 ||
            read_user(b, process, e) < 0 || read_affinities(b, process, e) < 0 ||
            config_ignore(b, &windows, "is for Windows", e) < 0)
                return -e->code;
        return config_rights(b, process, e);
}
