#ifndef KELP_HOST_VIEW_H
#define KELP_HOST_VIEW_H

#include "err.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * The machine as it is looked at: whose view it is, and the directory that stands for "/".  Every
 * file that is read to explain something is read below that directory, so that a test can put
 * another one in its place; what is tried is tried on the real kernel.
 */

struct host_view {
        int root_fd;
        bool is_real; /* root_fd is this machine's own root */
        uid_t uid;
        gid_t gid;
        char user[64];        /* the name of uid in passwd, else $USER, else "" */
        char exe[PATH_MAX];   /* the real path of this program; "" when unknown */
        char store[PATH_MAX]; /* where images are kept; need not exist */
};

/* Looks from `root` ("/" but for tests), as the calling user.  Errors: `root` cannot be opened. */
int host_view_open(struct host_view *ret, const char *root, struct err *e);
void host_view_done(struct host_view *v);

/* Opens `path` ("etc/resolv.conf") below the view's root, symlinks included.  -errno on failure. */
int host_open(const struct host_view *v, const char *path, int flags);

/* A small file without its last newline; its length, or -errno. */
ssize_t host_read(const struct host_view *v, const char *path, char *buffer, size_t size);

/* A file with one decimal number.  Returns false when there is none. */
bool host_read_number(const struct host_view *v, const char *path, uint64_t *ret);

/* A whole file of at most `limit` bytes, terminated, for free(); NULL when it cannot be read. */
char *host_read_text(const struct host_view *v, const char *path, size_t limit);

bool host_exists(const struct host_view *v, const char *path);

/* The value of "Name:" in proc/self/status, or -1. */
long host_status_number(const struct host_view *v, const char *name);

/* Whether `id` has a place in the id map `file` ("proc/self/uid_map"). */
bool host_is_mapped(const struct host_view *v, const char *file, uint32_t id);

/*
 * The absolute path of `program` in the system's own directories ($PATH is not asked: it may hold
 * the user's own programs of that name).  False when it is not installed.
 */
bool host_find_program(const struct host_view *v, const char *program, char *ret, size_t size);

/* Whether the running kernel has a module `name` among its files, loaded or not. */
bool host_has_module(const struct host_view *v, const char *name);

/* "sudo " for whoever needs it in front of a command, else "". */
const char *host_sudo(const struct host_view *v);

/* The command of this distribution that installs `what` ("newuidmap" or "slirp4netns"). */
void host_install_command(const struct host_view *v, const char *what, char *ret, size_t size);

#endif
