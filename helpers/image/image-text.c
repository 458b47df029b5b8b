/* The text forms of an image: see image.h. */

#include "image.h"

#include "limit.h"
#include "parse.h"
#include "path.h"
#include "ref.h"
#include "str.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_control(unsigned char c)
{
        return c < 0x20 || c == 0x7f;
}

static void put_value(FILE *out, const char *text)
{
        size_t len = strlen(text);

        for (size_t i = 0; i < len; i++) {
                unsigned char c = (unsigned char)text[i];
                bool is_edge = i == 0 || i + 1 == len;

                if (c == '\\')
                        fputs("\\\\", out);
                else if (c == '\n')
                        fputs("\\n", out);
                else if (c == '\r')
                        fputs("\\r", out);
                else if (c == '\t')
                        fputs("\\t", out);
                else if (is_control(c) || (c == ' ' && is_edge))
                        fprintf(out, "\\x%02x", c);
                else
                        putc(c, out);
        }
}

static void put_line(FILE *out, const char *key, const char *value)
{
        if (!value)
                return;
        fprintf(out, "%s = ", key);
        put_value(out, value);
        putc('\n', out);
}

static void put_list(FILE *out, const char *key, const struct image_list *list)
{
        for (size_t i = 0; i < list->n; i++)
                put_line(out, key, list->item[i]);
}

static void put_run(FILE *out, const struct image_run *run)
{
        fputs("[run]\n", out);
        put_list(out, "env", &run->env);
        put_list(out, "entrypoint", &run->entrypoint);
        put_list(out, "command", &run->command);
        put_line(out, "workdir", run->workdir);
        put_line(out, "user", run->user);
        put_line(out, "stop-signal", run->stop_signal);
        put_list(out, "expose", &run->expose);
}

static void put_store(FILE *out, const struct image_store *store)
{
        fprintf(out, "[store]\nsize = %" PRIu64 "\n", store->size);
        put_line(out, "created", store->created);
        put_line(out, "manifest-type", store->manifest_type);
        fprintf(out, "manifest-size = %" PRIu64 "\n", store->manifest_size);
        for (size_t i = 0; i < store->n_blobs; i++)
                put_line(out, "blob", store->blobs[i].hex);
}

int image_write(const struct image *image, bool with_store, char **ret, struct err *e)
{
        char *text = NULL;
        size_t len = 0;
        FILE *out = open_memstream(&text, &len);

        if (!out)
                return err_set(e, ENOMEM, "out of memory");
        fprintf(out, "[image]\nid = sha256:%s\n", image->id.hex);
        put_line(out, "name", image->name);
        for (size_t i = 0; i < image->n_layers; i++)
                put_line(out, "layer", image->layers[i].hex);
        put_run(out, &image->run);
        if (with_store)
                put_store(out, &image->store);
        if (fclose(out) != 0) {
                free(text);
                return err_set(e, ENOMEM, "out of memory");
        }
        *ret = text;
        return 0;
}

/* The byte behind the backslash at `s`; *ret_len is what it takes.  -1: not an escape. */
static int escaped_byte(const char *s, size_t *ret_len)
{
        *ret_len = 2;
        switch (s[1]) {
        case '\\':
                return '\\';
        case 'n':
                return '\n';
        case 'r':
                return '\r';
        case 't':
                return '\t';
        case 'x':
                break;
        default:
                return -1;
        }
        int byte = str_hex_byte(s + 2, STR_HEX_LOWER);
        *ret_len = 4;
        /* a NUL byte cannot have been in a value */
        return byte == 0 ? -1 : byte;
}

static int unescape(char *text, struct err *e)
{
        char *to = text;

        for (const char *s = text; *s;) {
                size_t len = 1;
                int c = (unsigned char)*s;

                if (c == '\\')
                        c = escaped_byte(s, &len);
                if (c < 0)
                        return err_set(e, EINVAL, "'%.60s' is not an escape", s);
                *to++ = (char)c;
                s += len;
        }
        *to = '\0';
        return 0;
}

static int read_digest(const char *value, struct digest *ret, struct err *e)
{
        if (!digest_is_hex(value))
                return err_set(e, EINVAL, "'%.100s' is not 64 hex digits", value);
        memcpy(ret->hex, value, sizeof(ret->hex));
        return 0;
}

static int read_image_key(struct image *image, const char *key, const char *value, struct err *e)
{
        char whole[REF_MAX + 1];
        struct digest layer;

        if (str_eq(key, "id"))
                return digest_parse(value, &image->id, e);
        if (str_eq(key, "layer")) {
                if (read_digest(value, &layer, e) < 0)
                        return -e->code;
                return image_add_layer(image, &layer, e);
        }
        if (!str_eq(key, "name"))
                return err_set(e, EINVAL, "unknown key '%.60s' in [image]", key);
        if (ref_parse_any(value, whole, e) < 0)
                return -e->code;
        if (!str_eq(whole, value))
                return err_set(e, EINVAL, "'%.100s' is not a whole name", value);
        image->name = arena_copy(&image->arena, whole, e);
        return image->name ? 0 : -e->code;
}

static int read_run_key(struct image *image, const char *key, const char *value, struct err *e)
{
        if (str_eq(key, "env"))
                return image_add(image, IMAGE_ENV, value, e);
        if (str_eq(key, "entrypoint"))
                return image_add(image, IMAGE_ENTRYPOINT, value, e);
        if (str_eq(key, "command"))
                return image_add(image, IMAGE_COMMAND, value, e);
        if (str_eq(key, "expose"))
                return image_add(image, IMAGE_EXPOSE, value, e);
        if (str_eq(key, "workdir")) {
                if (!path_is_clean(value))
                        return err_set(e, EINVAL, "'%.100s' is not a clean path", value);
                return image_set_workdir(image, value, e);
        }
        if (str_eq(key, "user"))
                return image_set_user(image, value, e);
        if (str_eq(key, "stop-signal"))
                return image_set_stop_signal(image, value, e);
        return err_set(e, EINVAL, "unknown key '%.60s' in [run]", key);
}

static int read_store_key(struct image *image, const char *key, const char *value, struct err *e)
{
        struct image_store *store = &image->store;
        struct digest blob;

        if (str_eq(key, "size"))
                return parse_number(value, 0, UINT64_MAX, &store->size, e);
        if (str_eq(key, "manifest-size"))
                return parse_number(value, 0, LIMIT_JSON, &store->manifest_size, e);
        if (str_eq(key, "created"))
                return image_set_created(image, value, e);
        if (str_eq(key, "manifest-type")) {
                if (strlen(value) > 127)
                        return err_set(e, EINVAL, "the media type is too long");
                store->manifest_type = arena_copy(&image->arena, value, e);
                return store->manifest_type ? 0 : -e->code;
        }
        if (!str_eq(key, "blob"))
                return err_set(e, EINVAL, "unknown key '%.60s' in [store]", key);
        if (read_digest(value, &blob, e) < 0)
                return -e->code;
        return image_add_blob(image, &blob, e);
}

typedef int read_key(struct image *image, const char *key, const char *value, struct err *e);

static int read_section(const char *line, read_key **ret, struct err *e)
{
        if (str_eq(line, "[image]"))
                *ret = read_image_key;
        else if (str_eq(line, "[run]"))
                *ret = read_run_key;
        else if (str_eq(line, "[store]"))
                *ret = read_store_key;
        else
                return err_set(e, EINVAL, "unknown section '%.60s'", line);
        return 0;
}

static int read_line(char *line, read_key *read, struct image *ret, struct err *e)
{
        char *equals = strstr(line, " = ");

        if (!read || !equals)
                return err_set(e, EINVAL, "'%.60s' is not KEY = VALUE in a section", line);
        *equals = '\0';
        char *value = equals + 3;
        if (unescape(value, e) < 0)
                return -e->code;
        return read(ret, line, value, e);
}

int image_read(char *text, struct image *ret, struct err *e)
{
        read_key *read = NULL;
        unsigned number = 0;

        for (char *at = text, *line; (line = str_next_field(&at, '\n'));) {
                number++;
                if (!*line)
                        continue;
                int r = *line == '[' ? read_section(line, &read, e) : read_line(line, read, ret, e);
                if (r < 0)
                        return err_prefix(e, "line %u", number);
        }
        if (!ret->id.hex[0])
                return err_set(e, EINVAL, "there is no id");
        if (ret->n_layers == 0)
                return err_set(e, EINVAL, "there is no layer");
        return 0;
}
