#ifndef KELP_PROXY_CONN_H
#define KELP_PROXY_CONN_H

#include "dial.h"
#include "judge.h"
#include "proxy.h"
#include "socks.h"

/*
 * A connection from inside, and the one that is made for it.  It asks (where it is not clear by its
 * own address where it leads: CONNECT and SOCKS), seeks (judged, resolved, judged again, dialled,
 * perhaps through the proxy of this host), and relays.
 *
 * It has been accepted before it is known whether it may go on, as the kernel has finished its
 * handshake: who is refused gets a reset, which the program inside sees as one at its first read or
 * write.  There is no way to leave it in the backlog and have it refused there.
 */

enum conn_stage {
        CONN_ASKS,
        CONN_SEEKS,
        CONN_BEGS, /* the proxy of this host has been asked for it */
        CONN_RELAYS,
        CONN_OVER,
};

struct conn {
        struct grave grave;
        struct link link; /* in a queue of the proxy */
        struct proxy *proxy;
        const struct config_listener *listener;
        enum conn_stage stage;
        struct watch client;
        struct watch server;
        bool client_is_hung; /* both ways are at their end there: epoll has no more to say */
        bool server_is_hung;
        struct timer timer;
        struct flow out; /* from the client to the server */
        struct flow in;
        char *buffer; /* HTTP_MAX_HEAD bytes while heads are read; NULL before and after */
        size_t buffer_len;
        bool has_greeted; /* SOCKS */
        bool is_plain;    /* a request for http:// */
        struct target target;
        uint32_t fake; /* that is held; 0: none */
        struct address address;
        bool goes_upstream;
        struct lookup *lookup;
        struct dial *dial;
        uint64_t started;
};

/* ------ conn.c: begin and end ------ */

/* Takes `*fd`, which a client has connected to `listener`. */
void conn_begin(struct proxy *p, const struct config_listener *listener, int *fd);

/* It has ended in order: both sides are closed. */
void conn_close(struct conn *c);

/* One side has failed: both get a reset. */
void conn_reset(struct conn *c, const char *reason);

/* A rule or what the client said is against it. */
void conn_refuse(struct conn *c, const char *reason);

/* It is allowed, and could not be made; `error` is an errno. */
void conn_fail(struct conn *c, int error, const char *reason);

/* What is not even a request: answered like a refusal, with no host to tell of. */
void conn_reject(struct conn *c, const char *reason);

/* The same for a SOCKS request that asks for what there is not. */
void conn_reject_socks(struct conn *c, enum socks_reply reply);

/* All was said to the client. */
void conn_hang_up(struct conn *c);

/* Tells of its end and closes it, as the proxy ends. */
void conn_drop_all(struct proxy *p);

/* It has said where to. */
void conn_set_stage(struct conn *c, enum conn_stage stage);

/* ------ the stages ------ */

/* conn-ask.c: something came from a client that is to say where to. */
void conn_ask_ready(struct conn *c);

/* conn-seek.c: `target` is what is meant, or `fake` an address that stands for a name. */
void conn_seek(struct conn *c);
void conn_beg_ready(struct conn *c, uint32_t events);

/* conn-relay.c: both sides are there; `buffer` has what the client has sent already. */
void conn_relay(struct conn *c);
void conn_relay_ready(struct conn *c, bool is_client, uint32_t events);

#endif
