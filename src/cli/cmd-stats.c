#include "box-find.h"
#include "commands.h"

#include "box-print.h"
#include "box-words.h"
#include "io.h"
#include "mem.h"
#include "state.h"
#include "usage.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * kelp stats: what sandboxes use of what they may use.  A share of the processors is that of the time
 * between two looks.
 */

static const char usage[] =
        "Usage:  kelp stats [--no-stream] [--format table|json] [SANDBOX...]\n\n"
        "Shows what the sandboxes that run use of what they may use, anew each second where the\n"
        "output is a terminal; else once.\n\n"
        "      --no-stream   once\n"
        "      --format F    table, or json: once, as an array of objects\n"
        "      --json        the same as --format json\n";

#define FIRST_MS  500
#define PERIOD_MS 1000

enum column {
        COLUMN_ID,
        COLUMN_NAME,
        COLUMN_CPU,
        COLUMN_MEMORY,
        COLUMN_PROCESSES,
        COLUMN_COUNT,
};

static const char *const headings[] = {
        [COLUMN_ID] = "ID",
        [COLUMN_NAME] = "NAME",
        [COLUMN_CPU] = "CPU",
        [COLUMN_MEMORY] = "MEMORY / LIMIT",
        [COLUMN_PROCESSES] = "PROCESSES / LIMIT",
};
static_assert(sizeof(headings) / sizeof(headings[0]) == COLUMN_COUNT, "a heading for every column");

#define CELL_SIZE 80

struct row {
        struct box_status box;
        struct usage used;
        uint64_t at;  /* when it was looked at, as of io_now() */
        double cpu;   /* percent of a processor */
        bool has_cpu; /* it was looked at before, too */
};

struct rows {
        struct row *items;
        size_t n;
        size_t room;
};

static void rows_done(struct rows *rows)
{
        mem_free_at(&rows->items);
        *rows = (struct rows){ .n = 0 };
}

static int add_row(void *arg, const struct box_status *box, struct err *e)
{
        struct rows *rows = arg;

        if (box->phase == BOX_EXITED)
                return 0;
        if (mem_grow(&rows->items, rows->n, &rows->room, sizeof(*rows->items), e) < 0)
                return -e->code;
        rows->items[rows->n++] = (struct row){ .box = *box };
        return 0;
}

/* Those that were named; `must_run`: one that has ended is an error. */
static int find_named(const struct state *s, const struct box_words *w, bool must_run,
                      struct rows *ret, struct err *e)
{
        for (int i = 0; i < w->n_given; i++) {
                struct box_status box;
                const char *word = w->given[i];

                if ((must_run ? box_find(s, word, &box, e) : state_find(s, word, &box, e)) < 0) {
                        if (must_run || e->code != ENOENT)
                                return -e->code;
                        *e = (struct err){ 0 };
                        continue;
                }
                if (must_run && box.phase == BOX_EXITED) {
                        err_set(e, ESRCH, "sandbox '%s' has ended", w->given[i]);
                        return err_hint(e, "kelp ps lists those that run");
                }
                if (add_row(ret, &box, e) < 0)
                        return -e->code;
        }
        return 0;
}

static const struct row *find_before(const struct rows *before, const char *id)
{
        for (size_t i = 0; i < before->n; i++) {
                if (strcmp(before->items[i].box.id, id) == 0)
                        return &before->items[i];
        }
        return NULL;
}

static void compare(struct row *row, const struct row *before)
{
        if (!before || row->at <= before->at)
                return;
        /* a process that nobody waits for takes what it has used with it */
        uint64_t used =
                row->used.cpu_us > before->used.cpu_us ? row->used.cpu_us - before->used.cpu_us : 0;

        row->cpu = 100.0 * 1000.0 * (double)used / (double)(row->at - before->at);
        row->has_cpu = true;
}

static int look(const struct state *s, const struct box_words *w, bool is_first,
                const struct rows *before, struct rows *ret, struct err *e)
{
        struct usage_look seen;
        size_t n = 0;

        if ((w->n_given ? find_named(s, w, is_first, ret, e) : state_list(s, add_row, ret, e)) <
                    0 ||
            usage_look(&seen, e) < 0)
                return -e->code;
        for (size_t i = 0; i < ret->n; i++) {
                struct row row = ret->items[i];

                row.at = io_now();
                /* it has ended since */
                if (!usage_get(&seen, &row.box, &row.used))
                        continue;
                compare(&row, find_before(before, row.box.id));
                ret->items[n++] = row;
        }
        ret->n = n;
        usage_look_done(&seen);
        return 0;
}

static void print_size(char *text, size_t size, uint64_t bytes)
{
        static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
        double value = (double)bytes;
        size_t i = 0;

        while (i + 1 < sizeof(units) / sizeof(units[0]) && value >= 1024) {
                value /= 1024;
                i++;
        }
        snprintf(text, size, "%.*f %s", i > 0 && value < 100 ? 1 : 0, value, units[i]);
}

static void fill_cell(const struct row *row, enum column column, char cell[CELL_SIZE])
{
        char used[24];
        char limit[24] = "-";

        switch (column) {
        case COLUMN_ID:
                snprintf(cell, CELL_SIZE, "%s", row->box.id);
                return;
        case COLUMN_NAME:
                snprintf(cell, CELL_SIZE, "%s", row->box.name);
                return;
        case COLUMN_CPU:
                snprintf(cell, CELL_SIZE, row->has_cpu ? "%.1f%%" : "-", row->cpu);
                return;
        case COLUMN_MEMORY:
                print_size(used, sizeof(used), row->used.memory);
                if (row->box.memory.amount)
                        print_size(limit, sizeof(limit), row->box.memory.amount);
                break;
        case COLUMN_PROCESSES:
        case COLUMN_COUNT:
                snprintf(used, sizeof(used), "%" PRIu64, row->used.processes);
                if (row->box.processes.amount)
                        snprintf(limit, sizeof(limit), "%" PRIu64, row->box.processes.amount);
                break;
        }
        snprintf(cell, CELL_SIZE, "%s / %s", used, limit);
}

static void measure(const struct rows *rows, int widths[COLUMN_COUNT])
{
        for (int column = 0; column < COLUMN_COUNT; column++) {
                widths[column] = (int)strlen(headings[column]);
                for (size_t i = 0; i < rows->n; i++) {
                        char cell[CELL_SIZE];

                        fill_cell(&rows->items[i], (enum column)column, cell);
                        if ((int)strlen(cell) > widths[column])
                                widths[column] = (int)strlen(cell);
                }
        }
}

/* `end`: of each line. */
static void print_table(const struct rows *rows, const char *end)
{
        int widths[COLUMN_COUNT];

        measure(rows, widths);
        for (size_t i = 0; i <= rows->n; i++) {
                for (int column = 0; column < COLUMN_COUNT; column++) {
                        char cell[CELL_SIZE];
                        bool is_last = column + 1 == COLUMN_COUNT;

                        if (i == 0)
                                snprintf(cell, sizeof(cell), "%s", headings[column]);
                        else
                                fill_cell(&rows->items[i - 1], (enum column)column, cell);
                        printf("%-*s%s", is_last ? 0 : widths[column], cell, is_last ? end : "   ");
                }
        }
}

static void print_limit(const char *name, const struct box_limit *limit)
{
        if (limit->amount)
                printf(", \"%s\": %" PRIu64, name, limit->amount);
        else
                printf(", \"%s\": null", name);
}

static void print_json(const struct rows *rows)
{
        fputs("[", stdout);
        for (size_t i = 0; i < rows->n; i++) {
                const struct row *row = &rows->items[i];

                printf("%s\n  { \"id\": \"%s\", \"name\": ", i ? "," : "", row->box.id);
                if (row->box.name[0])
                        box_print_string(stdout, row->box.name);
                else
                        fputs("null", stdout);
                if (row->has_cpu)
                        printf(", \"cpu_percent\": %.1f", row->cpu);
                else
                        fputs(", \"cpu_percent\": null", stdout);
                print_limit("milli_cpus_limit", &row->box.cpus);
                printf(", \"cpu_microseconds\": %" PRIu64 ", \"memory\": %" PRIu64,
                       row->used.cpu_us, row->used.memory);
                print_limit("memory_limit", &row->box.memory);
                printf(", \"processes\": %" PRIu64, row->used.processes);
                print_limit("processes_limit", &row->box.processes);
                fputs(" }", stdout);
        }
        fputs(rows->n ? "\n]\n" : "]\n", stdout);
}

/* From the top of the screen, each line to its end, and nothing left below. */
static int redraw(const struct rows *rows, struct err *e)
{
        fputs("\033[H", stdout);
        print_table(rows, "\033[K\n");
        fputs("\033[J", stdout);
        return fflush(stdout) == 0 ? 0 : err_sys(e, "cannot write to the terminal");
}

/* Until it is interrupted, or none is left of those that were named. */
static int stream(const struct state *s, const struct box_words *w, struct rows *before,
                  struct err *e)
{
        bool is_over = false;

        fputs("\033[2J", stdout);
        for (int wait = FIRST_MS; !is_over; wait = PERIOD_MS) {
                struct rows now = { .n = 0 };

                poll(NULL, 0, wait);
                if (look(s, w, false, before, &now, e) == 0)
                        redraw(&now, e);
                rows_done(before);
                *before = now;
                if (e->code != 0)
                        return -e->code;
                is_over = w->n_given > 0 && now.n == 0;
        }
        return 0;
}

static int once(const struct state *s, const struct box_words *w, bool is_json,
                const struct rows *before, struct err *e)
{
        struct rows now = { .n = 0 };

        if (before->n > 0)
                poll(NULL, 0, FIRST_MS);
        if (look(s, w, false, before, &now, e) == 0) {
                if (is_json)
                        print_json(&now);
                else
                        print_table(&now, "\n");
        }
        rows_done(&now);
        return -e->code;
}

static int stats(const struct box_words *w, void *arg, struct err *e)
{
        bool is_json;
        autostate s = STATE_NONE;
        struct rows none = { .n = 0 };
        struct rows first = { .n = 0 };

        (void)arg;
        if (box_words_read_format(w, &is_json, e) < 0)
                return -e->code;
        if (state_open(&s, e) == 0 && look(&s, w, true, &none, &first, e) == 0) {
                if (is_json || box_words_find(w, "no-stream") || !isatty(STDOUT_FILENO))
                        once(&s, w, is_json, &first, e);
                else
                        stream(&s, w, &first, e);
        }
        rows_done(&first);
        return -e->code;
}

int cmd_stats(int argc, char **argv)
{
        struct box_option options[] = {
                { .name = "no-stream" },
                { .name = "format", .has_value = true },
                { .name = "json" },
                { .name = NULL },
        };

        return box_words_run(stats, NULL, options, usage, argc, argv);
}
