/*
 * Any bytes as a config.json, as its process and as its linux: an error of one line that begins with the
 * document's name, or a bundle within the limits.
 */

#include "config.h"
#include "fuzz.h"
#include "json-text.h"
#include "path.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void demand(bool is_so)
{
        if (!is_so)
                abort();
}

static void check_texts(const char *const *texts, size_t n)
{
        for (size_t i = 0; i < n; i++)
                demand(texts[i] != NULL);
        demand(texts == NULL || texts[n] == NULL);
}

static void check_process(const struct bundle *b)
{
        const struct plan_exec *exec = &b->plan.exec;

        if (!b->has_process)
                return;
        demand(exec->n_args > 0 && exec->workdir[0] == '/');
        check_texts(exec->argv, exec->n_args);
        check_texts(exec->env, exec->n_env);
        for (size_t i = 0; i < exec->n_env; i++)
                demand(exec->env[i][0] != '=' && strchr(exec->env[i], '='));
        demand(b->process.uid != (uid_t)-1 && b->process.gid != (gid_t)-1);
        demand(b->process.umask <= 0777 && b->plan.limits.n_rlimits <= PLAN_MAX_RLIMITS);
}

static void check_mounts(const struct bundle *b)
{
        demand(b->n_mounts <= BUNDLE_MAX_MOUNTS);
        for (size_t i = 0; i < b->n_mounts; i++) {
                const struct bundle_mount *m = &b->mounts[i];

                demand(path_is_clean(m->box_path) && m->source && m->type && m->data && m->where);
                demand(!m->is_bind || m->source[0] == '/' || m->super);
                demand((m->uids.n == 0) == (m->gids.n == 0));
        }
}

static void check_linux(const struct bundle *b)
{
        for (size_t i = 0; i < b->n_devices; i++)
                demand(path_is_clean(b->devices[i].box_path) && strchr("cubp", b->devices[i].type));
        for (size_t i = 0; i < b->n_sysctls; i++)
                demand(b->sysctls[i].file[0] != '/' && !strstr(b->sysctls[i].file, ".."));
        for (size_t i = 0; i < b->group.n_lines; i++)
                demand(b->group.lines[i].where && !strchr(b->group.lines[i].file, '/') &&
                       !strchr(b->group.lines[i].value, '\n'));
        for (size_t i = 0; i < b->n_masked; i++)
                demand(path_is_clean(b->masked[i]));
        for (size_t i = 0; i < BUNDLE_N_NS; i++)
                demand(!b->ns[i].path || b->ns[i].path[0] == '/');
        demand(!b->has_maps || (b->maps.uids.n > 0 && b->maps.gids.n > 0));
}

/* The helper that compiles it reads it again. */
static void check_seccomp(const char *text)
{
        static const struct json_text_limits limits = {
                .bytes = BUNDLE_MAX_CONFIG, .depth = 64, .values = 1000000, .has_big_numbers = true
        };
        struct err e = { 0 };

        if (!text)
                return;
        autojson *doc = json_text_parse(text, strlen(text), &limits, "seccomp", &e);
        demand(doc != NULL);
        autofree char *again = json_text_print(doc);
        demand(again && strcmp(again, text) == 0);
}

static void take(const char *text, size_t len)
{
        struct bundle b = { 0 };
        struct err e = { 0 };

        if (config_read_text(text, len, "/bundle", &b, &e) < 0) {
                demand(strncmp(e.text, "config.json", 11) == 0 || e.code == E2BIG);
                demand(!strchr(e.text, '\n'));
        } else {
                demand(b.text_len == len && b.root[0] == '/' && b.version);
                check_process(&b);
                check_mounts(&b);
                check_linux(&b);
                check_seccomp(b.seccomp);
        }
        bundle_done(&b);
        demand(b.plan.arena.block == NULL);
}

static void take_as(const char *member, const char *text, size_t len)
{
        static const char format[] =
                "{\"ociVersion\":\"1.0.0\",\"root\":{\"path\":\"r\"},\"%s\":%.*s}";
        size_t size = sizeof(format) + strlen(member) + len;
        char *whole = malloc(size);

        if (!whole)
                abort();
        int n = snprintf(whole, size, format, member, (int)len, text);
        take(whole, (size_t)n);
        free(whole);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        take((const char *)data, size);
        take_as("process", (const char *)data, size);
        take_as("linux", (const char *)data, size);
        return 0;
}
