/*
 * Any bytes as a question about a name.  What is taken can be answered, the answer is a message, and
 * a name that passes is one that rules are made for.
 */

#include "dns.h"
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

static void check_answer(const struct dns_question *q, const struct dns_answer *a)
{
        uint8_t out[DNS_MAX_ANSWER + 8];
        struct dns_question again;

        memset(out, 0xa5, sizeof(out));
        size_t len = dns_write(q, a, out);
        if (len < 12 || len > DNS_MAX_ANSWER || out[len] != 0xa5)
                abort();
        /* an answer is never taken for a question */
        if (dns_read(out, len, &again))
                abort();
        if (out[0] != q->id >> 8 || out[1] != (q->id & 0xff) || !(out[2] & 0x80))
                abort();
        if (q->wire_len > 0 && memcmp(out + 12, q->wire, q->wire_len) != 0)
                abort();
}

static void check_name(const struct dns_question *q)
{
        static const char name[] = "abcdefghijklmnopqrstuvwxyz0123456789-_.?";

        if (q->name[strspn(q->name, name)] != '\0' || strlen(q->name) >= DNS_MAX_WIRE)
                abort();
        if (q->is_name && (!net_rule_is_name(q->name) || strchr(q->name, '?')))
                abort();
        if (q->is_name && strlen(q->name) + 2 != q->wire_len)
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct dns_answer answers[] = {
                { .code = DNS_NXDOMAIN },
                { .code = DNS_OK, .ttl = UINT32_MAX, .address_len = 4 },
                { .code = DNS_OK, .address_len = 16 },
                { .code = DNS_OK },
                { .code = DNS_BADVERS },
        };
        struct dns_question q;
        uint8_t address[4];

        if (!dns_read(data, size, &q))
                return 0;
        check_name(&q);
        dns_reads_address(q.name, address);
        if (q.is_name)
                answers[3].name = q.name;
        for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
                check_answer(&q, &answers[i]);
        return 0;
}
