#include "layout.h"

#include "fd.h"
#include "io.h"
#include "limit.h"
#include "mem.h"
#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int layout_make(int session, int store_blobs, struct layout *ret, struct err *e)
{
        ret->store_blobs = store_blobs;
        ret->dir = session_make_directory(session, SESSION_LAYOUT, e);
        autofd outer = ret->dir < 0 ? -1 : session_make_directory(ret->dir, "blobs", e);
        if (outer < 0)
                return -e->code;
        ret->blobs = session_make_directory(outer, "sha256", e);
        return ret->blobs < 0 ? -e->code : 0;
}

void layout_done(struct layout *l)
{
        fd_close(&l->dir);
        fd_close(&l->blobs);
}

static bool has_file(int dir, const char *name, uint64_t size)
{
        struct stat st;

        return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
               (uint64_t)st.st_size == size;
}

bool layout_has(const struct layout *l, const struct digest *d, uint64_t size)
{
        return has_file(l->blobs, d->hex, size) || has_file(l->store_blobs, d->hex, size);
}

bool layout_has_new(const struct layout *l, const struct digest *d, uint64_t size)
{
        return has_file(l->blobs, d->hex, size);
}

int layout_read(const struct layout *l, const struct digest *d, char **ret_text, size_t *ret_len,
                struct err *e)
{
        struct stat st;
        bool is_new = fstatat(l->blobs, d->hex, &st, AT_SYMLINK_NOFOLLOW) == 0;

        return io_read_file(is_new ? l->blobs : l->store_blobs, d->hex, LIMIT_JSON, ret_text,
                            ret_len, e);
}

static int write_file(int dir, const char *name, const void *data, size_t len, struct err *e)
{
        autofd fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);

        if (fd < 0)
                return err_sys(e, "cannot make a temporary file in the image store");
        return io_write_all(fd, data, len, "a temporary file in the image store", e);
}

int layout_add(const struct layout *l, const struct digest *d, const void *data, size_t len,
               struct err *e)
{
        return write_file(l->blobs, d->hex, data, len, e);
}

int layout_finish(const struct layout *l, const struct oci_descriptor *manifest, struct err *e)
{
        static const char mark[] = "{\"imageLayoutVersion\":\"1.0.0\"}";
        autodoc *entry = json_pack("{s:s, s:o, s:I}", "mediaType", manifest->media_type, "digest",
                                   json_sprintf("sha256:%s", manifest->digest.hex), "size",
                                   (json_int_t)manifest->size);
        autodoc *index = json_pack("{s:i, s:[O]}", "schemaVersion", 2, "manifests", entry);
        autofree char *text = NULL;

        if (!index)
                return err_set(e, ENOMEM, "out of memory");
        if (doc_write(index, &text, e) < 0 ||
            write_file(l->dir, "index.json", text, strlen(text), e) < 0)
                return -e->code;
        return write_file(l->dir, "oci-layout", mark, strlen(mark), e);
}
