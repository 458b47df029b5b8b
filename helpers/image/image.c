#include "image.h"

#include "limit.h"
#include "parse.h"
#include "path.h"
#include "str.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

void image_done(struct image *image)
{
        arena_done(&image->arena);
        *image = (struct image){ 0 };
}

static int list_add(struct image *image, struct image_list *list, const char *text, size_t limit,
                    const char *what, struct err *e)
{
        size_t len = strlen(text);

        if (len > LIMIT_LIST_BYTES - list->bytes)
                return err_set(e, E2BIG, "the image's %s are larger than %u bytes", what,
                               LIMIT_LIST_BYTES);
        if (arena_grow(&image->arena, &list->item, list->n, sizeof(*list->item), limit, what, e) <
            0)
                return -e->code;
        char *copy = arena_copy_n(&image->arena, text, len, e);
        if (!copy)
                return -e->code;
        list->item[list->n++] = copy;
        list->bytes += len;
        return 0;
}

static int check_env(const char *text, struct err *e)
{
        const char *equals = strchr(text, '=');

        if (!equals || equals == text)
                return err_set(e, EINVAL, "'%.100s' in the image's environment is not NAME=VALUE",
                               text);
        return 0;
}

static int check_port(const char *text, struct err *e)
{
        static const char *const protocols[] = { "/tcp", "/udp", "/sctp", NULL };
        char number[8];
        size_t digits = strspn(text, "0123456789");
        uint64_t port;

        if (digits == 0 || digits > 5)
                return err_set(e, EINVAL, "'%.100s' is not a port", text);
        memcpy(number, text, digits);
        number[digits] = '\0';
        if (parse_number(number, 1, 65535, &port, e) < 0)
                return -e->code;
        for (const char *const *p = protocols; *p; p++) {
                if (str_eq(text + digits, *p))
                        return 0;
        }
        return err_set(e, EINVAL, "'%.100s' is not PORT/tcp, PORT/udp or PORT/sctp", text);
}

int image_add(struct image *image, enum image_list_kind kind, const char *text, struct err *e)
{
        struct image_run *run = &image->run;

        switch (kind) {
        case IMAGE_ENV:
                if (check_env(text, e) < 0)
                        return -e->code;
                return list_add(image, &run->env, text, LIMIT_ENV, "environment variables", e);
        case IMAGE_ENTRYPOINT:
                return list_add(image, &run->entrypoint, text, LIMIT_ARGS, "entrypoint arguments",
                                e);
        case IMAGE_COMMAND:
                return list_add(image, &run->command, text, LIMIT_ARGS, "command arguments", e);
        case IMAGE_EXPOSE:
                if (check_port(text, e) < 0)
                        return -e->code;
                return list_add(image, &run->expose, text, LIMIT_PORTS, "exposed ports", e);
        }
        return err_set(e, EINVAL, "no such list");
}

int image_set_workdir(struct image *image, const char *text, struct err *e)
{
        char *clean = path_clean(&image->arena, "/", text, e);

        if (!clean)
                return err_prefix(e, "the image's working directory");
        image->run.workdir = clean;
        return 0;
}

static bool is_user_text(const char *text)
{
        size_t len = strlen(text);
        const char *colon = strchr(text, ':');

        if (len == 0 || len > LIMIT_USER || (colon && (colon == text || strchr(colon + 1, ':'))))
                return false;
        for (const char *c = text; *c; c++) {
                if (*c <= ' ' || *c > '~' || *c == '/' || *c == ',')
                        return false;
        }
        return !colon || colon[1];
}

int image_set_user(struct image *image, const char *text, struct err *e)
{
        if (!is_user_text(text))
                return err_set(e, EINVAL, "the image's user '%.100s' is not NAME[:GROUP]", text);
        image->run.user = arena_copy(&image->arena, text, e);
        return image->run.user ? 0 : -e->code;
}

/* "SIGRTMIN+3" and its kin; the kernel's first real-time signal that glibc leaves alone is 34. */
static int parse_real_time(const char *text, int *ret, struct err *e)
{
        uint64_t offset;

        if (str_has_prefix(text, "SIG"))
                text += 3;
        if (!str_has_prefix(text, "RTMIN+"))
                return err_set(e, EINVAL, "'%.100s' is not a signal", text);
        if (parse_number(text + strlen("RTMIN+"), 0, 30, &offset, e) < 0)
                return -e->code;
        *ret = 34 + (int)offset;
        return 0;
}

int image_set_stop_signal(struct image *image, const char *text, struct err *e)
{
        int signal;

        if (parse_real_time(text, &signal, e) < 0 && parse_signal(text, &signal, e) < 0)
                return err_prefix(e, "the image's stop signal");
        const char *name = parse_signal_name(signal);
        image->run.stop_signal = name ? arena_copy(&image->arena, name, e)
                                      : arena_print(&image->arena, e, "%d", signal);
        return image->run.stop_signal ? 0 : -e->code;
}

/* The length of YYYY-MM-DDTHH:MM:SS at the start of `text`, or 0. */
static size_t seconds_len(const char *text)
{
        static const char shape[] = "0000-00-00T00:00:00";

        for (size_t i = 0; shape[i]; i++) {
                bool is_digit = text[i] >= '0' && text[i] <= '9';

                if (shape[i] == '0' ? !is_digit : text[i] != shape[i])
                        return 0;
        }
        return strlen(shape);
}

int image_set_created(struct image *image, const char *text, struct err *e)
{
        size_t len = seconds_len(text);
        const char *rest = text + len;

        if (len == 0)
                return 0;
        if (*rest == '.')
                rest += 1 + strspn(rest + 1, "0123456789");
        bool is_utc = str_eq(rest, "Z");
        bool is_offset = (*rest == '+' || *rest == '-') && strlen(rest) == 6 && rest[3] == ':' &&
                         strspn(rest + 1, "0123456789:") == 5;
        if (!is_utc && !is_offset)
                return 0;
        image->store.created = arena_print(&image->arena, e, "%.*s%s", (int)len, text, rest);
        return image->store.created ? 0 : -e->code;
}

int image_add_layer(struct image *image, const struct digest *diff_id, struct err *e)
{
        if (arena_grow(&image->arena, &image->layers, image->n_layers, sizeof(*image->layers),
                       LIMIT_LAYERS, "layers", e) < 0)
                return -e->code;
        image->layers[image->n_layers++] = *diff_id;
        return 0;
}

int image_add_blob(struct image *image, const struct digest *blob, struct err *e)
{
        struct image_store *store = &image->store;

        /* an image may have the same (empty) layer several times */
        for (size_t i = 0; i < store->n_blobs; i++) {
                if (digest_is_same(&store->blobs[i], blob))
                        return 0;
        }
        if (arena_grow(&image->arena, &store->blobs, store->n_blobs, sizeof(*store->blobs),
                       LIMIT_LAYERS + 2, "blobs", e) < 0)
                return -e->code;
        store->blobs[store->n_blobs++] = *blob;
        return 0;
}
