#include "exec-process.h"

#include "caps.h"
#include "config.h"
#include "parse.h"
#include "path.h"
#include "str.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* (uid_t)-1 is nobody: setresuid(2) leaves the id as it is. */
#define MAX_ID (UINT32_MAX - 1)

int exec_process_begin(struct exec_process *p, size_t n, struct err *e)
{
        struct words_list *lists[] = { &p->env, &p->groups, &p->caps };

        for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
                lists[i]->items = mem_alloc((n + 1) * sizeof(*lists[i]->items), e);
                if (!lists[i]->items)
                        return -e->code;
        }
        return 0;
}

void exec_process_done(struct exec_process *p)
{
        free(p->env.items);
        free(p->groups.items);
        free(p->caps.items);
        *p = (struct exec_process){ 0 };
}

static int parse_id(const char *text, uint32_t *ret, struct err *e)
{
        uint64_t id;

        if (parse_number(text, 0, MAX_ID, &id, e) < 0)
                return -e->code;
        *ret = (uint32_t)id;
        return 0;
}

/* "UID" or "UID:GID", numbers: whose names they are is for whoever knows the image. */
static int apply_user(const char *text, struct bundle *b, struct err *e)
{
        struct bundle_process *p = &b->process;

        if (!text)
                return 0;
        char *uid = arena_copy(&b->plan.arena, text, e);
        if (!uid)
                return -e->code;
        char *gid = strchr(uid, ':');
        if (gid)
                *gid++ = '\0';
        p->gid = 0;
        if (parse_id(uid, &p->uid, e) < 0 || (gid && parse_id(gid, &p->gid, e) < 0)) {
                err_prefix(e, "--user '%s'", text);
                return err_hint(e, "UID or UID:GID, in numbers");
        }
        return 0;
}

static int apply_groups(const struct words_list *words, struct bundle *b, struct err *e)
{
        struct bundle_process *p = &b->process;

        if (words->n == 0)
                return 0;
        p->groups = arena_alloc(&b->plan.arena, words->n * sizeof(*p->groups), e);
        if (!p->groups)
                return -e->code;
        p->n_groups = 0;
        for (size_t i = 0; i < words->n; i++) {
                if (parse_id(words->items[i], &p->groups[p->n_groups++], e) < 0)
                        return err_prefix(e, "--additional-gids");
        }
        return 0;
}

/*
 * In addition to what the container has.  Not as inheritable, nor then as ambient: a file with inheritable
 * capabilities would give them to whoever executes it (CVE-2022-29162).  One that nobody knows is said,
 * as in a config.
 */
static void apply_caps(const struct words_list *words, struct bundle *b, const struct notice *n)
{
        struct bundle_caps *caps = &b->process.caps;
        uint64_t more = 0;

        if (words->n == 0)
                return;
        for (size_t i = 0; i < words->n; i++) {
                struct err e = { 0 };
                int cap;

                if (caps_find(words->items[i], &cap, &e) < 0) {
                        err_prefix(&e, "--cap");
                        notice_ignore(n, &e);
                        continue;
                }
                more |= UINT64_C(1) << cap;
        }
        caps->is_set = true;
        caps->bounding |= more;
        caps->effective |= more;
        caps->permitted |= more;
}

static size_t name_len(const char *entry)
{
        return strcspn(entry, "=");
}

/* A later one of the same name takes the place of the earlier one. */
static void set_env(struct plan_exec *x, const char **env, const char *entry)
{
        for (size_t i = 0; i < x->n_env; i++) {
                if (name_len(env[i]) != name_len(entry) ||
                    memcmp(env[i], entry, name_len(entry)) != 0)
                        continue;
                env[i] = entry;
                return;
        }
        env[x->n_env++] = entry;
}

static int apply_env(const struct words_list *words, struct bundle *b, struct err *e)
{
        struct plan_exec *x = &b->plan.exec;
        const char **env = arena_alloc(&b->plan.arena, (x->n_env + words->n + 1) * sizeof(*env), e);

        if (!env)
                return -e->code;
        if (x->n_env)
                memcpy(env, x->env, x->n_env * sizeof(*env));
        for (size_t i = 0; i < words->n; i++) {
                const char *entry = words->items[i];

                if (!strchr(entry, '=') || entry[0] == '=')
                        return err_set(e, EINVAL, "--env '%s' is not NAME=VALUE", entry);
                entry = arena_copy(&b->plan.arena, entry, e);
                if (!entry)
                        return -e->code;
                set_env(x, env, entry);
        }
        x->env = env;
        return 0;
}

/* Nothing points to the words themselves: whoever enters the container wipes them (exec-join.c). */
static int apply_text(const char *text, const char **ret, struct bundle *b, struct err *e)
{
        if (!text)
                return 0;
        *ret = arena_copy(&b->plan.arena, text, e);
        return *ret ? 0 : -e->code;
}

static int apply_args(const struct exec_process *p, struct bundle *b, struct err *e)
{
        const char **args = arena_alloc(&b->plan.arena, (p->n_args + 1) * sizeof(*args), e);

        if (!args)
                return -e->code;
        for (size_t i = 0; i < p->n_args; i++) {
                if (apply_text(p->args[i], &args[i], b, e) < 0)
                        return -e->code;
        }
        b->plan.exec.argv = args;
        b->plan.exec.n_args = p->n_args;
        return 0;
}

static int apply_texts(const struct exec_process *p, struct bundle *b, struct err *e)
{
        if (p->workdir && p->workdir[0] != '/')
                return err_set(e, EINVAL, "--cwd '%s' is not an absolute path", p->workdir);
        if (apply_text(p->workdir, &b->plan.exec.workdir, b, e) < 0 ||
            apply_text(p->selinux, &b->process.selinux, b, e) < 0)
                return -e->code;
        return apply_text(p->apparmor, &b->process.apparmor, b, e);
}

/* The words change a copy of the container's own process, whose memory stays the container's. */
static int make_from_words(const struct exec_process *p, const struct bundle *config,
                           const struct notice *notice, struct bundle *b, struct err *e)
{
        b->process = config->process;
        b->plan.exec = config->plan.exec;
        b->plan.limits = config->plan.limits;
        b->has_process = true;
        b->process.has_terminal = p->has_terminal;
        b->process.no_new_privs = b->process.no_new_privs || p->no_new_privs;
        if (apply_args(p, b, e) < 0 || apply_texts(p, b, e) < 0)
                return -e->code;
        if (apply_user(p->user, b, e) < 0 || apply_groups(&p->groups, b, e) < 0)
                return -e->code;
        apply_caps(&p->caps, b, notice);
        return apply_env(&p->env, b, e);
}

static int make_from_file(const struct exec_process *p, const struct bundle *config,
                          const struct notice *notice, struct bundle *b, struct err *e)
{
        const struct bundle_process *own = &config->process;

        if (config_read_process(p->file, b, e) < 0)
                return -e->code;
        if (p->has_terminal)
                b->process.has_terminal = true;
        if (p->no_new_privs)
                b->process.no_new_privs = true;
        if (b->plan.exec.n_env == 0) {
                b->plan.exec.env = config->plan.exec.env;
                b->plan.exec.n_env = config->plan.exec.n_env;
        }
        if (!b->process.caps.is_set)
                b->process.caps = own->caps;
        if (!b->process.apparmor)
                b->process.apparmor = own->apparmor;
        if (!b->process.selinux)
                b->process.selinux = own->selinux;
        for (size_t i = 0; i < b->n_notices; i++)
                notice_say(notice, "%s", b->notices[i]);
        return 0;
}

/* What would be set aside for the file's sake is an error, not ignored. */
static int check_words(const struct exec_process *p, struct err *e)
{
        const struct {
                const char *name;
                bool is_given;
        } words[] = {
                { "--cwd", p->workdir },       { "--user", p->user },
                { "--env", p->env.n },         { "--additional-gids", p->groups.n },
                { "--cap", p->caps.n },        { "--process-label", p->selinux },
                { "--apparmor", p->apparmor }, { "a command", p->n_args },
        };

        for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
                if (words[i].is_given)
                        return err_set(e, EINVAL, "exec: %s and --process exclude each other",
                                       words[i].name);
        }
        return 0;
}

int exec_process_make(const struct exec_process *p, const struct bundle *config,
                      const struct notice *notice, struct bundle *ret, struct err *e)
{
        if (p->file)
                return check_words(p, e) < 0 ? -e->code : make_from_file(p, config, notice, ret, e);
        if (p->n_args == 0) {
                err_set(e, EINVAL, "exec: there is no command");
                return err_hint(e, "exec ID COMMAND [ARG...], or --process FILE");
        }
        return make_from_words(p, config, notice, ret, e);
}
