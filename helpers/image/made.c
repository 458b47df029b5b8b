#include "made.h"

#include "io.h"
#include "mem.h"
#include "parse.h"
#include "str.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAX_TEXT (16u << 20)

/* As src/sandbox makes directories to mount on. */
#define DIRECTORY_MODE 0755

static int damaged(struct err *e)
{
        return err_set(e, EINVAL, "the list of what kelp made in the sandbox is damaged");
}

static int compare(const void *a, const void *b)
{
        const struct made *x = a;
        const struct made *y = b;

        if (x->ino != y->ino)
                return x->ino < y->ino ? -1 : 1;
        return strcmp(x->path, y->path);
}

/* "f INODE SECONDS.NANOSECONDS /PATH" or "d INODE /PATH" */
static int parse_entry(char *text, struct made *ret, struct err *e)
{
        char *kind = str_next_field(&text, ' ');
        char *ino = str_next_field(&text, ' ');
        uint64_t seconds = 0;
        uint64_t rest = 0;

        if (!ino || parse_number(ino, 1, UINT64_MAX, &ret->ino, e) < 0)
                return damaged(e);
        ret->is_directory = str_eq(kind, "d");
        if (!ret->is_directory) {
                char *time = str_next_field(&text, ' ');
                char *whole = str_next_field(&time, '.');

                if (!str_eq(kind, "f") || !time ||
                    parse_number(whole, 0, INT64_MAX, &seconds, e) < 0 ||
                    parse_number(time, 0, 999999999, &rest, e) < 0)
                        return damaged(e);
        }
        if (!text || text[0] != '/')
                return damaged(e);
        ret->path = text + 1;
        ret->changed = (struct timespec){ (time_t)seconds, (long)rest };
        return 0;
}

int made_parse(char *text, size_t len, struct made_list *ret, struct err *e)
{
        size_t n = 0;

        *ret = (struct made_list){ .text = text };
        /* a crash may have cut the last one off: what it stands for was not used by anybody */
        while (len > 0 && text[len - 1] != '\0')
                len--;
        for (size_t i = 0; i < len; i++)
                n += text[i] == '\0';
        ret->items = mem_alloc(n * sizeof(*ret->items), e);
        if (!ret->items)
                return -e->code;
        for (size_t at = 0; at < len;) {
                size_t next = at + strlen(text + at) + 1;

                if (parse_entry(text + at, &ret->items[ret->n], e) < 0)
                        return -e->code;
                ret->n++;
                at = next;
        }
        if (ret->n > 1)
                qsort(ret->items, ret->n, sizeof(*ret->items), compare);
        return 0;
}

int made_read(int dir, struct made_list *ret, struct err *e)
{
        char *text = NULL;
        size_t len = 0;

        *ret = (struct made_list){ 0 };
        if (io_read_file(dir, "made", MAX_TEXT, &text, &len, e) < 0) {
                if (e->code != ENOENT)
                        return -e->code;
                *e = (struct err){ 0 };
                return 0;
        }
        return made_parse(text, len, ret, e);
}

void made_done(struct made_list *list)
{
        free(list->items);
        free(list->text);
        *list = (struct made_list){ 0 };
}

static bool is_unchanged(const struct made *made, const struct stat *st)
{
        if (made->is_directory)
                return S_ISDIR(st->st_mode) && (st->st_mode & 07777) == DIRECTORY_MODE &&
                       st->st_uid == 0 && st->st_gid == 0;
        return S_ISREG(st->st_mode) && st->st_ctim.tv_sec == made->changed.tv_sec &&
               st->st_ctim.tv_nsec == made->changed.tv_nsec;
}

bool made_has(const struct made_list *list, const char *path, const struct stat *st)
{
        size_t low = 0;

        for (size_t high = list->n; low < high;) {
                size_t middle = low + (high - low) / 2;

                if (list->items[middle].ino < st->st_ino)
                        low = middle + 1;
                else
                        high = middle;
        }
        for (; low < list->n && list->items[low].ino == st->st_ino; low++) {
                if (str_eq(list->items[low].path, path) && is_unchanged(&list->items[low], st))
                        return true;
        }
        return false;
}
