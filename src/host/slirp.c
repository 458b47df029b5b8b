#include "attempt.h"
#include "cause.h"
#include "probes.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

/*
 * slirp4netns: 1.0 has every option that kelp uses.  Its network stack is libslirp; older ones
 * than 4.6.0 have known holes that a sandbox can reach (CVE-2021-3592 to 3595).
 */

struct version {
        unsigned major;
        unsigned minor;
        unsigned patch;
};

/* The three numbers after `label` in the output of --version. */
static bool find_version(const char *text, const char *label, struct version *ret)
{
        const char *at = strstr(text, label);

        return at &&
               sscanf(at + strlen(label), "%u.%u.%u", &ret->major, &ret->minor, &ret->patch) == 3;
}

static bool is_older(const struct version *v, unsigned major, unsigned minor)
{
        return v->major < major || (v->major == major && v->minor < minor);
}

static void explain_absent(const struct host_view *v, struct host_cause *ret)
{
        char command[128];

        host_cause_why(ret, "'slirp4netns' is not installed");
        host_install_command(v, "slirp4netns", command, sizeof(command));
        host_cause_fix(ret, "%s", command);
}

/* Runs --version; false with a reason when that does not work. */
static bool ask_version(const char *path, char *text, size_t size, struct host_cause *ret)
{
        const char *const argv[] = { path, "--version", NULL };
        struct err e = { 0 };
        int code = 0;

        if (host_run_program(argv, text, size, &code, &e) < 0)
                host_cause_why(ret, "%.*s", err_message_len(&e), e.text);
        else if (code != 0)
                host_cause_why(ret, "'%s --version' ended with status %d: %.*s", path, code,
                               (int)strcspn(text, "\n"), text);
        else
                return true;
        return false;
}

bool host_cause_slirp(const struct host_view *v, struct host_cause *ret)
{
        char path[PATH_MAX];
        char text[1024];
        char command[128];

        if (!host_find_program(v, "slirp4netns", path, sizeof(path))) {
                explain_absent(v, ret);
                return true;
        }
        if (ask_version(path, text, sizeof(text), ret))
                return false;
        host_install_command(v, "slirp4netns", command, sizeof(command));
        host_cause_fix(ret, "install it again: %s", command);
        return true;
}

static void judge(const char *text, struct host_fact *ret)
{
        struct version slirp = { 0 };
        struct version lib = { 0 };

        if (!find_version(text, "slirp4netns version ", &slirp) || is_older(&slirp, 1, 0)) {
                host_fact_set(ret, HOST_MISSING, "%.*s is too old for --network user",
                              (int)strcspn(text, "\n"), text);
                host_cause_why(&ret->cause, "kelp uses options of slirp4netns 1.0");
                host_cause_fix(&ret->cause, "install slirp4netns 1.0 or later");
                return;
        }
        if (!find_version(text, "libslirp: ", &lib)) {
                host_fact_set(ret, HOST_OK, "%u.%u.%u", slirp.major, slirp.minor, slirp.patch);
                return;
        }
        host_fact_set(ret, HOST_OK, "%u.%u.%u with libslirp %u.%u.%u", slirp.major, slirp.minor,
                      slirp.patch, lib.major, lib.minor, lib.patch);
        if (is_older(&lib, 4, 6)) {
                ret->state = HOST_WEAKER;
                host_cause_why(&ret->cause, "libslirp before 4.6.0 has holes that a sandbox can "
                                            "reach (CVE-2021-3592 to CVE-2021-3595)");
                host_cause_fix(&ret->cause, "install libslirp 4.6.0 or later, unless your "
                                            "distribution has mended its own");
        }
}

void host_probe_slirp(const struct host_view *v, struct host_fact *ret)
{
        char path[PATH_MAX];
        char text[1024];

        if (!host_find_program(v, "slirp4netns", path, sizeof(path))) {
                host_fact_set(ret, HOST_MISSING, "--network user cannot work");
                explain_absent(v, &ret->cause);
                return;
        }
        if (!ask_version(path, text, sizeof(text), &ret->cause)) {
                host_fact_set(ret, HOST_MISSING, "--network user cannot work");
                return;
        }
        judge(text, ret);
}
