#include "enter-ids.h"

#include "fd.h"
#include "io.h"
#include "proc.h"
#include "userns.h"

#include <errno.h>
#include <sched.h>
#include <unistd.h>

/*
 * A map is written from the outside.  So a child stays behind in the old namespace, waits for the
 * word that the new one is there, and writes its maps:
 *
 *      this process: unshare, "go"        child: writes, reads back, answers
 */

static int write_maps(const struct id_maps *maps, pid_t parent, int sock, struct err *e)
{
        char go;
        ssize_t n = io_receive(sock, &go, sizeof(go), NULL, 0, NULL, e);

        if (n < 0)
                return -e->code;
        if (n == 0)
                return err_set(e, EPIPE, "there is no namespace to write maps for");
        autofd proc = userns_open_process(parent, e);
        if (proc < 0 || userns_write_maps(proc, parent, maps, e) < 0)
                return -e->code;
        return userns_check_maps(proc, maps, e);
}

static _Noreturn void writer_main(const struct id_maps *maps, pid_t parent, int sock)
{
        struct err e = { 0 };
        struct err unused = { 0 };

        write_maps(maps, parent, sock, &e);
        io_send(sock, &e, sizeof(e), NULL, 0, &unused);
        _exit(e.code ? 1 : 0);
}

static int await_maps(int sock, struct err *e)
{
        struct err answer;
        ssize_t n;

        if (io_send(sock, "", 1, NULL, 0, e) < 0)
                return -e->code;
        n = io_receive(sock, &answer, sizeof(answer), NULL, 0, NULL, e);
        if (n < 0)
                return -e->code;
        if (n != (ssize_t)sizeof(answer))
                return err_set(e, EPIPE, "the maps of the user namespace were not written");
        answer.text[sizeof(answer.text) - 1] = '\0';
        if (answer.code == 0)
                return 0;
        *e = answer;
        return -e->code;
}

int ids_choose(struct id_maps *ret, struct err *e)
{
        const struct plan p = {
                .root = PLAN_ROOT_IMAGE,
                .ids = { .mode = PLAN_USERNS_AUTO, .outer_uid = getuid(), .outer_gid = getgid() },
        };

        struct err unused = { 0 };

        return userns_choose_maps(&p, ret, &unused, e);
}

int ids_enter(struct err *e)
{
        struct id_maps maps;
        pid_t own = getpid();
        int status = 0;
        autofd sock = -1;

        if (ids_choose(&maps, e) < 0)
                return -e->code;
        pid_t pid = proc_fork_linked(&sock, e);
        if (pid < 0)
                return pid;
        if (pid == 0)
                writer_main(&maps, own, sock);
        autochild child = { .pid = pid, .pidfd = -1 };
        if (unshare(CLONE_NEWUSER) < 0)
                return err_sys(e, "cannot create a user namespace");
        if (await_maps(sock, e) < 0)
                return -e->code;
        return proc_wait(&child, &status, e);
}
