#include "signals.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

int signals_catch(struct err *e)
{
        sigset_t set;

        sigemptyset(&set);
        sigaddset(&set, SIGINT);
        sigaddset(&set, SIGTERM);
        sigaddset(&set, SIGHUP);
        sigaddset(&set, SIGQUIT);
        if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
                return err_sys(e, "cannot block signals");
        int fd = signalfd(-1, &set, SFD_CLOEXEC);
        return fd < 0 ? err_sys(e, "cannot watch for signals") : fd;
}

int signals_wait(int signals, int fd, struct err *e)
{
        struct pollfd fds[] = {
                { .fd = fd, .events = POLLIN },
                { .fd = signals, .events = POLLIN },
        };
        struct signalfd_siginfo info;
        int n;

        do {
                n = poll(fds, 2, -1);
        } while (n < 0 && errno == EINTR);
        if (n < 0)
                return err_sys(e, "cannot wait for another process");
        if (fds[1].revents && read(signals, &info, sizeof(info)) == sizeof(info))
                return (int)info.ssi_signo;
        return 0;
}
