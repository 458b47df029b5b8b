#ifndef KELP_PULL_PULL_H
#define KELP_PULL_PULL_H

#include "client.h"
#include "digest.h"
#include "err.h"
#include "layout.h"
#include "name.h"
#include "platform.h"
#include "registries.h"
#include "store.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * A pull, by three processes:
 *
 *   kelp-pull    reads the configuration and the logins, makes a session in the store and holds its
 *                lock to the end, and believes nobody; never talks to the network
 *    ├ fetcher   confined (confine.h); the network is its alone; writes an OCI layout into the
 *    │           session; ends
 *    └ kelp-image  then takes the layout into the store; unpacks in a jail without a network
 *
 * They follow one another: nobody can still write to the layout when kelp-image reads it.  When one
 * of them is killed, the others end, and what is in the session is swept by the next import or
 * pull, as nobody holds its lock any more.
 */

#define PULL_MAX_ENDPOINTS (REGISTRIES_MAX_MIRRORS + 1)

struct pull_spec {
        struct pull_name name;
        struct platform platform;
        struct endpoint endpoints[PULL_MAX_ENDPOINTS]; /* mirrors first */
        size_t n_endpoints;
        bool is_quiet;
        const char *store;
        const char *importer; /* kelp-image */
        int stdout_fd;        /* gets the id; -1: nobody */
};

struct pull_result {
        bool was_current;   /* there was nothing to do */
        bool has_landlock;  /* the fetcher was kept from the user's files */
        bool has_told;      /* kelp-image has said what is wrong */
        int status;         /* of kelp-image, or 128 and the signal that ended it all */
        struct digest id;   /* when it was current */
        struct err mirrors; /* why mirrors were passed over, the last one; code 0: none was */
};

int pull_run(const struct pull_spec *spec, struct pull_result *ret, struct err *e);

/* The parts of it in other files. */

/* What the fetcher says, once. */
enum fetch_message { FETCH_FAILED = 1, FETCH_DONE };

struct fetch_report {
        uint32_t message; /* enum fetch_message */
        uint32_t was_current;
        uint32_t has_landlock;
        struct digest id;
        struct err err;
        struct err mirrors;
};

/* For the fetcher's process: confines it, fetches, reports, and ends it. */
struct fetch_spec {
        const struct pull_spec *pull;
        const struct layout *layout;
        struct digest current; /* the image of that name in the store; "" for none */
        int report;            /* a SEQPACKET socket */
        int parent;            /* a pidfd */
};

_Noreturn void fetch_run(const struct fetch_spec *spec);

#endif
