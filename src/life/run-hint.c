#include "run-hint.h"

#include "path.h"
#include "step.h"
#include "str.h"
#include "word.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_builtin(const char *name)
{
        static const char *const names[] = { ".",     "alias",  "cd",     "declare", "eval",
                                             "exec",  "exit",   "export", "local",   "set",
                                             "shift", "source", "trap",   "type",    "ulimit",
                                             "umask", "unset" };

        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                if (str_eq(names[i], name))
                        return true;
        }
        return false;
}

/* Of a directory that was taken for an image: any of these makes a root of it. */
static bool is_root(const char *directory)
{
        static const char *const names[] = { "bin", "usr", "etc", "sbin", "lib" };
        char path[4096];

        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                int n = snprintf(path, sizeof(path), "%s/%s", directory, names[i]);

                if (n < (int)sizeof(path) && access(path, F_OK) == 0)
                        return true;
        }
        return false;
}

/* Whether a view of this host leaves a path out, by the rules alone: the last one of it decides. */
static bool is_left_out(const struct plan *p, const char *path)
{
        bool is_out = p->files.home && path_is_in(path, p->files.home);

        for (size_t i = 0; i < p->files.n_rules; i++) {
                const struct plan_rule *rule = &p->files.rules[i];

                if (!path_is_in(path, rule->box_path))
                        continue;
                if (rule->kind == PLAN_RULE_EMPTY || rule->kind == PLAN_RULE_TEMPORARY)
                        is_out = true;
                if (rule->kind == PLAN_RULE_READABLE || rule->kind == PLAN_RULE_WRITABLE)
                        is_out = false;
        }
        return is_out;
}

static bool is_program(const char *path)
{
        struct stat st;

        return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

static bool hint_path(const struct plan *p, const char *path, struct err *e)
{
        char word[512];

        if (path[0] != '/' || strlen(path) * 4 + 8 > sizeof(word) || !is_program(path) ||
            !is_left_out(p, path))
                return false;
        err_hint(e, "this host has it, and the sandbox does not show it: --readable %s",
                 word_quote(word, sizeof(word), path));
        return true;
}

/* What PATH leads to on this host, and not in a view of it. */
static bool hint_hidden(const struct plan *p, const char *name, struct err *e)
{
        const char *dirs = getenv("PATH");
        char path[512];

        if (p->root != PLAN_ROOT_HOST)
                return false;
        if (strchr(name, '/'))
                return hint_path(p, name, e);
        for (const char *at = dirs; at && *at; at += strspn(at, ":")) {
                size_t len = strcspn(at, ":");
                int n = snprintf(path, sizeof(path), "%.*s/%s", (int)len, at, name);

                if (n < (int)sizeof(path) && hint_path(p, path, e))
                        return true;
                at += len;
        }
        return false;
}

/* "CC=clang", as a shell takes it in front of a command. */
static bool is_assignment(const char *word)
{
        static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_";
        static const char digits[] = "0123456789";
        const char *end = word + strspn(word, letters);

        if (end == word)
                return false;
        while (*end != '\0' && (strchr(letters, *end) || strchr(digits, *end)))
                end++;
        return *end == '=';
}

void run_hint_words(const char *const *argv, size_t n_args, const char *before, struct err *e)
{
        const char *name = argv[0];
        char word[256];

        if (is_assignment(name))
                err_hint(e, "a variable is set by an option: -e %s",
                         word_quote(word, sizeof(word), name));
        else if (n_args == 1 && strchr(name, ' '))
                err_hint(e, "the words stand without quotes: %s %s", before, name);
        else if (is_builtin(name))
                err_hint(e, "it is a word of the shell: sh -c '%s ...'", name);
}

static void hint_command(const struct plan *p, struct err *e)
{
        const char *name = p->exec.argv[0];

        if (p->exec.hint && name[0] == '-')
                err_hint(e, "%s", p->exec.hint);
        else if (p->image.directory && !is_root(p->image.directory) && !is_assignment(name))
                err_hint(e, "'%s' is no root file system; a command on this host: kelp run -- %s",
                         p->image.name, name);
        else
                run_hint_words(p->exec.argv, p->exec.n_args, "--", e);
}

void run_hint(const struct plan *p, struct err *e)
{
        if (err_get_hint(e))
                return;
        if (e->step == STEP_EXEC && e->code == ENOENT && !hint_hidden(p, p->exec.argv[0], e))
                hint_command(p, e);
        /* what the sandbox needs of its own cannot be put into a directory of others */
        if (e->step == STEP_ROOT && e->code == EACCES && p->image.directory)
                err_hint(
                        e,
                        "is '%s' a root file system that you may write to? an archive of it will do",
                        p->image.name);
}
