#include "review-table.h"

#include "box-print.h"
#include "review.h"
#include "str.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

struct table {
        const char *before;
        int name_width;
        size_t n;
};

static int measure(const struct review *r, void *arg, struct err *e)
{
        struct table *t = arg;
        int len = (int)strlen(r->name);

        (void)e;
        if (len > t->name_width)
                t->name_width = len;
        return 0;
}

static int put_review(const struct review *r, void *arg, struct err *e)
{
        struct table *t = arg;
        time_t start = (time_t)(r->start_ns / 1000000000);
        struct tm tm = { 0 };
        char when[32] = "";
        char name[64];
        char safe[400];

        (void)e;
        if (start > 0 && localtime_r(&start, &tm))
                strftime(when, sizeof(when), "%Y-%m-%d %H:%M", &tm);
        if (t->n++ == 0)
                printf("%s%-12s  %-*s  %-16s  %-7s  %s\n", t->before, "REVIEW", t->name_width,
                       "NAME", "STARTED", "STATE", "DIRECTORY: COMMAND");
        const char *path = r->n_places > 0 ? r->places[0].path : "-";
        str_escape(name, sizeof(name), r->name, strlen(r->name));
        printf("%-12s  %-*s  %-16s  %-7s  %s: ", r->id, t->name_width, name, when,
               box_print_review_state(r), str_escape(safe, sizeof(safe), path, strlen(path)));
        puts(str_escape(safe, 200, r->command, strlen(r->command)));
        return 0;
}

int review_table_print(const char *root, const char *before, size_t *ret_n, struct err *e)
{
        struct table t = { .before = before, .name_width = 4 };

        if (review_list(root, measure, &t, e) < 0 || review_list(root, put_review, &t, e) < 0)
                return -e->code;
        *ret_n = t.n;
        return 0;
}
