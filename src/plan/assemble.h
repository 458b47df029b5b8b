#ifndef KELP_PLAN_ASSEMBLE_H
#define KELP_PLAN_ASSEMBLE_H

#include "option.h"
#include "plan.h"

/*
 * From the command line to a checked plan, without a look at the machine: what must be known of it
 * comes in as facts and as the text of files that the caller has read.
 */

/* Directories that were looked at on the way to names: each is none by way of a symlink, or absent. */
#define PLAN_MAX_SEEN_DIRS 32

struct plan_seen_dir {
        const char *path; /* the first `len` bytes of it */
        size_t len;
        bool is_absent;
};

struct plan_seen_dirs {
        struct plan_seen_dir items[PLAN_MAX_SEEN_DIRS];
        size_t n;
};

struct plan_facts {
        uid_t uid;
        gid_t gid;
        const char *user_name;    /* on the host; NULL: not known */
        const char *home;         /* clean, symlinks resolved; NULL: not known */
        const char *account_home; /* the same of the account, when HOME says otherwise; or NULL */
        const char *cache_home;   /* clean, XDG_CACHE_HOME or ~/.cache; NULL: not known */
        const char *data_home;    /* clean, XDG_DATA_HOME or ~/.local/share; NULL: not known */
        const char *reviews_dir;  /* clean: where reviews wait; NULL: not known */
        const char *state_dir;    /* clean, symlinks resolved: the session's; NULL: there is none */
        const char *cwd;          /* clean, symlinks resolved; NULL: it is gone */
        bool can_write_cwd;       /* the user may make files there */
        const char *const *env;   /* the outer environment, NULL-terminated */
        /* whether a symlink is on the way; NULL: there are none */
        bool (*has_link)(struct plan_seen_dirs *seen, const char *path);
};

/* Where an image was found.  All NULL: a view of this host. */
struct plan_image_source {
        const char *name;       /* as it was asked for */
        const char *directory;  /* a plain directory as the root */
        const char *store;      /* with `text`: the image store that has its layers */
        const char *text;       /* its image.policy */
        const char *home_store; /* the user's own, where there is room for a copy of the files */
        const char *kept_dir;   /* where sandboxes that are kept have their directories */
};

struct policy_set;
struct policy_words;

/* What lies right in the home. */
struct plan_home_part {
        const char *path;
        bool is_scratch; /* false: read-only */
};

struct plan_request {
        const struct plan_facts *facts;
        const struct option_list *options;
        const struct policy_set *policies; /* what policy_collect() made of the options */
        struct policy_words *words; /* empty: to be filled with what each line says; or NULL */
        struct plan_image_source image;
        const char *overlay_dir; /* plan_files.overlay_dir; NULL: none */
        bool is_review;          /* plan_files.is_review */
        int review_lock;         /* plan_files.review_lock */
        bool shows_home;         /* the whole home, but for what is hidden, as a scratch copy */
        /* with overlay_dir, where that cannot be: parts of the home in an empty one */
        const struct plan_home_part *home_parts;
        size_t n_home_parts;
        bool is_question; /* nothing runs: that the current directory cannot be shared is no mistake */
};

/*
 * Applies the options alone, as the whole would, for what is wrong with their values: where nothing is
 * known of the image yet but that it is one.
 */
void plan_try_options(const struct plan_request *request, struct plan_problems *problems);

/*
 * Fills and checks a zeroed plan (its arena may be in use already).  Returns 0, or -EINVAL with
 * everything that is wrong in `problems`, in the order in which it was met.
 */
int plan_assemble(struct plan *p, const struct plan_request *request,
                  struct plan_problems *problems);

#endif
