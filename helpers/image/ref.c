#include "ref.h"

#include "digest.h"
#include "image-name.h"
#include "str.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define NAME_LEN 255
#define TAG_LEN  128

#define DIGITS "0123456789"
#define LOWER  "abcdefghijklmnopqrstuvwxyz"
#define UPPER  "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

/* [a-z0-9]+ ( ( "." | "_" | "__" | "-"+ ) [a-z0-9]+ )* */
static bool is_path_component(const char *text, size_t len)
{
        size_t at = 0;

        for (;;) {
                size_t run = strspn(text + at, LOWER DIGITS);
                if (run == 0 || at + run > len)
                        return false;
                at += run;
                if (at == len)
                        return true;

                size_t dashes = strspn(text + at, "-");
                if (dashes > 0)
                        at += dashes;
                else if (text[at] == '_')
                        at += text[at + 1] == '_' ? 2 : 1;
                else if (text[at] == '.')
                        at++;
                else
                        return false;
        }
}

/* A host name or address, and a port: letters of either case, inner dashes, dots between labels. */
static bool is_host(const char *text, size_t len)
{
        const char *colon = memchr(text, ':', len);
        size_t host = colon ? (size_t)(colon - text) : len;

        if (colon) {
                size_t port = len - host - 1;
                if (port == 0 || port > 5 || strspn(colon + 1, DIGITS) != port)
                        return false;
        }
        if (host == 0 || strspn(text, LOWER UPPER DIGITS ".-") < host)
                return false;
        for (size_t i = 0; i < host; i++) {
                bool is_edge = i == 0 || i + 1 == host || text[i - 1] == '.' || text[i + 1] == '.';
                if (is_edge && !strchr(LOWER UPPER DIGITS, text[i]) &&
                    !(text[i] == '.' && i > 0 && i + 1 < host && text[i - 1] != '.'))
                        return false;
        }
        return true;
}

static bool is_name(const char *text, size_t len)
{
        const char *end = text + len;
        bool is_first = true;

        for (;;) {
                const char *slash = memchr(text, '/', (size_t)(end - text));
                size_t part = (size_t)((slash ? slash : end) - text);

                if (is_first && slash && image_name_is_host(text, part)) {
                        if (!is_host(text, part))
                                return false;
                } else if (!is_path_component(text, part)) {
                        return false;
                }
                if (!slash)
                        return true;
                text = slash + 1;
                is_first = false;
        }
}

static bool is_tag(const char *tag)
{
        size_t len = strlen(tag);

        return len >= 1 && len <= TAG_LEN && strspn(tag, LOWER UPPER DIGITS "_.-") == len &&
               tag[0] != '.' && tag[0] != '-';
}

/* An archive could bring an image whose name is what another one is known by. */
static bool is_like_id(const char *name, size_t len)
{
        static const char algorithm[] = "sha256";

        return (len == strlen(algorithm) && memcmp(name, algorithm, len) == 0) ||
               (len == DIGEST_HEX && strspn(name, "0123456789abcdef") >= len);
}

int ref_parse(const char *text, char *ret, struct err *e)
{
        const char *slash = strrchr(text, '/');
        const char *colon = strchr(slash ? slash : text, ':');
        const char *tag = colon ? colon + 1 : "latest";
        size_t len = colon ? (size_t)(colon - text) : strlen(text);
        const char *scheme = strstr(text, "://");

        if (strchr(text, '@'))
                return err_set(e, EINVAL, "'%.100s' has a digest: an image is named NAME[:TAG]",
                               text);
        if (len == 0 || len > NAME_LEN || !is_name(text, len) || !is_tag(tag)) {
                err_set(e, EINVAL, "'%.200s' is not a name for an image", text);
                if (scheme)
                        return err_hint(e, "names have no scheme: leave out '%.*s://'",
                                        (int)(scheme - text), text);
                return err_hint(e, "names are lower case, like 'busybox', 'team/app:1.0' or "
                                   "'registry.example:5000/team/app:1.0'");
        }
        if (is_like_id(text, len))
                return err_set(e, EINVAL, "'%.200s' could be taken for the id of an image", text);
        snprintf(ret, REF_MAX + 1, "%.*s:%s", (int)len, text, tag);
        return 0;
}

int ref_parse_any(const char *text, char *ret, struct err *e)
{
        const char *at = strchr(text, '@');
        char name[NAME_LEN + 1 + TAG_LEN + 1];
        struct digest digest;

        if (!at)
                return ref_parse(text, ret, e);
        size_t len = (size_t)(at - text);
        if (len >= sizeof(name))
                return err_set(e, EINVAL, "'%.200s' is not a name for an image", text);
        memcpy(name, text, len);
        name[len] = '\0';
        if (digest_parse(at + 1, &digest, e) < 0 || ref_parse(name, ret, e) < 0)
                return -e->code;
        snprintf(ret, REF_MAX + 1, "%s@sha256:%s", name, digest.hex);
        return 0;
}

static void cut_suffix(char *name)
{
        static const char *const suffixes[] = { ".gz",   ".tgz", ".xz",  ".txz",   ".zst",
                                                ".tzst", ".tar", ".oci", ".docker" };

        for (bool has_cut = true; has_cut;) {
                has_cut = false;
                for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
                        size_t len = strlen(name);
                        size_t end = strlen(suffixes[i]);

                        if (len > end && str_has_suffix(name, suffixes[i])) {
                                name[len - end] = '\0';
                                has_cut = true;
                        }
                }
        }
}

int ref_from_path(const char *path, char *ret, struct err *e)
{
        char name[NAME_MAX + 1];
        size_t len = strlen(path);

        while (len > 1 && path[len - 1] == '/')
                len--;
        size_t start = len;
        while (start > 0 && path[start - 1] != '/')
                start--;
        if (len - start > NAME_MAX)
                return err_set(e, ENAMETOOLONG, "the file name is too long for an image's name");
        memcpy(name, path + start, len - start);
        name[len - start] = '\0';
        cut_suffix(name);
        /* a colon in a file name is not a tag that somebody asked for */
        if (strchr(name, ':') || ref_parse(name, ret, e) < 0) {
                err_set(e, EINVAL, "'%.200s' cannot be an image's name", name);
                return err_hint(e, "give a name behind the file: kelp import FILE NAME");
        }
        return 0;
}

int ref_encode(const char *ref, char *ret, struct err *e)
{
        static const char digits[] = "0123456789ABCDEF";
        size_t used = 0;

        for (const char *c = ref; *c; c++) {
                bool is_plain = strchr(LOWER UPPER DIGITS "._-", *c);

                if (used + (is_plain ? 1 : 3) > NAME_MAX)
                        return err_set(e, ENAMETOOLONG, "the name '%.100s...' is too long", ref);
                if (is_plain) {
                        ret[used++] = *c;
                        continue;
                }
                ret[used++] = '%';
                ret[used++] = digits[(unsigned char)*c >> 4];
                ret[used++] = digits[(unsigned char)*c & 15];
        }
        ret[used] = '\0';
        return 0;
}

int ref_decode(const char *file, char *ret, struct err *e)
{
        char text[NAME_MAX + 1];
        char again[NAME_MAX + 1];
        char whole[REF_MAX + 1];
        size_t used = 0;

        for (const char *c = file; *c && used < NAME_MAX; c++) {
                if (*c != '%') {
                        text[used++] = *c;
                        continue;
                }
                int byte = str_hex_byte(c + 1, STR_HEX_UPPER);
                if (byte < 0)
                        return err_set(e, EINVAL, "'%.100s' is not the name of an image", file);
                text[used++] = (char)byte;
                c += 2;
        }
        text[used] = '\0';
        if (ref_parse_any(text, whole, e) < 0)
                return -e->code;
        if (!str_eq(whole, text) || ref_encode(text, again, e) < 0 || !str_eq(again, file))
                return err_set(e, EINVAL, "'%.100s' is not the name of an image", file);
        snprintf(ret, REF_MAX + 1, "%s", whole);
        return 0;
}

int ref_check_path_key(const char *key, struct err *e)
{
        size_t len = strlen(key);

        if (len < 1 || len > 200 || strspn(key, LOWER DIGITS ".-") != len || key[0] == '.')
                return err_set(e, EINVAL,
                               "'%.200s' cannot be a path key: [0-9a-z.-], no leading "
                               "dot, at most 200",
                               key);
        return 0;
}
