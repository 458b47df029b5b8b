#include "run-fds.h"

#include "fd.h"
#include "parse.h"
#include "str.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

static bool can_write(int fd)
{
        int flags = fcntl(fd, F_GETFL);

        return flags >= 0 && !(flags & O_PATH) && (flags & O_ACCMODE) != O_RDONLY;
}

static int usable_status_fd(const char *value)
{
        struct err e = { 0 };
        uint64_t fd;

        if (!value || parse_number(value, 3, 1048575, &fd, &e) < 0 || !can_write((int)fd))
                return -1;
        return (int)fd;
}

int run_fds_early_status(const struct option_list *options)
{
        const struct option_use *use = option_find(options, "status-fd");

        return usable_status_fd(use ? use->value : NULL);
}

int run_fds_guess_status(int argc, char **argv)
{
        static const char name[] = "--status-fd";
        const char *value = NULL;

        for (int i = 1; i < argc && !str_eq(argv[i], "--"); i++) {
                if (str_eq(argv[i], name) && i + 1 < argc)
                        value = argv[i + 1];
                else if (str_has_prefix(argv[i], name) && argv[i][sizeof(name) - 1] == '=')
                        value = argv[i] + sizeof(name);
        }
        return usable_status_fd(value);
}

static void check_fd(int fd, struct plan_problems *problems)
{
        struct err e = { 0 };

        if (fd < 0 || fd_is_open(fd))
                return;
        err_set(&e, EBADF, "descriptor %d is not open", fd);
        err_hint(&e, "open it where kelp is started, like %d>FILE", fd);
        plan_add_problem(problems, &e);
}

/* From a directory ".." leads on, and a name without access can be opened anew with more of it. */
static void check_kept_fd(int fd, struct plan_problems *problems)
{
        struct err e = { 0 };
        struct stat st;
        int flags = fcntl(fd, F_GETFL);

        check_fd(fd, problems);
        if (flags < 0 || fstat(fd, &st) < 0 || (!S_ISDIR(st.st_mode) && !(flags & O_PATH)))
                return;
        err_set(&e, EISDIR,
                "descriptor %d is a directory or a path: it would lead to the whole host", fd);
        err_hint(&e, "share the directory with --writable or --volume");
        plan_add_problem(problems, &e);
}

/* `what` is the descriptor in words. */
static void check_written_fd(int fd, const char *what, struct plan_problems *problems)
{
        struct err e = { 0 };

        check_fd(fd, problems);
        if (fd < 0 || !fd_is_open(fd) || can_write(fd))
                return;
        err_set(&e, EBADF, "the %s %d is open for reading alone", what, fd);
        err_hint(&e, "open it for writing, like %d>FILE", fd);
        plan_add_problem(problems, &e);
}

void run_fds_check(const struct plan *p, struct plan_problems *problems)
{
        check_written_fd(p->report.status_fd, "status descriptor", problems);
        check_written_fd(p->report.ready_fd, "ready descriptor", problems);
        for (size_t i = 0; i < p->report.n_keep_fds; i++)
                check_kept_fd(p->report.keep_fds[i], problems);
}
