#ifndef KELP_LIFE_PID_FILE_H
#define KELP_LIFE_PID_FILE_H

#include "tree.h"

/*
 * The file of --pidfile: the number of the calling process, which is the supervisor, and a newline.
 *
 * Who reads it sends signals to what it names, so it must not lie.  It appears whole, by link(2); it
 * is locked (flock(2)) for as long as its process lives, so that one that was left behind is told
 * from one that counts; and the sandbox must not be able to write where it lies.
 */
struct pid_file {
        int dir;
        int fd; /* holds the lock; -1: there is none */
        const char *path;
};

#define PID_FILE_NONE                                                                              \
        {                                                                                          \
                .dir = -1, .fd = -1                                                                \
        }

/*
 * Makes the file at the clean `path` (NULL: none), which must outlive *ret; one that a dead process has left is
 * replaced.  Errors: EBUSY when it belongs to a process that lives, EEXIST when what is there is no
 * pidfile of ours, EPERM when `t` shows its directory writable.
 */
int pid_file_make(const char *path, const struct tree *t, struct pid_file *ret, struct err *e);

/* Removes it, if what is there is still this one. */
void pid_file_done(struct pid_file *p);

#endif
