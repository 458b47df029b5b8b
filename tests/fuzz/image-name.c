/*
 * Any bytes as the name of an archive's entry and as the name of an image.  What is taken must keep
 * what the writer of trees and the store rely on.
 */

#include "entry.h"
#include "fuzz.h"
#include "ref.h"

#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static bool is_clean(const char *path)
{
        size_t depth = 0;

        for (const char *at = path; *at;) {
                size_t len = strcspn(at, "/");

                if (len == 0 || len > LIMIT_NAME || ++depth > LIMIT_DEPTH ||
                    (len == 1 && at[0] == '.') || (len == 2 && memcmp(at, "..", 2) == 0))
                        return false;
                at += len;
                if (*at && !*++at)
                        return false;
        }
        return true;
}

static void check_path(const struct entry_path *path)
{
        const char *slash = strrchr(path->text, '/');

        if (!is_clean(path->text) || path->len != strlen(path->text) ||
            path->base != (slash ? slash + 1 : path->text) ||
            path->dir_len != (slash ? (size_t)(slash - path->text) : 0))
                abort();
}

static void fuzz_entry(const char *name)
{
        static struct entry_path path;
        enum entry_mark mark;
        struct err e = { 0 };

        if (entry_path_parse(name, &path, &e) < 0)
                return;
        check_path(&path);
        if (entry_take_mark(&path, &mark, &e) < 0)
                return;
        check_path(&path);
        /* what is written never looks like a whiteout, and a whiteout always has a name */
        if (mark != ENTRY_OPAQUE && strncmp(path.base, ".wh.", 4) == 0)
                abort();
        if (mark == ENTRY_WHITEOUT && path.len == 0)
                abort();
}

static void fuzz_ref(const char *name)
{
        char whole[REF_MAX + 1];
        char again[REF_MAX + 1];
        char file[NAME_MAX + 1];
        struct err e = { 0 };

        if (ref_decode(name, again, &e) == 0 &&
            (ref_encode(again, file, &e) < 0 || strcmp(file, name) != 0))
                abort();
        if (ref_from_path(name, whole, &e) == 0 && strchr(whole, '/'))
                abort();
        /* a plain name is one of those that may be pinned */
        if (ref_parse(name, whole, &e) == 0 &&
            (strchr(whole, '@') || ref_parse_any(name, again, &e) < 0 || strcmp(whole, again) != 0))
                abort();
        if (ref_parse_any(name, whole, &e) < 0)
                return;
        if (ref_parse_any(whole, again, &e) < 0 || strcmp(whole, again) != 0)
                abort();
        if (ref_encode(whole, file, &e) < 0)
                return;
        if (strchr(file, '/') || file[0] == '.' || ref_decode(file, again, &e) < 0 ||
            strcmp(whole, again) != 0)
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        char *name = fuzz_text(data, size);

        fuzz_entry(name);
        fuzz_ref(name);
        free(name);
        return 0;
}
