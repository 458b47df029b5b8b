#ifndef KELP_OCI_CONFIG_INNER_H
#define KELP_OCI_CONFIG_INNER_H

#include "bundle.h"
#include "field.h"

/*
 * The parts of config_read().  Each takes the object that its members are in, which may be absent, and
 * fills what it knows of the bundle.
 */

/* Says once what this runtime goes on without. */
int config_add_notice(struct bundle *b, struct err *e, const char *fmt, ...)
        __attribute__((format(printf, 3, 4)));

/* "LINUX.X: WHAT, ignoring", where `f` is there. */
int config_ignore(struct bundle *b, const struct field *f, const char *what, struct err *e);

/* config-process.c, config-rights.c */
int config_process(struct bundle *b, const struct field *process, struct err *e);
int config_rights(struct bundle *b, const struct field *process, struct err *e);

/* config-other.c: what the schema demands of FreeBSD. */
int config_freebsd(const struct field *doc, struct err *e);

/* config-hooks.c */
int config_hooks(struct bundle *b, const struct field *doc, struct err *e);

/* config-mount.c; after config_linux(), for an idmap may need the container's maps */
int config_mounts(struct bundle *b, const struct field *doc, struct err *e);

/* config-mount-words.c: one word of a mount's options. */
int config_mount_word(struct bundle_mount *m, const struct field *f, const char *word,
                      bool *ret_is_known, struct err *e);

/* config-linux.c, config-confine.c, config-devices.c, config-memory.c, config-sysctl.c */
int config_linux(struct bundle *b, const struct field *doc, struct err *e);
int config_confine(struct bundle *b, const struct field *lin, struct err *e);
int config_memory_policy(struct bundle *b, const struct field *lin, struct err *e);
int config_devices(struct bundle *b, const struct field *lin, struct err *e);
int config_net_devices(struct bundle *b, const struct field *lin, struct err *e);
int config_sysctls(struct bundle *b, const struct field *lin, struct err *e);

/* config-maps.c: an array of maps; *ret->n stays 0 where it is absent. */
int config_map(const struct field *object, const char *name, struct id_map *ret, struct err *e);
int config_both_maps(const struct field *object, struct id_map *ret_uids, struct id_map *ret_gids,
                     struct err *e);

/* config-resources.c, config-blockio.c, config-unified.c */
int config_resources(struct bundle *b, const struct field *resources, struct err *e);
int config_block_io(struct bundle *b, const struct field *resources, struct err *e);
int config_old_resources(struct bundle *b, const struct field *resources, struct err *e);
int config_unified(struct bundle *b, const struct field *resources, struct err *e);

/* One more line of a file of the cgroup, because of `f`. */
int config_add_line(struct bundle *b, const struct field *f, const char *file, struct err *e,
                    const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* The last line is of a file that v1 alone had.  Returns 0. */
int config_mark_old(struct bundle *b);

/*
 * Takes the next range off a list as "0-3,7", whose end is an empty text; false: it is no such list.
 * Numbers are below 2^20.
 */
bool config_next_range(const char **at, unsigned *ret_first, unsigned *ret_last);
bool config_is_number_list(const char *text);

#endif
