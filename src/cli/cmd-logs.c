#include "box-find.h"
#include "commands.h"

#include "box-ask.h"
#include "box-log.h"
#include "box-words.h"
#include "fd.h"
#include "io.h"
#include "mem.h"
#include "parse.h"
#include "proc.h"
#include "state.h"
#include "str.h"
#include "tty-reset.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * kelp logs: gives back what a sandbox in the background has written, each byte to the stream that
 * it was written to.  With -f it waits for more, by inotify, until the supervisor says that there
 * will be none.
 */

static const char usage[] =
        "Usage:  kelp logs [-f] [-n LINES] [-t] SANDBOX\n\n"
        "Prints what a sandbox in the background has written, or the end of it.\n\n"
        "  -f, --follow       go on until the sandbox ends\n"
        "  -n, --tail LINES   the last LINES lines alone\n"
        "  -t, --timestamps   with the time in front of each line\n";

/* More than the longest record. */
#define BUFFER_SIZE 65536

struct logs {
        int dir;
        int fd;    /* of the file that is read; -1: none yet */
        int older; /* log.1, if there is one */
        bool has_times;
        bool is_counting; /* what is read is only counted */
        uint64_t n_lines;
        uint64_t skip; /* so many lines come first that are not printed */
        bool is_within
                [BOX_STREAM_COUNT]; /* the last record of the stream was the start of a line */
        size_t len;                 /* of the buffer: a record that is not whole yet */
        char buffer[BUFFER_SIZE];
        bool is_foreign;   /* what was shown last is not kelp's */
        bool is_line_open; /* on the terminal */
        int out_fd;        /* where the text is to go */
        size_t out_len;
        char out[BUFFER_SIZE];
};

static int flush(struct logs *l, struct err *e)
{
        size_t len = l->out_len;

        l->out_len = 0;
        return len ? io_write_all(l->out_fd, l->out, len, "the output", e) : 0;
}

/* In the order of what was written, whichever stream it is for. */
static int put(struct logs *l, int fd, const char *text, size_t len, struct err *e)
{
        if ((fd != l->out_fd || l->out_len + len > sizeof(l->out)) && flush(l, e) < 0)
                return -e->code;
        l->out_fd = fd;
        memcpy(l->out + l->out_len, text, len);
        l->out_len += len;
        return 0;
}

/* On a terminal what kelp has said is on a line of its own, whatever the payload has left it in. */
static int begin_own(struct logs *l, struct err *e)
{
        if (!l->is_foreign || !isatty(STDERR_FILENO))
                return 0;
        if (flush(l, e) < 0)
                return -e->code;
        tty_reset(STDERR_FILENO);
        return l->is_line_open ? put(l, STDERR_FILENO, "\n", 1, e) : 0;
}

static int print_record(struct logs *l, const struct box_record *r, struct err *e)
{
        int fd = r->stream == BOX_STDOUT ? STDOUT_FILENO : STDERR_FILENO;
        bool is_start = !l->is_within[r->stream];

        if (r->stream == BOX_KELP && begin_own(l, e) < 0)
                return -e->code;
        l->is_foreign = r->stream != BOX_KELP;
        if (isatty(fd))
                l->is_line_open = !r->is_whole;
        if (l->has_times && is_start &&
            (put(l, fd, r->time, strlen(r->time), e) < 0 || put(l, fd, " ", 1, e) < 0))
                return -e->code;
        if (put(l, fd, r->text, r->len, e) < 0)
                return -e->code;
        return r->is_whole ? put(l, fd, "\n", 1, e) : 0;
}

static int take_record(struct logs *l, char *line, size_t len, struct err *e)
{
        struct box_record r;
        bool is_shown = !l->is_counting && l->n_lines >= l->skip;

        /* nothing but kelp writes there */
        if (!box_log_parse(line, len, &r))
                return err_set(e, EBADMSG, "the log of the sandbox is damaged");
        if (is_shown && print_record(l, &r, e) < 0)
                return -e->code;
        l->is_within[r.stream] = !r.is_whole;
        l->n_lines += r.is_whole;
        return 0;
}

static int take_lines(struct logs *l, struct err *e)
{
        char *at = l->buffer;
        char *end = l->buffer + l->len;
        char *newline;

        while ((newline = memchr(at, '\n', (size_t)(end - at)))) {
                *newline = '\0';
                if (take_record(l, at, (size_t)(newline - at), e) < 0)
                        return -e->code;
                at = newline + 1;
        }
        l->len = (size_t)(end - at);
        memmove(l->buffer, at, l->len);
        if (l->len == sizeof(l->buffer))
                return err_set(e, EBADMSG, "the log of the sandbox is damaged");
        return 0;
}

/* All that is in the file from where it stands. */
static int read_file(struct logs *l, int fd, struct err *e)
{
        for (;;) {
                ssize_t n = io_read(fd, l->buffer + l->len, sizeof(l->buffer) - l->len);

                if (n < 0)
                        return err_sys(e, "cannot read the log of the sandbox");
                if (n == 0)
                        return 0;
                l->len += (size_t)n;
                if (take_lines(l, e) < 0)
                        return -e->code;
        }
}

static int open_file(const struct logs *l, const char *name)
{
        return openat(l->dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
}

static bool is_same(int a, int b)
{
        struct stat x, y;

        return a >= 0 && b >= 0 && fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_ino == y.st_ino;
}

/*
 * Both files; should the one become the other between the two looks, once more.  For a moment there is
 * the older one alone: then it is where the supervisor has been.
 */
static int open_files(struct logs *l, const char *name, struct err *e)
{
        do {
                fd_close(&l->fd);
                fd_close(&l->older);
                l->fd = open_file(l, "log");
                if (l->fd < 0 && errno == ENOENT) {
                        l->fd = open_file(l, "log.1");
                        if (l->fd >= 0)
                                return 0;
                }
                if (l->fd < 0 && errno == ENOENT) {
                        err_set(e, ENOENT, "sandbox '%s' has no log", name);
                        return err_hint(e, "it runs in the foreground, where it was started");
                }
                if (l->fd < 0)
                        return err_sys(e, "cannot open the log of sandbox '%s'", name);
                l->older = open_file(l, "log.1");
        } while (is_same(l->fd, l->older));
        return 0;
}

static int read_both(struct logs *l, struct err *e)
{
        if (l->older >= 0 && (lseek(l->older, 0, SEEK_SET) < 0 || read_file(l, l->older, e) < 0))
                return e->code ? -e->code : err_sys(e, "cannot read the log of the sandbox");
        if (lseek(l->fd, 0, SEEK_SET) < 0)
                return err_sys(e, "cannot read the log of the sandbox");
        return read_file(l, l->fd, e);
}

/* Goes through all once to count, so that the second time the last lines alone are printed. */
static int skip_to(struct logs *l, uint64_t n_shown, struct err *e)
{
        l->is_counting = true;
        if (read_both(l, e) < 0)
                return -e->code;
        l->is_counting = false;
        for (int i = 0; i < BOX_STREAM_COUNT; i++) {
                l->n_lines += l->is_within[i];
                l->is_within[i] = false;
        }
        l->skip = l->n_lines > n_shown ? l->n_lines - n_shown : 0;
        l->n_lines = 0;
        l->len = 0;
        return 0;
}

/* The file may have been put aside since: the rest of it, and then the one in its place. */
static int read_more(struct logs *l, struct err *e)
{
        autofd now = open_file(l, "log");

        if (read_file(l, l->fd, e) < 0)
                return -e->code;
        if (now < 0 || is_same(now, l->fd))
                return flush(l, e);
        fd_close(&l->fd);
        l->fd = fd_take(&now);
        l->len = 0;
        return read_file(l, l->fd, e) < 0 ? -e->code : flush(l, e);
}

static int watch(const struct logs *l, struct err *e)
{
        autofd notify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
        char path[32];

        snprintf(path, sizeof(path), "/proc/self/fd/%d", l->dir);
        if (notify < 0 || inotify_add_watch(notify, path, IN_MODIFY | IN_CREATE) < 0)
                return err_sys(e, "cannot watch the log of the sandbox");
        return fd_take(&notify);
}

static int follow(struct logs *l, const struct state *s, const struct box_status *status,
                  struct err *e)
{
        autofd notify = watch(l, e);
        autofd sock = -1;
        bool has_ended = false;

        if (notify < 0)
                return -e->code;
        sock = box_ask(s, status, CONTROL_WAIT, 0, NULL, 0, e);
        if (e->code != 0)
                return -e->code;
        while (!has_ended) {
                struct pollfd fds[] = { { .fd = notify, .events = POLLIN },
                                        { .fd = sock, .events = POLLIN } };
                char events[4096];

                /* first what came meanwhile; without a supervisor there is nothing to wait for */
                has_ended = sock < 0;
                if (!has_ended && poll(fds, 2, -1) < 0 && errno != EINTR)
                        return err_sys(e, "cannot poll");
                if (!has_ended && fds[1].revents)
                        has_ended = true;
                if (io_read(notify, events, sizeof(events)) < 0 && errno != EAGAIN)
                        return err_sys(e, "cannot watch the log of the sandbox");
                if (read_more(l, e) < 0)
                        return -e->code;
        }
        return 0;
}

/*
 * All that these two call may be called here: nothing locks or allocates, and nobody changes the
 * environment that getenv(3) reads.
 */
static void on_end_signal(int number)
{
        tty_reset(STDOUT_FILENO); /* NOLINT(bugprone-signal-handler,cert-sig30-c): see above */
        proc_die_by(number);      /* NOLINT(bugprone-signal-handler,cert-sig30-c): see above */
}

/* `kelp logs -f` is ended at the terminal, which is not to be left as the payload has it. */
static void end_readable(void)
{
        static const int ends[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM };

        for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
                /* nohup and the like */
                if (signal(ends[i], on_end_signal) == SIG_IGN)
                        signal(ends[i], SIG_IGN);
        }
}

static int print_logs(struct logs *l, const struct box_words *w, struct err *e)
{
        const char *tail = box_words_find(w, "tail");
        autostate s = STATE_NONE;
        struct box_status status;
        uint64_t n_shown = 0;

        if (tail && !str_eq(tail, "all") && parse_number(tail, 0, UINT32_MAX, &n_shown, e) < 0)
                return err_hint(e, "kelp logs -n 20 %s", w->given[0]);
        if (state_open(&s, e) < 0 || box_find(&s, w->given[0], &status, e) < 0)
                return -e->code;
        l->dir = state_open_box(&s, status.id, e);
        if (l->dir < 0 || open_files(l, w->given[0], e) < 0)
                return -e->code;
        if (isatty(STDOUT_FILENO))
                end_readable();
        if (tail && !str_eq(tail, "all") && skip_to(l, n_shown, e) < 0)
                return -e->code;
        if (read_both(l, e) < 0 || flush(l, e) < 0)
                return -e->code;
        return box_words_find(w, "follow") ? follow(l, &s, &status, e) : 0;
}

static int logs(const struct box_words *w, void *arg, struct err *e)
{
        autofree struct logs *l = mem_alloc(sizeof(*l), e);

        (void)arg;
        if (!l || box_words_need(w, "logs", 1, e) < 0)
                return -e->code;
        l->dir = l->fd = l->older = -1;
        l->has_times = box_words_find(w, "timestamps");
        /* `kelp logs | head` ends as others do */
        signal(SIGPIPE, SIG_DFL);
        int r = print_logs(l, w, e);
        if (l->fd >= 0)
                tty_reset(STDOUT_FILENO);
        fd_close(&l->dir);
        fd_close(&l->fd);
        fd_close(&l->older);
        return r;
}

int cmd_logs(int argc, char **argv)
{
        struct box_option options[] = {
                { .name = "follow", .letter = 'f' },
                { .name = "tail", .letter = 'n', .has_value = true },
                { .name = "timestamps", .letter = 't' },
                { .name = "since", .hint = "kelp logs -t NAME prints the times" },
                { .name = "until", .hint = "kelp logs -t NAME prints the times" },
                { .name = NULL },
        };

        return box_words_run(logs, NULL, options, usage, argc, argv);
}
