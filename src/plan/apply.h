#ifndef KELP_PLAN_APPLY_H
#define KELP_PLAN_APPLY_H

#include "assemble.h"
#include "plan.h"

/*
 * What a line of a policy or an option on the command line does to the plan: one function for one
 * setting, whoever asks for it.  Errors name the value; the caller puts the option or the line in
 * front of it.
 */

struct setting {
        const char *value;  /* NULL: it has none */
        const char *text;   /* the content of the file that `value` names, or NULL */
        const char *origin; /* lives as long as the plan */
        bool if_exists;     /* a policy's "-PATH" */
        const char *dir;    /* what "./PATH" counts from; NULL: the current directory */
        bool is_project;    /* a project's own file says it, which may only tighten */
        bool is_quoted;     /* a policy's, in quotes: neither a pattern nor a variable */
        bool is_option;     /* typed by the user just now */
};

struct text_list {
        const char **items;
        size_t n;
};

/* A plan on its way, with what cannot be decided before all of it is known. */
struct assembly {
        struct plan *plan;
        const struct plan_facts *facts;
        struct policy_words *words;  /* what every line says, for who wants to see; or NULL */
        struct text_list pass;       /* names and PREFIX* of the outer environment */
        struct text_list set;        /* NAME=VALUE of policies */
        struct text_list given;      /* NAME=VALUE of options; NAME: unset */
        uint32_t *env_hashes;        /* of the names in the plan's environment, by place */
        struct text_list image_env;  /* NAME=VALUE */
        struct text_list entrypoint; /* of the image */
        struct text_list command;    /* of the image */
        const char *new_entrypoint;  /* --entrypoint; "": none at all; NULL: not given */
        bool shows_more;             /* paths may be shown that the built-in policy does not */
        unsigned layer;             /* of the text that is being applied; rises from text to text */
        const char *cwd_origin;     /* the policies' `writable = .`; NULL: there is none */
        bool cwd_is_readable;       /* it is `readable = .`, the last of them */
        struct plan_seen_dirs seen; /* only for as long as this plan is made: they change */
};

int assembly_add(struct assembly *a, struct text_list *list, size_t limit, const char *what,
                 const char *item, struct err *e);

/* The setting's value as a clean host path: "~", relative and absolute ones. */
int apply_expand(struct assembly *a, const struct setting *s, const char *path, const char **ret,
                 struct err *e);

/*
 * A policy's "$XDG_CONFIG_HOME/x" as an absolute path; others stay as they are.  Errors: a variable that
 * is not known, or not set.
 */
int apply_expand_variable(struct assembly *a, const char *path, const char **ret, struct err *e);

/* Whether it counts from a home or a variable that there is not: nothing is there. */
bool apply_is_nowhere(struct assembly *a, const struct setting *s);

/* A policy's pattern, and what is to be done with all that match it. */
bool apply_is_pattern(const struct setting *s);
int apply_pattern(struct assembly *a, const struct setting *s, enum plan_rule_kind kind,
                  struct err *e);

/* Adds a rule.  Paths must live as long as the plan. */
int apply_add_rule(struct assembly *a, const struct setting *s, enum plan_rule_kind kind,
                   const char *host_path, const char *box_path, struct err *e);

/* files */
int apply_readable(struct assembly *a, const struct setting *s, struct err *e);
int apply_writable(struct assembly *a, const struct setting *s, struct err *e);
int apply_hidden(struct assembly *a, const struct setting *s, struct err *e);
/* In the place that it has in a view of this host, and wherever else a share shows it. */
int apply_hide_host_path(struct assembly *a, const struct setting *s, const char *path,
                         const char *home, struct err *e);
int apply_hide_caches(struct assembly *a, struct err *e); /* kelp's own, in what is shared */
int apply_hide_images(struct assembly *a, struct err *e);
int apply_hide_state(struct assembly *a, struct err *e);
int apply_hide_reviews(struct assembly *a, struct err *e);
int apply_protected(struct assembly *a, const struct setting *s, struct err *e);
int apply_temporary(struct assembly *a, const struct setting *s, struct err *e);
int apply_cache(struct assembly *a, const struct setting *s, struct err *e);
int apply_empty(struct assembly *a, const struct setting *s, struct err *e);
int apply_home(struct assembly *a, const struct setting *s, struct err *e);
int apply_volume(struct assembly *a, const struct setting *s, struct err *e);
int apply_device(struct assembly *a, const struct setting *s, struct err *e);
int apply_socket(struct assembly *a, const struct setting *s, struct err *e);
int apply_read_only(struct assembly *a, const struct setting *s, struct err *e);

/* network */
int apply_network(struct assembly *a, const struct setting *s, struct err *e);
int apply_allow(struct assembly *a, const struct setting *s, struct err *e);
int apply_deny(struct assembly *a, const struct setting *s, struct err *e);
int apply_host_port(struct assembly *a, const struct setting *s, struct err *e);
int apply_net_log(struct assembly *a, const struct setting *s, struct err *e);
int apply_publish(struct assembly *a, const struct setting *s, struct err *e);
int apply_dns(struct assembly *a, const struct setting *s, struct err *e);
int apply_add_host(struct assembly *a, const struct setting *s, struct err *e);
int apply_host_name(struct assembly *a, const struct setting *s, struct err *e);

/* the process */
int apply_env(struct assembly *a, const struct setting *s, struct err *e);
int apply_env_file(struct assembly *a, const struct setting *s, struct err *e);
int apply_env_pass(struct assembly *a, const struct setting *s, struct err *e);
int apply_env_set(struct assembly *a, const struct setting *s, struct err *e);
int apply_workdir(struct assembly *a, const struct setting *s, struct err *e);
int apply_user(struct assembly *a, const struct setting *s, struct err *e);
int apply_entrypoint(struct assembly *a, const struct setting *s, struct err *e);
int apply_tty(struct assembly *a, const struct setting *s, struct err *e);
int apply_interactive(struct assembly *a, const struct setting *s, struct err *e);
int apply_name(struct assembly *a, const struct setting *s, struct err *e);
int apply_keep(struct assembly *a, const struct setting *s, struct err *e);

/* What --user says of a sandbox of the plan `p`. */
int apply_parse_user(const struct plan *p, struct arena *arena, const char *text,
                     struct plan_user *ret, struct err *e);

/* Whether `text` can stand in passwd(5) and group(5), and is not a number. */
bool apply_is_account_name(const char *text);

/* rights */
int apply_userns(struct assembly *a, const struct setting *s, struct err *e);
int apply_fake_root(struct assembly *a, const struct setting *s, struct err *e);
int apply_keep_cap(struct assembly *a, const struct setting *s, struct err *e);
int apply_drop_cap(struct assembly *a, const struct setting *s, struct err *e);
int apply_allow_userns(struct assembly *a, const struct setting *s, struct err *e);
int apply_keep_fd(struct assembly *a, const struct setting *s, struct err *e);

/* system calls, of a policy of one's own */
int apply_syscall_default(struct assembly *a, const struct setting *s, struct err *e);
int apply_syscall_allow(struct assembly *a, const struct setting *s, struct err *e);
int apply_syscall_deny(struct assembly *a, const struct setting *s, struct err *e);
int apply_syscall_log(struct assembly *a, const struct setting *s, struct err *e);

/* limits */
const char *apply_resource_name(int resource); /* "nofile", ... */
int apply_ulimit(struct assembly *a, const struct setting *s, struct err *e);
int apply_open_files(struct assembly *a, const struct setting *s, struct err *e);
int apply_file_size(struct assembly *a, const struct setting *s, struct err *e);
int apply_shm_size(struct assembly *a, const struct setting *s, struct err *e);
int apply_timeout(struct assembly *a, const struct setting *s, struct err *e);
int apply_memory(struct assembly *a, const struct setting *s, struct err *e);
int apply_cpus(struct assembly *a, const struct setting *s, struct err *e);
int apply_processes(struct assembly *a, const struct setting *s, struct err *e);
int apply_limits_mode(struct assembly *a, const struct setting *s, struct err *e);

/* Whether `now` lets the command have more of anything than `old` did. */
bool limits_are_looser(const struct plan_limits *old, const struct plan_limits *now);

/* report */
int apply_status_fd(struct assembly *a, const struct setting *s, struct err *e);
int apply_ready_fd(struct assembly *a, const struct setting *s, struct err *e);
int apply_pid_file(struct assembly *a, const struct setting *s, struct err *e);
int apply_dry_run(struct assembly *a, const struct setting *s, struct err *e);
int apply_explain(struct assembly *a, const struct setting *s, struct err *e);
int apply_detach(struct assembly *a, const struct setting *s, struct err *e);
int apply_rm(struct assembly *a, const struct setting *s, struct err *e);
int apply_nothing(struct assembly *a, const struct setting *s, struct err *e);

/* Finds the host's own HTTP proxy in the outer environment, for a filtered network (upstream.c). */
int upstream_find(struct assembly *a, struct err *e);

/* Puts the environment together: image, what is passed, policies, options (env.c). */
int env_finish(struct assembly *a, struct err *e);

#endif
