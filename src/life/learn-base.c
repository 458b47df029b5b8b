#include "learn-inner.h"

#include "path.h"
#include "str.h"

#include <string.h>

/* What the base policy says of a path: what it gives, and what it keeps secret. */

/* The rule that decides for a path of a host view: the nearest above it, of several the last. */
static const struct plan_rule *find_rule(const struct plan *base, const char *path)
{
        const struct plan_rule *best = NULL;
        size_t best_len = 0;

        for (size_t i = 0; i < base->files.n_rules; i++) {
                const struct plan_rule *rule = &base->files.rules[i];
                size_t len = strlen(rule->box_path);

                if (rule->box_path[0] != '/' || rule->kind == PLAN_RULE_PROTECTED ||
                    !path_is_in(path, rule->box_path))
                        continue;
                if (!best || len >= best_len) {
                        best = rule;
                        best_len = len;
                }
        }
        return best;
}

bool learn_is_given(const struct plan *base, const char *path, char access)
{
        const struct plan_rule *rule = find_rule(base, path);

        if (!rule)
                return access != 'w';
        switch (rule->kind) {
        case PLAN_RULE_WRITABLE:
        case PLAN_RULE_DEVICE:
        case PLAN_RULE_SOCKET:
                return true;
        case PLAN_RULE_READABLE:
                return access != 'w';
        case PLAN_RULE_HIDDEN:
        case PLAN_RULE_PROTECTED:
        case PLAN_RULE_TEMPORARY:
        case PLAN_RULE_EMPTY:
                return false;
        }
        return false;
}

bool learn_is_own(const char *path)
{
        static const char *const own[] = { "/proc", "/sys", "/dev", "/tmp", "/var/tmp", "/run" };

        for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
                if (path_is_in(path, own[i]))
                        return true;
        }
        return false;
}

/*
 * Names that hold keys and passwords wherever they lie, beside the list of the policy.  One that is
 * not among them is granted: a list of names is a help and no proof.
 */
static bool looks_secret(const char *path)
{
        static const char *const names[] = {
                ".env",    ".netrc",   ".npmrc",     ".pypirc",     ".pgpass",   ".my.cnf",
                "id_rsa",  "id_dsa",   "id_ecdsa",   "id_ed25519",  ".htpasswd", ".dockercfg",
                ".ssh",    ".gnupg",   ".aws",       "credentials", ".s3cfg",    ".vault-token",
                "secrets", ".secrets", "secret.key", "keyrings",    ".authinfo", ".git-credentials",
        };
        static const char *const ends[] = { ".pem", ".key", ".p12",      ".pfx", ".kdbx",
                                            ".jks", ".ppk", ".keystore", ".gpg", ".ovpn" };
        static const char *const starts[] = { ".env.", "credentials.", "secrets.", "id_rsa." };
        const char *base = path_base(path);

        if (str_has_suffix(base, ".pub"))
                return false;
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                if (str_eq(base, names[i]))
                        return true;
        }
        for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
                if (str_has_suffix(base, ends[i]))
                        return true;
        }
        for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
                if (str_has_prefix(base, starts[i]))
                        return true;
        }
        return false;
}

static const char *find_hidden(const struct plan *base, const char *path)
{
        for (size_t i = 0; i < base->files.n_hidden; i++) {
                if (path_is_in(path, base->files.hidden[i].host_path))
                        return base->files.hidden[i].host_path;
        }
        for (size_t i = 0; i < base->files.n_rules; i++) {
                const struct plan_rule *rule = &base->files.rules[i];

                if (rule->kind == PLAN_RULE_HIDDEN && path_is_in(path, rule->box_path))
                        return rule->box_path;
        }
        return NULL;
}

const char *learn_find_secret(const struct plan *base, const char *path)
{
        const char *hidden = find_hidden(base, path);

        if (hidden)
                return hidden;
        return looks_secret(path) ? path : NULL;
}

static size_t component_length(const char *rest)
{
        return strcspn(rest, "/");
}

static bool is_component(const char *rest, const char *name)
{
        size_t len = component_length(rest);

        return strlen(name) == len && memcmp(rest, name, len) == 0;
}

/* How many components of "a/b/c" name the directory of one program; 0: nobody knows. */
static size_t known_depth(const char *rest)
{
        static const char *const shared[] = { "share", "state", "lib" };

        if (is_component(rest, ".cache") || is_component(rest, ".config"))
                return 2;
        if (is_component(rest, ".local")) {
                const char *next = rest + component_length(rest);

                for (size_t i = 0; *next && i < sizeof(shared) / sizeof(shared[0]); i++) {
                        if (is_component(next + 1, shared[i]))
                                return 3;
                }
                return 2;
        }
        return rest[0] == '.' ? 1 : 0;
}

enum learn_owner learn_find_owner(struct arena *a, const char *home, const char *path,
                                  const char **ret, struct err *e)
{
        const char *rest = path + strlen(home) + 1;
        size_t depth = known_depth(rest);
        size_t len = 0;

        if (depth == 0)
                return LEARN_OWN_NOBODYS;
        for (size_t i = 0; i < depth; i++) {
                len += component_length(rest + len);
                if (i + 1 == depth)
                        break;
                if (rest[len] == '\0')
                        return LEARN_OWN_SHARED;
                len++;
        }
        *ret = arena_copy_n(a, path, strlen(home) + 1 + len, e);
        return LEARN_OWN_PROGRAMS;
}
