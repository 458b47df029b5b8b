/*
 * Names are bytes, and reach the caller as they stand in the archive.  libarchive converts those of
 * a pax header from UTF-8 to the charset of the locale.  Where that is UTF-8, too, it composes them
 * (NFC): two files become one, and links lead elsewhere.  So the process stays in the C locale, as
 * every program begins: ASCII comes through a conversion unchanged, everything else cannot be
 * converted, and then libarchive warns and gives the bytes.  There is no option for that.
 */

#include "tar.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK       512
#define FILE_BUFFER (32u << 10)

/*
 * How much libarchive may read for one header: it keeps all of that.  What grows most on the way is
 * the map of a sparse file, whatever its format; libarchive reads it with the header even where it
 * stands in front of the data.  An entry of it is 48 bytes, and 32 more in the archive_entry unless
 * it is joined to the one before.  In the oldest format it has 24 bytes in the archive: 3.5 MiB for
 * a header of the largest size.  In the pax formats it has two separators (commas or newlines), but
 * the numbers may be missing: 48 bytes for 2.  So separators have a limit of their own, which allows
 * for 32768 holes: 2.5 MiB.  (In GNU's format 0.0, which has twice as many, 16384; in that of
 * Solaris 65536, of 48 bytes.)
 *
 * What libarchive was given last is not counted: a part of it may be data.  Hence PIECE, which is
 * 1.5 MiB when it is separators and nothing else.  All of it has to be less than the 5 MiB that are
 * left of the memory of an import when zstd has its largest window.
 *
 * Pax headers are at most 1 MiB for libarchive, too; the rest is for names, links and the headers
 * themselves.
 */
#define HEADER_MOST     ((1u << 20) + (64u << 10))
#define SEPARATORS_MOST (64u << 10)
#define PIECE           (64u << 10)

/* libarchive's own ARCHIVE_ERRNO_FILE_FORMAT is not in its header; on Linux it is this */
#define FILE_FORMAT EILSEQ

static bool is_zero(const char *data, size_t len)
{
        for (size_t i = 0; i < len; i++) {
                if (data[i])
                        return false;
        }
        return true;
}

static bool next_block(struct tar *tar)
{
        /* what was read before is not there any more */
        tar->piece_len = 0;
        const char *block = stream_read(tar->stream, &tar->len);

        tar->block = block;
        tar->at = 0;
        if (!block) {
                tar->len = 0;
                tar->has_ended = true;
                return false;
        }
        size_t tail = tar->len < BLOCK ? tar->len : BLOCK;
        tar->given += tar->len;
        tar->ends_in_zeros = is_zero(block + tar->len - tail, tail);
        return true;
}

static size_t count_separators(const char *data, size_t len)
{
        size_t n = 0;

        for (size_t i = 0; i < len; i++)
                n += data[i] == '\n' || data[i] == ',' || data[i] == ' ';
        return n;
}

/* The last piece, all of which libarchive needed, belongs to the header from where that began. */
static bool is_over(struct tar *tar)
{
        uint64_t size = tar->passed - tar->header_at;
        size_t len = tar->piece_len < size ? tar->piece_len : (size_t)size;

        if (!tar->in_header)
                return false;
        tar->separators += count_separators(tar->piece + tar->piece_len - len, len);
        tar->is_large = size >= HEADER_MOST || tar->separators > SEPARATORS_MOST;
        return tar->is_large;
}

static void pass_piece(struct tar *tar, const char *piece, size_t len)
{
        tar->piece = piece;
        tar->piece_len = len;
        tar->passed += len;
}

/* A failure of the stream looks like its end here; stream_finish() and stream_stop() tell it. */
static la_ssize_t read_block(struct archive *a, void *context, const void **ret_data)
{
        struct tar *tar = context;

        (void)a;
        if (is_over(tar))
                return -1;
        if (tar->at == tar->len && !next_block(tar))
                return 0;
        size_t left = tar->len - tar->at;
        pass_piece(tar, tar->block + tar->at, left < PIECE ? left : PIECE);
        tar->at += tar->piece_len;
        *ret_data = tar->piece;
        return (la_ssize_t)tar->piece_len;
}

static int failure(struct tar *tar, struct err *e)
{
        const char *reason = archive_error_string(tar->archive);

        if (tar->is_large)
                return err_set(e, E2BIG,
                               "the header of an entry, with the map of its holes, is larger than "
                               "%u KiB or has more than %u separators",
                               HEADER_MOST >> 10, SEPARATORS_MOST);
        if (archive_errno(tar->archive) == ENOMEM)
                return err_set(e, ENOMEM, "out of memory");
        return err_set(e, EINVAL, "the archive is damaged: %.300s",
                       reason ? reason : "libarchive gives no reason");
}

static int open_archive(struct tar *tar, archive_read_callback *read, archive_skip_callback *skip,
                        struct err *e)
{
        tar->archive = archive_read_new();
        if (!tar->archive)
                return err_set(e, ENOMEM, "out of memory");
        if (archive_read_support_format_tar(tar->archive) != ARCHIVE_OK)
                return failure(tar, e);
        if (archive_read_open2(tar->archive, tar, NULL, read, skip, NULL) == ARCHIVE_OK)
                return 0;
        if (archive_errno(tar->archive) != FILE_FORMAT)
                return failure(tar, e);
        err_set(e, ENOTSUP, "unsupported format: it is not a tar archive");
        return err_hint(e, "'tar -tf' lists one that is whole");
}

int tar_open(struct tar *tar, struct stream *stream, struct err *e)
{
        *tar = (struct tar){ .stream = stream };
        return open_archive(tar, read_block, NULL, e);
}

static la_ssize_t read_file(struct archive *a, void *context, const void **ret_data)
{
        struct tar *tar = context;
        struct err e = { 0 };

        if (is_over(tar))
                return -1;
        ssize_t n = stream_read_region(&tar->file, tar->file_at, tar->buffer, FILE_BUFFER, &e);

        if (n < 0) {
                archive_set_error(a, e.code, "%s", e.text);
                return -1;
        }
        tar->file_at += (uint64_t)n;
        pass_piece(tar, tar->buffer, (size_t)n);
        *ret_data = tar->buffer;
        return n;
}

static la_int64_t skip_file(struct archive *a, void *context, la_int64_t want)
{
        struct tar *tar = context;
        uint64_t left = tar->file.size - tar->file_at;

        (void)a;
        /* whole blocks only, so that the reader stays aligned */
        uint64_t step = (uint64_t)want < left ? (uint64_t)want : left;
        step = step / BLOCK * BLOCK;
        tar->file_at += step;
        tar->passed += step;
        tar->piece_len = 0;
        return (la_int64_t)step;
}

int tar_open_file(struct tar *tar, const struct region *file, struct err *e)
{
        *tar = (struct tar){ .file = *file, .buffer = malloc(FILE_BUFFER) };
        if (!tar->buffer)
                return err_set(e, ENOMEM, "out of memory");
        return open_archive(tar, read_file, skip_file, e);
}

uint64_t tar_data_offset(struct tar *tar)
{
        return (uint64_t)archive_filter_bytes(tar->archive, 0);
}

void tar_done(struct tar *tar)
{
        archive_read_free(tar->archive);
        tar->archive = NULL;
        free(tar->buffer);
        tar->buffer = NULL;
}

/*
 * A warning is a part of a header that was not understood, so two readers would differ about it.
 * One is harmless: a name that was not converted, so that it has all its bytes.
 */
static bool is_about_charset(struct tar *tar)
{
        const char *text = archive_error_string(tar->archive);

        return text && strstr(text, "can't be converted from UTF-8");
}

/* libarchive would do it by itself, but as a part of reading the next header. */
static int skip_data(struct tar *tar, struct err *e)
{
        if (!tar->has_entry)
                return 0;
        tar->has_entry = false;
        return archive_read_data_skip(tar->archive) == ARCHIVE_OK ? 0 : failure(tar, e);
}

static int read_header(struct tar *tar, struct archive_entry **ret)
{
        tar->header_at = (uint64_t)archive_filter_bytes(tar->archive, 0);
        tar->separators = 0;
        tar->in_header = true;
        int r = archive_read_next_header(tar->archive, ret);
        tar->in_header = false;
        return r;
}

int tar_next(struct tar *tar, struct archive_entry **ret, struct err *e)
{
        if (!tar->is_cut && skip_data(tar, e) < 0)
                return -e->code;
        int r = tar->is_cut ? ARCHIVE_EOF : read_header(tar, ret);

        if (r == ARCHIVE_EOF) {
                *ret = NULL;
                return 0;
        }
        if (r == ARCHIVE_OK || (r == ARCHIVE_WARN && is_about_charset(tar))) {
                la_int64_t size = archive_entry_size(*ret);

                tar->left = size > 0 ? (uint64_t)size : 0;
                tar->has_entry = true;
                return 0;
        }
        return failure(tar, e);
}

int tar_data(struct tar *tar, const void **ret_data, size_t *ret_len, uint64_t *ret_offset,
             struct err *e)
{
        la_int64_t offset = 0;
        int r = archive_read_data_block(tar->archive, ret_data, ret_len, &offset);

        /*
         * umoci 0.4 ends its layers right behind the last byte, without padding and end mark, and
         * tools in Go read that.  Whether it may end so is for the caller to judge.
         */
        if (r == ARCHIVE_FATAL && tar->has_ended && tar->left == 0)
                tar->is_cut = true;
        if (r == ARCHIVE_EOF || tar->is_cut) {
                *ret_len = 0;
                return 0;
        }
        if (r != ARCHIVE_OK)
                return failure(tar, e);
        if (offset < 0)
                return err_set(e, EINVAL, "the archive is damaged: a file has a negative offset");
        tar->left -= *ret_len < tar->left ? *ret_len : tar->left;
        *ret_offset = (uint64_t)offset;
        return 0;
}

int tar_drain(struct tar *tar, struct err *e)
{
        uint64_t at = (uint64_t)archive_filter_bytes(tar->archive, 0);
        uint64_t left = at < tar->given ? tar->given - at : 0;

        /* blocks of the stream are multiples of tar's, so the end lies in the current one */
        if (left > tar->len)
                left = tar->len;
        bool is_padding = is_zero(tar->block + tar->len - left, (size_t)left);
        while (next_block(tar))
                is_padding = is_padding && is_zero(tar->block, tar->len);
        if (!is_padding)
                return err_set(e, EINVAL, "there is data behind the end of the archive");
        return 0;
}
