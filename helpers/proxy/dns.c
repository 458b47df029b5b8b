#include "dns.h"

#include "str.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#define HEADER_LEN 12
#define CLASS_IN   1

#define FLAG_QR     0x8000u
#define FLAG_OPCODE 0x7800u
#define FLAG_AA     0x0400u
#define FLAG_RD     0x0100u
#define FLAG_RA     0x0080u

#define OUR_PAYLOAD 1232

static uint16_t get16(const uint8_t *at)
{
        return (uint16_t)(at[0] << 8 | at[1]);
}

/* Bytes still to be read. */
struct cursor {
        const uint8_t *at;
        size_t left;
};

static bool skip(struct cursor *c, size_t n)
{
        if (c->left < n)
                return false;
        c->at += n;
        c->left -= n;
        return true;
}

/* A name without compression: a question that points back into itself has nothing to point at. */
static bool read_name(struct cursor *c, struct dns_question *q)
{
        const uint8_t *start = c->at;
        size_t used = 0;

        for (;;) {
                if (c->left == 0)
                        return false;
                size_t len = c->at[0];
                if (len > 63 || !skip(c, 1) || used + len + 1 > DNS_MAX_WIRE || c->left < len)
                        return false;
                if (len == 0)
                        break;
                if (used > 0)
                        q->name[used - 1] = '.';
                memcpy(q->name + used, c->at, len);
                used += len + 1;
                skip(c, len);
        }
        q->name[used > 0 ? used - 1 : 0] = '\0';
        q->wire_len = (size_t)(c->at - start);
        memcpy(q->wire, start, q->wire_len);
        return true;
}

/* The name in `name` as text: a label may have any byte, also a dot or a NUL, and is then none. */
static bool settle_name(struct dns_question *q)
{
        bool is_good = q->wire_len > 1;

        for (size_t at = 0; at + 1 < q->wire_len; at += q->wire[at] + 1u) {
                for (size_t i = 1; i <= q->wire[at]; i++) {
                        char *c = &q->name[at + i - 1];
                        bool is_word = (*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9') ||
                                       *c == '-' || *c == '_';

                        if (*c >= 'A' && *c <= 'Z') {
                                *c = (char)(*c | 0x20);
                        } else if (!is_word) {
                                *c = '?';
                                is_good = false;
                        }
                }
        }
        return is_good && net_rule_is_name(q->name);
}

/* The records behind the question: one OPT at most is looked at. */
static enum dns_code read_records(struct cursor *c, unsigned n, struct dns_question *q)
{
        for (unsigned i = 0; i < n; i++) {
                struct dns_question owner = { 0 };

                if (!read_name(c, &owner) || c->left < 10)
                        return DNS_FORMERR;
                uint16_t type = get16(c->at);
                uint8_t version = c->at[5];
                size_t len = get16(c->at + 8);
                if (!skip(c, 10) || !skip(c, len))
                        return DNS_FORMERR;
                if (type != DNS_OPT)
                        continue;
                if (owner.wire_len != 1 || q->has_opt)
                        return DNS_FORMERR;
                q->has_opt = true;
                if (version != 0)
                        return DNS_BADVERS;
        }
        return c->left == 0 ? DNS_OK : DNS_FORMERR;
}

static enum dns_code read_question(struct cursor *c, unsigned n_records, struct dns_question *q)
{
        if (!read_name(c, q) || c->left < 4) {
                q->wire_len = 0;
                q->name[0] = '\0';
                return DNS_FORMERR;
        }
        q->type = get16(c->at);
        uint16_t class = get16(c->at + 2);
        skip(c, 4);
        q->is_name = settle_name(q);
        enum dns_code code = read_records(c, n_records, q);
        if (code != DNS_OK)
                return code;
        return class == CLASS_IN ? DNS_OK : DNS_REFUSED;
}

bool dns_read(const uint8_t *data, size_t len, struct dns_question *ret)
{
        struct cursor c = { data + HEADER_LEN, len - HEADER_LEN };

        if (len < HEADER_LEN || (get16(data + 2) & FLAG_QR))
                return false;
        *ret = (struct dns_question){ .id = get16(data), .flags = get16(data + 2) };
        if (ret->flags & FLAG_OPCODE)
                ret->code = DNS_NOTIMP;
        else if (get16(data + 4) != 1 || get16(data + 6) != 0 || get16(data + 8) != 0)
                ret->code = DNS_FORMERR;
        else
                ret->code = read_question(&c, get16(data + 10), ret);
        return true;
}

/* ------ answers ------ */

struct writer {
        uint8_t *at;
};

static void put8(struct writer *w, unsigned value)
{
        *w->at++ = (uint8_t)value;
}

static void put16(struct writer *w, unsigned value)
{
        put8(w, value >> 8 & 0xff);
        put8(w, value & 0xff);
}

static void put32(struct writer *w, uint32_t value)
{
        put16(w, value >> 16);
        put16(w, value & 0xffff);
}

static void put_bytes(struct writer *w, const void *data, size_t len)
{
        memcpy(w->at, data, len);
        w->at += len;
}

static size_t put_name(struct writer *w, const char *name)
{
        const uint8_t *start = w->at;

        for (const char *label = name; *label;) {
                size_t len = strcspn(label, ".");

                put8(w, (unsigned)len);
                put_bytes(w, label, len);
                label += len;
                label += *label == '.';
        }
        put8(w, 0);
        return (size_t)(w->at - start);
}

/* The one record: it belongs to the name of the question, which stands behind the header. */
static void put_record(struct writer *w, const struct dns_question *q, const struct dns_answer *a)
{
        put16(w, 0xc000 | HEADER_LEN);
        put16(w, q->type);
        put16(w, CLASS_IN);
        put32(w, a->ttl);
        if (!a->name) {
                put16(w, (unsigned)a->address_len);
                put_bytes(w, a->address, a->address_len);
                return;
        }
        uint8_t *len_at = w->at;
        put16(w, 0);
        size_t len = put_name(w, a->name);
        len_at[0] = (uint8_t)(len >> 8);
        len_at[1] = (uint8_t)len;
}

size_t dns_write(const struct dns_question *q, const struct dns_answer *a, uint8_t *out)
{
        struct writer w = { out };
        bool has_record = a->code == DNS_OK && (a->address_len > 0 || a->name);

        put16(&w, q->id);
        put16(&w, FLAG_QR | FLAG_AA | FLAG_RA | (q->flags & (FLAG_OPCODE | FLAG_RD)) |
                          ((unsigned)a->code & 15));
        put16(&w, q->wire_len > 0);
        put16(&w, has_record);
        put16(&w, 0);
        put16(&w, q->has_opt);
        if (q->wire_len > 0) {
                put_bytes(&w, q->wire, q->wire_len);
                put16(&w, q->type);
                put16(&w, CLASS_IN);
        }
        if (has_record)
                put_record(&w, q, a);
        if (q->has_opt) {
                put8(&w, 0);
                put16(&w, DNS_OPT);
                put16(&w, OUR_PAYLOAD);
                put32(&w, (uint32_t)a->code >> 4 << 24);
                put16(&w, 0);
        }
        return (size_t)(w.at - out);
}

bool dns_reads_address(const char *name, uint8_t *ret)
{
        static const char zone[] = ".in-addr.arpa";
        size_t len = strlen(name);
        struct in_addr reversed;
        char text[INET_ADDRSTRLEN];
        uint8_t bytes[4];

        if (len < sizeof(zone) || !str_has_suffix(name, zone) ||
            len - (sizeof(zone) - 1) >= sizeof(text))
                return false;
        snprintf(text, sizeof(text), "%.*s", (int)(len - (sizeof(zone) - 1)), name);
        if (inet_pton(AF_INET, text, &reversed) != 1)
                return false;
        memcpy(bytes, &reversed, sizeof(bytes));
        for (size_t i = 0; i < 4; i++)
                ret[i] = bytes[3 - i];
        return true;
}
