#include "image.h"

#include "lines.h"
#include "parse.h"
#include "path.h"
#include "str.h"

#include <errno.h>
#include <string.h>

/* The text is ours, but what it holds was written by whoever made the image: all of it is judged. */

#define MAX_TEXT ((size_t)4 * 1024 * 1024)

static int hex_digit(char c)
{
        static const char digits[] = "0123456789abcdef";
        const char *at = c ? strchr(digits, c >= 'A' && c <= 'F' ? c | 0x20 : c) : NULL;

        return at ? (int)(at - digits) : -1;
}

/* The length of the escape behind a backslash and what it stands for; 0: none that is known. */
static size_t decode_escape(const char *text, size_t left, char *ret)
{
        static const char letters[] = "\\\\n\nr\rt\t";

        if (left == 0)
                return 0;
        if (text[0] == 'x' && left >= 3) {
                int high = hex_digit(text[1]);
                int low = hex_digit(text[2]);

                *ret = (char)(16 * high + low);
                return high >= 0 && low >= 0 && *ret != '\0' ? 3 : 0;
        }
        for (size_t i = 0; i + 1 < sizeof(letters) - 1; i += 2) {
                if (letters[i] == text[0]) {
                        *ret = letters[i + 1];
                        return 1;
                }
        }
        return 0;
}

static char *decode(struct arena *arena, const char *text, size_t len, struct err *e)
{
        char *value = arena_alloc(arena, len + 1, e);
        size_t used = 0;

        for (size_t i = 0; value && i < len; i++) {
                if (text[i] != '\\') {
                        value[used++] = text[i];
                        continue;
                }
                size_t n = decode_escape(text + i + 1, len - i - 1, &value[used++]);
                if (n == 0) {
                        err_set(e, EINVAL, "an unknown escape");
                        return NULL;
                }
                i += n;
        }
        return value;
}

static int add_text(struct assembly *a, struct text_list *list, size_t limit, const char *what,
                    const char *value, struct err *e)
{
        if (arena_grow(&a->plan->arena, &list->items, list->n, sizeof(*list->items), limit, what,
                       e) < 0)
                return -e->code;
        list->items[list->n++] = value;
        return 0;
}

static int set_id(struct assembly *a, const char *value, struct err *e)
{
        (void)e;
        a->plan->image.id = value;
        return 0;
}

static int add_layer(struct assembly *a, const char *value, struct err *e)
{
        struct plan_image *image = &a->plan->image;

        if (strlen(value) != 64 || strspn(value, "0123456789abcdef") != 64)
                return err_set(e, EINVAL, "'%s' is not a digest", value);
        if (arena_grow(&a->plan->arena, &image->layers, image->n_layers, sizeof(*image->layers),
                       PLAN_MAX_LAYERS, "layers", e) < 0)
                return -e->code;
        image->layers[image->n_layers++] = value;
        return 0;
}

static int add_env(struct assembly *a, const char *value, struct err *e)
{
        if (value[0] == '=' || !strchr(value, '='))
                return err_set(e, EINVAL, "'%s' is not NAME=VALUE", value);
        return add_text(a, &a->image_env, PLAN_MAX_ENV, "variables", value, e);
}

static int add_entrypoint(struct assembly *a, const char *value, struct err *e)
{
        return add_text(a, &a->entrypoint, PLAN_MAX_ARGS, "words of the entrypoint", value, e);
}

static int add_command(struct assembly *a, const char *value, struct err *e)
{
        return add_text(a, &a->command, PLAN_MAX_ARGS, "words of the command", value, e);
}

/* Relative to the root, as docker has it; ".." stays inside. */
static int set_workdir(struct assembly *a, const char *value, struct err *e)
{
        if (value[0] == '\0')
                return 0;
        a->plan->exec.workdir = path_clean(&a->plan->arena, "/", value, e);
        return a->plan->exec.workdir ? 0 : -e->code;
}

static int set_user(struct assembly *a, const char *value, struct err *e)
{
        struct setting s = { .value = value, .origin = "image" };

        return value[0] ? apply_user(a, &s, e) : 0;
}

static int set_stop_signal(struct assembly *a, const char *value, struct err *e)
{
        return value[0] ? parse_signal(value, &a->plan->exec.stop_signal, e) : 0;
}

/* Notes for the reader of the image: nothing follows from them. */
static int note_only(struct assembly *a, const char *value, struct err *e)
{
        (void)a;
        (void)value;
        (void)e;
        return 0;
}

struct image_key {
        char section[8];
        char name[16];
        int (*apply)(struct assembly *a, const char *value, struct err *e);
};

static const struct image_key keys[] = {
        { "image", "id", set_id },
        { "image", "name", note_only },
        { "image", "layer", add_layer },
        { "run", "env", add_env },
        { "run", "entrypoint", add_entrypoint },
        { "run", "command", add_command },
        { "run", "workdir", set_workdir },
        { "run", "user", set_user },
        { "run", "stop-signal", set_stop_signal },
        { "run", "expose", note_only },
};

#define N_KEYS (sizeof(keys) / sizeof(keys[0]))

struct span {
        const char *at;
        size_t len;
};

static bool span_eq(struct span s, const char *text)
{
        return strlen(text) == s.len && memcmp(s.at, text, s.len) == 0;
}

static struct span trim(struct span s)
{
        while (s.len > 0 && (*s.at == ' ' || *s.at == '\t')) {
                s.at++;
                s.len--;
        }
        while (s.len > 0 && (s.at[s.len - 1] == ' ' || s.at[s.len - 1] == '\t'))
                s.len--;
        return s;
}

static int read_key(struct assembly *a, struct span section, struct span line, struct err *e)
{
        const char *equals = memchr(line.at, '=', line.len);

        if (!equals)
                return err_set(e, EINVAL, "neither 'key = value' nor a [section]");
        struct span name = trim((struct span){ line.at, (size_t)(equals - line.at) });
        struct span value = { equals + 1, line.len - (size_t)(equals + 1 - line.at) };
        if (value.len > 0 && value.at[0] == ' ') {
                value.at++;
                value.len--;
        }
        for (size_t i = 0; i < N_KEYS; i++) {
                if (!span_eq(section, keys[i].section) || !span_eq(name, keys[i].name))
                        continue;
                const char *text = decode(&a->plan->arena, value.at, value.len, e);
                if (!text || keys[i].apply(a, text, e) < 0)
                        return err_prefix(e, "%s", keys[i].name);
                return 0;
        }
        return err_set(e, EINVAL, "unknown key '%.*s'", (int)(name.len < 60 ? name.len : 60),
                       name.at);
}

static int read_line(struct assembly *a, struct span *section, struct span line, struct err *e)
{
        if (line.len == 0 || line.at[0] == '#')
                return 0;
        if (line.at[0] != '[')
                return read_key(a, *section, line, e);
        if (line.at[line.len - 1] != ']')
                return err_set(e, EINVAL, "not a section");
        *section = (struct span){ line.at + 1, line.len - 2 };
        return 0;
}

int image_apply(struct assembly *a, const char *text, const char *name, struct err *e)
{
        struct span section = { "", 0 };
        size_t number = 1;

        if (strnlen(text, MAX_TEXT + 1) > MAX_TEXT)
                return err_set(e, EFBIG, "the description of image '%s' is too large", name);
        for (const char *at = text; *at; number++) {
                struct span line = { at, strcspn(at, "\n") };

                at += line.len + (at[line.len] == '\n');
                if (read_line(a, &section, line, e) < 0) {
                        err_prefix(e, "image '%s': image.policy:%zu", name, number);
                        return err_hint(e, "import the image again");
                }
        }
        return 0;
}
