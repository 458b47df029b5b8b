#ifndef KELP_TEST_PLAN_MADE_H
#define KELP_TEST_PLAN_MADE_H

#include "assemble.h"
#include "layers.h"
#include "policy.h"

/* A plan made from a command line on a made-up machine: ann, 1000:1000, in /home/ann/work. */

/* A file of a policy: by name in a layer, by its path (POLICY_FILE), or the project's (""). */
struct made_policy {
        enum policy_layer layer;
        const char *name;
        const char *text;
};

struct made {
        struct plan_facts facts;
        const char *image_text;  /* the image "img"; NULL: "--" is in argv, or a directory */
        const char *policy_text; /* of --policy FILE */
        const struct made_policy *policies; /* ends with one without a name; or NULL */
        struct policy_words *words;         /* filled if there are some; or NULL */
        const char *env_text;               /* of --env-file FILE */
        struct plan plan;
        struct plan_problems *problems;
        int result;
};

/* The machine of `m`, to be changed before made_run(). */
void made_start(struct made *m);

/*
 * Parses argv (NULL-terminated, the words after `run`), assembles, checks.  An error of parsing
 * becomes the one problem.
 */
void made_run(struct made *m, const char *const *argv);
void made_done(struct made *m);

/* The text of all problems with their hints, joined by newlines; lives until the next call. */
const char *made_text(const struct made *m);

#endif
