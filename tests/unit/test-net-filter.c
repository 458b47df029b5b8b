/*
 * The filter of the tap, run over frames as the kernel would: what must not leave the sandbox does
 * not, whatever route it took.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "blocked.h"
#include "tap-filter.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <linux/if_ether.h>
#include <string.h>
#include <sys/socket.h>

static uint32_t load(const uint8_t *frame, size_t len, uint32_t at, uint32_t size)
{
        uint32_t value = 0;

        assert_true(at + size <= len);
        for (uint32_t i = 0; i < size; i++)
                value = value << 8 | frame[at + i];
        return value;
}

/* Runs the instructions that the filter uses; any other one fails the test. */
static uint32_t run(const struct tap_filter *f, const uint8_t *frame, size_t len)
{
        uint32_t a = 0;
        uint32_t x = 0;

        for (size_t pc = 0; pc < f->n; pc++) {
                const struct sock_filter *in = &f->code[pc];

                switch (in->code) {
                case BPF_LD | BPF_W | BPF_ABS:
                        a = load(frame, len, in->k, 4);
                        break;
                case BPF_LD | BPF_H | BPF_ABS:
                        a = load(frame, len, in->k, 2);
                        break;
                case BPF_LD | BPF_B | BPF_ABS:
                        a = load(frame, len, in->k, 1);
                        break;
                case BPF_ALU | BPF_AND | BPF_K:
                        a &= in->k;
                        break;
                case BPF_LD | BPF_B | BPF_IND:
                        a = load(frame, len, x + in->k, 1);
                        break;
                case BPF_LDX | BPF_B | BPF_MSH:
                        x = 4 * (load(frame, len, in->k, 1) & 0xf);
                        break;
                case BPF_JMP | BPF_JSET | BPF_K:
                        pc += a & in->k ? in->jt : in->jf;
                        break;
                case BPF_JMP | BPF_JA:
                        pc += in->k;
                        break;
                case BPF_JMP | BPF_JEQ | BPF_K:
                        pc += a == in->k ? in->jt : in->jf;
                        break;
                case BPF_JMP | BPF_JGE | BPF_K:
                        pc += a >= in->k ? in->jt : in->jf;
                        break;
                case BPF_JMP | BPF_JGT | BPF_K:
                        pc += a > in->k ? in->jt : in->jf;
                        break;
                case BPF_RET | BPF_K:
                        return in->k;
                default:
                        fail_msg("instruction %zu has code %#x", pc, in->code);
                }
        }
        fail_msg("ran off the end");
        return 0;
}

/* Whether a frame to `address` passes; next header `next`, ICMPv6 type `type`. */
static bool passes_as(const struct tap_filter *f, const char *address, int next, int type)
{
        uint8_t frame[ETH_HLEN + 60] = { 0 };
        bool is_v6 = strchr(address, ':') != NULL;

        frame[12] = is_v6 ? 0x86 : 0x08;
        frame[13] = is_v6 ? 0xdd : 0x00;
        if (is_v6) {
                frame[ETH_HLEN] = 0x60;
                frame[ETH_HLEN + 6] = (uint8_t)next;
                frame[ETH_HLEN + 40] = (uint8_t)type;
                assert_int_equal(inet_pton(AF_INET6, address, frame + ETH_HLEN + 24), 1);
        } else {
                frame[ETH_HLEN] = 0x45;
                frame[ETH_HLEN + 9] = (uint8_t)next;
                assert_int_equal(inet_pton(AF_INET, address, frame + ETH_HLEN + 16), 1);
        }
        return run(f, frame, sizeof(frame)) != 0;
}

static bool passes(const struct tap_filter *f, const char *address)
{
        return passes_as(f, address, IPPROTO_TCP, 0);
}

static const char *const refused[] = {
        "0.0.0.0",
        "0.1.2.3",
        "127.0.0.1",
        "127.255.255.255",
        "169.254.0.1",
        "169.254.169.254",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "224.0.0.1",
        "239.255.255.250",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::7f00:1",
        "::ffff:127.0.0.1",
        "::ffff:8.8.8.8",
        "2002:7f00:1::1",
        "fe80::1",
        "febf::1",
        "fec0::1",
        "feff::1",
        "ff02::1",
        "ff05::fb",
        "fd00:ec2::254",
        "fd20:ce::254",
};

static const char *const allowed[] = {
        "1.0.0.0",         "8.8.8.8",         "10.0.2.2",        "10.0.2.3",
        "100.100.100.199", "100.100.100.201", "126.255.255.255", "128.0.0.1",
        "168.63.129.15",   "169.253.255.255", "169.255.0.0",     "192.0.0.193",
        "192.168.1.1",     "223.255.255.255", "64:ff9b::1",      "::1:0:0:0",
        "2001:db8::1",     "2003::1",         "2606:4700::1111", "fc00::1",
        "fd00::3",         "fd00:ec2::253",   "fd00:ec2::1:254", "fe00::1",
};

static void test_fixed(void **state)
{
        static struct blocked b;
        static struct tap_filter f;
        struct err e = { 0 };

        (void)state;
        assert_int_equal(blocked_collect(&b, &e), 0);
        tap_filter_build(&f, &b, false);
        assert_true(f.n < BPF_MAXINSNS);
        for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
                if (passes(&f, refused[i]))
                        fail_msg("%s passes", refused[i]);
        }
        for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++) {
                if (!passes(&f, allowed[i]))
                        fail_msg("%s does not pass", allowed[i]);
        }
}

/* Every address that this machine has is refused, but for those that slirp4netns uses itself. */
static void test_host(void **state)
{
        static struct blocked b;
        static struct tap_filter f;
        struct ifaddrs *list;
        struct err e = { 0 };

        (void)state;
        assert_int_equal(blocked_collect(&b, &e), 0);
        tap_filter_build(&f, &b, false);
        assert_int_equal(getifaddrs(&list), 0);
        for (struct ifaddrs *at = list; at; at = at->ifa_next) {
                char text[INET6_ADDRSTRLEN];
                const void *address;

                if (!at->ifa_addr)
                        continue;
                if (at->ifa_addr->sa_family == AF_INET)
                        address = &((struct sockaddr_in *)at->ifa_addr)->sin_addr;
                else if (at->ifa_addr->sa_family == AF_INET6)
                        address = &((struct sockaddr_in6 *)at->ifa_addr)->sin6_addr;
                else
                        continue;
                inet_ntop(at->ifa_addr->sa_family, address, text, sizeof(text));
                if (strcmp(text, "10.0.2.2") == 0 || strcmp(text, "10.0.2.3") == 0 ||
                    strcmp(text, "fd00::2") == 0 || strcmp(text, "fd00::3") == 0)
                        continue;
                if (passes(&f, text))
                        fail_msg("%s passes", text);
        }
        freeifaddrs(list);
}

/* A list as long as it can be stays within what the kernel takes, and its last entry counts. */
static void test_longest(void **state)
{
        static struct blocked b;
        static struct tap_filter f;
        char text[INET6_ADDRSTRLEN];

        (void)state;
        b.n = BLOCKED_MAX;
        for (size_t i = 0; i < b.n; i++) {
                b.nets[i] = (struct blocked_net){ .family = AF_INET6, .prefix = 127 };
                inet_pton(AF_INET6, "2001:db8::", b.nets[i].address);
                b.nets[i].address[14] = (uint8_t)i;
        }
        tap_filter_build(&f, &b, false);
        assert_true(f.n <= BPF_MAXINSNS && f.n <= TAP_FILTER_MAX);
        inet_ntop(AF_INET6, b.nets[b.n - 1].address, text, sizeof(text));
        assert_false(passes(&f, text));
        assert_true(passes(&f, "2001:db8::1:0"));
        assert_true(passes(&f, "192.0.2.1"));
}

static void test_ipv6(void **state)
{
        static struct blocked b;
        static struct tap_filter f;
        struct err e = { 0 };

        (void)state;
        assert_int_equal(blocked_collect(&b, &e), 0);
        tap_filter_build(&f, &b, false);
        for (int type = 0; type < 256; type++)
                assert_int_equal(passes_as(&f, "ff02::2", IPPROTO_ICMPV6, type),
                                 type >= 133 && type <= 136);
        assert_false(passes_as(&f, "ff02::2", IPPROTO_UDP, 135));
}

/* A TCP segment to `address`: its flags, the fragment field, words of IPv4 options. */
static bool answer_passes(const struct tap_filter *f, const char *address, uint8_t flags,
                          uint16_t fragment, uint8_t n_options)
{
        uint8_t frame[ETH_HLEN + 100] = { 0 };

        frame[12] = 0x08;
        frame[ETH_HLEN] = (uint8_t)(0x45 + n_options);
        frame[ETH_HLEN + 6] = (uint8_t)(fragment >> 8);
        frame[ETH_HLEN + 7] = (uint8_t)fragment;
        frame[ETH_HLEN + 9] = IPPROTO_TCP;
        inet_pton(AF_INET, address, frame + ETH_HLEN + 16);
        frame[ETH_HLEN + 20 + 4 * n_options + 13] = flags;
        return run(f, frame, sizeof(frame)) != 0;
}

static void test_answers(void **state)
{
        static struct blocked b;
        static struct tap_filter f;
        enum { FIN = 1, SYN = 2, RST = 4, ACK = 16, MORE = 0x2000, DONT = 0x4000 };

        (void)state;
        b.n = 2;
        b.nets[0] = (struct blocked_net){ .family = AF_INET, .prefix = 32, .is_host = true };
        inet_pton(AF_INET, "192.0.2.7", b.nets[0].address);
        b.nets[1] = (struct blocked_net){ .family = AF_INET, .prefix = 8 };
        inet_pton(AF_INET, "127.0.0.0", b.nets[1].address);

        tap_filter_build(&f, &b, true);
        for (uint8_t options = 0; options <= 10; options++) {
                assert_true(answer_passes(&f, "192.0.2.7", SYN | ACK, DONT, options));
                assert_true(answer_passes(&f, "192.0.2.7", ACK, 0, options));
                assert_true(answer_passes(&f, "192.0.2.7", RST, 0, options));
                assert_true(answer_passes(&f, "192.0.2.7", FIN | ACK, MORE, options));
                assert_false(answer_passes(&f, "192.0.2.7", SYN, DONT, options));
                assert_false(answer_passes(&f, "192.0.2.7", SYN | FIN, 0, options));
                assert_false(answer_passes(&f, "192.0.2.7", SYN | 0xc0, 0, options));
                assert_false(answer_passes(&f, "192.0.2.7", ACK, 1, options));
                assert_false(answer_passes(&f, "192.0.2.7", ACK, MORE | 8, options));
                assert_false(answer_passes(&f, "127.0.0.1", SYN | ACK, 0, options));
                assert_true(answer_passes(&f, "192.0.2.8", SYN, 0, options));
        }
        assert_false(passes_as(&f, "192.0.2.7", IPPROTO_UDP, 0));
        assert_false(passes_as(&f, "192.0.2.7", IPPROTO_ICMP, 0));

        tap_filter_build(&f, &b, false);
        assert_false(answer_passes(&f, "192.0.2.7", SYN | ACK, 0, 0));
}

static void test_other_types(void **state)
{
        static struct blocked b;
        static struct tap_filter f;
        struct err e = { 0 };

        (void)state;
        assert_int_equal(blocked_collect(&b, &e), 0);
        tap_filter_build(&f, &b, false);
        for (uint32_t type = 0; type <= 0xffff; type++) {
                uint8_t frame[ETH_HLEN + 60] = { 0 };

                if (type == ETH_P_IP || type == ETH_P_IPV6)
                        continue;
                frame[12] = (uint8_t)(type >> 8);
                frame[13] = (uint8_t)type;
                assert_int_equal(run(&f, frame, sizeof(frame)) != 0, type == ETH_P_ARP);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_fixed),   cmocka_unit_test(test_host),
                cmocka_unit_test(test_longest), cmocka_unit_test(test_ipv6),
                cmocka_unit_test(test_answers), cmocka_unit_test(test_other_types),
        };

        return cmocka_run_group_tests_name("net-filter", tests, NULL, NULL);
}
