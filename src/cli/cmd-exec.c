#include "box-find.h"
#include "commands.h"

#include "box-ask.h"
#include "control.h"
#include "enter-client.h"
#include "fd.h"
#include "help.h"
#include "io.h"
#include "log.h"
#include "mem.h"
#include "proc.h"
#include "run-hint.h"
#include "run-sandbox.h"
#include "state.h"
#include "step.h"
#include "str.h"
#include "suggest.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* kelp exec: the words, the sandbox, and what came of it.  The rest is enter-client.h. */

static const char usage[] =
        "Usage:  kelp exec [OPTIONS] SANDBOX COMMAND [ARG...]\n\n"
        "Runs one more command in a sandbox that runs, as confined as its first one. SANDBOX is a\n"
        "name, an id or the start of an id: kelp ps lists them. Options stand before it.\n\n"
        "  -i, --interactive       keep stdin (always so)\n"
        "  -t, --tty               a terminal inside even when there is none outside\n"
        "  -e, --env NAME[=VALUE]  one more variable, or your own value of it\n"
        "  -w, --workdir DIR       where it starts; the sandbox's own directory without it\n"
        "  -u, --user UID[:GID]    who it is, also by the names that the sandbox knows\n\n"
        "Exit status: the command's own; 128+N when signal N ended it; 125 when kelp failed and\n"
        "the command never ran; 126 when it cannot be executed; 127 when it was not found.\n";

#define BEHIND "in the background of your shell: kelp exec NAME COMMAND </dev/null >FILE 2>&1 &"

struct option {
        char letter;
        const char *name;
        bool has_value;
};

static const struct option options[] = {
        { 'i', "interactive", false }, { 't', "tty", false }, { 'e', "env", true },
        { 'w', "workdir", true },      { 'u', "user", true }, { 'h', "help", false },
};

#define N_OPTIONS (sizeof(options) / sizeof(options[0]))

struct words {
        struct enter_request request;
        const char **env;
        const char *box;
        bool wants_help;
};

static int add_env(struct words *w, const char *item, struct arena *arena, struct err *e)
{
        size_t len = strcspn(item, "=");
        const char *text = item;

        if (len == 0) {
                err_set(e, EINVAL, "'%s' is not NAME or NAME=VALUE", item);
                return err_hint(e, "NAME=VALUE sets it, NAME passes your own value on");
        }
        /* what is not set outside is not to be set inside, either */
        const char *outer = item[len] == '\0' ? getenv(item) : NULL;
        if (outer)
                text = arena_print(arena, e, "%s=%s", item, outer);
        if (!text)
                return -e->code;
        w->env[w->request.n_env++] = text;
        return 0;
}

static int apply(struct words *w, const struct option *o, const char *value, struct arena *arena,
                 struct err *e)
{
        switch (o->letter) {
        case 't':
                w->request.wants_tty = true;
                return 0;
        case 'e':
                return add_env(w, value, arena, e);
        case 'w':
                if (value[0] != '/') {
                        err_set(e, EINVAL, "'%s' is not an absolute path", value);
                        return err_hint(e, "it is one inside, from the root of the sandbox: -w /%s",
                                        value);
                }
                w->request.workdir = value;
                return 0;
        case 'u':
                if (value[0] == '\0')
                        return err_set(e, EINVAL, "'' is neither a number nor a name of a user");
                w->request.user = value;
                return 0;
        case 'h':
                w->wants_help = true;
                return 0;
        default:
                return 0;
        }
}

/* What docker exec has. */
static const struct {
        const char *name;
        const char *hint;
} foreign[] = {
        { "-d", BEHIND },
        { "--detach", BEHIND },
        { "--privileged", "it has the rights of the sandbox: kelp run --cap-add gives those" },
        { "--env-file", "-e NAME=VALUE sets one variable, and can be repeated" },
};

static int unknown(const char *word, struct err *e)
{
        const char *known[N_OPTIONS + 1];
        size_t n = 0;

        for (; n < N_OPTIONS; n++)
                known[n] = options[n].name;
        known[n] = NULL;
        const char *nearest = strlen(word) > 2 ? str_nearest(word + 2, known) : NULL;
        err_set(e, EINVAL, "unknown option '%s'", word);
        for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++) {
                if (str_eq(foreign[i].name, word))
                        return err_hint(e, "%s", foreign[i].hint);
        }
        if (nearest)
                return err_hint(e, "did you mean '--%s'", nearest);
        return err_hint(e, "options of the command stand behind it: kelp exec --help");
}

/* Applies one option with what is joined to it, or the next word; returns how many words it took. */
static int take(struct words *w, const struct option *o, const char *joined, const char *next,
                struct arena *arena, struct err *e)
{
        const char *value = joined ? joined : next;

        if (!o->has_value && joined)
                err_set(e, EINVAL, "option '--%s' takes no value", o->name);
        else if (o->has_value && !value)
                err_set(e, EINVAL, "option '--%s' needs a value", o->name);
        else if (apply(w, o, value, arena, e) < 0)
                return err_prefix(e, "--%s", o->name);
        else
                return o->has_value && !joined ? 2 : 1;
        return err_hint(e, "kelp exec --help");
}

static int take_long(struct words *w, char **argv, struct arena *arena, struct err *e)
{
        const char *name = argv[0] + 2;
        size_t len = strcspn(name, "=");

        for (size_t i = 0; i < N_OPTIONS; i++) {
                if (strlen(options[i].name) == len && memcmp(options[i].name, name, len) == 0)
                        return take(w, &options[i], name[len] ? name + len + 1 : NULL, argv[1],
                                    arena, e);
        }
        return unknown(argv[0], e);
}

/* "-i", "-it", "-eNAME", "-e NAME". */
static int take_letters(struct words *w, char **argv, struct arena *arena, struct err *e)
{
        for (const char *at = argv[0] + 1; *at; at++) {
                size_t i = 0;
                int taken;

                while (i < N_OPTIONS && options[i].letter != *at)
                        i++;
                if (i == N_OPTIONS)
                        return unknown(argv[0], e);
                const char *joined = options[i].has_value && at[1] ? at + 1 : NULL;
                taken = take(w, &options[i], joined, argv[1], arena, e);
                if (taken < 0 || options[i].has_value)
                        return taken;
        }
        return 1;
}

/* Returns how many words they are, with the "--" behind them. */
static int read_options(struct words *w, int argc, char **argv, struct arena *arena, struct err *e)
{
        int i = 0;

        /* one more than there are words, for TERM */
        w->env = arena_alloc(arena, ((size_t)argc + 1) * sizeof(*w->env), e);
        if (!w->env)
                return -e->code;
        while (i < argc && argv[i][0] == '-' && argv[i][1] != '\0' && !w->wants_help) {
                bool is_end = str_eq(argv[i], "--");
                int taken = is_end              ? 1
                            : argv[i][1] == '-' ? take_long(w, argv + i, arena, e)
                                                : take_letters(w, argv + i, arena, e);
                if (taken < 0)
                        return taken;
                i += taken;
                if (is_end)
                        break;
        }
        return i;
}

static int read_words(struct words *w, int argc, char **argv, struct arena *arena, struct err *e)
{
        int i = read_options(w, argc - 1, argv + 1, arena, e);

        if (i < 0 || w->wants_help)
                return i < 0 ? i : 0;
        i++;
        if (i >= argc) {
                err_set(e, EINVAL, "'kelp exec' needs the NAME or ID of a sandbox");
                return err_hint(e, "kelp exec --help; kelp ps lists the sandboxes");
        }
        w->box = argv[i++];
        if (i < argc && str_eq(argv[i], "--"))
                i++;
        if (i >= argc) {
                err_set(e, EINVAL, "there is no command to run in '%s'", w->box);
                return err_hint(e, "kelp exec -it %s sh", w->box);
        }
        w->request.argv = (const char *const *)argv + i;
        w->request.n_args = (size_t)(argc - i);
        return 0;
}

/* A terminal of this user's inside is of the kind that it is outside; who asks for another wins. */
static int pass_terminal(struct words *w, struct arena *arena, struct err *e)
{
        const char *term = getenv("TERM");

        if (term && *term && (w->request.wants_tty || isatty(STDOUT_FILENO))) {
                const char *item = arena_print(arena, e, "TERM=%s", term);

                if (!item)
                        return -e->code;
                memmove(w->env + 1, w->env, w->request.n_env * sizeof(*w->env));
                w->env[0] = item;
                w->request.n_env++;
        }
        w->request.env = w->env;
        return 0;
}

static int ended(const struct words *w, struct err *e)
{
        err_set(e, ESRCH, "sandbox '%s' has ended", w->box);
        return err_hint(e, "kelp ps lists those that run");
}

static int connect_to(const struct state *state, const struct words *w, struct box_status *box,
                      struct err *e)
{
        if (box_find(state, w->box, box, e) < 0)
                return -e->code;
        if (box->phase == BOX_EXITED)
                return ended(w, e);
        if (box_ask_judge(box, CONTROL_EXEC, e) < 0)
                return -e->code;
        autofd dir = state_open_box(state, box->id, e);
        int sock = dir < 0 ? -1 : control_connect(dir, box, e);
        if (sock >= 0)
                return sock;
        if (e->code != ENOENT && e->code != ECONNREFUSED)
                return -e->code;
        /* it is about to end: what comes next is to find that it has */
        *e = (struct err){ 0 };
        return state_await_end(state, box->id, e) < 0 ? -e->code : ended(w, e);
}

/* What ends all that is in a cgroup ends a joiner, too, a little before the supervisor says so. */
#define END_MS 5000

/* Whether the sandbox has ended, or does so now: what comes next is to find that it has. */
static bool has_ended(const struct state *state, const struct box_status *box)
{
        struct err unused = { 0 };
        autofd dir = state_open_box(state, box->id, &unused);
        autofd sock = dir < 0 ? -1 : control_connect(dir, box, &unused);

        if (sock >= 0 && control_send(sock, CONTROL_WAIT, 0, NULL, 0, &unused) == 0) {
                int type = io_wait(sock, END_MS) == 0 ? -1 : control_await(sock, NULL, &unused);

                if (type != 0)
                        return type == CONTROL_EXITED;
        }
        return state_await_end(state, box->id, &unused) == 0;
}

/* What was said without the name of the sandbox, and what was not said at all. */
static void explain_end(const struct state *state, const struct words *w,
                        const struct box_status *box, struct err *e)
{
        bool was_started = e->step == STEP_SUPERVISE;

        /* whether its end was seen when this was asked of it, or later */
        if (e->code == ECONNRESET)
                e->code = EPIPE;
        if (e->code != ESRCH && e->code != EPIPE)
                return;
        if (has_ended(state, box)) {
                if (was_started)
                        err_set(e, ESRCH, "sandbox '%s' has ended, and the command with it",
                                w->box);
                else
                        ended(w, e);
        } else if (e->code == EPIPE) {
                err_set(e, EPIPE, "the process that had entered sandbox '%s' was killed%s", w->box,
                        was_started ? ", and the command with it" : "");
        } else {
                err_set(e, ESRCH,
                        "nobody takes the output of sandbox '%s', whose command has ended", w->box);
                err_hint(e, "`kelp stop %s` ends it", w->box);
        }
}

static int exit_code_of(const struct err *e)
{
        if (e->step == STEP_SUPERVISE && (e->code == ESRCH || e->code == EPIPE))
                return 128 + SIGKILL;
        if (e->step != STEP_EXEC)
                return EXIT_FAILED;
        return e->code == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE;
}

/* Of a command that was not found: its words may say why. */
static void hint_command(const struct words *w, struct arena *arena, struct err *e)
{
        const struct enter_request *r = &w->request;
        struct words behind = { 0 };
        struct err unused = { 0 };
        const char *before = arena_print(arena, &unused, "kelp exec %s", w->box);
        int n = r->argv[0][0] != '-'
                        ? 0
                        : read_options(&behind, (int)r->n_args, (char **)r->argv, arena, &unused);
        char text[SUGGEST_MAX];

        if (n <= 0 && before)
                run_hint_words(r->argv, r->n_args, before, e);
        if (n <= 0)
                return;
        suggest_words(r->argv, (size_t)n, text);
        const char *front = arena_copy(arena, text, &unused);
        suggest_words(r->argv + n, r->n_args - (size_t)n, text);
        if (front)
                err_hint(e, "options stand before the sandbox: kelp exec%s %s%s", front, w->box,
                         text[0] ? text : " COMMAND");
}

static int run(struct words *w, struct arena *arena)
{
        autostate state = STATE_NONE;
        struct box_status box;
        struct err e = { 0 };
        int status = 0;
        autofd sock = -1;

        if (pass_terminal(w, arena, &e) == 0 && state_open(&state, &e) == 0)
                sock = connect_to(&state, w, &box, &e);
        if (sock >= 0 && enter_client_run(sock, &w->request, &status, &e) == 0)
                return proc_exit_code(status);
        if (sock >= 0)
                explain_end(&state, w, &box, &e);
        if (e.step == STEP_EXEC && e.code == ENOENT && !err_get_hint(&e))
                hint_command(w, arena, &e);
        log_err(&e);
        return exit_code_of(&e);
}

int cmd_exec(int argc, char **argv)
{
        struct arena arena = { 0 };
        struct words w = { 0 };
        struct err e = { 0 };
        int status = EXIT_FAILED;

        if (read_words(&w, argc, argv, &arena, &e) < 0)
                log_err(&e);
        else if (w.wants_help)
                status = fputs(usage, stdout) < 0 ? EXIT_FAILED : help_end();
        else
                status = run(&w, &arena);
        arena_done(&arena);
        return status;
}
