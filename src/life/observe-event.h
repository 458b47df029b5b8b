#ifndef KELP_LIFE_OBSERVE_EVENT_H
#define KELP_LIFE_OBSERVE_EVENT_H

#include <stdbool.h>
#include <stdint.h>

/*
 * What the command of a sandbox asked the kernel for, as far as somebody wants to know: plain data
 * that crosses a socket.  Everything in it was chosen by the command and may be anything; it is
 * escaped before it is shown.
 */

enum observe_kind {
        OBSERVE_OPEN,    /* `name` is a path */
        OBSERVE_CREATE,  /* a file, directory, link or node that was not there */
        OBSERVE_RENAME,  /* `name` is the one of both that decides, or the old one */
        OBSERVE_REMOVE,  /* unlink, rmdir */
        OBSERVE_CHANGE,  /* mode, owner, times, size of what is there */
        OBSERVE_EXECUTE, /* `name` is the path of the program */
        OBSERVE_SOCKET,  /* `name` is the path of a unix socket, or "AF_VSOCK": a family */
        OBSERVE_HOST,    /* `name` is a host name or an address, with `port`; 0: a look-up alone */
        OBSERVE_SYSCALL, /* `name` is that of a system call, `detail` its arguments */
};

#define OBSERVE_MAX_NAME   1024
#define OBSERVE_MAX_DETAIL 128

struct observe_event {
        enum observe_kind kind;
        char access;      /* of paths: 'r', 'w' or 'x'; else 'r' */
        bool is_refused;  /* false only if what is allowed was asked for, too */
        bool is_hidden;   /* refused as "no such file", though the host has one of that name */
        bool is_cut;      /* the name was longer */
        bool is_datagram; /* of a host: something was sent there without a connection */
        uint16_t port;
        int error;      /* what the command was told; 0: nothing, or it is not known */
        uint32_t count; /* how often the same was asked for */
        char comm[16];  /* of the process that was the first to ask */
        char name[OBSERVE_MAX_NAME];
        char detail
                [OBSERVE_MAX_DETAIL]; /* of a host: the rule that it lacks; "" where there is none */
};

/* "open", "create", ...: the word of status lines. */
const char *observe_kind_name(enum observe_kind kind);

#endif
