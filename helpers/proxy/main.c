/*
 * kelp-proxy: the way out of a sandbox whose network is filtered by name.  Called by kelp:
 *
 *     kelp-proxy CONTROL CONFIG
 *
 * CONTROL is the number of a SEQPACKET socket, CONFIG that of a file with the lines of config.h.
 * "ready" is sent once it is confined and serves, "error TEXT" (a hint behind a newline) when it
 * cannot; with `events` a message a verdict: "host NAME PORT allowed|refused WHY", and for an
 * address that is made up "name ADDRESS NAME".  It ends when the control socket does.
 *
 * Exit status: 0; 125 when it failed.
 */

#include "confine.h"
#include "err.h"
#include "fd.h"
#include "helper-exit.h"
#include "io.h"
#include "log.h"
#include "mem.h"
#include "parse.h"
#include "proxy.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int parse(int argc, char **argv, int *ret_control, int *ret_config, struct err *e)
{
        uint64_t control;
        uint64_t config;

        if (argc != 3) {
                err_set(e, EINVAL, "two arguments are needed, not %d", argc - 1);
                return err_hint(e, "kelp-proxy CONTROL CONFIG; kelp calls it itself");
        }
        if (parse_number(argv[1], 3, INT_MAX, &control, e) < 0 ||
            parse_number(argv[2], 3, INT_MAX, &config, e) < 0)
                return err_prefix(e, "descriptor");
        *ret_control = (int)control;
        *ret_config = (int)config;
        return 0;
}

static int read_config(struct proxy *p, int fd, struct err *e)
{
        autofree char *text = NULL;

        if (lseek(fd, 0, SEEK_SET) < 0)
                return err_sys(e, "cannot read the configuration");
        if (io_read_all(fd, CONFIG_MAX_BYTES, "the configuration", &text, NULL, e) < 0)
                return -e->code;
        return config_parse(&p->config, text, e);
}

static int start(struct proxy *p, int control, int config, struct err *e)
{
        bool has_landlock = false;

        if (read_config(p, config, e) < 0 || confine_descriptors(&p->config, control, e) < 0 ||
            proxy_make(p, control, e) < 0 || confine_enter(&has_landlock, e) < 0)
                return -e->code;
        if (!has_landlock)
                log_notice(
                        "this kernel has no Landlock: the network's proxy could read your files, "
                        "were it taken over");
        /* sendmsg(2) is behind the wall */
        if (send(control, "ready", strlen("ready"), MSG_NOSIGNAL) < 0)
                return err_sys(e, "cannot tell the launcher that all is ready");
        return 0;
}

/* The launcher says it, if it is there. */
static void report(int control, const struct err *e)
{
        char text[sizeof(e->text) + 8];

        snprintf(text, sizeof(text), "error %s", e->text);
        if (control < 0 || send(control, text, strlen(text), MSG_NOSIGNAL) < 0)
                log_err(e);
}

/*
 * Who hangs up is told by the error of the write, and so is a log that may not grow (ulimit -f); what
 * the terminal sends is for the sandbox, which may go on after it.
 */
static int ignore_signals(struct err *e)
{
        static const int signals[] = { SIGPIPE, SIGXFSZ, SIGINT, SIGQUIT, SIGHUP, SIGTSTP };

        for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
                if (signal(signals[i], SIG_IGN) == SIG_ERR)
                        return err_sys(e, "cannot ignore signals");
        }
        return 0;
}

int main(int argc, char **argv)
{
        struct proxy proxy = { .loop.epoll = -1, .config.log_fd = -1 };
        struct err e = { 0 };
        int control = -1;
        int config = -1;

        int r = fd_fill_standard(&e);
        if (r == 0)
                r = parse(argc, argv, &control, &config, &e);
        if (r == 0)
                r = ignore_signals(&e);
        if (r == 0)
                r = start(&proxy, control, config, &e);
        if (r == 0)
                r = proxy_run(&proxy, &e);
        if (r < 0)
                report(control, &e);
        proxy_done(&proxy);
        return r < 0 ? HELPER_FAILED : 0;
}
