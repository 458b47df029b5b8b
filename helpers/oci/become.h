#ifndef KELP_OCI_BECOME_H
#define KELP_OCI_BECOME_H

#include "bundle.h"
#include "notice.h"
#include "profile.h"

#include <stdbool.h>

/*
 * How a process becomes the container's command, the same for create and exec.  It runs in that
 * process, which is inside all namespaces and the root already.
 */
struct become_spec {
        const struct bundle *bundle;    /* process, plan.exec, plan.limits */
        const struct bundle *container; /* what exec inherits: personality; the same for create */
        const struct profile *profile;
        int listener;          /* for profile_enter() */
        const char *state;     /* the same */
        int console_socket;    /* -1: none; the terminal's master is sent there */
        unsigned preserve_fds; /* descriptors 3 to 2 + n stay */
        bool has_id_maps;      /* false: no user namespace of its own, nor a joined one */
        bool denies_groups;    /* setgroups(2) is denied there */
        bool keeps_keyring;    /* --no-new-keyring */
        bool has_own_pids;     /* there is a pid namespace of its own */
        const struct notice *notice;
};

struct become {
        int slave;          /* of the terminal, -1: none; ours until become_finish() */
        char program[4096]; /* what will be executed, looked up in the container's PATH */
};

/*
 * Before the word to start: session, terminal (its master is sent away), keyring, oom score, limits,
 * scheduler, the working directory entered, the program looked up (ENOENT and EACCES in the words that
 * engines look for).  `on_console` is called with the terminal's slave, for /dev/console; may be NULL.
 */
int become_prepare(const struct become_spec *spec,
                   int (*on_console)(void *user, int slave, struct err *e), void *user,
                   struct become *ret, struct err *e);

/*
 * After it: ids, capabilities, no_new_privs, labels, descriptors but `keep` (close-on-exec), seccomp,
 * exec.  `keep` hears what fails: on success the kernel closes it.  Returns only on failure.
 */
int become_finish(const struct become_spec *spec, struct become *b, int keep, struct err *e);

/*
 * In the launcher, before anything else: this program's own file must be out of a container's reach, or
 * whoever is root in there could write to it (CVE-2019-5736).  Where its file could be written by an id
 * that containers get, it executes itself again from a read-only copy.  `argv` is main()'s.
 */
int become_guard_self(char **argv, struct err *e);

/*
 * In the launcher, before it opens anything: the descriptors of --preserve-fds, 3 to 2 + n, must have been
 * inherited, or one that is opened later would have such a number.  They are not to be made
 * close-on-exec: become_finish() refuses one that is.
 */
int become_check_preserved(unsigned n, struct err *e);

#endif
