#include "exec.h"

#include "fd.h"
#include "str.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static const char *find_env(const char *const *env, const char *name)
{
        size_t len = strlen(name);

        for (; *env; env++) {
                if (strncmp(*env, name, len) == 0 && (*env)[len] == '=')
                        return *env + len + 1;
        }
        return NULL;
}

int exec_prepare(const struct plan *p, const char *home, struct exec_image *ret, struct err *e)
{
        const char **env = (const char **)p->exec.env;

        if (!find_env(env, "HOME") && *home) {
                size_t n = p->exec.n_env;
                size_t len = strlen(home) + sizeof("HOME=");
                const char **more = mem_alloc((n + 2) * sizeof(*more), e);
                char *text = more ? mem_alloc(len, e) : NULL;

                if (!text)
                        return -e->code;
                snprintf(text, len, "HOME=%s", home);
                memcpy(more, env, n * sizeof(*more));
                more[n] = text;
                env = more;
        }
        ret->argv = p->exec.argv;
        ret->env = env;
        ret->path = find_env(env, "PATH");
        if (!ret->path)
                ret->path = DEFAULT_PATH;
        return 0;
}

/* A file that is there and "does not exist": what is missing is its interpreter. */
static int explain_missing(const char *path, struct err *e)
{
        autofd fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        char head[256];
        ssize_t n = fd < 0 ? -1 : read(fd, head, sizeof(head) - 1);

        if (n < 4)
                return err_set(e, ENOENT, "cannot execute '%s': no such file", path);
        head[n] = '\0';
        if (head[0] == '#' && head[1] == '!') {
                head[strcspn(head, "\n")] = '\0';
                return err_set(e, ENOEXEC, "cannot execute '%s': its interpreter '%s' is not there",
                               path, head + 2 + strspn(head + 2, " \t"));
        }
        return err_set(e, ENOEXEC, "cannot execute '%s': its dynamic loader is not there", path);
}

static int explain(const char *path, int code, struct err *e)
{
        struct stat st;

        if (code == ENOENT && stat(path, &st) == 0)
                return explain_missing(path, e);
        errno = code;
        err_sys(e, "cannot execute '%s'", path);
        if (code == EACCES && stat(path, &st) == 0 && S_ISDIR(st.st_mode))
                return err_set(e, EISDIR, "cannot execute '%s': it is a directory", path);
        if (code == ENOEXEC)
                err_hint(e, "a script needs a first line like #!/bin/sh; a program must be of this "
                            "machine's kind");
        return -e->code;
}

static int try_one(const struct exec_image *image, const char *path)
{
        execve(path, (char *const *)image->argv, (char *const *)image->env);
        return errno;
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

int exec_run(const struct exec_image *image, struct err *e)
{
        const char *name = image->argv[0] ? image->argv[0] : "";
        const char *at = image->path;
        char refused[PATH_MAX] = "";
        char path[PATH_MAX];
        int refusal = 0;

        if (strchr(name, '/'))
                return explain(name, try_one(image, name), e);
        if (*name == '\0')
                return err_set(e, ENOENT, "cannot execute a command without a name");
        while (next_path(&at, name, path, sizeof(path))) {
                int code = try_one(image, path);
                struct stat st;

                if (code == ENOTDIR || (code == ENOENT && stat(path, &st) < 0))
                        continue;
                if (code == EACCES && (stat(path, &st) < 0 || S_ISDIR(st.st_mode)))
                        continue;
                /* one that cannot be executed counts when there is no better one */
                if (refusal == 0) {
                        refusal = code;
                        memcpy(refused, path, sizeof(refused));
                }
                if (code != EACCES)
                        break;
        }
        if (refusal)
                return explain(refused, refusal, e);
        return err_set(e, ENOENT, "command not found: '%s'", name);
}
