/* hooks: what is run at which moment. */

#include "config-inner.h"

static int read_hook(struct bundle *b, const struct field *f, struct bundle_hook *ret,
                     struct err *e)
{
        struct arena *a = &b->plan.arena;
        uint64_t timeout = 0;
        size_t n;

        if (!json_is_object(f->value))
                return field_fail(f, e, "must be an object");
        struct field path = field_member(f, "path");
        if (field_require(&path, e) < 0 || field_copy_path(f, "path", a, &ret->path, e) < 0 ||
            field_copy_texts(f, "env", PLAN_MAX_ENV, FIELD_MAX_TEXT, a, &ret->env, &n, e) < 0 ||
            field_number(f, "timeout", 1, UINT32_MAX, NULL, &timeout, e) < 0 ||
            field_copy_texts(f, "args", PLAN_MAX_ARGS, FIELD_MAX_TEXT, a, &ret->args, &n, e) < 0)
                return -e->code;
        ret->timeout_s = (uint32_t)timeout;
        if (!field_member(f, "env").value)
                ret->env = NULL;
        if (n > 0)
                return 0;
        /* a program expects to have a name */
        ret->args = arena_alloc(a, 2 * sizeof(*ret->args), e);
        if (!ret->args)
                return -e->code;
        ret->args[0] = ret->path;
        return 0;
}

static int read_kind(struct bundle *b, const struct field *hooks, const char *name,
                     struct bundle_hooks *ret, struct err *e)
{
        struct field list;

        if (field_array(hooks, name, BUNDLE_MAX_HOOKS, &list, e) < 0)
                return -e->code;
        size_t n = field_count(&list);
        ret->items = arena_alloc(&b->plan.arena, (n + 1) * sizeof(*ret->items), e);
        if (!ret->items)
                return -e->code;
        for (size_t i = 0; i < n; i++) {
                struct field f = field_item(&list, i);

                if (read_hook(b, &f, &ret->items[i], e) < 0)
                        return -e->code;
        }
        ret->n = n;
        return 0;
}

int config_hooks(struct bundle *b, const struct field *doc, struct err *e)
{
        static const char *const names[BUNDLE_N_HOOK_KINDS] = {
                [BUNDLE_HOOK_PRESTART] = "prestart",
                [BUNDLE_HOOK_CREATE_RUNTIME] = "createRuntime",
                [BUNDLE_HOOK_CREATE_CONTAINER] = "createContainer",
                [BUNDLE_HOOK_START_CONTAINER] = "startContainer",
                [BUNDLE_HOOK_POSTSTART] = "poststart",
                [BUNDLE_HOOK_POSTSTOP] = "poststop",
        };
        struct field hooks;

        if (field_object(doc, "hooks", &hooks, e) < 0)
                return -e->code;
        for (int i = 0; i < BUNDLE_N_HOOK_KINDS; i++) {
                if (read_kind(b, &hooks, names[i], &b->hooks[i], e) < 0)
                        return -e->code;
        }
        return 0;
}
