#include "box-log.h"

#include "fd.h"
#include "io.h"
#include "str.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* What is written in front of a text: time, stream and F or P. */
#define HEAD_MAX 64

#define RECORD_MAX 8000
#define BATCH_SIZE 32768

static const char *const stream_names[] = {
        [BOX_STDOUT] = "stdout",
        [BOX_STDERR] = "stderr",
        [BOX_KELP] = "kelp",
};
static_assert(sizeof(stream_names) / sizeof(stream_names[0]) == BOX_STREAM_COUNT,
              "a name for every stream");

const char *box_stream_name(enum box_stream stream)
{
        return (unsigned)stream < BOX_STREAM_COUNT ? stream_names[stream] : "unknown";
}

int box_log_open(struct box_log *log, int dir, struct err *e)
{
        /* a launch that is tried again, another way */
        fd_close(&log->fd);
        log->fd = openat(dir, "log",
                         O_WRONLY | O_APPEND | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (log->fd < 0)
                return err_sys(e, "cannot make the log of the sandbox");
        log->dir = dir;
        log->size = 0;
        return 0;
}

void box_log_done(struct box_log *log)
{
        fd_close(&log->fd);
}

/* Starts a file anew; the full one replaces the one before.  Where that fails the full one goes. */
static void rotate(struct box_log *log)
{
        struct err unused = { 0 };

        if (renameat(log->dir, "log", log->dir, "log.1") < 0)
                unlinkat(log->dir, "log", 0);
        fd_close(&log->fd);
        if (box_log_open(log, log->dir, &unused) < 0)
                log->is_lossy = true;
}

static bool put(struct box_log *log, const char *data, size_t len)
{
        struct err unused = { 0 };

        if (log->size + len > BOX_LOG_MAX)
                rotate(log);
        if (log->fd < 0)
                return false;
        if (io_write_all(log->fd, data, len, "log", &unused) < 0) {
                /* half a record is none, and its reader would not know */
                if (ftruncate(log->fd, (off_t)log->size) < 0)
                        rotate(log);
                return false;
        }
        log->size += len;
        return true;
}

/* What stands in front of every record of one chunk, but for F or P. */
struct head {
        char text[HEAD_MAX];
        size_t len;
};

static void make_head(struct head *head, enum box_stream stream)
{
        struct timespec now;
        struct tm tm;
        char date[32];

        clock_gettime(CLOCK_REALTIME, &now);
        gmtime_r(&now.tv_sec, &tm);
        strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm);
        int n = snprintf(head->text, sizeof(head->text), "%s.%09ldZ %s ", date, now.tv_nsec,
                         box_stream_name(stream));
        head->len = n > 0 ? (size_t)n : 0;
}

/* Many lines are one write: a payload that writes nothing but newlines is not to be slow by it. */
struct batch {
        struct box_log *log;
        size_t len;
        char data[BATCH_SIZE];
};

static void flush(struct batch *b)
{
        if (b->len > 0 && !put(b->log, b->data, b->len))
                b->log->is_lossy = true;
        b->len = 0;
}

static void add_record(struct batch *b, const struct head *head, bool is_whole, const char *text,
                       size_t len)
{
        if (b->len + head->len + len + 3 > sizeof(b->data))
                flush(b);
        char *at = b->data + b->len;
        memcpy(at, head->text, head->len);
        at += head->len;
        *at++ = is_whole ? 'F' : 'P';
        *at++ = ' ';
        memcpy(at, text, len);
        at += len;
        *at++ = '\n';
        b->len = (size_t)(at - b->data);
}

static void tell_loss(struct batch *b)
{
        static const char text[] = "some output is missing here: the log could not be written";
        struct head head = { .len = 0 };

        b->log->is_lossy = false;
        make_head(&head, BOX_KELP);
        add_record(b, &head, true, text, sizeof(text) - 1);
        flush(b);
}

void box_log_write(struct box_log *log, enum box_stream stream, const char *data, size_t len)
{
        struct batch b;
        struct head head = { .len = 0 };

        b.log = log;
        b.len = 0;
        if (len > 0 && log->is_lossy)
                tell_loss(&b);
        make_head(&head, stream);
        while (len > 0) {
                const char *end = memchr(data, '\n', len);
                size_t n = end ? (size_t)(end - data) : len;
                size_t cut = n < RECORD_MAX ? n : RECORD_MAX;
                bool is_whole = end && cut == n;

                add_record(&b, &head, is_whole, data, cut);
                data += cut + is_whole;
                len -= cut + is_whole;
        }
        flush(&b);
}

bool box_log_parse(char *line, size_t len, struct box_record *ret)
{
        char *end = line + len;
        char *stream = memchr(line, ' ', len);
        char *mark = stream ? memchr(stream + 1, ' ', (size_t)(end - stream - 1)) : NULL;

        if (!mark || end - mark < 3 || (mark[1] != 'F' && mark[1] != 'P') || mark[2] != ' ')
                return false;
        *stream++ = '\0';
        *mark = '\0';
        for (unsigned i = 0; i < BOX_STREAM_COUNT; i++) {
                if (!str_eq(stream, stream_names[i]))
                        continue;
                *ret = (struct box_record){ .time = line,
                                            .stream = (enum box_stream)i,
                                            .is_whole = mark[1] == 'F',
                                            .text = mark + 3,
                                            .len = (size_t)(end - mark - 3) };
                return true;
        }
        return false;
}
