#ifndef KELP_OCI_BUNDLE_H
#define KELP_OCI_BUNDLE_H

#include "id-map.h"
#include "plan.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * A config.json of the OCI runtime specification as plain data: config.h fills it, and from then on
 * it is const.  What every plan of kelp has a place for stands in `plan`: the arena that owns all
 * memory, exec (argv, env, workdir), limits.rlimits, net.host_name, ids.outer_*.  The rest, for
 * which no other front end of kelp asks, stands beside it.
 *
 * Source: opencontainers/runtime-spec 1.0.2 to 1.3.0, config.md and config-linux.md.
 */

#define BUNDLE_MAX_MOUNTS  2000
#define BUNDLE_MAX_HOOKS   100
#define BUNDLE_MAX_DEVICES 500
#define BUNDLE_MAX_PATHS   1000
#define BUNDLE_MAX_SYSCTLS 500
#define BUNDLE_MAX_GROUPS  65536
#define BUNDLE_MAX_LINES   500
#define BUNDLE_MAX_LABELS  10000
#define BUNDLE_MAX_CONFIG  ((size_t)16 << 20)

enum bundle_ns {
        BUNDLE_NS_USER,
        BUNDLE_NS_MOUNT,
        BUNDLE_NS_PID,
        BUNDLE_NS_NETWORK,
        BUNDLE_NS_IPC,
        BUNDLE_NS_UTS,
        BUNDLE_NS_CGROUP,
        BUNDLE_NS_TIME,
        BUNDLE_N_NS,
};

struct bundle_namespace {
        bool is_asked;     /* false: the caller's own */
        const char *path;  /* host path of one to join; NULL: a new one */
        const char *where; /* "linux.namespaces[2]", for messages */
};

enum bundle_hook_kind {
        BUNDLE_HOOK_PRESTART,         /* in the runtime's namespaces, before the root is entered */
        BUNDLE_HOOK_CREATE_RUNTIME,   /* the same, after those */
        BUNDLE_HOOK_CREATE_CONTAINER, /* in the container's namespaces, before pivot_root */
        BUNDLE_HOOK_START_CONTAINER,  /* in the container, before the command */
        BUNDLE_HOOK_POSTSTART,        /* by `start`, on the host */
        BUNDLE_HOOK_POSTSTOP,         /* by `delete`, on the host */
        BUNDLE_N_HOOK_KINDS,
};

struct bundle_hook {
        const char *path;
        const char **args;  /* NULL-terminated; never empty: `path` where the config has none */
        const char **env;   /* NULL-terminated; NULL: not given */
        uint32_t timeout_s; /* 0: none */
};

struct bundle_hooks {
        struct bundle_hook *items;
        size_t n;
};

/* Bit n: capability n. */
struct bundle_caps {
        bool is_set; /* false: the config has no "capabilities", which means: none */
        uint64_t bounding;
        uint64_t effective;
        uint64_t permitted;
        uint64_t inheritable;
        uint64_t ambient;
};

struct bundle_scheduler {
        bool is_set;
        uint32_t policy; /* SCHED_* */
        int32_t nice;
        uint32_t priority;
        uint64_t flags; /* SCHED_FLAG_* */
        uint64_t runtime_ns;
        uint64_t deadline_ns;
        uint64_t period_ns;
};

struct bundle_process {
        bool has_terminal;
        unsigned rows; /* 0: not given */
        unsigned columns;
        uid_t uid; /* inside */
        gid_t gid;
        bool has_umask;
        unsigned umask;
        gid_t *groups;
        size_t n_groups;
        struct bundle_caps caps;
        bool no_new_privs;
        bool has_oom_score;
        int oom_score;
        bool has_io_priority;
        unsigned io_class; /* IOPRIO_CLASS_* */
        unsigned io_priority;
        struct bundle_scheduler scheduler;
        const char *apparmor;             /* NULL: none */
        const char *selinux;              /* NULL: none */
        const char *cpu_affinity_initial; /* of exec: a list as "0-3,7"; NULL: none */
        const char *cpu_affinity_final;
};

enum bundle_idmap {
        BUNDLE_IDMAP_NONE,
        BUNDLE_IDMAP_MOUNT,     /* "idmap": the one mount */
        BUNDLE_IDMAP_RECURSIVE, /* "ridmap" */
};

struct bundle_mount {
        const char *where;    /* "mounts[3]", for messages */
        const char *box_path; /* clean and absolute */
        const char *source; /* of a bind: an absolute host path; else as given; "" where none is */
        const char *type;   /* "bind" for every kind of bind */
        const char *data;   /* what only the file system knows: "a=b,c"; "" where there is none */
        bool is_bind;
        bool is_recursive; /* rbind */
        bool copies_up;    /* tmpcopyup: a tmpfs that begins with what it covers */
        uint64_t set;      /* MOUNT_ATTR_*, of the one mount; with the atime bits as one field */
        uint64_t clear;    /* MOUNT_ATTR_* that an option word takes off ("rw", "suid", ...) */
        uint64_t set_all;  /* the same by "rro", "rnosuid", ...: also of all mounts below */
        uint64_t clear_all;
        unsigned long
                super; /* MS_SYNCHRONOUS, MS_DIRSYNC, MS_MANDLOCK, MS_SILENT, ... of the superblock;
                          MS_REMOUNT: what is there is changed, nothing is mounted */
        unsigned long *propagations; /* in order: MS_SHARED | MS_REC, ... */
        size_t n_propagations;
        enum bundle_idmap idmap;
        struct id_map uids; /* of the mount's own maps; n is 0 for the container's */
        struct id_map gids;
};

struct bundle_device {
        const char *where;
        const char *box_path;
        char type; /* 'c', 'b', 'u', 'p' */
        unsigned major;
        unsigned minor;
        bool has_mode;
        unsigned mode;
        bool has_uid;
        uid_t uid;
        bool has_gid;
        gid_t gid;
};

/* One of the runtime's network devices, to be moved to the container's network namespace. */
struct bundle_net_device {
        const char *where;
        const char *host_name;
        const char *box_name; /* may have a "%d", which the kernel fills */
};

/* A file and what to write to it: a sysctl, or a file of a cgroup. */
struct bundle_line {
        const char *where; /* "linux.resources.memory.limit" */
        const char *file;  /* "memory.max"; of a sysctl its path below /proc/sys */
        const char *value;
        const char *other_file; /* where there is no such file; NULL: none */
        const char *other_value;
        bool is_old; /* a file of v1 that v2 has nothing like: fails where others are written */
};

struct bundle_group {
        const char *path; /* linux.cgroupsPath; NULL: not given */
        struct bundle_line
                *lines; /* linux.resources as files of cgroup v2, in the order to write */
        size_t n_lines;
        bool has_devices;  /* rules for devices: nobody without root can have them */
        bool checks_usage; /* a memory limit below what is in use is an error */
};

struct bundle_label {
        const char *name;
        const char *value;
};

struct bundle_time_offset {
        bool is_set;
        int64_t s;
        uint32_t ns;
};

#define BUNDLE_MAX_NODES 1024

/* linux.memoryPolicy: what set_mempolicy(2) takes. */
struct bundle_memory_policy {
        bool is_set;
        bool has_nodes;
        unsigned mode; /* with its flags */
        uint64_t nodes[BUNDLE_MAX_NODES / 64];
};

struct bundle {
        struct plan plan;
        const char *dir;  /* host path of the bundle, absolute */
        const char *text; /* config.json as it was read */
        size_t text_len;
        const char *version;         /* ociVersion */
        struct bundle_label *labels; /* annotations */
        size_t n_labels;

        const char *root; /* host path, absolute */
        bool root_is_read_only;
        const char *domain_name; /* NULL: none */
        bool has_process;
        struct bundle_process process;
        struct bundle_mount *mounts;
        size_t n_mounts;
        struct bundle_hooks hooks[BUNDLE_N_HOOK_KINDS];

        struct bundle_namespace ns[BUNDLE_N_NS];
        bool has_maps;
        struct id_maps maps; /* newuidmap and newgidmap are not looked for here */
        struct bundle_time_offset monotonic;
        struct bundle_time_offset boottime;
        struct bundle_device *devices;
        size_t n_devices;
        struct bundle_net_device *net_devices;
        size_t n_net_devices;
        struct bundle_group group;
        unsigned long propagation; /* of the root: MS_SHARED, ...; 0: not given */
        struct bundle_line *sysctls;
        size_t n_sysctls;
        const char **masked;
        size_t n_masked;
        const char **read_only;
        size_t n_read_only;
        const char *mount_label; /* NULL: none */
        struct bundle_memory_policy memory_policy;
        bool has_personality;
        unsigned long personality; /* personality(2) */
        const char *seccomp;       /* linux.seccomp as JSON text, sorted and compact; NULL: none */
        const char *seccomp_listener; /* host path of linux.seccomp.listenerPath; NULL: none */
        const char *seccomp_metadata; /* NULL: none */

        /* what this runtime was told and goes on without, as the spec has it: each is said once */
        const char **notices;
        size_t n_notices;
};

void bundle_done(struct bundle *b);

#endif
