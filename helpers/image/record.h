#ifndef KELP_IMAGE_RECORD_H
#define KELP_IMAGE_RECORD_H

#include "digest.h"
#include "err.h"
#include "scratch.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * What an unpacked layer looked like when it was unpacked: a text, by which a later look finds every
 * change.  A line an entry, in the order of a walk that takes the names of a directory sorted by
 * their bytes; fields separated by a blank:
 *
 *     TYPE MODE UID GID SIZE LINKS TIME CONTENT XATTRS PATH
 *
 *     TYPE      f d l p, w (a whiteout), o (anything else)
 *     MODE      octal
 *     UID GID   of a layer with owners, in the ids of its namespace; else -
 *     SIZE      of files; else -
 *     LINKS     names that a file has; of directories -
 *     TIME      SECONDS.NANOSECONDS of the last change; of the layer's root -, for it is moved
 *     CONTENT   of a file its SHA-256, of a symlink its target, else -
 *     XATTRS    SHA-256 over the user's attributes and the file capabilities, or - for none
 *     PATH      relative; "." for the root
 *
 * In names a backslash, a blank and control characters are \xHH.  The last line is "end LINES
 * SHA-256", over all before it.
 *
 * The digests of contents are made while the bytes come from the archive and kept by inode until
 * the walk, which reads no file.  Of a million files they are more than memory shall hold: only
 * where they are is in memory, and the last ones.
 */

/* What is noted of a file, in the order in which they are made. */
struct record_note {
        unsigned char content[DIGEST_HEX / 2];
        unsigned char xattrs[DIGEST_HEX / 2];
};

struct record_place {
        uint64_t inode;
        uint32_t order; /* an inode may be used again: the last one counts */
        bool has_xattrs;
};

/* What was seen of the files of a layer while it was unpacked. */
struct record_notes {
        struct scratch scratch;
        struct record_place *places;
        size_t n;
        size_t room;
        struct record_note *last; /* the notes from `n_away` on; those before are in the file */
        size_t n_away;
};

/* `dir` is where a temporary file may be made; borrowed. */
void record_notes_init(struct record_notes *notes, int dir);

/* A file that is written and has its attributes; `fd` is open for it. */
int record_note_file(struct record_notes *notes, int fd, const struct digest *content,
                     bool has_xattrs, struct err *e);
void record_notes_done(struct record_notes *notes);

/* Writes the record of the layer in `dir` to `out`. */
int record_write(int dir, bool has_owners, struct record_notes *notes, int out, struct err *e);

/* Gets each difference: what it is about, and what is wrong with it. */
typedef void record_differs(void *context, const char *path, const char *what);

/*
 * Compares the layer in `dir` with its record, of which `record` is open for reading.  A record
 * that is not whole is an error: EINVAL.
 */
int record_check(int dir, bool has_owners, int record, record_differs *differs, void *context,
                 struct err *e);

#endif
