#include "plan-made.h"

#include "str.h"

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

                if (str_eq(use->row->name, "policy") && option_is_policy_file(use->value))
                        use->text = m->policy_text;
                if (str_eq(use->row->name, "env-file"))
                        use->text = m->env_text;
        }
}

void made_run(struct made *m, const char *const *argv)
{
        struct option_list list = { 0 };
        struct plan_request request = { .facts = &m->facts, .options = &list };
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
