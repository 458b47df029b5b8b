#include "labels.h"

#include "fd.h"
#include "own-proc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MAX_LABEL 4096

/* A module of its own directory is asked there; `file` alone is whoever is the first one. */
static int open_attr(const char *own_file, const char *file)
{
        int fd = own_file ? own_proc_open(own_file, O_WRONLY) : -1;

        return fd >= 0 || (own_file && errno != ENOENT) ? fd : own_proc_open(file, O_WRONLY);
}

struct label {
        const char *key;
        const char *own_file; /* NULL: there is no directory of this module's own */
        const char *prefix;
        const char *value; /* NULL: none */
};

/* EINVAL is what a kernel without the module says. */
static int set(const struct label *l, const struct notice *notice, struct err *e)
{
        char text[MAX_LABEL];

        if (!l->value)
                return 0;
        int n = snprintf(text, sizeof(text), "%s%s", l->prefix, l->value);
        if (n >= (int)sizeof(text))
                return err_set(e, ENAMETOOLONG, "%s is too long", l->key);
        autofd fd = open_attr(l->own_file, "attr/exec");
        if (fd >= 0 && write(fd, text, (size_t)n) == n)
                return 0;
        err_sys(e, "%s '%.200s' cannot be set", l->key, l->value);
        if (fd < 0 || e->code != EINVAL)
                return -e->code;
        err_set(e, EINVAL, "%s '%.200s': this kernel has no such security module", l->key,
                l->value);
        notice_ignore(notice, e);
        return 0;
}

int labels_set(const struct become_spec *spec, struct err *e)
{
        const struct bundle_process *p = &spec->bundle->process;
        const struct label apparmor = {
                .key = "process.apparmorProfile",
                .own_file = "attr/apparmor/exec",
                .prefix = "exec ",
                .value = p->apparmor,
        };
        const struct label selinux = {
                .key = "process.selinuxLabel",
                .prefix = "",
                .value = p->selinux,
        };

        if (set(&apparmor, spec->notice, e) < 0)
                return -e->code;
        return set(&selinux, spec->notice, e);
}
