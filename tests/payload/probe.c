#include "probe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct check *const tables[] = {
        checks_self,    checks_namespaces, checks_mounts, checks_files,   checks_proc,
        checks_inherit, checks_calls,      checks_kernel, checks_sockets, checks_reach,
};

typedef void each_fn(const struct check *c, void *arg);

static void each_check(each_fn *fn, void *arg)
{
        for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
                for (const struct check *c = tables[i]; c->name; c++)
                        fn(c, arg);
        }
}

struct run {
        const struct facts *facts;
        const char *name; /* NULL: all whose facts are known */
        unsigned n_run;
        unsigned n_open;
        bool is_quiet;
};

struct needs {
        const struct facts *facts;
        bool is_met;
};

static void check_need(const char *word, void *arg)
{
        struct needs *n = arg;

        if (!fact(n->facts, word))
                n->is_met = false;
}

static bool needs_met(const struct check *c, const struct facts *f)
{
        struct needs n = { f, true };

        list_each(c->needs, check_need, &n);
        return n.is_met;
}

static void run_check(const struct check *c, void *arg)
{
        struct run *run = arg;
        struct report r = { .check = c->name, .is_quiet = run->is_quiet };

        if (run->name && strcmp(run->name, c->name) != 0)
                return;
        if (!needs_met(c, run->facts)) {
                if (!run->name)
                        return;
                fprintf(stderr, "probe: %s needs the facts %s\n", c->name, c->needs);
                exit(2);
        }
        c->run(&r, run->facts);
        if (r.n_closed + r.n_open == 0) {
                fprintf(stderr, "probe: %s looked at nothing\n", c->name);
                exit(2);
        }
        run->n_run++;
        run->n_open += r.n_open;
}

static void list_check(const struct check *c, void *arg)
{
        (void)arg;
        printf("%s %s %s\n", c->name, c->control, c->needs ? c->needs : "-");
}

static int usage(void)
{
        fprintf(stderr, "usage: probe [-q] CHECK|all [KEY=VALUE...]\n"
                        "       probe list\n"
                        "       probe fingerprint [KEY=VALUE...]\n"
                        "       probe plant DIR\n"
                        "-q prints only what is open; the exit status is 1 then, and 2 when the "
                        "probe could not look\n");
        return 2;
}

int main(int argc, char **argv)
{
        struct run run = { 0 };
        int at = 1;

        setvbuf(stdout, NULL, _IOLBF, 0);
        if (at < argc && strcmp(argv[at], "-q") == 0) {
                run.is_quiet = true;
                at++;
        }
        if (at >= argc)
                return usage();
        const char *name = argv[at++];
        if (strcmp(name, "list") == 0) {
                each_check(list_check, NULL);
                return 0;
        }
        if (strcmp(name, "plant") == 0)
                return at < argc ? plant_victims(argv[at]) : usage();
        struct facts facts = { argc - at, argv + at };
        if (strcmp(name, "fingerprint") == 0)
                return fingerprint(&facts);
        run.facts = &facts;
        run.name = strcmp(name, "all") == 0 ? NULL : name;
        each_check(run_check, &run);
        if (run.n_run == 0) {
                fprintf(stderr, "probe: there is no check '%s'\n", name);
                return 2;
        }
        return run.n_open ? 1 : 0;
}
