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

static size_t print_head(char head[HEAD_MAX], enum box_stream stream, bool is_whole)
{
        struct timespec now;
        struct tm tm;
        char date[32];

        clock_gettime(CLOCK_REALTIME, &now);
        gmtime_r(&now.tv_sec, &tm);
        strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm);
        int n = snprintf(head, HEAD_MAX, "%s.%09ldZ %s %c ", date, now.tv_nsec,
                         box_stream_name(stream), is_whole ? 'F' : 'P');
        return n > 0 ? (size_t)n : 0;
}

static void tell_loss(struct box_log *log)
{
        static const char text[] = "some output is missing here: the log could not be written\n";
        char line[HEAD_MAX + sizeof(text)];
        size_t n = print_head(line, BOX_KELP, true);

        memcpy(line + n, text, sizeof(text) - 1);
        if (put(log, line, n + sizeof(text) - 1))
                log->is_lossy = false;
}

void box_log_write(struct box_log *log, enum box_stream stream, const char *data, size_t len)
{
        char record[8192];
        size_t room = sizeof(record) - HEAD_MAX - 1;

        if (log->is_lossy && len > 0)
                tell_loss(log);
        while (len > 0) {
                const char *end = memchr(data, '\n', len);
                size_t n = end ? (size_t)(end - data) : len;
                size_t cut = n < room ? n : room;
                bool is_whole = end && cut == n;
                size_t used = print_head(record, stream, is_whole);

                memcpy(record + used, data, cut);
                used += cut;
                record[used++] = '\n';
                if (!put(log, record, used))
                        log->is_lossy = true;
                data += cut + is_whole;
                len -= cut + is_whole;
        }
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
