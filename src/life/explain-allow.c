#include "explain-allow.h"

#include "explain-call.h"
#include "net-special.h"
#include "path.h"
#include "str.h"
#include "why-path.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/*
 * The words are those of `kelp policy why`, asked about the same plan and tree.  What it says is
 * allowed was refused for another reason, and nothing is suggested then.
 */

static void take(const struct why *why, struct explain_allow *ret)
{
        if (why->is_allowed)
                return;
        snprintf(ret->option, sizeof(ret->option), "%s", why->option);
        snprintf(ret->line, sizeof(ret->line), "%s", why->line);
        snprintf(ret->behind, sizeof(ret->behind), "%s", why->behind);
        snprintf(ret->comment, sizeof(ret->comment), "%s", why->comment);
}

static enum why_access access_of(const struct observe_event *event)
{
        if (event->access == 'x')
                return WHY_EXECUTE;
        return event->access == 'w' ? WHY_WRITE : WHY_READ;
}

/*
 * To make a file is allowed in the empty home, but its directory is not there as on the host: that is
 * what has to be shown, writable.
 */
static void allow_directory(const struct plan *p, const struct tree *t, const char *path,
                            struct explain_allow *ret)
{
        static const char option[] = "--readable ";
        static const char line[] = "[files] readable = ";
        char directory[OBSERVE_MAX_NAME];
        struct err unused = { 0 };
        struct why why = { 0 };

        snprintf(directory, sizeof(directory), "%s", path);
        char *slash = strrchr(directory, '/');
        if (!slash || slash == directory)
                return;
        *slash = '\0';
        if (why_path(p, t, directory, WHY_READ, &why, &unused) < 0 || why.is_allowed)
                return;
        if (str_has_prefix(why.option, option))
                snprintf(ret->option, sizeof(ret->option), "--writable %.600s",
                         why.option + sizeof(option) - 1);
        if (str_has_prefix(why.line, line))
                snprintf(ret->line, sizeof(ret->line), "[files] writable = %.600s",
                         why.line + sizeof(line) - 1);
}

static void allow_path(const struct plan *p, const struct tree *t,
                       const struct observe_event *event, struct explain_allow *ret)
{
        char path[OBSERVE_MAX_NAME];
        struct err unused = { 0 };
        struct why why = { 0 };
        char *slash;

        snprintf(path, sizeof(path), "%s", event->name);
        slash = strrchr(path, '/');
        /* a name that comes or goes is its directory's */
        if ((event->kind == OBSERVE_REMOVE || event->kind == OBSERVE_RENAME ||
             event->kind == OBSERVE_CREATE) &&
            slash && slash != path)
                *slash = '\0';
        /* a mount point: it stays where it is, whatever may be written into it */
        if (event->is_cut || event->error == EBUSY ||
            why_path(p, t, path, access_of(event), &why, &unused) < 0)
                return;
        take(&why, ret);
        if (why.is_allowed && event->access == 'w')
                allow_directory(p, t, event->name, ret);
}

static void allow_call(const struct plan *p, const struct observe_event *event,
                       struct explain_allow *ret)
{
        struct why why;

        explain_call(p, event, &why);
        take(&why, ret);
}

static void allow_socket(const struct plan *p, const struct tree *t,
                         const struct observe_event *event, struct explain_allow *ret)
{
        struct err unused = { 0 };
        struct why why = { 0 };

        if (event->name[0] != '/') {
                allow_call(p, event, ret);
                return;
        }
        if (event->is_cut)
                return;
        /* to write means to make it, to which there may be no objection */
        if (why_path(p, t, event->name, WHY_READ, &why, &unused) == 0)
                take(&why, ret);
}

/* Rules let connections through alone; slirp4netns carries datagrams to all but special addresses. */
static void allow_datagram(const struct plan *p, const struct observe_event *event,
                           struct explain_allow *ret)
{
        int family = strchr(event->name, ':') ? AF_INET6 : AF_INET;
        uint8_t address[16];

        if (p->net.mode == PLAN_NETWORK_USER || inet_pton(family, event->name, address) != 1)
                return;
        const struct net_special *special = net_special_find(family, address, 0);
        if (special && special->is_refused_always)
                return;
        snprintf(ret->option, sizeof(ret->option), "--network user");
        snprintf(ret->line, sizeof(ret->line), "[network] mode = user");
}

static void allow_host(const struct plan *p, const struct observe_event *event,
                       struct explain_allow *ret)
{
        struct err unused = { 0 };
        struct why why = { 0 };

        if (event->is_datagram) {
                allow_datagram(p, event, ret);
                return;
        }

        /* a name that is allowed, and leads where that is not enough */
        if (event->detail[0]) {
                snprintf(ret->option, sizeof(ret->option), "--allow %s", event->detail);
                snprintf(ret->line, sizeof(ret->line), "[network] allow = %s", event->detail);
                return;
        }
        if (why_host(p, event->name, event->port, &why, &unused) == 0)
                take(&why, ret);
}

void explain_allow(const struct plan *p, const struct tree *t, const struct observe_event *event,
                   struct explain_allow *ret)
{
        *ret = (struct explain_allow){ .option = "" };
        switch (event->kind) {
        case OBSERVE_OPEN:
        case OBSERVE_CREATE:
        case OBSERVE_RENAME:
        case OBSERVE_REMOVE:
        case OBSERVE_CHANGE:
        case OBSERVE_EXECUTE:
                allow_path(p, t, event, ret);
                break;
        case OBSERVE_SOCKET:
                allow_socket(p, t, event, ret);
                break;
        case OBSERVE_HOST:
                allow_host(p, event, ret);
                break;
        case OBSERVE_SYSCALL:
                allow_call(p, event, ret);
                break;
        }
}
