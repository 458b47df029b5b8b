#include "shared.h"

#include "str.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_DEPTH 100

/* The directories that a path lies in, or would: from the lowest that is there to the root. */
struct chain {
        struct directory {
                dev_t dev;
                ino_t ino;
        } dirs[MAX_DEPTH];
        size_t n;
        size_t n_missing; /* below them */
        bool is_whole;
};

/* Cuts the last component off; false: there is none. */
static bool cut(char *path)
{
        char *slash = strrchr(path, '/');

        if (!slash || str_eq(path, "/"))
                return false;
        slash[slash == path ? 1 : 0] = '\0';
        return true;
}

static void find_chain(const char *path, struct chain *ret)
{
        char text[PATH_MAX];
        char real[PATH_MAX];

        *ret = (struct chain){ 0 };
        if (snprintf(text, sizeof(text), "%s", path) >= (int)sizeof(text))
                return;
        /* what is not there is asked for once, not from the root on */
        while ((readlink(text, real, 1) < 0 && errno == ENOENT) || !realpath(text, real)) {
                if (!cut(text))
                        return;
                ret->n_missing++;
        }
        do {
                struct stat st;

                if (ret->n == MAX_DEPTH || stat(real, &st) < 0)
                        return;
                ret->dirs[ret->n++] = (struct directory){ st.st_dev, st.st_ino };
        } while (cut(real));
        ret->is_whole = true;
}

static bool is_one_of(const struct chain *chain, const char *path)
{
        struct stat st;

        /* what is not there is not shown */
        if (stat(path, &st) < 0)
                return false;
        for (size_t i = 0; i < chain->n; i++) {
                if (st.st_dev == chain->dirs[i].dev && st.st_ino == chain->dirs[i].ino)
                        return true;
        }
        return false;
}

static bool is_share(const struct plan_rule *rule, bool also_readable)
{
        if (!rule->host_path || rule->is_scratch)
                return false;
        return rule->kind == PLAN_RULE_WRITABLE ||
               (also_readable && rule->kind == PLAN_RULE_READABLE);
}

bool shared_is_above(const struct plan_files *files, const char *path, bool also_readable,
                     size_t *ret_missing)
{
        struct chain chain;

        find_chain(path, &chain);
        *ret_missing = chain.n_missing;
        for (size_t i = 0; i < files->n_rules; i++) {
                const struct plan_rule *rule = &files->rules[i];

                if (is_share(rule, also_readable) &&
                    (!chain.is_whole || is_one_of(&chain, rule->host_path)))
                        return true;
        }
        return !chain.is_whole;
}
