#include "tap-filter.h"

#include <linux/if_ether.h>
#include <netinet/in.h>
#include <string.h>

/* Where things are in a frame.  Sources: RFC 791, RFC 8200, RFC 4861. */
enum {
        AT_TYPE = 12,
        AT_IPV4_FRAGMENT = ETH_HLEN + 6,
        AT_IPV4_PROTOCOL = ETH_HLEN + 9,
        AT_IPV4_TO = ETH_HLEN + 16,
        AT_TCP_FLAGS = ETH_HLEN + 13, /* and the length of the IPv4 header */
        AT_IPV6_NEXT = ETH_HLEN + 6,
        AT_IPV6_TO = ETH_HLEN + 24,
        AT_ICMPV6_TYPE = ETH_HLEN + 40,
};

enum { ICMPV6_FIRST_ND = 133, ICMPV6_LAST_ND = 136 };

#define DROP 0u
#define PASS 0xffffffffu

static void put(struct tap_filter *f, uint16_t code, uint8_t jt, uint8_t jf, uint32_t k)
{
        f->code[f->n++] = (struct sock_filter){ .code = code, .jt = jt, .jf = jf, .k = k };
}

static uint32_t word_of(const uint8_t *address, size_t word)
{
        uint32_t value;

        memcpy(&value, address + 4 * word, sizeof(value));
        return ntohl(value);
}

/* How many instructions comparing word `word` of a destination takes. */
static unsigned compare_len(unsigned prefix, unsigned word)
{
        return prefix >= 32 * (word + 1) ? 2 : 3;
}

/* Drops a frame whose destination address, at `offset`, is in `net`; else goes on behind it. */
static void put_net(struct tap_filter *f, const struct blocked_net *net, uint32_t offset)
{
        unsigned n_words = (net->prefix + 31u) / 32;
        unsigned left = 0;

        for (unsigned i = 0; i < n_words; i++)
                left += compare_len(net->prefix, i);
        for (unsigned i = 0; i < n_words; i++) {
                uint32_t mask = 0xffffffffu;

                if (net->prefix < 32 * (i + 1))
                        mask <<= 32 * (i + 1) - net->prefix;
                left -= compare_len(net->prefix, i);
                put(f, BPF_LD | BPF_W | BPF_ABS, 0, 0, offset + 4 * i);
                if (mask != 0xffffffffu)
                        put(f, BPF_ALU | BPF_AND | BPF_K, 0, 0, mask);
                /* equal: the next word; not equal: behind the "drop" of this entry */
                put(f, BPF_JMP | BPF_JEQ | BPF_K, 0, (uint8_t)(left + 1),
                    word_of(net->address, i) & mask);
        }
        put(f, BPF_RET | BPF_K, 0, 0, DROP);
}

#define TCP_SYN_ACK 0x12u
#define TCP_SYN     0x02u

/* The same for an address of this host, to which answers pass. */
static void put_answers(struct tap_filter *f, const struct blocked_net *net)
{
        put(f, BPF_LD | BPF_W | BPF_ABS, 0, 0, AT_IPV4_TO);
        put(f, BPF_JMP | BPF_JEQ | BPF_K, 0, 10, word_of(net->address, 0));
        put(f, BPF_LD | BPF_B | BPF_ABS, 0, 0, AT_IPV4_PROTOCOL);
        put(f, BPF_JMP | BPF_JEQ | BPF_K, 0, 7, IPPROTO_TCP);
        /* a later fragment has no flags of its own, and may change those of the first */
        put(f, BPF_LD | BPF_H | BPF_ABS, 0, 0, AT_IPV4_FRAGMENT);
        put(f, BPF_JMP | BPF_JSET | BPF_K, 5, 0, 0x1fff);
        put(f, BPF_LDX | BPF_B | BPF_MSH, 0, 0, ETH_HLEN);
        put(f, BPF_LD | BPF_B | BPF_IND, 0, 0, AT_TCP_FLAGS);
        put(f, BPF_ALU | BPF_AND | BPF_K, 0, 0, TCP_SYN_ACK);
        put(f, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, TCP_SYN);
        put(f, BPF_RET | BPF_K, 0, 0, PASS);
        put(f, BPF_RET | BPF_K, 0, 0, DROP);
}

static void put_nets(struct tap_filter *f, const struct blocked *b, int family, uint32_t offset,
                     bool answers_host)
{
        for (size_t i = 0; i < b->n; i++) {
                const struct blocked_net *net = &b->nets[i];

                if (net->family != family)
                        continue;
                if (net->is_host && answers_host)
                        put_answers(f, net);
                else
                        put_net(f, net, offset);
        }
        put(f, BPF_RET | BPF_K, 0, 0, PASS);
}

/* "if the frame is not of `type`, go behind what follows"; returns where its distance belongs. */
static size_t put_type(struct tap_filter *f, uint32_t type)
{
        put(f, BPF_LD | BPF_H | BPF_ABS, 0, 0, AT_TYPE);
        put(f, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, type);
        put(f, BPF_JMP | BPF_JA, 0, 0, 0);
        return f->n - 1;
}

static void end_type(struct tap_filter *f, size_t jump)
{
        f->code[jump].k = (uint32_t)(f->n - jump - 1);
}

static void put_neighbour_discovery(struct tap_filter *f)
{
        put(f, BPF_LD | BPF_B | BPF_ABS, 0, 0, AT_IPV6_NEXT);
        put(f, BPF_JMP | BPF_JEQ | BPF_K, 0, 4, IPPROTO_ICMPV6);
        put(f, BPF_LD | BPF_B | BPF_ABS, 0, 0, AT_ICMPV6_TYPE);
        put(f, BPF_JMP | BPF_JGE | BPF_K, 0, 2, ICMPV6_FIRST_ND);
        put(f, BPF_JMP | BPF_JGT | BPF_K, 1, 0, ICMPV6_LAST_ND);
        put(f, BPF_RET | BPF_K, 0, 0, PASS);
}

void tap_filter_build(struct tap_filter *f, const struct blocked *b, bool answers_host)
{
        size_t jump;

        f->n = 0;
        jump = put_type(f, ETH_P_IP);
        put_nets(f, b, AF_INET, AT_IPV4_TO, answers_host);
        end_type(f, jump);

        jump = put_type(f, ETH_P_IPV6);
        put_neighbour_discovery(f);
        put_nets(f, b, AF_INET6, AT_IPV6_TO, false);
        end_type(f, jump);

        put(f, BPF_LD | BPF_H | BPF_ABS, 0, 0, AT_TYPE);
        put(f, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, ETH_P_ARP);
        put(f, BPF_RET | BPF_K, 0, 0, PASS);
        put(f, BPF_RET | BPF_K, 0, 0, DROP);
}
