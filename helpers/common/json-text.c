#include "json-text.h"

#include "mem.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

/* What a big number becomes: BIG_MARK and its digits, in quotes. */
#define BIG_MARK       '\1'
#define BIG_TEXT       "\"\\u0001"
#define BIG_TEXT_LEN   (sizeof(BIG_TEXT) - 1)
#define BIG_MIN_DIGITS 19

/* ------ measuring ------ */

struct measure {
        const struct json_text_limits *limits;
        unsigned depth;
        unsigned values;
        unsigned digits; /* of a run of them that is going on */
        bool has_long_number;
        bool is_in_string;
};

static int measure_byte(struct measure *m, char c, const char *what, struct err *e)
{
        switch (c) {
        case '"':
                m->is_in_string = true;
                return 0;
        case '[':
        case '{':
                m->values++;
                if (++m->depth > m->limits->depth)
                        return err_set(e, EINVAL, "%s nests deeper than %u", what,
                                       m->limits->depth);
                break;
        case ']':
        case '}':
                /* one too many is for the parser to refuse */
                if (m->depth > 0)
                        m->depth--;
                return 0;
        case ',':
        case ':':
                m->values++;
                break;
        default:
                return 0;
        }
        if (m->values > m->limits->values)
                return err_set(e, E2BIG, "%s has more than %u values", what, m->limits->values);
        return 0;
}

/* jansson nests 2,048 deep and allocates as it goes: judge first. */
static int measure(const char *data, size_t len, const struct json_text_limits *limits,
                   bool *ret_has_long_number, const char *what, struct err *e)
{
        struct measure m = { .limits = limits };

        if (len > limits->bytes)
                return err_set(e, EFBIG, "%s is larger than %zu bytes", what, limits->bytes);
        for (size_t i = 0; i < len; i++) {
                if (m.is_in_string) {
                        if (data[i] == '\\')
                                i++;
                        else if (data[i] == '"')
                                m.is_in_string = false;
                        continue;
                }
                m.digits = isdigit((unsigned char)data[i]) ? m.digits + 1 : 0;
                m.has_long_number = m.has_long_number || m.digits >= BIG_MIN_DIGITS;
                if (measure_byte(&m, data[i], what, e) < 0)
                        return -e->code;
        }
        *ret_has_long_number = m.has_long_number;
        return 0;
}

/* ------ numbers of more than 63 bits ------ */

/* JSON's grammar: what else looks like a number is for the parser to refuse. */
static bool is_integer(const char *text, size_t len)
{
        size_t at = len > 0 && text[0] == '-' ? 1 : 0;

        if (at == len || (text[at] == '0' && at + 1 < len))
                return false;
        while (at < len && isdigit((unsigned char)text[at]))
                at++;
        return at == len;
}

/* false: it is above 2^64 - 1. */
static bool read_digits(const char *text, size_t len, uint64_t *ret)
{
        uint64_t value = 0;

        for (size_t i = 0; i < len; i++) {
                if (__builtin_mul_overflow(value, 10u, &value) ||
                    __builtin_add_overflow(value, (uint64_t)(text[i] - '0'), &value))
                        return false;
        }
        *ret = value;
        return true;
}

/* Whether it is an integer that jansson has no place for. */
static bool is_big_text(const char *text, size_t len)
{
        size_t sign = len > 0 && text[0] == '-' ? 1 : 0;
        uint64_t value;

        if (len < BIG_MIN_DIGITS || !is_integer(text, len))
                return false;
        return !read_digits(text + sign, len - sign, &value) || value > (uint64_t)INT64_MAX + sign;
}

static size_t skip_string(const char *data, size_t len, size_t at)
{
        for (at++; at < len && data[at] != '"'; at++) {
                if (data[at] == '\\')
                        at++;
        }
        return at < len ? at + 1 : len;
}

static bool is_of_number(char c)
{
        return isdigit((unsigned char)c) || c == '-' || c == '+' || c == '.' || c == 'e' ||
               c == 'E';
}

static size_t skip_number(const char *data, size_t len, size_t at)
{
        while (at < len && is_of_number(data[at]))
                at++;
        return at;
}

/* A key is not one: it would turn what is no JSON into a document. */
static bool is_key(const char *data, size_t len, size_t end)
{
        while (end < len && isspace((unsigned char)data[end]))
                end++;
        return end < len && data[end] == ':';
}

/* The next big number from `at` on: where it begins and ends. */
static bool find_big(const char *data, size_t len, size_t at, size_t *ret_begin, size_t *ret_end)
{
        while (at < len) {
                if (data[at] == '"') {
                        at = skip_string(data, len, at);
                } else if (is_of_number(data[at])) {
                        size_t end = skip_number(data, len, at);

                        if (is_big_text(data + at, end - at) && !is_key(data, len, end)) {
                                *ret_begin = at;
                                *ret_end = end;
                                return true;
                        }
                        at = end;
                } else {
                        at++;
                }
        }
        return false;
}

static size_t append(char *to, size_t used, const char *data, size_t len)
{
        memcpy(to + used, data, len);
        return used + len;
}

/* `data` with each of its `n` big numbers as such a string. */
static char *mark_big(const char *data, size_t len, size_t n, size_t *ret_len, struct err *e)
{
        char *text = mem_alloc(len + n * (BIG_TEXT_LEN + 1), e);
        size_t used = 0;
        size_t begin;
        size_t end;
        size_t at = 0;

        if (!text)
                return NULL;
        for (; find_big(data, len, at, &begin, &end); at = end) {
                used = append(text, used, data + at, begin - at);
                used = append(text, used, BIG_TEXT, BIG_TEXT_LEN);
                used = append(text, used, data + begin, end - begin);
                used = append(text, used, "\"", 1);
        }
        *ret_len = append(text, used, data + at, len - at);
        return text;
}

static size_t count_big(const char *data, size_t len)
{
        size_t n = 0;
        size_t begin;
        size_t end;

        for (size_t at = 0; find_big(data, len, at, &begin, &end); at = end)
                n++;
        return n;
}

/* The digits of a big number; NULL: it is none. */
static const char *big_digits(const json_t *value)
{
        const char *text = json_string_value(value);

        return text && text[0] == BIG_MARK && is_big_text(text + 1, strlen(text + 1)) ? text + 1
                                                                                      : NULL;
}

bool json_text_number(const json_t *value, uint64_t *ret)
{
        const char *digits = big_digits(value);

        if (digits)
                return digits[0] != '-' && read_digits(digits, strlen(digits), ret);
        if (!json_is_integer(value) || json_integer_value(value) < 0)
                return false;
        *ret = (uint64_t)json_integer_value(value);
        return true;
}

const char *json_text_string(const json_t *value)
{
        return big_digits(value) ? NULL : json_string_value(value);
}

/* ------ text ------ */

json_t *json_text_parse(const char *data, size_t len, const struct json_text_limits *limits,
                        const char *what, struct err *e)
{
        autofree char *marked = NULL;
        bool has_long_number = false;
        json_error_t error;

        if (measure(data, len, limits, &has_long_number, what, e) < 0)
                return NULL;
        size_t n = limits->has_big_numbers && has_long_number ? count_big(data, len) : 0;
        if (n > 0) {
                marked = mark_big(data, len, n, &len, e);
                if (!marked)
                        return NULL;
                data = marked;
        }
        json_t *doc = json_loadb(data, len, JSON_REJECT_DUPLICATES, &error);
        if (!doc)
                err_set(e, EINVAL, "%s is not valid JSON: line %d: %.150s", what, error.line,
                        error.text);
        return doc;
}

char *json_text_print(const json_t *doc)
{
        char *text = json_dumps(doc, JSON_COMPACT | JSON_SORT_KEYS);
        size_t used = 0;

        if (!text)
                return NULL;
        size_t len = strlen(text);
        for (size_t at = 0; at < len;) {
                size_t end = text[at] == '"' ? skip_string(text, len, at) : at + 1;
                size_t digits = end - at > BIG_TEXT_LEN ? end - at - BIG_TEXT_LEN - 1 : 0;
                const char *from = text + at;
                size_t n = end - at;

                /* a member may be called anything */
                if (digits > 0 && text[end] != ':' && memcmp(from, BIG_TEXT, BIG_TEXT_LEN) == 0 &&
                    is_big_text(from + BIG_TEXT_LEN, digits)) {
                        from += BIG_TEXT_LEN;
                        n = digits;
                }
                memmove(text + used, from, n);
                used += n;
                at = end;
        }
        text[used] = '\0';
        return text;
}
