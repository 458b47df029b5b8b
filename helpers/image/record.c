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

/* So many notes are in memory: 4 MiB. */
#define LAST_NOTES 65536u

void record_notes_init(struct record_notes *notes, int dir)
{
        *notes = (struct record_notes){ .scratch = SCRATCH_IN(dir) };
}

void record_notes_done(struct record_notes *notes)
{
        free(notes->places);
        free(notes->last);
        scratch_done(&notes->scratch);
        *notes = (struct record_notes){ .scratch = SCRATCH_IN(-1) };
}

static int hex_digit(char c)
{
        return c <= '9' ? c - '0' : c - 'a' + 10;
}

static void pack(const struct digest *d, unsigned char *ret)
{
        for (size_t i = 0; i < DIGEST_HEX / 2; i++)
                ret[i] = (unsigned char)(hex_digit(d->hex[2 * i]) << 4 |
                                         hex_digit(d->hex[2 * i + 1]));
}

static int make_room(struct record_notes *notes, struct err *e)
{
        if (!notes->last) {
                notes->last = mem_alloc(LAST_NOTES * sizeof(*notes->last), e);
                if (!notes->last)
                        return -e->code;
        }
        if (notes->n - notes->n_away == LAST_NOTES) {
                if (scratch_add(&notes->scratch, notes->last, LAST_NOTES * sizeof(*notes->last),
                                e) < 0)
                        return -e->code;
                notes->n_away = notes->n;
        }
        if (notes->n < notes->room)
                return 0;
        size_t room = notes->room ? 2 * notes->room : 256;
        struct record_place *list = realloc(notes->places, room * sizeof(*list));
        if (!list)
                return err_set(e, ENOMEM, "out of memory");
        notes->places = list;
        notes->room = room;
        return 0;
}

int record_note_file(struct record_notes *notes, int fd, const struct digest *content,
                     bool has_xattrs, struct err *e)
{
        struct digest xattrs = { "" };
        struct stat st;

        if (fstat(fd, &st) < 0)
                return err_sys(e, "cannot stat a file of the layer");
        if ((has_xattrs && record_digest_xattrs(fd, &xattrs, e) < 0) || make_room(notes, e) < 0)
                return -e->code;
        struct record_note *note = &notes->last[notes->n - notes->n_away];
        pack(content, note->content);
        if (xattrs.hex[0])
                pack(&xattrs, note->xattrs);
        notes->places[notes->n] = (struct record_place){ .inode = st.st_ino,
                                                         .order = (uint32_t)notes->n,
                                                         .has_xattrs = xattrs.hex[0] };
        notes->n++;
        return 0;
}

static int compare(const void *a, const void *b)
{
        const struct record_place *x = a;
        const struct record_place *y = b;

        if (x->inode != y->inode)
                return (x->inode > y->inode) - (x->inode < y->inode);
        return (x->order > y->order) - (x->order < y->order);
}

/* The last place of an inode in the sorted list, or NULL. */
static const struct record_place *find_place(const struct record_notes *notes, uint64_t inode)
{
        const struct record_place *list = notes->places;
        size_t low = 0;
        size_t high = notes->n;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (list[middle].inode <= inode)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low > 0 && list[low - 1].inode == inode ? &list[low - 1] : NULL;
}

static void print_hex(const unsigned char *bytes, struct digest *ret)
{
        static const char digits[] = "0123456789abcdef";

        for (size_t i = 0; i < DIGEST_HEX / 2; i++) {
                ret->hex[2 * i] = digits[bytes[i] >> 4];
                ret->hex[2 * i + 1] = digits[bytes[i] & 15];
        }
        ret->hex[DIGEST_HEX] = '\0';
}

static int read_note(const struct record_notes *notes, const struct record_place *place,
                     struct digest *ret_content, struct digest *ret_xattrs, struct err *e)
{
        struct record_note note;

        if (place->order >= notes->n_away)
                note = notes->last[place->order - notes->n_away];
        else if (scratch_read(&notes->scratch, place->order * sizeof(note), &note, sizeof(note),
                              e) < 0)
                return -e->code;
        print_hex(note.content, ret_content);
        if (place->has_xattrs)
                print_hex(note.xattrs, ret_xattrs);
        return 0;
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
                const struct record_place *place = find_place(w->notes, entry->st.st_ino);

                if (!place)
                        return err_set(e, EIO, "the file '%.200s' was not unpacked", entry->path);
                if (read_note(w->notes, place, &content, &xattrs, e) < 0)
                        return -e->code;
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
                qsort(notes->places, notes->n, sizeof(*notes->places), compare);
        if (record_walk(dir, &notes->scratch, write_entry, w, e) < 0)
                return -e->code;
        return put_end(w, e);
}
