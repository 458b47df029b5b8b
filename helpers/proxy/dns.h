#ifndef KELP_PROXY_DNS_H
#define KELP_PROXY_DNS_H

#include "net-rule.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Messages of DNS: questions are read, answers are made, both without a memory.  Nothing that
 * another server says ever passes here.  Sources: RFC 1035, RFC 6891 (EDNS), RFC 8482 (ANY).
 */

#define DNS_MAX_QUESTION 4096 /* bytes; what is longer is no question */
#define DNS_MAX_ANSWER   600
#define DNS_MAX_WIRE     255 /* a name as the wire has it */

enum dns_type {
        DNS_A = 1,
        DNS_PTR = 12,
        DNS_AAAA = 28,
        DNS_OPT = 41,
};

enum dns_code {
        DNS_OK = 0,
        DNS_FORMERR = 1,
        DNS_SERVFAIL = 2,
        DNS_NXDOMAIN = 3,
        DNS_NOTIMP = 4,
        DNS_REFUSED = 5,
        DNS_BADVERS = 16, /* its upper bits are in the OPT record */
};

struct dns_question {
        uint16_t id;
        uint16_t flags;
        enum dns_code code; /* DNS_OK, or how it must be answered for what it looks like */
        bool has_opt;
        bool is_name; /* `name` is one that can be asked for: net_rule_is_name() */
        uint16_t type;
        uint8_t wire[DNS_MAX_WIRE]; /* the question's name as it was sent, in its case */
        size_t wire_len;            /* 0: an answer repeats no question */
        /* lower case, no last dot; for the log when !is_name: other bytes are '?' */
        char name[DNS_MAX_WIRE + 1];
};

/* What is answered: nothing, an address or a name. */
struct dns_answer {
        enum dns_code code;
        uint32_t ttl;        /* seconds */
        uint8_t address[16]; /* of an A or AAAA */
        size_t address_len;  /* 0: none, 4 or 16 */
        const char *name;    /* of a PTR; NULL: none */
};

/* False: it is no question, and is not answered. */
bool dns_read(const uint8_t *data, size_t len, struct dns_question *ret);

/* `out` has DNS_MAX_ANSWER bytes.  Returns how many it takes. */
size_t dns_write(const struct dns_question *q, const struct dns_answer *a, uint8_t *out);

/* Whether `name` is that of an IPv4 address, as PTR has it: "4.3.2.1.in-addr.arpa". */
bool dns_reads_address(const char *name, uint8_t *ret);

#endif
