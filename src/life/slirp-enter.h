#ifndef KELP_LIFE_SLIRP_ENTER_H
#define KELP_LIFE_SLIRP_ENTER_H

#include "tap.h"
#include "udp-relay.h"

/* Names inside slirp4netns's own mount namespace. */
#define SLIRP_DIR "/run/kelp"
#define SLIRP_API SLIRP_DIR "/api"

/* The same below the directory that the launcher receives. */
#define SLIRP_API_NAME "api"
#define SLIRP_LOG_NAME "log"

struct slirp_entry {
        int userns; /* of the sandbox */
        int sock;   /* SLIRP_DIR is sent over it, with one byte */
        struct tap_spec tap;
        const struct udp_relay *relay; /* runs beside it if there is a port */
};

/*
 * What the process does between fork and exec to become a slirp4netns that is shut in; the
 * `prepare` of proc_start(), with a struct slirp_entry for `arg`.
 */
int slirp_enter(void *arg, struct err *e);

#endif
