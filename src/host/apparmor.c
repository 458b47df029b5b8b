#include "apparmor.h"

#include "attempt.h"
#include "cause.h"
#include "probes.h"
#include "str.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define RESTRICTED "unprivileged_userns"
#define SWITCH     "proc/sys/kernel/apparmor_restrict_unprivileged_userns"

/* AppArmor's own file where several modules have labels, else the common one. */
static bool read_label(const struct host_view *v, char *label)
{
        ssize_t n = host_read(v, "proc/self/attr/apparmor/current", label, HOST_NOTE_SIZE);

        if (n <= 0)
                n = host_read(v, "proc/self/attr/current", label, HOST_NOTE_SIZE);
        if (n <= 0)
                label[0] = '\0';
        return n > 0;
}

static int note_label(void *data, char *note, struct err *e)
{
        (void)e;
        read_label(data, note);
        return 0;
}

/* The label that kelp gets in a user namespace; "" when there is none or no namespace. */
static int label_inside(const struct host_view *v, char *label, struct err *e)
{
        struct host_view own = *v;
        const struct host_attempt attempt = {
                .run = note_label,
                .data = &own,
                .in_userns = true,
        };

        label[0] = '\0';
        return host_attempt(v, &attempt, label, e);
}

static bool is_switched_on(const struct host_view *v)
{
        uint64_t on = 0;

        return host_read_number(v, SWITCH, &on) && on != 0;
}

static bool is_restricted(const struct host_view *v, char *label)
{
        struct err e = { 0 };

        if (label_inside(v, label, &e) == 0)
                return str_has_prefix(label, RESTRICTED);
        /* 23.10 refused the namespace itself */
        return is_switched_on(v) && (e.code == EPERM || e.code == EACCES) && v->uid != 0;
}

void host_apparmor_name(const char *exe, char *ret, size_t size)
{
        size_t len = strlen(exe);
        const size_t most = 120; /* a file name, and readable */
        const char *from = len > most ? exe + len - most : exe;
        size_t n = 0;

        while (*from == '/' || *from == '.')
                from++;
        for (; *from && n + 1 < size; from++) {
                bool is_plain = isalnum((unsigned char)*from) || strchr("._-+", *from);

                ret[n++] = *from == '/' ? '.' : is_plain ? *from : '_';
        }
        ret[n] = '\0';
}

static void explain(const struct host_view *v, struct host_cause *ret)
{
        char name[160];

        host_apparmor_name(v->exe, name, sizeof(name));
        host_cause_why(ret, "AppArmor denies user namespaces to programs without a profile of "
                            "their own (kernel.apparmor_restrict_unprivileged_userns)");
        host_cause_fix(ret,
                       "'%s' doctor --apparmor-profile | %stee /etc/apparmor.d/%s >/dev/null "
                       "&& %sapparmor_parser -r /etc/apparmor.d/%s",
                       v->exe, host_sudo(v), name, host_sudo(v), name);
        host_cause_fix(ret,
                       "for every program and until the next start, which is less safe: "
                       "%ssysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
                       host_sudo(v));
}

bool host_cause_apparmor(const struct host_view *v, struct host_cause *ret)
{
        char label[HOST_NOTE_SIZE];

        if (!is_restricted(v, label))
                return false;
        explain(v, ret);
        return true;
}

void host_probe_apparmor(const struct host_view *v, struct host_fact *ret)
{
        char label[HOST_NOTE_SIZE];

        if (is_restricted(v, label)) {
                host_fact_set(ret, HOST_MISSING, "a user namespace of kelp has no rights inside");
                explain(v, &ret->cause);
                return;
        }
        if (!is_switched_on(v))
                host_fact_set(ret, HOST_OK, "does not restrict user namespaces here");
        else
                host_fact_set(ret, HOST_OK, "allows kelp user namespaces, as '%s'", label);
}

/* The path as apparmor.d(5) takes it: quoted, with the characters of its patterns escaped. */
static int quote_path(const char *path, char *ret, size_t size, struct err *e)
{
        size_t len = 0;

        for (const char *at = path; *at; at++) {
                if (*at == '"' || iscntrl((unsigned char)*at))
                        return err_set(e, EINVAL, "the path '%s' cannot be written in a profile",
                                       path);
                if (len + 3 > size)
                        return err_set(e, ENAMETOOLONG, "the path '%s' is too long", path);
                if (strchr("\\*?[]{}^@", *at))
                        ret[len++] = '\\';
                ret[len++] = *at;
        }
        ret[len] = '\0';
        return 0;
}

char *host_apparmor_profile(struct arena *a, const char *exe, struct err *e)
{
        char path[8192];
        char name[160];

        if (exe[0] != '/') {
                err_set(e, ENOENT, "the path of this program is not known");
                return NULL;
        }
        if (quote_path(exe, path, sizeof(path), e) < 0)
                return NULL;
        host_apparmor_name(exe, name, sizeof(name));
        return arena_print(
                a, e,
                "# AppArmor profile that lets this one program make user namespaces.\n"
                "# To use it, and to see whether it helped:\n"
                "#\n"
                "#   '%s' doctor --apparmor-profile | sudo tee /etc/apparmor.d/%s\n"
                "#   sudo apparmor_parser -r /etc/apparmor.d/%s\n"
                "#   '%s' doctor\n"
                "#\n"
                "# To undo:\n"
                "#\n"
                "#   sudo apparmor_parser -R /etc/apparmor.d/%s\n"
                "#   sudo rm /etc/apparmor.d/%s\n"
                "#\n"
                "# It is for the path below and for no other copy of kelp.  Whoever can write to\n"
                "# that file has what the profile gives: a file of root's is better, as in\n"
                "# /usr/local/bin.\n"
                "\n"
                "abi <abi/4.0>,\n"
                "include <tunables/global>\n"
                "\n"
                "profile %s \"%s\" flags=(unconfined) {\n"
                "  userns,\n"
                "\n"
                "  include if exists <local/%s>\n"
                "}\n",
                exe, name, name, exe, name, name, name, path, name);
}
