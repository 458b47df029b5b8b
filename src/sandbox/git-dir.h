#ifndef KELP_SANDBOX_GIT_DIR_H
#define KELP_SANDBOX_GIT_DIR_H

#include "err.h"
#include "mem.h"

#include <stdbool.h>
#include <stddef.h>

/* Names below a directory that git would run or obey later. */
struct git_names {
        const char **items; /* relative, clean */
        size_t n;
        const char **dirs; /* the git directories themselves, "." for the directory itself */
        size_t n_dirs;
        bool has_git_dir; /* .git is a directory */
        bool is_git_dir;  /* the directory itself is one */
};

/*
 * What fixed names do not reach, below the directory `dirfd`: hooks and configuration of submodules
 * and of linked worktrees in .git, and of a directory that is itself a git directory.
 * Source: gitrepository-layout(5).
 */
int git_find_names(struct arena *a, int dirfd, struct git_names *ret, struct err *e);

#endif
