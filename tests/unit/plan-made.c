#include "plan-made.h"

#include "path.h"
#include "str.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const outer_env[] = {
        "PATH=/usr/bin:/bin",       "HOME=/home/ann", "USER=ann",
        "SECRET_TOKEN=xyzzy",       "LANG=C.UTF-8",   "LC_ALL=C",
        "LC_TIME=de_DE.UTF-8",      "LCX=1",          "TERM=xterm-256color",
        "SSH_AUTH_SOCK=/run/agent", "EMPTY=",         NULL,
};

void made_start(struct made *m)
{
        *m = (struct made){
                .facts = {
                        .uid = 1000,
                        .gid = 1000,
                        .user_name = "ann",
                        .home = "/home/ann",
                        .account_home = "/home/ann",
                        .cache_home = "/home/ann/.cache",
                        .cwd = "/home/ann/work",
                        .can_write_cwd = true,
                        .env = outer_env,
                },
        };
        m->problems = calloc(1, sizeof(*m->problems));
        if (!m->problems)
                abort();
}

static void give_texts(const struct made *m, struct option_list *list)
{
        for (size_t i = 0; i < list->n; i++) {
                struct option_use *use = &list->uses[i];

                if (str_eq(use->row->name, "env-file"))
                        use->text = m->env_text;
        }
}

static const char *find_named(const struct made *m, enum policy_layer layer, const char *name)
{
        for (const struct made_policy *p = m->policies; p && p->name; p++) {
                if (p->layer == layer && str_eq(p->name, name))
                        return p->text;
        }
        return NULL;
}

static int give_layer(void *user, enum policy_layer layer, const char *name,
                      struct policy_text *ret, struct err *e)
{
        struct made *m = user;
        const char *dir = layer == POLICY_SYSTEM ? "/etc/kelp" : "/home/ann/.config/kelp";

        ret->text = find_named(m, layer, name);
        ret->dir = dir;
        ret->path = ret->name = arena_print(&m->plan.arena, e, "%s/%s.policy", dir, name);
        return ret->path ? 0 : -e->code;
}

static int give_file(void *user, const char *path, const char *dir, struct policy_text *ret,
                     struct err *e)
{
        struct made *m = user;

        ret->name = path;
        ret->path = path_clean(&m->plan.arena, dir ? dir : "/home/ann/work", path, e);
        ret->dir = ret->path ? path_parent(&m->plan.arena, ret->path, e) : NULL;
        if (!ret->dir)
                return -e->code;
        ret->text = find_named(m, POLICY_FILE, ret->path);
        if (!ret->text)
                ret->text = dir && !str_has_suffix(ret->path, "/my.policy") ? NULL : m->policy_text;
        return ret->text ? 0 : err_set(e, ENOENT, "cannot open '%s'", path);
}

static void collect(struct made *m, const struct option_list *list, bool is_image,
                    struct policy_set *ret)
{
        const struct policy_source source = { .user = m, .layer = give_layer, .file = give_file };
        const char *asked[16];
        size_t n = 0;
        struct err e = { 0 };

        for (size_t i = 0; i < list->n && n < 16; i++) {
                if (str_eq(list->uses[i].row->name, "policy"))
                        asked[n++] = list->uses[i].value;
        }
        policy_collect(&m->plan.arena, &source, is_image, asked, n, ret, m->problems);
        const char *project = find_named(m, POLICY_PROJECT, "");
        const struct policy_text text = {
                .policy = "project",
                .name = ".kelp.policy",
                .text = project,
                .path = "/home/ann/work/.kelp.policy",
                .dir = "/home/ann/work",
                .layer = POLICY_PROJECT,
                .keeps_syscalls = true,
        };
        if (project && policy_set_add(&m->plan.arena, ret, &text, &e) < 0)
                plan_add_problem(m->problems, &e);
}

void made_run(struct made *m, const char *const *argv)
{
        struct policy_set policies = { 0 };
        struct option_list list = { 0 };
        struct plan_request request = {
                .facts = &m->facts,
                .options = &list,
                .policies = &policies,
                .words = m->words,
        };
        struct err e = { 0 };
        size_t n = 0;

        while (argv[n])
                n++;
        if (option_parse(&m->plan.arena, n, argv, &list, &e) < 0) {
                plan_add_problem(m->problems, &e);
                m->result = -e.code;
                return;
        }
        give_texts(m, &list);
        if (!list.is_host && list.image) {
                request.image.name = list.image;
                request.image.text = m->image_text;
                request.image.store = "/store";
                request.image.kept_dir = "/kept";
                if (!m->image_text)
                        request.image.directory = "/srv/root";
        }
        collect(m, &list, request.image.name != NULL, &policies);
        m->result = plan_assemble(&m->plan, &request, m->problems);
}

void made_done(struct made *m)
{
        plan_done(&m->plan);
        free(m->problems);
        m->problems = NULL;
}

const char *made_text(const struct made *m)
{
        static char text[sizeof(m->problems->items) + PLAN_MAX_PROBLEMS];
        size_t used = 0;

        text[0] = '\0';
        for (size_t i = 0; i < m->problems->n; i++)
                used += (size_t)snprintf(text + used, sizeof(text) - used, "%s\n",
                                         m->problems->items[i].text);
        return text;
}
