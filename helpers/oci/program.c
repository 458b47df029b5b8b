#include "program.h"

#include "fd.h"
#include "io.h"
#include "mem.h"
#include "str.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* A passwd of an image that is larger than this is none. */
#define MAX_PASSWD ((size_t)1 << 20)

static const char *find_env(const struct plan_exec *x, const char *name)
{
        size_t len = strlen(name);

        for (size_t i = 0; i < x->n_env; i++) {
                if (strncmp(x->env[i], name, len) == 0 && x->env[i][len] == '=')
                        return x->env[i] + len + 1;
        }
        return NULL;
}

/* 0, or what stands in the way. */
static int judge(const char *path)
{
        struct stat st;

        if (faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) < 0)
                return errno;
        if (stat(path, &st) < 0)
                return errno;
        return S_ISREG(st.st_mode) ? 0 : EACCES;
}

/* The next directory of PATH, an empty one being "."; false at the end. */
static bool next_path(const char **at, const char *name, char *buffer, size_t size)
{
        while (*at) {
                size_t len = strcspn(*at, ":");
                const char *dir = *at;
                int n = snprintf(buffer, size, "%.*s%s%s", (int)len, dir, len ? "/" : "./", name);

                *at = dir[len] == ':' ? dir + len + 1 : NULL;
                if (n > 0 && (size_t)n < size)
                        return true;
        }
        return false;
}

static int search(const char *at, const char *name, char *ret, size_t size, struct err *e)
{
        int refusal = 0;

        while (next_path(&at, name, ret, size)) {
                int code = judge(ret);

                if (code == 0)
                        return 0;
                if (code != ENOENT && code != ENOTDIR)
                        refusal = code;
        }
        if (refusal == 0)
                return err_set(e, ENOENT, "cannot execute '%s': executable file not found in $PATH",
                               name);
        errno = refusal;
        return err_sys(e, "cannot execute '%s' of $PATH", name);
}

int program_find(const struct plan_exec *x, char *ret, size_t size, struct err *e)
{
        const char *name = x->n_args ? x->argv[0] : "";
        const char *path = find_env(x, "PATH");

        if (*name == '\0')
                return err_set(e, ENOENT, "cannot execute '': no such file or directory");
        if (!strchr(name, '/'))
                return search(path ? path : DEFAULT_PATH, name, ret, size, e);
        int n = snprintf(ret, size, "%s", name);
        if (n < 0 || (size_t)n >= size)
                return err_set(e, ENAMETOOLONG, "the name of the program is too long");
        errno = judge(name);
        return errno ? err_sys(e, "cannot execute '%s'", name) : 0;
}

int program_check_foreign(const char *path, struct err *e)
{
        struct stat own, st;

        /* without a /proc nothing there leads to it */
        if (stat("/proc/self/exe", &own) < 0 || stat(path, &st) < 0)
                return 0;
        if (own.st_dev == st.st_dev && own.st_ino == st.st_ino)
                return err_set(e, EACCES, "cannot execute '%s': it is the runtime itself", path);
        return 0;
}

int program_run(const char *path, const char *const *argv, const char *const *env, struct err *e)
{
        execve(path, (char *const *)argv, (char *const *)env);
        err_sys(e, "cannot execute '%s'", path);
        if (e->code == ENOENT && access(path, F_OK) == 0)
                return err_hint(e, "the file is there: its interpreter or dynamic loader is not");
        if (e->code == ENOEXEC)
                return err_hint(e, "a script needs a first line like #!/bin/sh; a program must be "
                                   "of this machine's kind");
        return -e->code;
}

/* The sixth field of the line whose third is `uid`; NULL: there is none.  Source: passwd(5). */
static const char *find_home(char *text, uid_t uid)
{
        char own[16];

        snprintf(own, sizeof(own), "%u", (unsigned)uid);
        for (char *at = text; at;) {
                char *line = str_next_field(&at, '\n');
                const char *fields[6] = { 0 };

                for (size_t i = 0; i < 6 && line; i++)
                        fields[i] = str_next_field(&line, ':');
                if (fields[5] && str_eq(fields[2], own))
                        return fields[5];
        }
        return NULL;
}

int program_add_home(const struct plan_exec *x, uid_t uid, const char *const **ret, struct err *e)
{
        autofree char *passwd = NULL;
        struct err unused = { 0 };
        const char *home = NULL;

        *ret = x->env;
        if (find_env(x, "HOME"))
                return 0;
        /* an image's file: one that cannot be read, or is no file at all, names nobody's home */
        if (io_read_file(AT_FDCWD, "/etc/passwd", MAX_PASSWD, &passwd, NULL, &unused) == 0)
                home = find_home(passwd, uid);
        if (!home || *home == '\0')
                home = "/";
        size_t len = strlen(home) + sizeof("HOME=");
        const char **more = mem_alloc((x->n_env + 2) * sizeof(*more), e);
        char *text = more ? mem_alloc(len, e) : NULL;
        if (!text) {
                free(more);
                return -e->code;
        }
        snprintf(text, len, "HOME=%s", home);
        memcpy(more, x->env, x->n_env * sizeof(*more));
        more[x->n_env] = text;
        *ret = more;
        return 0;
}
