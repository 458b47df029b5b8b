#ifndef KELP_PLAN_LAYERS_H
#define KELP_PLAN_LAYERS_H

#include "assemble.h"

/*
 * Which texts make up the policy of a run, and in which order they are applied: the default policy
 * of the root (sandbox or container), each one that --policy names, and last the project's own,
 * which may only tighten.
 *
 * A policy is known by its name.  It may be built in, and have a file in /etc/kelp and one in the
 * user's own directory: each of them adds to the one before.  What a text extends stands before it;
 * whatever is met twice is applied once, where it was met first.
 *
 * Nothing is read here: the caller looks at files.
 */

enum policy_layer {
        POLICY_BUILTIN,
        POLICY_SYSTEM,  /* /etc/kelp/NAME.policy */
        POLICY_USER,    /* ~/.config/kelp/NAME.policy */
        POLICY_FILE,    /* a file that was named by its path */
        POLICY_PROJECT, /* .kelp.policy: may only tighten */
};

/* "built in", "/etc", ... */
const char *policy_layer_name(enum policy_layer layer);

struct policy_text {
        const char
                *policy; /* the policy that it is part of: a name, or the path that was asked for */
        const char *name; /* of the text, for messages: "sandbox.policy", "/etc/kelp/x.policy" */
        const char *text;
        const char *path; /* the file, absolute; NULL: built in */
        const char *dir;  /* where the file lies */
        enum policy_layer layer;
        bool keeps_syscalls; /* the plan takes its [syscalls]: no built-in filter has them */
};

struct policy_set {
        struct policy_text *items;
        size_t n;
        const char *filter;  /* the built-in policy with the filter to start from */
        const char *dirs[2]; /* where the next run looks for policies; NULL: nowhere */
};

/*
 * How files are found.  `layer` gives the file of policy `name` in /etc/kelp or of the user's own,
 * `file` the one at `path`, which counts from directory `dir` (NULL: the current one).  Both fill
 * name, text, path and dir.  Without a file `layer` leaves ret->text NULL; `file` fails.
 */
struct policy_source {
        void *user;
        int (*layer)(void *user, enum policy_layer layer, const char *name, struct policy_text *ret,
                     struct err *e);
        int (*file)(void *user, const char *path, const char *dir, struct policy_text *ret,
                    struct err *e);
        /* of policies with a file of their own, NULL-terminated, for hints; or NULL */
        const char *const *(*names)(void *user);
};

/*
 * Collects the policy of a run: `asked` are the values of --policy, in order.  The project's texts
 * are for the caller to add with policy_set_add().  Returns 0, or -EINVAL with what is wrong in
 * `problems`.
 */
int policy_collect(struct arena *arena, const struct policy_source *source, bool is_image,
                   const char *const *asked, size_t n_asked, struct policy_set *ret,
                   struct plan_problems *problems);

int policy_set_add(struct arena *arena, struct policy_set *set, const struct policy_text *text,
                   struct err *e);

/* Whether a word of --policy or `extends` is the path of a file, not the name of a policy. */
bool policy_is_file(const char *word);

/* Whether it can be the name of a policy: it never leads out of a directory. */
bool policy_is_name(const char *word);

#endif
