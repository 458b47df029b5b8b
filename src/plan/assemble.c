#include "apply.h"

#include "image.h"
#include "path.h"
#include "policy.h"
#include "str.h"
#include "syscalls.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>

/*
 * The order in which a plan is filled: defaults, policy, image, options.  A later one wins where
 * only one can.  What depends on all of them (environment, command line) is put together last.
 */

#define DEFAULT_SHM_SIZE ((uint64_t)64 << 20)

static void set_defaults(struct assembly *a, const struct plan_request *request)
{
        struct plan *p = a->plan;
        const struct plan_facts *facts = request->facts;
        bool is_image = request->image.name != NULL;

        p->root = is_image ? PLAN_ROOT_IMAGE : PLAN_ROOT_HOST;
        p->image.name = request->image.name;
        p->image.directory = request->image.directory;
        p->image.store = request->image.store;
        p->image.home_store = request->image.home_store;
        p->image.text = request->image.text;
        p->files.home = facts->home;
        p->files.account_home = facts->account_home;
        p->files.cache_home = facts->cache_home;
        p->files.cwd = facts->cwd;
        p->ids.outer_uid = facts->uid;
        p->ids.outer_gid = facts->gid;
        p->ids.base_uid = is_image ? 0 : facts->uid;
        p->ids.base_gid = is_image ? 0 : facts->gid;
        p->ids.user.uid = p->ids.base_uid;
        p->ids.user.gid = p->ids.base_gid;
        p->ids.user.has_gid = true;
        if (facts->user_name && apply_is_account_name(facts->user_name))
                p->ids.user_name = facts->user_name;
        p->net.host_name = "kelp";
        p->limits.shm_size = DEFAULT_SHM_SIZE;
        /* a limit of 1 also keeps a core handler behind a pipe from being started; 0 does not */
        p->limits.rlimits[0] = (struct plan_rlimit){ RLIMIT_CORE, 1, 1 };
        p->limits.n_rlimits = 1;
        p->exec.stop_signal = SIGTERM;
        p->exec.workdir = is_image || !facts->cwd ? "/" : facts->cwd;
        p->report.status_fd = -1;
        p->report.ready_fd = -1;
}

static bool has_own_paths(const struct option_list *options)
{
        return option_find(options, "writable") || option_find(options, "readable") ||
               option_find(options, "volume");
}

/*
 * Whether anything but the default policy, and what can only tighten it, has a word in this.  A text
 * without the word "files" has no such section, and shows nothing.
 */
static bool has_own_policy(const struct policy_set *set)
{
        for (size_t i = 1; i < set->n; i++) {
                if (set->items[i].layer != POLICY_PROJECT && strstr(set->items[i].text, "files"))
                        return true;
        }
        return false;
}

/* "sandbox"; else what was asked for, in that order. */
static const char *name_policy(struct assembly *a, const struct option_list *options,
                               const char *fallback, struct err *e)
{
        const char *name = NULL;

        for (size_t i = 0; i < options->n; i++) {
                const struct option_use *use = &options->uses[i];

                if (!str_eq(use->row->name, "policy"))
                        continue;
                name = name ? arena_print(&a->plan->arena, e, "%s %s", name, use->value)
                            : use->value;
                if (!name)
                        return NULL;
        }
        return name ? name : fallback;
}

static int keep_policy(struct assembly *a, const char *path, struct err *e)
{
        struct plan_files *files = &a->plan->files;

        if (!path)
                return 0;
        if (arena_grow(&a->plan->arena, &files->policies, files->n_policies,
                       sizeof(*files->policies), PLAN_MAX_RULES, "policies", e) < 0)
                return -e->code;
        files->policies[files->n_policies++] = path;
        return 0;
}

/* What decided over this run, and what would decide over the next. */
static int keep_policies(struct assembly *a, const struct policy_set *set, struct err *e)
{
        for (size_t i = 0; i < sizeof(set->dirs) / sizeof(set->dirs[0]); i++) {
                if (keep_policy(a, set->dirs[i], e) < 0)
                        return -e->code;
        }
        for (size_t i = 0; i < set->n; i++) {
                if (keep_policy(a, set->items[i].path, e) < 0)
                        return -e->code;
        }
        /* a run in another environment looks there */
        const char *const homes[] = { a->facts->home, a->facts->account_home };
        for (size_t i = 0; i < 2; i++) {
                if (!homes[i])
                        continue;
                const char *path = path_join(&a->plan->arena, homes[i], ".config/kelp", e);
                if (!path || keep_policy(a, path, e) < 0)
                        return -e->code;
        }
        return 0;
}

static int apply_policies(struct assembly *a, const struct plan_request *request,
                          struct plan_problems *problems)
{
        const char *fallback = a->plan->root == PLAN_ROOT_IMAGE ? "container" : "sandbox";
        const struct policy_set *set = request->policies;
        struct err e = { 0 };

        a->plan->policy_name = name_policy(a, request->options, fallback, &e);
        if (!a->plan->policy_name || keep_policies(a, set, &e) < 0) {
                plan_add_problem(problems, &e);
                return -e.code;
        }
        a->words = request->words;
        a->shows_more = has_own_policy(set) || has_own_paths(request->options) ||
                        option_find(request->options, "socket") ||
                        (request->overlay_dir != NULL && !request->is_review);
        a->plan->confine.filter = set->filter;
        for (size_t i = 0; i < set->n; i++)
                policy_apply(a, &set->items[i], problems);
        return 0;
}

/*
 * Why the current directory cannot be made writable because a policy says so, or NULL.  `ret_origin`
 * is the line that keeps it from that, or NULL.
 */
static const char *why_not_cwd(const struct assembly *a, const char *cwd, const char **ret_origin)
{
        const struct plan_files *files = &a->plan->files;
        const char *const homes[] = { a->facts->home, a->facts->account_home };

        *ret_origin = NULL;
        if (str_eq(cwd, "/"))
                return "it is the root of the file system";
        if (path_is_in(cwd, "/proc") || path_is_in(cwd, "/sys") || path_is_in(cwd, "/dev"))
                return "the sandbox has its own there";
        for (size_t i = 0; i < 2; i++) {
                if (homes[i] && str_eq(cwd, homes[i]))
                        return "it is your home";
                if (homes[i] && path_is_in(homes[i], cwd))
                        return "your home lies in it";
        }
        for (size_t i = 0; i < files->n_rules; i++) {
                const struct plan_rule *rule = &files->rules[i];

                *ret_origin = rule->origin;
                if ((rule->kind == PLAN_RULE_EMPTY || rule->kind == PLAN_RULE_TEMPORARY) &&
                    path_is_in(rule->box_path, cwd))
                        return "others share it";
                if (rule->kind == PLAN_RULE_HIDDEN && path_is_in(cwd, rule->box_path))
                        return "the policy hides it";
        }
        return NULL;
}

/*
 * The policies' `writable = .` or `readable = .`, at its place: after the policies' rules, before
 * the user's own.  A directory that the user cannot write to anyway is only shown.
 */
static int add_cwd(struct assembly *a, const struct plan_request *request, struct err *e)
{
        struct setting s = { .origin = a->cwd_origin };
        const char *cwd = a->facts->cwd;

        if (!a->cwd_origin)
                return 0;
        if (!cwd && request->is_question)
                return 0;
        if (!cwd) {
                err_set(e, ENOENT, "the current directory is gone");
                return err_hint(e, "cd to one that is there");
        }
        const char *origin;
        const char *why = why_not_cwd(a, cwd, &origin);
        bool is_writable = !a->cwd_is_readable && a->facts->can_write_cwd;
        if (!why)
                return apply_add_rule(a, &s, is_writable ? PLAN_RULE_WRITABLE : PLAN_RULE_READABLE,
                                      cwd, cwd, e);
        /* who names paths has chosen; a root or a home is never opened by being stood in */
        if (has_own_paths(request->options) || request->is_question)
                return 0;
        err_set(e, EPERM, "the current directory '%s' would be %s, but %s%s%s%s", cwd,
                a->cwd_is_readable ? "shown" : "writable", why, origin ? " (" : "",
                origin ? origin : "", origin ? ")" : "");
        return err_hint(e, "cd into a project's directory, or name one with --%s",
                        a->cwd_is_readable ? "readable" : "writable");
}

/* Why an option for images has no meaning in a view of this host. */
static int hint_scope(const char *name, struct err *e)
{
        static const struct {
                const char *name;
                const char *why;
        } rows[] = {
                { "read-only", "is read-only anyway: --readable . for the current directory, too" },
                { "entrypoint", "has no entrypoint: the command stands behind '--'" },
                { "cap-add", "has no capabilities" },
                { "keep",
                  "keeps nothing but what is written to the current directory and volumes" },
                { "pull", "needs no image" },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                if (str_eq(rows[i].name, name))
                        return err_hint(e, "a view of this host %s", rows[i].why);
        }
        return err_hint(e, "kelp run [OPTIONS] IMAGE [COMMAND]");
}

static int apply_use(struct assembly *a, const struct option_use *use, struct err *e)
{
        const struct option_row *row = use->row;
        unsigned scope = a->plan->root == PLAN_ROOT_IMAGE ? OPTION_IMAGE : OPTION_HOST;
        struct setting s = { .value = use->value, .text = use->text, .is_option = true };

        if (!(row->scope & scope)) {
                if (row->scope == OPTION_HOST) {
                        err_set(e, EINVAL, "option '--%s' is for views of this host", row->name);
                        return err_hint(e, "what a run changes in an image is thrown away, or kept "
                                           "with --keep");
                }
                err_set(e, EINVAL, "option '--%s' is for images", row->name);
                return hint_scope(row->name, e);
        }
        s.origin = arena_print(&a->plan->arena, e, "option --%s", row->name);
        if (!s.origin)
                return -e->code;
        if (row->apply(a, &s, e) < 0)
                return err_prefix(e, "option '--%s'", row->name);
        return 0;
}

static void apply_options(struct assembly *a, const struct option_list *options,
                          struct plan_problems *problems)
{
        for (size_t i = 0; i < options->n; i++) {
                struct err e = { 0 };

                if (!(options->uses[i].row->flags & OPTION_EARLY) &&
                    apply_use(a, &options->uses[i], &e) < 0)
                        plan_add_problem(problems, &e);
        }
}

/* Without a name there is no place; plan_check() says so. */
static int choose_kept_dir(struct assembly *a, const struct plan_image_source *image, struct err *e)
{
        struct plan *p = a->plan;

        if (!p->image.is_kept || !p->name || !image->kept_dir)
                return 0;
        p->image.kept_dir = path_join(&p->arena, image->kept_dir, p->name, e);
        return p->image.kept_dir ? 0 : -e->code;
}

static int add_arg(struct assembly *a, const char *arg, struct err *e)
{
        struct plan_exec *exec = &a->plan->exec;

        if (arena_grow(&a->plan->arena, &exec->argv, exec->n_args, sizeof(*exec->argv),
                       PLAN_MAX_ARGS, "arguments", e) < 0)
                return -e->code;
        exec->argv[exec->n_args++] = arg;
        return 0;
}

static int add_args(struct assembly *a, const char *const *args, size_t n, struct err *e)
{
        for (size_t i = 0; i < n; i++) {
                if (add_arg(a, args[i], e) < 0)
                        return -e->code;
        }
        return 0;
}

/*
 * As docker has it: entrypoint, then the words given, or the image's command when there are none.
 * An entrypoint of the user's own takes the image's command away with the image's entrypoint.
 */
static int make_argv(struct assembly *a, const struct option_list *options, struct err *e)
{
        struct plan_exec *exec = &a->plan->exec;
        int r;

        if (!a->new_entrypoint)
                r = add_args(a, a->entrypoint.items, a->entrypoint.n, e);
        else
                r = a->new_entrypoint[0] ? add_arg(a, a->new_entrypoint, e) : 0;
        if (r < 0)
                return r;
        if (options->n_args > 0 || a->new_entrypoint)
                r = add_args(a, options->args, options->n_args, e);
        else
                r = add_args(a, a->command.items, a->command.n, e);
        if (r < 0 || add_arg(a, NULL, e) < 0)
                return -e->code;
        exec->n_args--;
        return 0;
}

/* Where it is asked for it holds: one id, also where there could be more. */
static void settle_ids(struct plan_ids *ids, enum plan_root root)
{
        if (root == PLAN_ROOT_IMAGE && ids->fake_root == PLAN_FAKE_ROOT_ON &&
            ids->mode == PLAN_USERNS_AUTO)
                ids->mode = PLAN_USERNS_SINGLE;
}

static int apply_image(struct assembly *a, const struct plan_image_source *image, struct err *e)
{
        if (!image->text)
                return 0;
        return image_apply(a, image->text, image->name, e);
}

void plan_try_options(const struct plan_request *request, struct plan_problems *problems)
{
        struct plan p = { 0 };
        struct assembly a = { .plan = &p, .facts = request->facts };

        set_defaults(&a, request);
        apply_options(&a, request->options, problems);
        plan_done(&p);
}

/*
 * What is written stays apart: where it goes is nothing that the sandbox sees.  The home comes last,
 * to take the place of an empty one, and only together with that: it is never writable on the host.
 */
static int add_overlay(struct assembly *a, const struct plan_request *request, struct err *e)
{
        const struct setting s = { .origin = "overlay", .if_exists = true };
        const char *home = a->facts->home;
        struct plan_files *files = &a->plan->files;

        if (!request->overlay_dir)
                return 0;
        files->overlay_dir = request->overlay_dir;
        files->is_review = request->is_review;
        files->review_lock = request->review_lock;
        /* of reviews none is to see another one either */
        const char *hidden = request->is_review
                                     ? path_parent(&a->plan->arena, files->overlay_dir, e)
                                     : files->overlay_dir;
        if (!hidden || apply_add_rule(a, &s, PLAN_RULE_HIDDEN, NULL, hidden, e) < 0)
                return -e->code;
        if (!request->shows_home || !home || str_eq(home, "/"))
                return 0;
        if (apply_add_rule(a, &s, PLAN_RULE_WRITABLE, home, home, e) < 0)
                return -e->code;
        files->rules[files->n_rules - 1].is_scratch = true;
        return 0;
}

/* Before all policies: what they hide or show otherwise stays as they have it. */
static int add_home_parts(struct assembly *a, const struct plan_request *request, struct err *e)
{
        const struct setting s = { .origin = "overlay", .if_exists = true };
        struct plan_files *files = &a->plan->files;

        for (size_t i = 0; i < request->n_home_parts; i++) {
                const struct plan_home_part *part = &request->home_parts[i];

                if (apply_add_rule(a, &s,
                                   part->is_scratch ? PLAN_RULE_WRITABLE : PLAN_RULE_READABLE,
                                   part->path, part->path, e) < 0)
                        return -e->code;
                files->rules[files->n_rules - 1].is_scratch = part->is_scratch;
        }
        return 0;
}

int plan_assemble(struct plan *p, const struct plan_request *request,
                  struct plan_problems *problems)
{
        struct assembly a = { .plan = p, .facts = request->facts };
        struct err e = { 0 };

        set_defaults(&a, request);
        if (add_home_parts(&a, request, &e) < 0)
                plan_add_problem(problems, &e);
        if (apply_policies(&a, request, problems) < 0)
                return -EINVAL;
        if (apply_image(&a, &request->image, &e) < 0)
                plan_add_problem(problems, &e);
        if (add_cwd(&a, request, &e) < 0)
                plan_add_problem(problems, &e);
        if (apply_hide_caches(&a, &e) < 0 || apply_hide_images(&a, &e) < 0)
                plan_add_problem(problems, &e);
        apply_options(&a, request->options, problems);
        if (add_overlay(&a, request, &e) < 0)
                plan_add_problem(problems, &e);
        if (apply_hide_state(&a, &e) < 0)
                plan_add_problem(problems, &e);
        if (apply_hide_reviews(&a, &e) < 0)
                plan_add_problem(problems, &e);
        settle_ids(&p->ids, p->root);
        if (choose_kept_dir(&a, &request->image, &e) < 0)
                plan_add_problem(problems, &e);
        if (upstream_find(&a, &e) < 0)
                plan_add_problem(problems, &e);
        if (env_finish(&a, &e) < 0)
                plan_add_problem(problems, &e);
        if (make_argv(&a, request->options, &e) < 0)
                plan_add_problem(problems, &e);

        /* what could not be read cannot be judged */
        if (problems->n > 0)
                return -EINVAL;
        if (request->words)
                policy_mark_overridden(p, request->words);
        syscalls_judge(p, problems);
        plan_check(p, problems);
        return problems->n > 0 ? -EINVAL : 0;
}
