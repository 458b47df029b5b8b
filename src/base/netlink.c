#include "netlink.h"

#include "fd.h"

#include <errno.h>
#include <linux/if.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

static void *take_room(struct netlink *nl, size_t size)
{
        size_t room = NLMSG_ALIGN(size);

        if (nl->is_full || room > sizeof(nl->data) - nl->len) {
                nl->is_full = true;
                return NULL;
        }
        void *at = nl->data + nl->len;
        memset(at, 0, room);
        nl->len += room;
        return at;
}

void netlink_begin(struct netlink *nl, uint16_t type, uint16_t flags, const void *head,
                   size_t head_size, const char *name)
{
        size_t start = nl->len;

        if (nl->n == NETLINK_MAX_REQUESTS)
                nl->is_full = true;
        struct nlmsghdr *request = take_room(nl, NLMSG_HDRLEN + head_size);
        if (!request)
                return;
        request->nlmsg_len = (uint32_t)(NLMSG_HDRLEN + head_size);
        request->nlmsg_type = type;
        request->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
        memcpy(NLMSG_DATA(request), head, head_size);
        nl->names[nl->n] = name;
        request->nlmsg_seq = (uint32_t)++nl->n;
        nl->last = start;
}

void netlink_add(struct netlink *nl, uint16_t attribute, const void *data, size_t size)
{
        struct rtattr *attr = take_room(nl, RTA_LENGTH(size));

        if (!attr)
                return;
        attr->rta_type = attribute;
        attr->rta_len = (unsigned short)RTA_LENGTH(size);
        if (size > 0)
                memcpy(RTA_DATA(attr), data, size);

        struct nlmsghdr *request = (struct nlmsghdr *)(nl->data + nl->last);
        request->nlmsg_len = (uint32_t)(nl->len - nl->last);
}

size_t netlink_open(struct netlink *nl, uint16_t attribute, const void *data, size_t size)
{
        size_t at = nl->len;

        netlink_add(nl, attribute, data, size);
        return at;
}

void netlink_close(struct netlink *nl, size_t opened)
{
        if (!nl->is_full)
                ((struct rtattr *)(nl->data + opened))->rta_len =
                        (unsigned short)(nl->len - opened);
}

/* Takes one answer; *ret_is_last tells that the last request was answered. */
static int take_answer(const struct netlink *nl, int sock, bool *ret_is_last, struct err *e)
{
        struct {
                struct nlmsghdr head;
                struct nlmsgerr body;
                char request[256];
        } answer = { 0 };
        ssize_t n;

        do {
                n = recv(sock, &answer, sizeof(answer), 0);
        } while (n < 0 && errno == EINTR);
        if (n < 0)
                return err_sys(e, "cannot receive the kernel's answer");
        if ((size_t)n < sizeof(answer.head) + sizeof(answer.body) ||
            answer.head.nlmsg_type != NLMSG_ERROR || answer.head.nlmsg_seq == 0 ||
            answer.head.nlmsg_seq > nl->n)
                return err_set(e, EPROTO, "the kernel's answer is not one to our request");
        *ret_is_last = answer.head.nlmsg_seq == nl->n;
        if (answer.body.error == 0)
                return 0;
        errno = -answer.body.error;
        return err_sys(e, "cannot set '%s'", nl->names[answer.head.nlmsg_seq - 1]);
}

static int send_all(const struct netlink *nl, int sock, struct err *e)
{
        ssize_t n;

        do {
                n = send(sock, nl->data, nl->len, 0);
        } while (n < 0 && errno == EINTR);
        if (n < 0)
                return err_sys(e, "cannot send a request to the kernel");
        if ((size_t)n != nl->len)
                return err_set(e, EPROTO, "a request to the kernel was cut");
        return 0;
}

void netlink_set_up(struct netlink *nl, int index, const char *name)
{
        const struct ifinfomsg head = {
                .ifi_family = AF_UNSPEC,
                .ifi_index = index,
                .ifi_flags = IFF_UP,
                .ifi_change = IFF_UP,
        };

        netlink_begin(nl, RTM_NEWLINK, 0, &head, sizeof(head), name);
}

int netlink_send(struct netlink *nl, struct err *e)
{
        bool is_last = false;

        if (nl->is_full)
                return err_set(e, E2BIG, "more network settings than the %d that are possible",
                               NETLINK_MAX_REQUESTS);
        if (nl->n == 0)
                return 0;

        /* failures are always answered; of the others only the last one needs to be */
        ((struct nlmsghdr *)(nl->data + nl->last))->nlmsg_flags |= NLM_F_ACK;

        autofd sock = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
        if (sock < 0)
                return err_sys(e, "cannot make a netlink socket");
        if (send_all(nl, sock, e) < 0)
                return -e->code;
        while (!is_last) {
                if (take_answer(nl, sock, &is_last, e) < 0)
                        return -e->code;
        }
        nl->len = 0;
        nl->n = 0;
        return 0;
}
