#ifndef KELP_SANDBOX_WALK_H
#define KELP_SANDBOX_WALK_H

#include "plan.h"
#include "tree.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * One look at all that lies in the directories which the user shared: sockets and fifos there, and
 * in the writable ones git repositories in subdirectories.  It is taken before anything is
 * protected or covered, and none of it lives in the tree: what goes there is copied.
 */

/* Repositories in subdirectories that are protected; each needs mounts of its own. */
#define WALK_MAX_REPOS 200

struct walk_special {
        const char *box_path;
        const char *origin; /* "socket", "fifo" or "closed directory" */
        uint64_t
                dev; /* what it is: by the time that it is covered, it may have moved; 0: unknown */
        uint64_t ino;
};

/* A directory below a share that has a `.git`: a directory, a file or a symlink. */
struct walk_repo {
        bool is_whole;   /* its `.git` is a directory */
        int share_fd;    /* of the share's entry, borrowed */
        const char *dir; /* below the share, never empty */
};

struct walk_found {
        struct arena arena;
        struct walk_special *specials;
        size_t n_specials;
        struct walk_repo *repos;
        size_t n_repos;
        size_t n_more_repos; /* beyond WALK_MAX_REPOS */
        size_t looked;       /* entries, in all shares */
};

/* Fills `ret`, which is zeroed; to be done with also after an error. */
int walk_shares(const struct plan *p, const struct tree *t, struct walk_found *ret, struct err *e);

/*
 * Gone meanwhile, on a file system whose server is gone, or out of the user's reach: then out of
 * the sandbox's too.  Anything else says nothing about the object, so it is no reason to pass it.
 */
bool walk_is_out_of_reach(int code);

void walk_found_done(struct walk_found *found);

#endif
