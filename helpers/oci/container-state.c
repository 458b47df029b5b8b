#include "container-inner.h"

#include "fd.h"
#include "io.h"
#include "str.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/*
 * state.json.  It is replaced as a whole, and never synced: what it tells of does not outlive the machine
 * either.  It is read strictly, for kills and removals go where it says.
 */

#define STATE_NEW CONTAINER_STATE ".new"

#define autojson __attribute__((cleanup(json_drop))) json_t

static void json_drop(json_t **at)
{
        json_decref(*at);
}

/* Adds what there is; false: no memory, or not UTF-8, which JSON cannot have. */
static bool add_text(json_t *object, const char *name, const char *text)
{
        return !text || json_object_set_new(object, name, json_string(text)) == 0;
}

static bool add_labels(json_t *object, const struct container *c)
{
        json_t *labels = json_object();

        if (json_object_set_new(object, "annotations", labels) < 0)
                return false;
        for (size_t i = 0; i < c->n_labels; i++) {
                if (!add_text(labels, c->labels[i].name, c->labels[i].value))
                        return false;
        }
        return true;
}

/* What state.json and the state of the specification have in common. */
/* In the order that runc has, which scripts know; without a status where that is NULL. */
static json_t *make_common(const struct container *c, pid_t pid, const char *status)
{
        autojson *object = json_object();

        if (!add_text(object, "ociVersion", c->version ? c->version : "1.0.2") ||
            !add_text(object, "id", c->id) ||
            json_object_set_new(object, "pid", json_integer(pid)) < 0 ||
            !add_text(object, "status", status) || !add_text(object, "bundle", c->bundle) ||
            !add_text(object, "rootfs", c->rootfs) ||
            !add_text(object, "created", c->created[0] ? c->created : NULL) ||
            !add_labels(object, c))
                return NULL;
        return json_incref(object);
}

static char *print_kept(const struct container *c)
{
        autojson *object = make_common(c, c->pid, NULL);

        if (!object || !add_text(object, "cgroup", c->cgroup) ||
            json_object_set_new(object, "isScope", json_boolean(c->is_scope)) < 0 ||
            json_object_set_new(object, "hooks", json_integer(c->hooks)) < 0 ||
            json_object_set_new(object, "startTime", json_integer((json_int_t)c->start_time)) < 0 ||
            json_object_set_new(object, "owner", json_integer(geteuid())) < 0)
                return NULL;
        return json_dumps(object, JSON_COMPACT);
}

static int write_file(const struct container *c, const char *name, const char *text, size_t len,
                      struct err *e)
{
        autofd fd =
                openat(c->dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);

        if (fd < 0)
                return err_sys(e, "cannot write '%s' of container '%s'", name, c->id);
        return io_write_all(fd, text, len, name, e);
}

int container_write(const struct container *c, struct err *e)
{
        autofree char *text = print_kept(c);

        if (!text)
                return err_set(e, EINVAL, "the state of container '%s' is no text of JSON", c->id);
        if (write_file(c, STATE_NEW, text, strlen(text), e) < 0)
                return -e->code;
        if (renameat(c->dir, STATE_NEW, c->dir, CONTAINER_STATE) < 0)
                return err_sys(e, "cannot replace the state of container '%s'", c->id);
        return 0;
}

static int copy_labels(struct container *c, const struct bundle *b, struct err *e)
{
        if (b->n_labels == 0)
                return 0;
        c->labels = arena_alloc(&c->arena, b->n_labels * sizeof(*c->labels), e);
        if (!c->labels)
                return -e->code;
        for (size_t i = 0; i < b->n_labels; i++) {
                c->labels[i].name = arena_copy(&c->arena, b->labels[i].name, e);
                c->labels[i].value = arena_copy(&c->arena, b->labels[i].value, e);
                if (!c->labels[i].name || !c->labels[i].value)
                        return -e->code;
        }
        c->n_labels = b->n_labels;
        return 0;
}

/* RFC 3339, as runc's: engines parse it. */
static void print_now(char ret[40])
{
        struct timespec now;
        struct tm parts;
        char seconds[24] = "";

        if (clock_gettime(CLOCK_REALTIME, &now) == 0 && gmtime_r(&now.tv_sec, &parts))
                strftime(seconds, sizeof(seconds), "%Y-%m-%dT%H:%M:%S", &parts);
        snprintf(ret, 40, "%s.%06ldZ", seconds, now.tv_nsec / 1000);
}

int container_fill(struct container *c, const struct bundle *b, struct err *e)
{
        c->bundle = arena_copy(&c->arena, b->dir, e);
        c->rootfs = arena_copy(&c->arena, b->root ? b->root : "", e);
        c->version = arena_copy(&c->arena, b->version, e);
        if (!c->bundle || !c->rootfs || !c->version || copy_labels(c, b, e) < 0)
                return -e->code;
        c->hooks = 0;
        for (size_t i = 0; i < BUNDLE_N_HOOK_KINDS; i++)
                c->hooks |= b->hooks[i].n > 0 ? 1u << i : 0;
        print_now(c->created);
        return 0;
}

int container_keep_config(const struct container *c, const struct bundle *b, struct err *e)
{
        return write_file(c, CONTAINER_CONFIG, b->text, b->text_len, e);
}

static int take_text(struct container *c, const json_t *object, const char *name, const char **ret,
                     struct err *e)
{
        const char *text = json_string_value(json_object_get(object, name));

        if (!text)
                return 0;
        *ret = arena_copy(&c->arena, text, e);
        return *ret ? 0 : -e->code;
}

static int take_labels(struct container *c, json_t *labels, struct err *e)
{
        const char *name;
        json_t *value;

        if (json_object_size(labels) == 0)
                return 0;
        c->labels = arena_alloc(&c->arena, json_object_size(labels) * sizeof(*c->labels), e);
        if (!c->labels)
                return -e->code;
        json_object_foreach(labels, name, value)
        {
                struct bundle_label *label = &c->labels[c->n_labels];

                label->name = arena_copy(&c->arena, name, e);
                label->value = arena_copy(&c->arena,
                                          json_is_string(value) ? json_string_value(value) : "", e);
                if (!label->name || !label->value)
                        return -e->code;
                c->n_labels++;
        }
        return 0;
}

/* Numbers first: of a state that is no good nothing is taken. */
static int take_all(struct container *c, const json_t *object, struct err *e)
{
        const json_t *pid = json_object_get(object, "pid");
        const json_t *start = json_object_get(object, "startTime");
        const json_t *hooks = json_object_get(object, "hooks");
        const char *id = json_string_value(json_object_get(object, "id"));
        const char *created = json_string_value(json_object_get(object, "created"));

        if (!json_is_integer(pid) || json_integer_value(pid) < 0 ||
            json_integer_value(pid) > INT32_MAX || !json_is_integer(start) ||
            !json_is_integer(hooks) || !id || !str_eq(id, c->id) || !created ||
            strlen(created) >= sizeof(c->created) ||
            !json_is_string(json_object_get(object, "bundle")))
                return err_set(e, EBADMSG, "the state of container '%s' is damaged", c->id);
        c->pid = (pid_t)json_integer_value(pid);
        c->start_time = (uint64_t)json_integer_value(start);
        c->hooks = (unsigned)json_integer_value(hooks);
        c->is_scope = json_is_true(json_object_get(object, "isScope"));
        memcpy(c->created, created, strlen(created) + 1);
        if (take_text(c, object, "ociVersion", &c->version, e) < 0 ||
            take_text(c, object, "bundle", &c->bundle, e) < 0 ||
            take_text(c, object, "rootfs", &c->rootfs, e) < 0 ||
            take_text(c, object, "cgroup", &c->cgroup, e) < 0)
                return -e->code;
        return take_labels(c, json_object_get(object, "annotations"), e);
}

int container_read(struct container *c, struct err *e)
{
        autofree char *text = NULL;
        size_t len;
        autofd fd = openat(c->dir, CONTAINER_STATE, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

        if (fd < 0)
                return err_sys(e, "cannot read the state of container '%s'", c->id);
        if (io_read_all(fd, CONTAINER_MAX_STATE, CONTAINER_STATE, &text, &len, e) < 0) {
                if (e->code == EFBIG)
                        return err_set(e, EBADMSG, "the state of container '%s' is damaged", c->id);
                return err_prefix(e, "container '%s'", c->id);
        }
        autojson *object = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
        if (!json_is_object(object))
                return err_set(e, EBADMSG, "the state of container '%s' is damaged", c->id);
        return take_all(c, object, e);
}

int container_print_state(const struct container *c, enum container_status status, char **ret,
                          struct err *e)
{
        pid_t pid = status == CONTAINER_STOPPED ? 0 : c->pid;
        autojson *object = make_common(c, pid, container_status_name(status));

        if (!object)
                return err_set(e, EINVAL, "the state of container '%s' is no text of JSON", c->id);
        *ret = json_dumps(object, JSON_INDENT(2));
        if (!*ret)
                return err_set(e, ENOMEM, "cannot print the state of container '%s'", c->id);
        return 0;
}
