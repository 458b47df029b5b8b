#ifndef KELP_LIFE_OWN_BOX_H
#define KELP_LIFE_OWN_BOX_H

#include "launch.h"
#include "pid-file.h"
#include "serve.h"
#include "state.h"

/* A run in the state directory, from pid 1 to its end, and what answers for it. */
struct own_box {
        struct state_box box;
        struct box_status status;
        struct serve *serve; /* NULL: there is none */
        struct pid_file pid_file;
};

#define OWN_BOX_NONE                                                                               \
        {                                                                                          \
                .box = STATE_BOX_NONE, .pid_file = PID_FILE_NONE                                   \
        }

/*
 * Puts the run there.  One in the foreground that nobody has named does without where that fails,
 * and says so, unless the directory is somebody else's.  `capture`: of a detached run.
 */
int own_box_open(struct own_box *b, const struct launch *l, pid_t init, struct capture *capture,
                 struct err *e);

/* The payload runs. */
int own_box_started(struct own_box *b, struct err *e);

/*
 * The command has ended, and pid 1 is about to: a run in the foreground that nobody has named is taken
 * out meanwhile.
 */
void own_box_exited(struct own_box *b);

/*
 * Nothing runs any more.  The rest of the output goes where it belongs; what kelp says from here on,
 * however much, is kept whole for the log, which own_box_end() writes.
 */
void own_box_take_last(struct own_box *b);

/*
 * It ended, and so did everything that was to be said of it.  The rest of the output goes where it
 * belongs; the run is removed, or stays as what has ended; who waits for that is told.
 */
void own_box_end(struct own_box *b, int exit_code, int signal, const char *reason);

/* What was never started, or not ended, leaves nothing. */
void own_box_done(struct own_box *b);

#endif
