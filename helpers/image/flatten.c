#include "flatten.h"

#include "digest.h"
#include "fd.h"
#include "io.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIRECTORY_FLAGS (O_RDONLY | O_DIRECTORY | O_CLOEXEC)

static int check_request(const struct flatten_request *request, struct err *e)
{
        for (size_t i = 0; i < request->n_layers; i++) {
                if (!digest_is_hex(request->layers[i]))
                        return err_set(e, EINVAL, "'%.100s' is not the name of a layer",
                                       request->layers[i]);
        }
        if (request->directory ? request->n_layers > 0 : request->n_layers == 0)
                return err_set(e, EINVAL, "there is nothing to copy, or too much");
        return 0;
}

static int run_child(const struct store *store, const struct session *session, int root,
                     const struct flatten_request *request, int *ret_signal, struct err *e)
{
        const struct flatten_job job = { .root = root, .request = request };
        struct worker_report report = { 0 };
        autofd directory = -1;

        if (request->directory) {
                directory = open(request->directory, DIRECTORY_FLAGS);
                if (directory < 0)
                        return err_sys(e, "cannot open '%.200s'", request->directory);
        }
        const struct worker worker = {
                .store = store,
                .session = session,
                .layers = request->directory ? -1 : store->layers[STORE_SINGLE],
                .input = directory,
                .more = { root },
                .n_more = 1,
                .keeps_ids = true,
                .work = flatten_child,
                .job = &job,
        };
        return worker_run(&worker, &report, ret_signal, e);
}

static int make(const struct store *store, const struct session *session,
                const struct flatten_request *request, int *ret_signal, struct err *e)
{
        if (mkdirat(session->dir, "root", 0700) < 0)
                return err_sys(e, "cannot make a temporary directory in the image store");
        autofd root = openat(session->dir, "root", DIRECTORY_FLAGS | O_NOFOLLOW);
        if (root < 0)
                return err_sys(e, "cannot open a temporary directory in the image store");
        return run_child(store, session, root, request, ret_signal, e);
}

static int give(const struct store *store, const struct session *session, int sock, struct err *e)
{
        char path[PATH_MAX];

        if (snprintf(path, sizeof(path), "%s/tmp/%s/root", store->path, session->name) >=
            (int)sizeof(path))
                return err_set(e, ENAMETOOLONG, "the path of the image store is too long");
        return io_send(sock, path, strlen(path), &session->dir, 1, e);
}

/* How often a receive may fail: what the kernel refuses once it gives the next time. */
#define MOST_FAILED 10

/*
 * An error of the socket that stays is its end, too: nobody can ask for the copy any more.  But one
 * that passes is not: the copy is somebody's root.
 */
static void await_end(int sock)
{
        autofd init = -1;
        int n_failed = 0;

        while (n_failed < MOST_FAILED) {
                struct err unused = { 0 };
                size_t n_fds = 0;
                int fd = -1;
                char byte;
                ssize_t n = io_receive(sock, &byte, sizeof(byte), &fd, 1, &n_fds, &unused);

                if (n == 0)
                        break;
                n_failed = n < 0 ? n_failed + 1 : 0;
                if (n < 0 || n_fds == 0)
                        continue;
                fd_close(&init);
                init = fd;
        }
        /* readable when it has ended, which is after the last process of its namespace */
        if (init >= 0)
                (void)io_wait(init, -1);
}

int flatten_serve(const struct store *store, const struct flatten_request *request, int *ret_signal,
                  struct err *e)
{
        struct session session = SESSION_NONE;
        struct err cleanup = { 0 };

        if (check_request(request, e) < 0)
                return -e->code;
        int r = session_open(store, &session, e);
        if (r == 0)
                r = make(store, &session, request, ret_signal, e);
        if (r < 0)
                err_prefix(e, "cannot copy the image's files");
        if (r == 0)
                r = give(store, &session, request->sock, e);
        if (r == 0)
                await_end(request->sock);
        /* what cannot be removed now is swept later */
        if (session_remove(store, &session, &cleanup) < 0 && r == 0) {
                *e = cleanup;
                return err_prefix(e, "cannot remove the copy of the image's files");
        }
        return r;
}
