#include "relay.h"

#include "io.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

/* How often a read of the terminal that has failed is tried again. */
#define READ_AGAIN 3

static bool has_data(const struct relay_way *way)
{
        return way->at < way->len;
}

/* Whether a write would be taken now; a descriptor of our own says so itself. */
static bool can_write(int fd)
{
        struct pollfd p = { .fd = fd, .events = POLLOUT };

        return poll(&p, 1, 0) > 0;
}

/* Returns 1 when all is written, 0 when it must wait, -1 when nobody takes it. */
static int drain(struct relay_way *way, int fd)
{
        while (has_data(way)) {
                ssize_t n = write(fd, way->data + way->at, way->len - way->at);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return errno == EAGAIN ? 0 : -1;
                way->at += (size_t)n;
        }
        way->at = 0;
        way->len = 0;
        return 1;
}

/*
 * Takes the CR out of each CR LF: the pty's line discipline had put it there, and the user's will
 * again.  A CR at the end of a chunk waits for the next one.
 */
static void undo_returns(struct relay *r)
{
        struct relay_way *out = &r->out;
        size_t kept = 0;

        for (size_t i = 0; i < out->len; i++) {
                bool is_cr = out->data[i] == '\r';

                if (is_cr && i + 1 == out->len) {
                        r->has_cr = true;
                        break;
                }
                if (!is_cr || out->data[i + 1] != '\n')
                        out->data[kept++] = out->data[i];
        }
        out->len = kept;
}

/* Its end is EIO: whatever else fails is no end, and what was written last is still to come. */
static ssize_t read_pty(int master, char *data, size_t size)
{
        ssize_t n = io_read(master, data, size);

        for (int i = 0; i < READ_AGAIN && n < 0 && errno != EAGAIN && errno != EIO; i++)
                n = io_read(master, data, size);
        return n;
}

/* Returns false when the payload's side is closed and everything is read. */
static bool read_master(struct relay *r, bool *ret_idle)
{
        struct relay_way *out = &r->out;
        size_t held = r->has_cr ? 1 : 0;
        ssize_t n = read_pty(r->master, out->data + held, sizeof(out->data) - held);

        *ret_idle = n < 0 && errno == EAGAIN;
        if (*ret_idle)
                return true;
        out->at = 0;
        out->len = held + (n > 0 ? (size_t)n : 0);
        out->data[0] = held ? '\r' : out->data[0];
        r->has_cr = false;
        if (n > 0 && r->undoes_crs)
                undo_returns(r);
        return n > 0;
}

static enum relay_result write_output(struct relay *r)
{
        if (r->output < 0) {
                r->out.len = 0;
                return RELAY_MOVED;
        }
        if (r->may_block && has_data(&r->out) && !can_write(r->output))
                return RELAY_IDLE;
        int done = drain(&r->out, r->output);
        if (done < 0) {
                r->out.len = 0;
                return RELAY_OUTPUT_LOST;
        }
        return done ? RELAY_MOVED : RELAY_IDLE;
}

/*
 * termios(3): end-of-file ends the line as it is, and only on an empty line is it the end of the
 * file, so an unfinished line needs two.  To a payload in raw mode it is a character like any
 * other, but line editors take it for the end as well.
 */
static void tell_end(struct relay *r)
{
        struct termios modes;

        if (!r->is_ended || has_data(&r->in) || r->master < 0 || tcgetattr(r->master, &modes) < 0)
                return;
        bool is_canonical = (modes.c_lflag & ICANON) != 0;
        enum relay_told now = is_canonical ? RELAY_TOLD_LINES : RELAY_TOLD_RAW;
        if (r->told == now)
                return;
        r->in.at = 0;
        r->in.len = r->ended_line || !is_canonical ? 1 : 2;
        memset(r->in.data, modes.c_cc[VEOF], r->in.len);
        r->told = now;
        r->n_repeats = 0;
        r->ended_line = true;
}

enum relay_result relay_output(struct relay *r)
{
        bool is_idle = false;

        if (has_data(&r->out)) {
                enum relay_result result = write_output(r);

                if (result != RELAY_MOVED)
                        return result;
        }
        if (r->master < 0)
                return RELAY_FINISHED;
        bool is_open = read_master(r, &is_idle);
        if (is_idle)
                return RELAY_IDLE;
        enum relay_result result = write_output(r);
        if (!is_open && result == RELAY_MOVED)
                return RELAY_FINISHED;
        /* who changes the modes writes something soon, if only a prompt */
        tell_end(r);
        return result;
}

static enum relay_result read_input(struct relay *r)
{
        ssize_t n = read(r->input, r->in.data, sizeof(r->in.data));

        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return RELAY_IDLE;
        if (n <= 0 && r->is_tty)
                return RELAY_INPUT_LOST;
        if (n <= 0) {
                relay_end_input(r);
                return RELAY_MOVED;
        }
        r->in.at = 0;
        r->in.len = (size_t)n;
        r->ended_line = r->in.data[n - 1] == '\n';
        return RELAY_MOVED;
}

enum relay_result relay_input(struct relay *r)
{
        if (!has_data(&r->in)) {
                if (r->input < 0)
                        return RELAY_IDLE;
                enum relay_result result = read_input(r);
                if (result != RELAY_MOVED)
                        return result;
        }
        /* a master that takes nothing is about to end; the output side notices */
        if (r->master < 0 || drain(&r->in, r->master) < 0)
                r->in.at = r->in.len = 0;
        tell_end(r);
        return RELAY_MOVED;
}

void relay_end_input(struct relay *r)
{
        r->input = -1;
        r->is_ended = true;
        tell_end(r);
}

int relay_patience(const struct relay *r)
{
        if (!r->is_ended || has_data(&r->in) || r->master < 0 || r->n_repeats >= RELAY_REPEATS)
                return -1;
        return RELAY_PATIENCE_MS << r->n_repeats;
}

void relay_repeat_end(struct relay *r)
{
        unsigned n_repeats = r->n_repeats;

        r->told = RELAY_TOLD_NOTHING;
        tell_end(r);
        r->n_repeats = n_repeats + 1;
}

short relay_master_events(const struct relay *r)
{
        short events = 0;

        if (!has_data(&r->out))
                events |= POLLIN;
        if (has_data(&r->in))
                events |= POLLOUT;
        return events;
}
