/*
 * The words of a mount's options.  Source: runtime-spec, config.md, Linux mount options, and mount(8).
 *
 * The access time is one field of MOUNT_ATTR__ATIME, of which 0 is relatime, the kernel's default:
 * mount_setattr(2) wants all its bits in attr_clr, whatever is set.
 */

#include "config-inner.h"
#include "config.h"
#include "str.h"

#include <linux/mount.h>
#include <string.h>
#include <sys/mount.h>

enum kind {
        KIND_SET,         /* an attribute */
        KIND_CLEAR,       /* the same, off */
        KIND_ATIME,       /* a value of the field of the access time */
        KIND_NO_ATIME,    /* back to the default where the field had that value, or unknown */
        KIND_SUPER,       /* of the superblock */
        KIND_NO_SUPER,    /* the same, off */
        KIND_PROPAGATION, /* in the order of the words */
        KIND_BIND,
        KIND_IDMAP,
        KIND_COPY_UP,
        KIND_NOTHING,
};

struct word {
        const char *name;
        enum kind kind;
        bool is_for_all; /* also of all mounts below */
        uint64_t value;
};

/* In the order of ABC, for find_word(); refused[] has the others. */
#define WORDS(X)                                                                                   \
        X("async", KIND_NO_SUPER, false, MS_SYNCHRONOUS)                                           \
        X("atime", KIND_NO_ATIME, false, MOUNT_ATTR_NOATIME)                                       \
        X("bind", KIND_BIND, false, 0)                                                             \
        X("defaults", KIND_NOTHING, false, 0)                                                      \
        X("dev", KIND_CLEAR, false, MOUNT_ATTR_NODEV)                                              \
        X("diratime", KIND_CLEAR, false, MOUNT_ATTR_NODIRATIME)                                    \
        X("dirsync", KIND_SUPER, false, MS_DIRSYNC)                                                \
        X("exec", KIND_CLEAR, false, MOUNT_ATTR_NOEXEC)                                            \
        X("idmap", KIND_IDMAP, false, BUNDLE_IDMAP_MOUNT)                                          \
        X("iversion", KIND_SUPER, false, MS_I_VERSION)                                             \
        X("lazytime", KIND_SUPER, false, MS_LAZYTIME)                                              \
        X("loud", KIND_NO_SUPER, false, MS_SILENT)                                                 \
        X("mand", KIND_SUPER, false, MS_MANDLOCK)                                                  \
        X("noatime", KIND_ATIME, false, MOUNT_ATTR_NOATIME)                                        \
        X("nodev", KIND_SET, false, MOUNT_ATTR_NODEV)                                              \
        X("nodiratime", KIND_SET, false, MOUNT_ATTR_NODIRATIME)                                    \
        X("noexec", KIND_SET, false, MOUNT_ATTR_NOEXEC)                                            \
        X("noiversion", KIND_NO_SUPER, false, MS_I_VERSION)                                        \
        X("nolazytime", KIND_NO_SUPER, false, MS_LAZYTIME)                                         \
        X("nomand", KIND_NO_SUPER, false, MS_MANDLOCK)                                             \
        X("norelatime", KIND_NO_ATIME, false, MOUNT_ATTR_RELATIME)                                 \
        X("nostrictatime", KIND_NO_ATIME, false, MOUNT_ATTR_STRICTATIME)                           \
        X("nosuid", KIND_SET, false, MOUNT_ATTR_NOSUID)                                            \
        X("nosymfollow", KIND_SET, false, MOUNT_ATTR_NOSYMFOLLOW)                                  \
        X("private", KIND_PROPAGATION, false, MS_PRIVATE)                                          \
        X("ratime", KIND_NO_ATIME, true, MOUNT_ATTR_NOATIME)                                       \
        X("rbind", KIND_BIND, true, 0)                                                             \
        X("rdev", KIND_CLEAR, true, MOUNT_ATTR_NODEV)                                              \
        X("rdiratime", KIND_CLEAR, true, MOUNT_ATTR_NODIRATIME)                                    \
        X("relatime", KIND_ATIME, false, MOUNT_ATTR_RELATIME)                                      \
        X("remount", KIND_SUPER, false, MS_REMOUNT)                                                \
        X("rexec", KIND_CLEAR, true, MOUNT_ATTR_NOEXEC)                                            \
        X("ridmap", KIND_IDMAP, false, BUNDLE_IDMAP_RECURSIVE)                                     \
        X("rnoatime", KIND_ATIME, true, MOUNT_ATTR_NOATIME)                                        \
        X("rnodev", KIND_SET, true, MOUNT_ATTR_NODEV)                                              \
        X("rnodiratime", KIND_SET, true, MOUNT_ATTR_NODIRATIME)                                    \
        X("rnoexec", KIND_SET, true, MOUNT_ATTR_NOEXEC)                                            \
        X("rnorelatime", KIND_NO_ATIME, true, MOUNT_ATTR_RELATIME)                                 \
        X("rnostrictatime", KIND_NO_ATIME, true, MOUNT_ATTR_STRICTATIME)                           \
        X("rnosuid", KIND_SET, true, MOUNT_ATTR_NOSUID)                                            \
        X("rnosymfollow", KIND_SET, true, MOUNT_ATTR_NOSYMFOLLOW)                                  \
        X("ro", KIND_SET, false, MOUNT_ATTR_RDONLY)                                                \
        X("rprivate", KIND_PROPAGATION, false, MS_PRIVATE | MS_REC)                                \
        X("rrelatime", KIND_ATIME, true, MOUNT_ATTR_RELATIME)                                      \
        X("rro", KIND_SET, true, MOUNT_ATTR_RDONLY)                                                \
        X("rrw", KIND_CLEAR, true, MOUNT_ATTR_RDONLY)                                              \
        X("rshared", KIND_PROPAGATION, false, MS_SHARED | MS_REC)                                  \
        X("rslave", KIND_PROPAGATION, false, MS_SLAVE | MS_REC)                                    \
        X("rstrictatime", KIND_ATIME, true, MOUNT_ATTR_STRICTATIME)                                \
        X("rsuid", KIND_CLEAR, true, MOUNT_ATTR_NOSUID)                                            \
        X("rsymfollow", KIND_CLEAR, true, MOUNT_ATTR_NOSYMFOLLOW)                                  \
        X("runbindable", KIND_PROPAGATION, false, MS_UNBINDABLE | MS_REC)                          \
        X("rw", KIND_CLEAR, false, MOUNT_ATTR_RDONLY)                                              \
        X("shared", KIND_PROPAGATION, false, MS_SHARED)                                            \
        X("silent", KIND_SUPER, false, MS_SILENT)                                                  \
        X("slave", KIND_PROPAGATION, false, MS_SLAVE)                                              \
        X("strictatime", KIND_ATIME, false, MOUNT_ATTR_STRICTATIME)                                \
        X("suid", KIND_CLEAR, false, MOUNT_ATTR_NOSUID)                                            \
        X("symfollow", KIND_CLEAR, false, MOUNT_ATTR_NOSYMFOLLOW)                                  \
        X("sync", KIND_SUPER, false, MS_SYNCHRONOUS)                                               \
        X("tmpcopyup", KIND_COPY_UP, false, 0)                                                     \
        X("unbindable", KIND_PROPAGATION, false, MS_UNBINDABLE)

#define AS_WORD(name, kind, is_for_all, value) { name, kind, is_for_all, value },
#define AS_NAME(name, kind, is_for_all, value) name,

static const struct word words[] = { WORDS(AS_WORD) };
static const char *const names[] = { WORDS(AS_NAME) NULL };

/* Words of crun's that change what is mounted: as an option of the file system they would be lost. */
static const char *const refused[] = { "copy-symlink", "dest-nofollow", "src-nofollow" };

#define N_WORDS (sizeof(words) / sizeof(words[0]))

static const struct word *find_word(const char *name)
{
        size_t low = 0;
        size_t high = N_WORDS;

        while (low < high) {
                size_t middle = (low + high) / 2;
                int order = strcmp(name, words[middle].name);

                if (order == 0)
                        return &words[middle];
                if (order < 0)
                        high = middle;
                else
                        low = middle + 1;
        }
        return NULL;
}

/* What is set and what is cleared, of the one mount or of all below: each bit is in one of them. */
static void turn(uint64_t *set, uint64_t *clear, uint64_t value, bool on)
{
        *set = on ? *set | value : *set & ~value;
        *clear = on ? *clear & ~value : *clear | value;
}

static void apply_attr(uint64_t *set, uint64_t *clear, const struct word *w)
{
        if (w->kind == KIND_SET || w->kind == KIND_CLEAR) {
                turn(set, clear, w->value, w->kind == KIND_SET);
                return;
        }
        bool is_other = *clear & MOUNT_ATTR__ATIME && (*set & MOUNT_ATTR__ATIME) != w->value;
        if (w->kind != KIND_ATIME && (w->kind != KIND_NO_ATIME || is_other))
                return;
        *set &= ~(uint64_t)MOUNT_ATTR__ATIME;
        *set |= w->kind == KIND_ATIME ? w->value : 0;
        *clear |= MOUNT_ATTR__ATIME;
}

static void apply_other(struct bundle_mount *m, const struct word *w)
{
        if (w->kind == KIND_SUPER) {
                m->super |= w->value;
        } else if (w->kind == KIND_NO_SUPER) {
                m->super &= ~w->value;
        } else if (w->kind == KIND_PROPAGATION) {
                m->propagations[m->n_propagations++] = w->value;
        } else if (w->kind == KIND_BIND) {
                m->is_bind = true;
                m->is_recursive = m->is_recursive || w->is_for_all;
        } else if (w->kind == KIND_IDMAP) {
                m->idmap = (enum bundle_idmap)w->value;
        } else if (w->kind == KIND_COPY_UP) {
                m->copies_up = true;
        }
}

int config_mount_word(struct bundle_mount *m, const struct field *f, const char *word,
                      bool *ret_is_known, struct err *e)
{
        const struct word *w = find_word(word);

        for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
                if (str_eq(word, refused[i]))
                        return field_fail(f, e, "'%s' is not supported", word);
        }
        if (str_has_prefix(word, "idmap=") || str_has_prefix(word, "ridmap="))
                return field_fail(f, e, "maps in an option are not supported: use 'uidMappings'");
        *ret_is_known = w != NULL;
        if (!w)
                return 0;
        if (w->is_for_all)
                apply_attr(&m->set_all, &m->clear_all, w);
        else
                apply_attr(&m->set, &m->clear, w);
        apply_other(m, w);
        return 0;
}

const char *const *config_mount_options(void)
{
        return names;
}
