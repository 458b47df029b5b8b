/*
 * Any bytes as lines of a log, which are taken apart within their bounds; and as what two streams have
 * written, by turns: it comes back as it was, each to its own.
 */

#include "box-log.h"
#include "fuzz.h"
#include "io.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MOST_WRITTEN (BOX_LOG_MAX / 80)

struct text {
        char *data;
        size_t len;
};

static void append(struct text *t, const char *data, size_t len)
{
        t->data = realloc(t->data, t->len + len + 1);
        if (!t->data)
                abort();
        if (len > 0)
                memcpy(t->data + t->len, data, len);
        t->len += len;
}

/* Calls take() for every line of the text, which loses it. */
static void each_line(char *data, size_t size, void (*take)(void *arg, char *line, size_t len),
                      void *arg)
{
        while (size > 0) {
                char *end = memchr(data, '\n', size);
                size_t len = end ? (size_t)(end - data) : size;

                take(arg, data, len);
                data += len + (end != NULL);
                size -= len + (end != NULL);
        }
}

static void check_line(void *arg, char *line, size_t len)
{
        struct box_record r;

        (void)arg;
        if (!box_log_parse(line, len, &r))
                return;
        if ((unsigned)r.stream >= BOX_STREAM_COUNT || r.time != line || r.text < line ||
            r.text + r.len != line + len || strlen(r.time) >= len)
                abort();
}

static void collect_line(void *arg, char *line, size_t len)
{
        struct text *streams = arg;
        struct box_record r;

        /* what was written is all of it records */
        if (!box_log_parse(line, len, &r))
                abort();
        append(&streams[r.stream], r.text, r.len);
        if (r.is_whole)
                append(&streams[r.stream], "\n", 1);
}

/* The first byte of each piece says how long it is, and whose. */
static void write_pieces(struct box_log *log, const char *data, size_t size, struct text *wanted)
{
        while (size > 0) {
                size_t len = (unsigned char)data[0] / 2 * 100u;
                enum box_stream stream = data[0] & 1 ? BOX_STDERR : BOX_STDOUT;

                data++;
                size--;
                len = len < size ? len : size;
                box_log_write(log, stream, data, len);
                append(&wanted[stream], data, len);
                data += len;
                size -= len;
        }
}

static void check_written(const char *data, size_t size)
{
        struct box_log log = { .dir = -1, .fd = memfd_create("log", MFD_CLOEXEC) };
        struct text wanted[BOX_STREAM_COUNT] = { 0 };
        struct text found[BOX_STREAM_COUNT] = { 0 };

        if (log.fd < 0)
                abort();
        write_pieces(&log, data, size, wanted);
        char *all = malloc(log.size + 1);
        if (!all || io_read_at(log.fd, all, log.size + 1, 0) != (ssize_t)log.size || log.is_lossy)
                abort();
        each_line(all, log.size, collect_line, found);
        for (size_t i = 0; i < BOX_STREAM_COUNT; i++) {
                if (wanted[i].len != found[i].len ||
                    (wanted[i].len > 0 &&
                     memcmp(wanted[i].data, found[i].data, wanted[i].len) != 0))
                        abort();
                free(wanted[i].data);
                free(found[i].data);
        }
        free(all);
        box_log_done(&log);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        char *text = fuzz_text(data, size);

        /* more would begin another file */
        if (size < MOST_WRITTEN)
                check_written(text, size);
        each_line(text, size, check_line, NULL);
        free(text);
        return 0;
}
