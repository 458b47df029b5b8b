#ifndef KELP_PLAN_PLAN_H
#define KELP_PLAN_PLAN_H

#include "err.h"
#include "mem.h"
#include "net-rule.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * What was asked, as plain data.  The policy fills it first, then the image, then the options;
 * plan_check() judges the whole of it once, and from then on it is const.  What a run becomes
 * (pids, descriptors, resolved paths) is never written here: that is struct run and struct tree.
 *
 * All memory of a plan belongs to its arena.  Paths are clean (path.h); host_path is a name on
 * the host, box_path one inside the sandbox.  `origin` says where a line came from, for messages
 * and for --dry-run: "option --writable", "sandbox.policy:12", "image busybox".
 */

#define PLAN_MAX_RULES    100000
#define PLAN_MAX_ARGS     100000
#define PLAN_MAX_ENV      20000
#define PLAN_MAX_PORTS    200
#define PLAN_MAX_HOSTS    1000
#define PLAN_MAX_NET      20000
#define PLAN_MAX_LAYERS   500
#define PLAN_MAX_FDS      100
#define PLAN_MAX_RLIMITS  16
#define PLAN_MAX_SYSCALLS 200000

/*
 * The sandbox's side of a filtered network: a gateway that is nothing but listening sockets, and
 * addresses that are made up for names.  Benchmark addresses of RFC 2544, which nobody else uses.
 */
#define PLAN_GATEWAY "198.18.0.1"
#define PLAN_FAKES   "198.19.0.0/16"

/* The name of a project's own file. */
#define PLAN_PROJECT_POLICY ".kelp.policy"

enum plan_root {
        PLAN_ROOT_HOST,  /* a read-only view of this host */
        PLAN_ROOT_IMAGE, /* an overlay of an image's layers, or of one plain directory */
};

enum plan_network {
        PLAN_NETWORK_NONE,     /* a netns with loopback */
        PLAN_NETWORK_USER,     /* slirp4netns */
        PLAN_NETWORK_HOST,     /* shared with the host */
        PLAN_NETWORK_FILTERED, /* kelp-proxy: what `rules` allow, by name */
};

enum plan_userns {
        PLAN_USERNS_AUTO,   /* subids for an image where they work, else single */
        PLAN_USERNS_SINGLE, /* one id */
        PLAN_USERNS_SUBIDS, /* one id and every subordinate range, by newuidmap */
};

enum plan_fake_root {
        PLAN_FAKE_ROOT_AUTO, /* in an image with one id */
        PLAN_FAKE_ROOT_ON,   /* the same, and one id it is */
        PLAN_FAKE_ROOT_OFF,
};

enum plan_rule_kind {
        PLAN_RULE_READABLE, /* host_path, read-only, at box_path */
        PLAN_RULE_WRITABLE, /* host_path, writable, at box_path */
        PLAN_RULE_HIDDEN,   /* box_path is covered by something empty */
        PLAN_RULE_PROTECTED, /* read-only and pinned; a relative box_path counts from each writable */
        PLAN_RULE_TEMPORARY, /* an empty tmpfs at box_path */
        PLAN_RULE_EMPTY,     /* box_path, directly below /, is an empty directory of a host view */
        PLAN_RULE_DEVICE,    /* the device node host_path at box_path */
        PLAN_RULE_SOCKET,    /* the socket host_path at box_path, which is reachable */
};

struct plan_rule {
        enum plan_rule_kind kind;
        const char *host_path; /* NULL for hidden, protected, temporary and empty */
        const char *box_path;
        const char *cache; /* writable: host_path is kelp's own cache of this name; else NULL */
        uint64_t size;     /* temporary: bytes; 0: the default */
        unsigned mode;     /* temporary: permission bits; 0: 1777 */
        bool if_exists;    /* an absent host_path (or box_path) is no error */
        bool is_scratch;   /* writable and overlaid: nobody will look at what was written */
        bool is_anywhere;  /* hidden: found by a pattern that finds it wherever it is moved */
        const char *origin;
};

/*
 * The same for all that matches a pattern when the run starts (glob.h).  An absolute one is of the
 * host; a relative one counts from each directory that is shared, of protected each writable one.
 */
struct plan_pattern {
        enum plan_rule_kind kind; /* readable, hidden, protected */
        const char *text;
        size_t n_before; /* how many of the rules stand before it: later ones win */
        bool if_exists;  /* that nothing matches is no error */
        const char *origin;
};

/* A host path that stays hidden wherever a share shows it: a volume may put it in any place. */
struct plan_hidden {
        const char *host_path;
        const char *home; /* the home that it lies in, without symlinks, or "/" */
        const char *origin;
};

/* In so many places kelp may have the directories of one kind. */
#define PLAN_MAX_PLACES 3

struct plan_files {
        struct plan_hidden *hidden; /* only where something is shared that may show them */
        size_t n_hidden;
        struct plan_rule *rules; /* later ones win over earlier ones with the same box_path */
        size_t n_rules;
        struct plan_pattern *patterns;
        size_t n_patterns;
        const char **policies; /* host paths of policies: never to be written from inside */
        size_t n_policies;
        /* where reviews wait, and would if the environment were another one; hidden */
        const char *reviews_dirs[PLAN_MAX_PLACES];
        size_t n_reviews_dirs;
        /* the same of what kelp knows of sandboxes, as far as it could be seen */
        const char *state_dirs[PLAN_MAX_PLACES];
        size_t n_state_dirs;
        const char *home;         /* the user's home on the host and in a host view */
        const char *account_home; /* the account's own, where HOME says otherwise; or the same */
        const char *cache_home;   /* $XDG_CACHE_HOME, or what stands for it; NULL: not known */
        const char *cwd;          /* where kelp was started; NULL: it is gone */
        bool is_read_only;        /* --read-only: the image's root cannot be written either */
        /*
         * A directory of this user alone, out of the sandbox's reach: what is written to a writable
         * directory of a host view goes there, and not to the host.  NULL: it goes to the host.
         */
        const char *overlay_dir;
        bool is_review;  /* what is written there waits for its user: overlay_dir is a review's */
        int review_lock; /* its lock, which whoever supervises the run holds */
};

struct plan_image {
        const char *name;       /* as it was asked for; NULL without an image */
        const char *id;         /* "sha256:..." or NULL for a plain directory */
        const char *directory;  /* a plain directory as the one layer, or NULL */
        const char *store;      /* the image store that has the layers, or NULL */
        const char *home_store; /* the user's own, for a copy of the files; NULL: there is none */
        const char **layers;    /* diff-ids in hex, lowest first */
        size_t n_layers;
        const char *text;     /* its image.policy; NULL for a plain directory */
        bool is_kept;         /* --keep */
        const char *kept_dir; /* the directory on disk that keeps what is changed, or NULL */
};

/* --user: numbers, or names that the root's own passwd and group explain. */
struct plan_user {
        const char *name;  /* NULL: uid is given */
        const char *group; /* NULL: gid is given, or taken from passwd when has_gid is false */
        uid_t uid;
        gid_t gid;
        bool has_gid;
};

struct plan_ids {
        enum plan_userns mode;
        uid_t outer_uid; /* the user's own, on the host */
        gid_t outer_gid;
        uid_t base_uid; /* what the user's own ids become inside: themselves, or 0 for an image */
        gid_t base_gid;
        struct plan_user user; /* whom the payload runs as */
        enum plan_fake_root fake_root;
        const char *user_name; /* the user's name on the host, for a synthesized passwd */
};

struct plan_port {
        const char *host_address; /* "127.0.0.1" unless given */
        uint16_t host_port;
        uint16_t box_port;
        bool is_udp;
};

struct plan_host_name {
        const char *name;
        const char *address; /* IPv4 or IPv6 text */
};

/* The host's own HTTP proxy, from its environment: the filtered network goes through it. */
struct plan_upstream {
        const char *origin; /* the variable; NULL: there is none */
        const char *host;   /* a name or an address, without brackets */
        uint16_t port;
        const char *credentials; /* base64 of USER:PASSWORD; NULL: none */
        const char **direct;     /* what goes past it, as NO_PROXY has it */
        size_t n_direct;
};

struct plan_net {
        enum plan_network mode;
        const char *mode_origin; /* who asked for it; NULL: nobody did */
        struct plan_port *ports;
        size_t n_ports;
        const char **dns; /* addresses as text; none: what the mode brings */
        size_t n_dns;
        struct plan_host_name *hosts;
        size_t n_hosts;
        const char *host_name;  /* of the sandbox */
        struct net_rule *rules; /* filtered: what may be reached */
        size_t n_rules;
        uint16_t *host_ports; /* filtered: ports of the host's 127.0.0.1 that are lent */
        size_t n_host_ports;
        const char *host_port_origin; /* of the last one */
        const char *log; /* filtered: the file for JSON lines of what was asked for; NULL: none */
        struct plan_upstream upstream; /* filtered */
};

struct plan_rlimit {
        int resource; /* RLIMIT_* */
        uint64_t soft;
        uint64_t hard;
};

struct plan_limits {
        struct plan_rlimit rlimits[PLAN_MAX_RLIMITS];
        size_t n_rlimits;
        uint64_t shm_size;   /* bytes */
        uint64_t tmp_size;   /* bytes; 0: the kernel's default */
        uint64_t timeout_ns; /* 0: none, here and below */
        uint64_t memory;     /* bytes, of all its processes together */
        uint64_t cpus_milli; /* thousandths of a processor */
        uint64_t processes;  /* and threads, of the payload and its children */
        bool is_best_effort; /* a limit that nothing here enforces is said, and no error */
};

struct syscalls;

enum plan_syscall_kind {
        PLAN_SYSCALL_DEFAULT, /* ENOSYS, EPERM or kill */
        PLAN_SYSCALL_ALLOW,
        PLAN_SYSCALL_DENY,
        PLAN_SYSCALL_LOG, /* of what is allowed */
};

/*
 * One word of [syscalls] in a policy of one's own (call-word.h).  Where there is one the filter is
 * made for this plan; where there is none it is the built-in one.
 */
struct plan_syscall {
        enum plan_syscall_kind kind;
        const char *word;
        const char *origin;
        unsigned
                layer; /* rises from file to file; a word of a later file beats those of earlier ones */
        bool only_tightens; /* of a project's file */
};

struct plan_confine {
        uint64_t keep_caps;   /* bit n: capability n stays, inside the sandbox's own namespace */
        const char *filter;   /* name of the built-in seccomp filter that all starts from */
        bool may_nest_userns; /* --allow-userns */
        struct plan_syscall *syscalls;
        size_t n_syscalls;
        const struct syscalls *judged; /* what they come to; NULL: there are none */
};

struct plan_exec {
        const char **argv; /* NULL-terminated; argv[0] is looked up in the payload's PATH */
        size_t n_args;
        const char **env; /* "NAME=VALUE", NULL-terminated, no name twice */
        size_t n_env;
        const char *workdir; /* box_path */
        const char *hint;    /* what to say when there is no such command; NULL: nothing */
        int stop_signal;     /* the image's; SIGTERM otherwise */
        bool force_tty;      /* -t: a terminal even when there is none outside */
        bool keeps_input;    /* -i: who attaches to a detached run can write to its input */
};

struct plan_report {
        int status_fd; /* -1: none */
        int ready_fd;  /* -1: none */
        int *keep_fds; /* ascending, each >= 3 */
        size_t n_keep_fds;
        const char *pid_file; /* host path, clean; NULL: none */
        bool is_dry_run;
        bool explains;     /* --explain: what was refused is named at the end */
        bool is_detached;  /* -d */
        bool is_transient; /* --rm: a detached run leaves nothing, either */
};

struct plan {
        struct arena arena;
        const char *name;        /* --name, or NULL */
        const char *policy_name; /* "sandbox", "container", or a file */
        enum plan_root root;
        struct plan_image image;
        struct plan_files files;
        struct plan_ids ids;
        struct plan_net net;
        struct plan_limits limits;
        struct plan_confine confine;
        struct plan_exec exec;
        struct plan_report report;
};

void plan_done(struct plan *p);

/*
 * Whether calls that need more ids than there are say that they worked: chown, setuid and the like,
 * for root of an image.  `has_one_id` is what became of the maps, which no plan knows.
 */
bool plan_fakes_root(const struct plan *p, bool has_one_id);

#define PLAN_MAX_FILTER_NAME 80

/* The name of the built-in filter of the plan: that of its policy, with what options add to it. */
void plan_filter_name(const struct plan *p, bool has_one_id, char ret[PLAN_MAX_FILTER_NAME]);

/* Problems are collected and reported together; more than these are counted, not kept. */
#define PLAN_MAX_PROBLEMS 20

struct plan_problems {
        struct err items[PLAN_MAX_PROBLEMS];
        size_t n;
        size_t n_dropped;
};

void plan_add_problem(struct plan_problems *problems, const struct err *e);

/*
 * Judges the whole plan: contradictions, bad names, what cannot work together.  Looks at nothing
 * outside it.  Returns 0 when there is no problem, else -EINVAL with all of them in `problems`.
 */
int plan_check(const struct plan *p, struct plan_problems *problems);

#endif
