#include "supervisor.h"

#include "fd.h"
#include "mem.h"
#include "serve.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

/* The payload's streams: which of them are whose, and what is copied for a terminal of its own. */

/* Chunks of output in a turn: enough to be fast, few enough to see a Ctrl-C in between. */
#define COPY_AT_ONCE 16

void supervisor_hang_up(struct supervisor *s)
{
        fd_close(&s->run->pty_master);
        s->relay->master = -1;
        s->relay->input = -1;
        s->is_copied = true;
}

enum relay_result supervisor_copy_chunk(struct supervisor *s)
{
        enum relay_result result = relay_output(s->relay);

        if (result == RELAY_FINISHED)
                s->is_copied = true;
        if (result == RELAY_OUTPUT_LOST) {
                /* a terminal that went away; a pipe's reader would have meant SIGPIPE */
                supervisor_send_signal(s, SIGHUP);
                supervisor_hang_up(s);
        }
        return result;
}

void supervisor_copy_output(struct supervisor *s)
{
        for (int i = 0; i < COPY_AT_ONCE; i++) {
                enum relay_result result = supervisor_copy_chunk(s);

                if (result == RELAY_IDLE && s->is_gone && !relay_has_output(s->relay))
                        s->is_copied = true;
                if (result != RELAY_MOVED)
                        return;
        }
}

void supervisor_copy_input(struct supervisor *s)
{
        if (relay_input(s->relay) != RELAY_INPUT_LOST)
                return;
        /* else only the foreground is */
        if (terminal_is_lost(&s->term))
                supervisor_hang_up(s);
        else
                terminal_forget(&s->term);
}

void supervisor_give_up_output(struct supervisor *s, int number)
{
        if (number != SIGINT && number != SIGTERM && number != SIGHUP && number != SIGQUIT)
                return;
        if (s->relay && relay_has_output(s->relay) && supervisor_copy_chunk(s) == RELAY_IDLE)
                s->is_copied = true;
}

int supervisor_make_relay(struct supervisor *s, struct err *e)
{
        const struct terminal *t = &s->term;
        unsigned on_pty = s->run->on_pty;
        int master = s->run->pty_master;

        s->relay = mem_alloc(sizeof(*s->relay), e);
        if (!s->relay)
                return -e->code;
        if (fcntl(master, F_SETFL, O_RDWR | O_NONBLOCK) < 0)
                return err_sys(e, "cannot set up the payload's terminal");
        s->relay->master = master;
        s->relay->ended_line = true;
        /* -t alone makes a terminal of a stream that is none */
        s->relay->is_tty = !(on_pty & 1u) || isatty(STDIN_FILENO);
        s->relay->input = s->relay->is_tty ? t->fd : STDIN_FILENO;
        s->relay->output = on_pty & 2u ? STDOUT_FILENO : on_pty & 4u ? STDERR_FILENO : t->fd;
        s->relay->may_block = true;
        if (s->relay->output == t->fd || terminal_is_same(t, s->relay->output)) {
                s->relay->output = t->fd;
                s->relay->may_block = !t->is_nonblocking;
        }
        return 0;
}

int supervisor_drop_streams(const struct supervisor *s, struct err *e)
{
        autofd null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);

        if (null_fd < 0)
                return err_sys(e, "cannot open '/dev/null'");
        if ((!s->relay || s->relay->input != STDIN_FILENO) && dup2(null_fd, STDIN_FILENO) < 0)
                return err_sys(e, "cannot drop the standard input");
        if ((!s->relay || s->relay->output != STDOUT_FILENO) && dup2(null_fd, STDOUT_FILENO) < 0)
                return err_sys(e, "cannot drop the standard output");
        /* of a detached run it is a pipe, and kelp's own messages go elsewhere */
        if (s->serve && s->serve->capture && dup2(null_fd, STDERR_FILENO) < 0)
                return err_sys(e, "cannot drop the standard error");
        return 0;
}
