#include "compile.h"

#include "json-text.h"
#include "str.h"
#include "value.h"
#include "words.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Enough for any profile that a filter of BPF_MAXINSNS can hold, and no time for more. */
#define MAX_CALLS 20000

#define MAX_ARGS 6

/* Of a refusal that names no error. */
#define DEFAULT_ERRNO EPERM

struct answer {
        const struct word_action *word;
        uint32_t action; /* with its data */
};

/* One of "syscalls". */
struct rule {
        struct value value;
        struct answer answer;
        const json_t *names;
        struct scmp_arg_cmp args[MAX_ARGS];
        size_t n_args;
        bool are_alternatives;
};

struct job {
        struct compiled *ret;
        struct value top;
        struct answer fallback;
        size_t n_calls;
};

void compiled_done(struct compiled *c)
{
        if (c->filter)
                seccomp_release(c->filter);
        c->filter = NULL;
}

/* What does not fit is left out: it is for people. */
__attribute__((format(printf, 3, 4))) static void note(struct compiled *c, char kind,
                                                       const char *fmt, ...)
{
        char text[400];
        char safe[480];
        va_list args;

        va_start(args, fmt);
        vsnprintf(text, sizeof(text), fmt, args);
        va_end(args);
        /* a line is a line */
        str_escape(safe, sizeof(safe), text, strlen(text));
        size_t room = sizeof(c->notices) - c->form.notices_len;
        int n = snprintf(c->notices + c->form.notices_len, room, "%c%s\n", kind, safe);
        if (n > 0 && (size_t)n < room)
                c->form.notices_len += (uint32_t)n;
}

static int refuse_word(const struct value *v, const char *key, const char *what, const char *word,
                       const char *nearest, struct err *e)
{
        value_refuse(v, key, e, "unknown %s '%.100s'", what, word);
        return nearest ? err_hint(e, "did you mean '%s'?", nearest) : -e->code;
}

/* `action` and `errno_key` are those of the default, or of a rule. */
static int read_answer(const struct value *v, const char *key, const char *errno_key,
                       struct answer *ret, struct err *e)
{
        const char *nearest;
        const char *name;
        bool has_errno;
        uint64_t data = DEFAULT_ERRNO;

        if (value_get_string(v, key, true, &name, e) < 0)
                return -e->code;
        const struct word_action *word = word_find_action(name, &nearest);
        if (!word)
                return refuse_word(v, key, "action", name, nearest, e);
        uint64_t max = word->max_data > 0 ? word->max_data : UINT32_MAX;
        if (value_get_number(v, errno_key, max, &has_errno, &data, e) < 0)
                return -e->code;
        if (has_errno && word->max_data == 0)
                return value_refuse(v, errno_key, e, "'%s' takes none", name);
        ret->word = word;
        ret->action = word->action | (word->max_data > 0 ? (uint32_t)data : 0);
        return 0;
}

static int read_arg(const struct value *v, struct scmp_arg_cmp *ret, struct err *e)
{
        const char *nearest;
        const char *name;
        bool has_two;
        uint64_t index;
        uint64_t value;
        uint64_t two = 0;

        if (value_get_number(v, "index", MAX_ARGS - 1, NULL, &index, e) < 0 ||
            value_get_number(v, "value", UINT64_MAX, NULL, &value, e) < 0 ||
            value_get_number(v, "valueTwo", UINT64_MAX, &has_two, &two, e) < 0 ||
            value_get_string(v, "op", true, &name, e) < 0)
                return -e->code;
        const struct word_op *op = word_find_op(name, &nearest);
        if (!op)
                return refuse_word(v, "op", "operator", name, nearest, e);
        /* of a masked comparison the first one is the mask */
        *ret = (struct scmp_arg_cmp){ (unsigned)index, op->op, value, two };
        return 0;
}

static int read_args(struct rule *r, struct err *e)
{
        const json_t *list;
        unsigned used = 0;

        if (value_get_list(&r->value, "args", &list, e) < 0)
                return -e->code;
        if (json_array_size(list) > MAX_ARGS)
                return value_refuse(&r->value, "args", e, "more than %d", MAX_ARGS);
        for (size_t i = 0; i < json_array_size(list); i++) {
                struct value item = { 0 };

                if (value_get_item(&r->value, "args", list, i, &item, e) < 0 ||
                    read_arg(&item, &r->args[i], e) < 0)
                        return -e->code;
                if (used & 1u << r->args[i].arg)
                        r->are_alternatives = true;
                used |= 1u << r->args[i].arg;
                r->n_args++;
        }
        return 0;
}

static int refuse_rule(const struct rule *r, const char *name, int code, struct err *e)
{
        return err_set(e, EINVAL, "%s: libseccomp refuses the rule for '%.100s': %s",
                       r->value.where, name, err_name(code));
}

static int add_call(struct job *job, const struct rule *r, const char *name, int nr, struct err *e)
{
        scmp_filter_ctx filter = job->ret->filter;
        uint32_t action = r->answer.action;
        int code = 0;

        if (!r->are_alternatives) {
                code = seccomp_rule_add_array(filter, action, nr, (unsigned)r->n_args, r->args);
                return code < 0 ? refuse_rule(r, name, -code, e) : 0;
        }
        for (size_t i = 0; code == 0 && i < r->n_args; i++)
                code = seccomp_rule_add_array(filter, action, nr, 1, &r->args[i]);
        return code < 0 ? refuse_rule(r, name, -code, e) : 0;
}

/* A name from a later kernel than libseccomp's: without its rule it gets the default answer. */
static void tell_unknown(struct job *job, const struct rule *r, const char *name)
{
        const struct scmp_version *version = seccomp_version();
        bool is_looser = job->fallback.word->is_passing && !r->answer.word->is_passing;

        note(job->ret, is_looser ? FILTER_FORM_NOTICE : FILTER_FORM_DETAIL,
             "%s.names: no rule for '%.60s', a call that libseccomp %u.%u.%u does not know",
             r->value.where, name, version->major, version->minor, version->micro);
}

static int add_names(struct job *job, const struct rule *r, struct err *e)
{
        for (size_t i = 0; i < json_array_size(r->names); i++) {
                const char *name;

                if (value_get_word(&r->value, "names", r->names, i, &name, e) < 0)
                        return -e->code;
                if (job->n_calls++ == MAX_CALLS)
                        return value_refuse(&job->top, "syscalls", e, "more than %d names",
                                            MAX_CALLS);
                int nr = seccomp_syscall_resolve_name(name);
                if (nr == __NR_SCMP_ERROR)
                        tell_unknown(job, r, name);
                /* libseccomp takes no rule for what is so without one */
                else if (r->answer.action != job->fallback.action &&
                         add_call(job, r, name, nr, e) < 0)
                        return -e->code;
        }
        return 0;
}

static int add_rule(struct job *job, const json_t *list, size_t i, struct err *e)
{
        struct rule r = { .n_args = 0 };

        if (value_get_item(&job->top, "syscalls", list, i, &r.value, e) < 0 ||
            value_get_list(&r.value, "names", &r.names, e) < 0)
                return -e->code;
        if (json_array_size(r.names) == 0)
                return value_refuse(&r.value, "names", e,
                                    r.names ? "must not be empty" : "is missing");
        if (read_answer(&r.value, "action", "errnoRet", &r.answer, e) < 0 || read_args(&r, e) < 0)
                return -e->code;
        if (r.answer.word->action == SCMP_ACT_NOTIFY)
                job->ret->form.has_listener = 1;
        return add_names(job, &r, e);
}

static int add_rules(struct job *job, struct err *e)
{
        const json_t *list;

        if (value_get_list(&job->top, "syscalls", &list, e) < 0)
                return -e->code;
        for (size_t i = 0; i < json_array_size(list); i++) {
                if (add_rule(job, list, i, e) < 0)
                        return -e->code;
        }
        return 0;
}

static int add_archs(struct job *job, struct err *e)
{
        const json_t *list;

        if (value_get_list(&job->top, "architectures", &list, e) < 0)
                return -e->code;
        for (size_t i = 0; i < json_array_size(list); i++) {
                const char *nearest;
                const char *name;
                struct word_arch arch;
                char key[48];

                snprintf(key, sizeof(key), "architectures[%zu]", i);
                if (value_get_word(&job->top, "architectures", list, i, &name, e) < 0)
                        return -e->code;
                if (!word_find_arch(name, &arch, &nearest))
                        return refuse_word(&job->top, key, "architecture", name, nearest, e);
                /* calls of an architecture that the filter does not have end the process */
                if (arch.token == 0) {
                        note(job->ret, FILTER_FORM_DETAIL,
                             "linux.seccomp.%s: libseccomp does not know '%s'", key, name);
                        continue;
                }
                int code = seccomp_arch_add(job->ret->filter, arch.token);
                if (code < 0 && code != -EEXIST)
                        return value_refuse(&job->top, key, e, "libseccomp refuses '%s': %s", name,
                                            err_name(-code));
        }
        return 0;
}

static int read_flags(struct job *job, struct err *e)
{
        const json_t *list;

        if (value_get_list(&job->top, "flags", &list, e) < 0)
                return -e->code;
        for (size_t i = 0; i < json_array_size(list); i++) {
                const struct word_flag *flag;
                const char *nearest;
                const char *name;
                char key[48];

                snprintf(key, sizeof(key), "flags[%zu]", i);
                if (value_get_word(&job->top, "flags", list, i, &name, e) < 0)
                        return -e->code;
                flag = word_find_flag(name, &nearest);
                if (!flag)
                        return refuse_word(&job->top, key, "flag", name, nearest, e);
                job->ret->form.flags |= flag->flag;
        }
        return 0;
}

/* The specification: metadata without a path is an error, a path without a need of one is ignored. */
static int check_listener(struct job *job, struct err *e)
{
        const char *path;
        const char *metadata;

        if (value_get_string(&job->top, "listenerPath", false, &path, e) < 0 ||
            value_get_string(&job->top, "listenerMetadata", false, &metadata, e) < 0)
                return -e->code;
        bool has_path = path && path[0];
        if (!has_path && metadata && metadata[0])
                return value_refuse(&job->top, "listenerMetadata", e,
                                    "is of no use without listenerPath");
        if (!has_path && job->ret->form.has_listener)
                return value_refuse(&job->top, "listenerPath", e, "'SCMP_ACT_NOTIFY' needs it");
        return 0;
}

static int start_filter(struct job *job, struct err *e)
{
        struct compiled *ret = job->ret;

        memcpy(ret->form.magic, FILTER_FORM_MAGIC, sizeof(ret->form.magic));
        ret->form.has_listener = job->fallback.word->action == SCMP_ACT_NOTIFY;
        ret->filter = seccomp_init(job->fallback.action);
        if (!ret->filter)
                return value_refuse(&job->top, "defaultAction", e, "this kernel has no '%s'",
                                    job->fallback.word->name);
        /* a tree: the kernel walks through the filter once for each call when it is loaded */
        int code = seccomp_attr_set(ret->filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
        if (code < 0)
                return err_set(e, -code, "libseccomp cannot make a tree of a filter: %s",
                               err_name(-code));
        return 0;
}

static int compile(struct job *job, struct err *e)
{
        if (read_answer(&job->top, "defaultAction", "defaultErrnoRet", &job->fallback, e) < 0 ||
            start_filter(job, e) < 0 || add_archs(job, e) < 0 || read_flags(job, e) < 0 ||
            add_rules(job, e) < 0)
                return -e->code;
        return check_listener(job, e);
}

int compile_profile(const char *text, size_t len, struct compiled *ret, struct err *e)
{
        static const struct json_text_limits limits = {
                .bytes = FILTER_FORM_MAX_PROFILE,
                .depth = 16,
                .values = 500000,
                .has_big_numbers = true,
        };
        struct job job = { .ret = ret, .top.where = "linux.seccomp" };
        autojson *json = json_text_parse(text, len, &limits, "linux.seccomp", e);

        if (!json)
                return -e->code;
        if (!json_is_object(json))
                return err_set(e, EINVAL, "linux.seccomp: must be an object");
        job.top.json = json;
        return compile(&job, e);
}
