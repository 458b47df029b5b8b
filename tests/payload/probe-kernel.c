#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* What the kernel keeps outside of files: IPC objects, set-user-ID, protected names. */

static unsigned count_objects(const char *path)
{
        char text[1 << 14];
        unsigned n = 0;

        read_text(path, text, sizeof(text));
        for (const char *p = text; *p; p++)
                n += *p == '\n';
        return n ? n - 1 : 0; /* without its headline */
}

/* sysv=yes: the host side has made a shared memory segment */
static void check_sysv(struct report *r, const struct facts *f)
{
        static const char *const paths[] = { "/proc/sysvipc/shm", "/proc/sysvipc/sem",
                                             "/proc/sysvipc/msg" };
        (void)f;

        for (size_t i = 0; i < 3; i++) {
                unsigned n = count_objects(paths[i]);

                report_item(r, n, i == 0 ? PROVABLE : UNPROVABLE, "%s has %u objects", paths[i], n);
        }
}

/* A set-user-ID program in secure mode does not print its auxiliary vector when asked to. */
static bool gains_by_exec(const char *path)
{
        char line[512];
        char want[64];
        char command[4200];
        bool is_plain = false;

        snprintf(command, sizeof(command), "LD_SHOW_AUXV=1 exec '%s' --version 2>&1", path);
        FILE *p = popen(command, "re");
        if (!p) {
                perror("probe: popen");
                exit(2);
        }
        snprintf(want, sizeof(want), "%u", getuid());
        while (fgets(line, sizeof(line), p)) {
                if (strncmp(line, "AT_EUID:", 8) == 0)
                        is_plain = atoi(line + 8) == atoi(want);
        }
        pclose(p);
        return !is_plain;
}

static void check_one_setuid(const char *path, void *arg)
{
        struct stat st;

        if (stat(path, &st) < 0 || !(st.st_mode & S_ISUID)) {
                report_item(arg, false, UNPROVABLE, "%s is not set-user-ID here", path);
                return;
        }
        report_item(arg, gains_by_exec(path), PROVABLE, "%s gains nothing", path);
}

/* setuid=PATH: a dynamically linked set-user-ID program */
static void check_setuid(struct report *r, const struct facts *f)
{
        list_each(fact(f, "setuid"), check_one_setuid, r);
}

const struct check checks_kernel[] = {
        { "sysv", "planted", "sysv", check_sysv },
        { "setuid", "host", "setuid", check_setuid },
        { NULL, NULL, NULL, NULL },
};
