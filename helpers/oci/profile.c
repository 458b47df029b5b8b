#include "profile.h"

#include "fd.h"
#include "filter-form.h"
#include "helper-exit.h"
#include "helper-find.h"
#include "helper-said.h"
#include "io.h"
#include "mem.h"
#include "proc.h"
#include "profile-cache.h"
#include "str.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define HELPER "kelp-oci-seccomp"

#define MAX_SAID ((size_t)64 << 10)
#define MAX_ANSWERS                                                                                \
        (sizeof(struct filter_form) + BPF_MAXINSNS * sizeof(struct sock_filter) +                  \
         FILTER_FORM_MAX_NOTICES)

void profile_done(struct profile *p)
{
        free(p->memory);
        *p = (struct profile){ .memory = NULL };
}

static int make_file(int *ret, struct err *e)
{
        *ret = memfd_create(HELPER, MFD_CLOEXEC);
        return *ret < 0 ? err_sys(e, "cannot make a file in memory") : 0;
}

static int rewind_file(int fd, struct err *e)
{
        return lseek(fd, 0, SEEK_SET) < 0 ? err_sys(e, "cannot read a file in memory") : 0;
}

/* What the helper has said is why; a profile that takes it too long is as bad as any. */
static int tell_failure(int said, int status, struct err *e)
{
        autofree char *text = NULL;

        if (WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU)
                return err_set(e, EINVAL, "linux.seccomp: takes too long to compile");
        if (!WIFEXITED(status) || WEXITSTATUS(status) != HELPER_FAILED)
                return err_set(e, EIO, HELPER " ended with status %d", proc_exit_code(status));
        if (rewind_file(said, e) < 0 || io_read_all(said, MAX_SAID, HELPER, &text, NULL, e) < 0)
                return -e->code;
        helper_said(text, HELPER, e);
        e->code = EINVAL;
        return err_prefix(e, "config.json");
}

static int run_helper(int text, int answer, int said, int *ret_status, struct err *e)
{
        static const char *const argv[] = { HELPER, NULL };
        autochild child = CHILD_NONE;
        struct arena arena = { 0 };
        struct proc_spec spec = {
                .path = helper_find(&arena, HELPER, e),
                .argv = argv,
                .stdin_fd = text,
                .stdout_fd = answer,
                .stderr_fd = said,
                .die_with_parent = true,
        };

        if (spec.path && proc_start(&spec, &child, e) == 0)
                proc_wait(&child, ret_status, e);
        arena_done(&arena);
        return -e->code;
}

static int compile(const char *profile, size_t len, char **ret, size_t *ret_len, struct err *e)
{
        autofd text = -1;
        autofd answer = -1;
        autofd said = -1;
        int status = 0;

        if (make_file(&text, e) < 0 || make_file(&answer, e) < 0 || make_file(&said, e) < 0 ||
            io_write_all(text, profile, len, "linux.seccomp", e) < 0 || rewind_file(text, e) < 0 ||
            run_helper(text, answer, said, &status, e) < 0)
                return -e->code;
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
                return tell_failure(said, status, e);
        if (rewind_file(answer, e) < 0)
                return -e->code;
        return io_read_all(answer, MAX_ANSWERS, "the answer of " HELPER, ret, ret_len, e);
}

static bool is_form(const struct filter_form *form, size_t len)
{
        return memcmp(form->magic, FILTER_FORM_MAGIC, sizeof(form->magic)) == 0 &&
               form->n_insns > 0 && form->n_insns <= BPF_MAXINSNS &&
               form->notices_len <= FILTER_FORM_MAX_NOTICES &&
               len == sizeof(*form) + form->n_insns * sizeof(struct sock_filter) +
                               form->notices_len;
}

static void tell_notices(char *lines, const struct notice *notice)
{
        for (char *at = lines, *line; (line = str_next_field(&at, '\n'));) {
                if (line[0] == FILTER_FORM_NOTICE)
                        notice_say(notice, "%s, ignoring", line + 1);
                else if (line[0] == FILTER_FORM_DETAIL)
                        notice_debug(notice, "%s, ignoring", line + 1);
        }
}

/* Takes *data, which is terminated, where it is what the helper answers. */
static int use(char **data, size_t len, const struct notice *notice, struct profile *ret,
               struct err *e)
{
        struct filter_form form = { .n_insns = 0 };

        if (len >= sizeof(form))
                memcpy(&form, *data, sizeof(form));
        if (!is_form(&form, len))
                return err_set(e, EPROTO, "the answer of " HELPER " is not understood");
        ret->program.len = (unsigned short)form.n_insns;
        ret->program.filter = (struct sock_filter *)(*data + sizeof(form));
        ret->flags = form.flags;
        ret->has_listener = form.has_listener != 0;
        ret->memory = *data;
        *data = NULL;
        tell_notices((char *)(ret->program.filter + form.n_insns), notice);
        return 0;
}

int profile_load(const struct bundle *b, const struct notice *notice, struct profile *ret,
                 struct err *e)
{
        autofree char *data = NULL;
        autoprofilecache cache;
        struct profile_key key = { .maker = "" };
        struct err why = { 0 };
        size_t len;

        *ret = (struct profile){ .memory = NULL };
        cache.dir = -1;
        if (!b->seccomp)
                return 0;
        profile_key_fill(&key, b->seccomp, strlen(b->seccomp));
        profile_cache_open(&cache);
        if (profile_cache_get(&cache, &key, &data, &len) && use(&data, len, notice, ret, &why) == 0)
                return 0;
        free(data);
        data = NULL;
        if (compile(key.text, key.len, &data, &len, e) < 0)
                return -e->code;
        why = (struct err){ 0 };
        if (profile_cache_put(&cache, &key, data, len, &why) < 0)
                notice_debug(notice, "the compiled linux.seccomp is not kept: %.*s",
                             err_message_len(&why), why.text);
        return use(&data, len, notice, ret, e);
}
