/* The record of a layer that was just unpacked. */

#include "record.h"

#include "io.h"
#include "mem.h"
#include "record-walk.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ------ notes ------ */

static int hex_digit(char c)
{
        return c <= '9' ? c - '0' : c - 'a' + 10;
}

static int note_xattrs(struct record_notes *notes, int fd, uint32_t *ret, struct err *e)
{
        struct digest d;

        if (record_digest_xattrs(fd, &d, e) < 0)
                return -e->code;
        if (!d.hex[0])
                return 0;
        struct digest *list = realloc(notes->xattrs, (notes->n_xattrs + 1) * sizeof(*list));
        if (!list)
                return err_set(e, ENOMEM, "out of memory");
        notes->xattrs = list;
        notes->xattrs[notes->n_xattrs++] = d;
        *ret = (uint32_t)notes->n_xattrs;
        return 0;
}

static int make_room(struct record_notes *notes, struct err *e)
{
        size_t room = notes->room ? 2 * notes->room : 256;

        if (notes->n < notes->room)
                return 0;
        struct record_note *list = realloc(notes->list, room * sizeof(*list));
        if (!list)
                return err_set(e, ENOMEM, "out of memory");
        notes->list = list;
        notes->room = room;
        return 0;
}

int record_note_file(struct record_notes *notes, int fd, const struct digest *content,
                     bool has_xattrs, struct err *e)
{
        struct record_note note = { .order = (uint32_t)notes->n };
        struct stat st;

        if (fstat(fd, &st) < 0)
                return err_sys(e, "cannot stat a file of the layer");
        note.inode = st.st_ino;
        for (size_t i = 0; i < sizeof(note.content); i++)
                note.content[i] = (unsigned char)(hex_digit(content->hex[2 * i]) << 4 |
                                                  hex_digit(content->hex[2 * i + 1]));
        if ((has_xattrs && note_xattrs(notes, fd, &note.xattrs, e) < 0) || make_room(notes, e) < 0)
                return -e->code;
        notes->list[notes->n++] = note;
        return 0;
}

void record_notes_done(struct record_notes *notes)
{
        free(notes->list);
        free(notes->xattrs);
        *notes = (struct record_notes){ 0 };
}

static int compare(const void *a, const void *b)
{
        const struct record_note *x = a;
        const struct record_note *y = b;

        if (x->inode != y->inode)
                return (x->inode > y->inode) - (x->inode < y->inode);
        return (x->order > y->order) - (x->order < y->order);
}

/* The last note of an inode in the sorted list, or NULL. */
static const struct record_note *find_note(const struct record_notes *notes, uint64_t inode)
{
        size_t low = 0;
        size_t high = notes->n;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (notes->list[middle].inode <= inode)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low > 0 && notes->list[low - 1].inode == inode ? &notes->list[low - 1] : NULL;
}

/* ------ output ------ */

#define BUFFER (64u << 10)

struct writing {
        int out;
        bool has_owners;
        const struct record_notes *notes;
        struct hasher hasher;
        uint64_t lines;
        size_t used;
        char buffer[BUFFER + RECORD_LINE_MAX];
};

static int flush(struct writing *w, struct err *e)
{
        int r = io_write_all(w->out, w->buffer, w->used, "the record of a layer", e);

        w->used = 0;
        return r;
}

static int put_line(struct writing *w, const struct record_entry *entry, const char *content,
                    const char *xattrs, struct err *e)
{
        char *line = w->buffer + w->used;

        if (record_print(entry, w->has_owners, content, xattrs, line, e) < 0)
                return -e->code;
        size_t len = strlen(line);
        line[len++] = '\n';
        hasher_add(&w->hasher, line, len);
        w->used += len;
        w->lines++;
        return w->used >= BUFFER ? flush(w, e) : 0;
}

static void print_hex(const unsigned char *bytes, struct digest *ret)
{
        for (size_t i = 0; i < DIGEST_HEX / 2; i++)
                snprintf(ret->hex + 2 * i, 3, "%02x", bytes[i]);
}

static int write_entry(void *context, const struct record_entry *entry, bool *ret_skip,
                       struct err *e)
{
        struct writing *w = context;
        struct digest content = { "-" };
        struct digest xattrs = { "" };

        (void)ret_skip;
        if (entry->fd >= 0 && record_digest_xattrs(entry->fd, &xattrs, e) < 0)
                return -e->code;
        if (S_ISREG(entry->st.st_mode)) {
                const struct record_note *note = find_note(w->notes, entry->st.st_ino);

                if (!note)
                        return err_set(e, EIO, "the file '%.200s' was not unpacked", entry->path);
                print_hex(note->content, &content);
                if (note->xattrs)
                        xattrs = w->notes->xattrs[note->xattrs - 1];
        }
        return put_line(w, entry, content.hex, xattrs.hex[0] ? xattrs.hex : "-", e);
}

static int put_end(struct writing *w, struct err *e)
{
        struct digest d;

        if (hasher_finish(&w->hasher, &d, e) < 0)
                return -e->code;
        w->used += (size_t)snprintf(w->buffer + w->used, RECORD_LINE_MAX, "end %llu %s\n",
                                    (unsigned long long)w->lines, d.hex);
        return flush(w, e);
}

static void writing_done(struct writing **w)
{
        if (*w)
                hasher_done(&(*w)->hasher);
        free(*w);
}

int record_write(int dir, bool has_owners, struct record_notes *notes, int out, struct err *e)
{
        __attribute__((cleanup(writing_done))) struct writing *w = mem_alloc(sizeof(*w), e);

        if (!w || hasher_start(&w->hasher, e) < 0)
                return -e->code;
        w->out = out;
        w->has_owners = has_owners;
        w->notes = notes;
        if (notes->n > 0)
                qsort(notes->list, notes->n, sizeof(*notes->list), compare);
        if (record_walk(dir, write_entry, w, e) < 0)
                return -e->code;
        return put_end(w, e);
}
