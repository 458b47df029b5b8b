#include "progress.h"

#include "io.h"
#include "str.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define EVERY     100000000u /* ns */
#define SHORT_ID  12
#define MAX_WIDTH 120
#define MAX_BAR   50

static void print_size(char *ret, size_t size, uint64_t bytes)
{
        static const char *const units[] = { "B", "kB", "MB", "GB", "TB" };
        double value = (double)bytes;
        size_t unit = 0;

        while (value >= 999.95 && unit + 1 < sizeof(units) / sizeof(units[0])) {
                value /= 1000;
                unit++;
        }
        snprintf(ret, size, unit ? "%.1f%s" : "%.0f%s", value, units[unit]);
}

void progress_bar(char *ret, size_t size, const struct progress_row *row, int width)
{
        char got[32];
        char all[32];
        char numbers[120];
        char bar[MAX_BAR + 3] = "";

        print_size(got, sizeof(got), row->got);
        print_size(all, sizeof(all), row->size);
        if (row->is_waiting)
                snprintf(numbers, sizeof(numbers), "%7s of %s, waiting to try again", got, all);
        else
                snprintf(numbers, sizeof(numbers), "%7s of %s", got, all);
        /* the digest, two blanks, brackets, two blanks, numbers as wide as they can get */
        int room = width - SHORT_ID - 2 - 2 - 2 - 20;
        if (room > MAX_BAR)
                room = MAX_BAR;
        if (room >= 8 && !row->is_waiting) {
                uint64_t per_mark = row->size / (uint64_t)room + 1;
                int marks = (int)(row->got / per_mark);

                bar[0] = '[';
                for (int i = 0; i < room; i++)
                        bar[1 + i] = i < marks ? '=' : i == marks ? '>' : ' ';
                snprintf(bar + 1 + room, sizeof(bar) - 1 - (size_t)room, "]");
        }
        snprintf(ret, size, "%.*s  %s%s%s", SHORT_ID, row->digest->hex, bar, bar[0] ? "  " : "",
                 numbers);
        if (width >= 0 && strlen(ret) > (size_t)width)
                ret[width] = '\0';
}

void progress_open(struct progress *p, bool is_quiet)
{
        const char *term = getenv("TERM");

        *p = (struct progress){
                .is_quiet = is_quiet,
                .is_terminal = isatty(STDERR_FILENO) && term && *term && !str_eq(term, "dumb"),
        };
}

static int screen_width(void)
{
        struct winsize w = { 0 };

        if (ioctl(STDERR_FILENO, TIOCGWINSZ, &w) < 0 || w.ws_col == 0)
                return 79;
        /* the last column is left free: some terminals go to the next line with it */
        return w.ws_col > MAX_WIDTH ? MAX_WIDTH : w.ws_col - 1;
}

/* A terminal that does not take it any more is no reason to give up the pull. */
static void put(const char *text)
{
        size_t len = strlen(text);

        if (write(STDERR_FILENO, text, len) < 0)
                return;
}

/* To the first of the lines that were drawn, and everything below away. */
static void go_back(struct progress *p, char *ret, size_t size)
{
        ret[0] = '\0';
        if (p->n_drawn > 0)
                snprintf(ret, size, "\033[%dA\r\033[J", p->n_drawn);
        p->n_drawn = 0;
}

void progress_draw(struct progress *p, const struct progress_row *rows, size_t n)
{
        char text[PROGRESS_ROWS * (MAX_WIDTH + 16) + 32];
        uint64_t now = io_now();
        int width = screen_width();

        if (p->is_quiet || !p->is_terminal || now < p->next)
                return;
        p->next = now + EVERY;
        go_back(p, text, sizeof(text));
        for (size_t i = 0; i < n && i < PROGRESS_ROWS; i++) {
                char line[MAX_WIDTH + 8];
                size_t used = strlen(text);

                progress_bar(line, sizeof(line), &rows[i], width);
                snprintf(text + used, sizeof(text) - used, "%s\r\n", line);
                p->n_drawn++;
        }
        put(text);
}

void progress_tell(struct progress *p, const struct digest *digest, uint64_t size, const char *what)
{
        char back[32];
        char bytes[32];
        char text[160];

        if (p->is_quiet)
                return;
        go_back(p, back, sizeof(back));
        print_size(bytes, sizeof(bytes), size);
        snprintf(text, sizeof(text), "%s%.*s  %7s  %.40s%s", back, SHORT_ID, digest->hex, bytes,
                 what, p->is_terminal ? "\r\n" : "\n");
        put(text);
        p->next = 0;
}

void progress_clear(struct progress *p)
{
        char back[32];

        go_back(p, back, sizeof(back));
        put(back);
}

int progress_timeout(const struct progress *p)
{
        return p->is_quiet || !p->is_terminal ? 1000 : (int)(EVERY / 1000000u);
}
