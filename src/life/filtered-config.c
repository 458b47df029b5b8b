#include "filtered-config.h"

#include "fd.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

int filtered_config_open(struct filtered_config *c, struct err *e)
{
        autofd fd = memfd_create("kelp-proxy", MFD_CLOEXEC);

        if (fd < 0)
                return err_sys(e, "cannot make a file for kelp-proxy");
        c->out = fdopen(fd, "w");
        if (!c->out)
                return err_sys(e, "cannot open a file for kelp-proxy");
        c->fd = fd_take(&fd);
        return 0;
}

void filtered_config_done(struct filtered_config *c)
{
        if (c->out)
                fclose(c->out);
        c->out = NULL;
        c->fd = -1;
}

static void add_upstream(FILE *out, const struct plan_upstream *upstream)
{
        if (!upstream->origin)
                return;
        fprintf(out, "upstream %s %u%s%s\n", upstream->host, upstream->port,
                upstream->credentials ? " " : "",
                upstream->credentials ? upstream->credentials : "");
        for (size_t i = 0; i < upstream->n_direct; i++)
                fprintf(out, "no-proxy %s\n", upstream->direct[i]);
}

void filtered_config_add_plan(struct filtered_config *c, const struct plan *p, int log)
{
        const struct plan_net *net = &p->net;

        for (size_t i = 0; i < net->n_rules; i++)
                fprintf(c->out, "rule %s %s\n", net->rules[i].is_deny ? "deny" : "allow",
                        net->rules[i].text);
        fputs("fakes " PLAN_FAKES "\n", c->out);
        for (size_t i = 0; i < net->n_dns; i++)
                fprintf(c->out, "dns-server %s\n", net->dns[i]);
        add_upstream(c->out, &net->upstream);
        if (log >= 0)
                fprintf(c->out, "log %d\n", log);
        if (p->report.explains)
                fputs("events\n", c->out);
}

int filtered_config_flush(struct filtered_config *c, struct err *e)
{
        if (fflush(c->out) != 0 || ferror(c->out))
                return err_sys(e, "cannot write down what kelp-proxy is to do");
        return 0;
}

int filtered_config_finish(struct filtered_config *c, struct err *e)
{
        if (filtered_config_flush(c, e) < 0)
                return -e->code;
        if (lseek(c->fd, 0, SEEK_SET) < 0)
                return err_sys(e, "cannot go back to the start of what kelp-proxy is to do");
        return 0;
}
