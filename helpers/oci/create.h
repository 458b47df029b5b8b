#ifndef KELP_OCI_CREATE_H
#define KELP_OCI_CREATE_H

#include "commands.h"
#include "container.h"
#include "words.h"

/* What `create` and `run` have in common. */

struct create_options {
        const char *bundle;         /* NULL: the current directory */
        const char *config;         /* NULL: config.json of the bundle */
        const char *console_socket; /* host path; NULL: none */
        const char *pid_file;       /* host path; NULL: none */
        const char *preserve_fds;   /* as it was given; NULL: none */
        bool no_pivot;
        bool keeps_keyring;
        bool no_subreaper; /* taken: nobody is made one who would have to be told */
};

/* The options of both, for words.h: room for CREATE_N_OPTIONS. */
#define CREATE_N_OPTIONS 8
void create_list_options(struct create_options *options, struct words_option *ret);

/* Sets a variable of the command. */
int create_add_variable(struct plan *p, const char *name, const char *value, struct err *e);

/* A container that is being made. */
struct creation {
        const struct globals *globals;
        const struct create_options *options;
        bool has_own_console; /* `run` without a console socket: it copies to its own terminal */
        struct bundle bundle;
        struct container container;
        int root;    /* the directory of all containers */
        bool starts; /* `run`: it will start it, too */
        int sock;    /* where to, then */
        int console; /* has_own_console: where the terminal's master comes; -1: there is no terminal */
};

#define CREATION_NONE                                                                              \
        {                                                                                          \
                .container = CONTAINER_NONE, .root = -1, .console = -1, .sock = -1                 \
        }

void creation_done(struct creation *c);

#define autocreation __attribute__((cleanup(creation_done))) struct creation

/*
 * Makes container `id`, whose first process waits for `start` then, and is a child of this process; its
 * lock is held.  The pid file is the last thing.  Whatever fails, nothing is left of it.
 */
int creation_make(struct creation *c, const char *id, struct err *e);

#endif
