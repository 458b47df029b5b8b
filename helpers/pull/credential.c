#include "credential.h"

#include "fd.h"
#include "io.h"
#include "mem.h"
#include "proc.h"
#include "str.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_FILE   ((size_t)1024 * 1024)
#define MAX_ANSWER ((size_t)64 * 1024)

/* A helper may have to ask for the password of a keyring. */
#define HELPER_TIMEOUT_MS 120000

/* ------ helpers ------ */

static const char *find_program(struct arena *arena, const char *name, struct err *e)
{
        const char *path = getenv("PATH");

        while (path && *path) {
                size_t len = strcspn(path, ":");
                const char *file = arena_print(arena, e, "%.*s/%s", (int)len, path, name);

                if (!file)
                        return NULL;
                /* not from wherever we happen to be */
                if (file[0] == '/' && access(file, X_OK) == 0)
                        return file;
                path += len + (path[len] == ':');
        }
        err_set(e, ENOENT, "the credential helper '%s' is not in PATH", name);
        return NULL;
}

static int make_env(struct arena *arena, const char **ret, struct err *e)
{
        static const char *const names[] = { "PATH", "HOME", "XDG_RUNTIME_DIR",
                                             "DBUS_SESSION_BUS_ADDRESS" };
        size_t n = 0;

        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                const char *value = getenv(names[i]);

                if (!value)
                        continue;
                ret[n] = arena_print(arena, e, "%s=%s", names[i], value);
                if (!ret[n++])
                        return -e->code;
        }
        ret[n] = NULL;
        return 0;
}

/* Reads to the end of the stream, or until the time is over. */
static int read_answer(int fd, char *ret, size_t size, size_t *ret_len, struct err *e)
{
        uint64_t end = io_now() + HELPER_TIMEOUT_MS * 1000000ull;
        size_t len = 0;

        for (;;) {
                struct pollfd p = { .fd = fd, .events = POLLIN };
                uint64_t now = io_now();
                int r = poll(&p, 1, now < end ? (int)((end - now) / 1000000) + 1 : 0);

                if (r < 0 && errno == EINTR)
                        continue;
                if (r < 0)
                        return err_sys(e, "cannot wait for its answer");
                if (r == 0)
                        return err_set(e, ETIMEDOUT, "it does not answer");
                ssize_t n = read(fd, ret + len, size - len - 1);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return err_sys(e, "cannot read its answer");
                if (n == 0)
                        break;
                len += (size_t)n;
                if (len + 1 == size)
                        return err_set(e, EFBIG, "its answer is too long");
        }
        ret[len] = '\0';
        *ret_len = len;
        return 0;
}

static int start(struct arena *arena, const char *name, const char *program, int in, int out,
                 struct child *ret, struct err *e)
{
        const char *argv[] = { name, "get", NULL };
        const char *env[5];
        struct proc_spec spec = {
                .path = program,
                .argv = argv,
                .env = env,
                .stdin_fd = in,
                .stdout_fd = out,
                .stderr_fd = -1,
                .die_with_parent = true,
        };

        if (make_env(arena, env, e) < 0)
                return -e->code;
        return proc_start(&spec, ret, e);
}

/* What helpers say when they have nothing: docker/docker-credential-helpers, errors.go. */
static bool is_not_found(const char *answer)
{
        return strstr(answer, "credentials not found") != NULL;
}

static int talk(struct arena *arena, const char *name, const char *program, const char *server,
                char *answer, size_t size, size_t *ret_len, struct err *e)
{
        autochild child = CHILD_NONE;
        autofd in_read = -1;
        autofd in_write = -1;
        autofd out_read = -1;
        autofd out_write = -1;
        int status;

        if (fd_pipe(&in_read, &in_write, e) < 0 || fd_pipe(&out_read, &out_write, e) < 0 ||
            start(arena, name, program, in_read, out_write, &child, e) < 0)
                return -e->code;
        fd_close(&in_read);
        fd_close(&out_write);
        struct err unread = { 0 };
        /* a helper that does not care for its input may be gone already */
        if (io_write_all(in_write, server, strlen(server), "its input", &unread) < 0 &&
            unread.code != EPIPE) {
                *e = unread;
                return -e->code;
        }
        fd_close(&in_write);
        if (read_answer(out_read, answer, size, ret_len, e) < 0 ||
            proc_wait(&child, &status, e) < 0)
                return -e->code;
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
                return 0;
        if (is_not_found(answer)) {
                *ret_len = 0;
                return 0;
        }
        return err_set(e, EIO, "it failed with status %d: %.200s", proc_exit_code(status),
                       str_trim(answer));
}

static int ask_helper(const char *helper, const char *host, struct credential *ret, struct err *e)
{
        autofree char *answer = mem_alloc(MAX_ANSWER, e);
        struct arena arena = { 0 };
        size_t len = 0;
        int r = -ENOMEM;

        const char *name = arena_print(&arena, e, "docker-credential-%s", helper);
        const char *program = name ? find_program(&arena, name, e) : NULL;
        if (answer && program) {
                r = talk(&arena, name, program, auth_helper_server(host), answer, MAX_ANSWER, &len,
                         e);
                if (r < 0)
                        err_prefix(e, "the credential helper '%s'", name);
        }
        if (r == 0 && len > 0)
                r = auth_helper_read(answer, len, name, ret, e);
        if (answer)
                explicit_bzero(answer, MAX_ANSWER);
        arena_done(&arena);
        return r < 0 ? -e->code : 0;
}

/* ------ files ------ */

/* *ret has no secret when the file is not there or does not know the registry. */
static int try_file(const char *path, const char *host, const char *repo, struct credential *ret,
                    struct err *ret_helper, struct err *e)
{
        autofree struct auth_entry *entry = mem_alloc(sizeof(*entry), e);
        autofree char *text = NULL;
        struct err unread = { 0 };
        size_t len = 0;

        if (!entry)
                return -e->code;
        if (io_read_file(AT_FDCWD, path, MAX_FILE, &text, &len, &unread) < 0) {
                if (unread.code == ENOENT || unread.code == ENOTDIR)
                        return 0;
                *e = unread;
                return err_hint(e, "it may hold a login; without one, take it away");
        }
        int r = auth_file_read(text, len, path, host, repo, entry, e);
        explicit_bzero(text, len);
        if (r == 0 && entry->credential.secret[0])
                *ret = entry->credential;
        else if (r == 0 && entry->helper[0])
                ask_helper(entry->helper, host, ret, ret_helper);
        explicit_bzero(entry, sizeof(*entry));
        return r < 0 ? err_prefix(e, "the login for '%.100s'", host) : 0;
}

int credential_find(const struct credential_places *places, const char *host, const char *repo,
                    struct credential *ret, struct err *ret_helper, struct err *e)
{
        const struct {
                const char *dir;
                const char *below;
        } files[] = {
                { places->runtime_dir, "containers/auth.json" },
                { places->config_dir, "containers/auth.json" },
                { places->docker_dir, "config.json" },
        };

        *ret = (struct credential){ 0 };
        for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
                char path[PATH_MAX];

                if (!files[i].dir || snprintf(path, sizeof(path), "%s/%s", files[i].dir,
                                              files[i].below) >= (int)sizeof(path))
                        continue;
                if (try_file(path, host, repo, ret, ret_helper, e) < 0)
                        return -e->code;
                if (ret->secret[0])
                        return 0;
        }
        return 0;
}
