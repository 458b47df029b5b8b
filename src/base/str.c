#include "str.h"

#include <stdint.h>
#include <string.h>

bool str_eq(const char *a, const char *b)
{
        return strcmp(a, b) == 0;
}

bool str_has_prefix(const char *text, const char *prefix)
{
        return strncmp(text, prefix, strlen(prefix)) == 0;
}

bool str_has_suffix(const char *text, const char *suffix)
{
        size_t len = strlen(text);
        size_t end = strlen(suffix);

        return len >= end && strcmp(text + len - end, suffix) == 0;
}

static size_t sequence_len(unsigned char lead)
{
        if (lead < 0x80)
                return 1;
        if (lead >= 0xc2 && lead <= 0xdf)
                return 2;
        if (lead >= 0xe0 && lead <= 0xef)
                return 3;
        if (lead >= 0xf0 && lead <= 0xf4)
                return 4;
        return 0;
}

/* The length of the well-formed character at `s`, and its value; 0 when it is not one. */
static size_t decode(const unsigned char *s, size_t left, uint32_t *ret_value)
{
        static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
        size_t n = sequence_len(s[0]);

        if (n == 0 || n > left)
                return 0;
        uint32_t value = n == 1 ? s[0] : s[0] & (0x7fu >> n);
        for (size_t i = 1; i < n; i++) {
                if ((s[i] & 0xc0) != 0x80)
                        return 0;
                value = value << 6 | (s[i] & 0x3f);
        }
        if (value < smallest[n] || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff))
                return 0;
        *ret_value = value;
        return n;
}

bool str_is_utf8(const char *text)
{
        const unsigned char *s = (const unsigned char *)text;
        uint32_t unused;

        for (size_t left = strlen(text), n; left > 0; left -= n, s += n) {
                n = decode(s, left, &unused);
                if (n == 0)
                        return false;
        }
        return true;
}

static bool is_harmless(uint32_t c)
{
        if (c < 0x20 || (c >= 0x7f && c < 0xa0))
                return false;
        /* marks, embeddings, overrides and isolates that turn the reading order round */
        if (c == 0x061c || c == 0x200e || c == 0x200f || (c >= 0x202a && c <= 0x202e) ||
            (c >= 0x2066 && c <= 0x2069))
                return false;
        /* what shows nothing or a blank: a name with it looks like another one */
        if (c == 0xad || c == 0x34f || (c >= 0x200b && c <= 0x200d) ||
            (c >= 0x2060 && c <= 0x206f) || c == 0x115f || c == 0x1160 || c == 0x180e ||
            c == 0x2800 || c == 0x3164 || c == 0xffa0 || (c >= 0xe0000 && c <= 0xe0fff))
                return false;
        /* line and paragraph separator, byte order mark */
        return c != 0x2028 && c != 0x2029 && c != 0xfeff;
}

char *str_escape(char *buffer, size_t size, const char *text, size_t len)
{
        static const char digits[] = "0123456789abcdef";
        const unsigned char *s = (const unsigned char *)text;
        size_t used = 0;

        while (len > 0) {
                uint32_t value = 0;
                size_t n = decode(s, len, &value);
                bool keep = n > 0 && is_harmless(value);
                size_t eat = n > 0 ? n : 1;
                size_t need = keep ? n : 4 * eat;

                if (used + need >= size)
                        break;
                for (size_t i = 0; i < eat; i++) {
                        if (keep) {
                                buffer[used++] = (char)s[i];
                                continue;
                        }
                        buffer[used++] = '\\';
                        buffer[used++] = 'x';
                        buffer[used++] = digits[s[i] >> 4];
                        buffer[used++] = digits[s[i] & 15];
                }
                s += eat;
                len -= eat;
        }
        buffer[used] = '\0';
        return buffer;
}

#define LONGEST_WORD 48

static size_t smallest_of(size_t a, size_t b, size_t c)
{
        size_t m = a < b ? a : b;

        return m < c ? m : c;
}

static size_t distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
        size_t rows[3][LONGEST_WORD + 1];

        for (size_t j = 0; j <= b_len; j++)
                rows[0][j] = j;
        for (size_t i = 1; i <= a_len; i++) {
                size_t *now = rows[i % 3];
                const size_t *last = rows[(i + 2) % 3];
                const size_t *before = rows[(i + 1) % 3];

                now[0] = i;
                for (size_t j = 1; j <= b_len; j++) {
                        size_t change = last[j - 1] + (a[i - 1] != b[j - 1]);

                        now[j] = smallest_of(last[j] + 1, now[j - 1] + 1, change);
                        if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                            before[j - 2] + 1 < now[j])
                                now[j] = before[j - 2] + 1;
                }
        }
        return rows[a_len % 3][b_len];
}

bool str_is_near(const char *a, const char *b, size_t *ret_distance)
{
        size_t a_len = strlen(a);
        size_t b_len = strlen(b);

        if (a_len == 0 || b_len == 0 || a_len > LONGEST_WORD || b_len > LONGEST_WORD)
                return false;
        size_t d = distance(a, a_len, b, b_len);
        if (ret_distance)
                *ret_distance = d;
        return d <= 1 + a_len / 4;
}

const char *str_nearest(const char *word, const char *const *names)
{
        const char *best = NULL;
        size_t best_distance = 0;

        for (; *names; names++) {
                size_t d;

                if (str_is_near(word, *names, &d) && (!best || d < best_distance)) {
                        best = *names;
                        best_distance = d;
                }
        }
        return best;
}

char *str_next_field(char **at, char separator)
{
        char *field = *at;

        if (!field)
                return NULL;
        char *end = strchr(field, separator);
        if (end)
                *end++ = '\0';
        *at = end;
        return field;
}

static bool is_space(char c)
{
        return c == ' ' || (c >= '\t' && c <= '\r');
}

static int hex_value(char c, const char *digits)
{
        const char *at = c ? strchr(digits, c) : NULL;

        return at ? (int)(at - digits) : -1;
}

int str_hex_byte(const char *text, const char *digits)
{
        int high = hex_value(text[0], digits);
        int low = high < 0 ? -1 : hex_value(text[1], digits);

        return low < 0 ? -1 : high << 4 | low;
}

char *str_trim(char *text)
{
        while (is_space(*text))
                text++;
        size_t len = strlen(text);
        while (len > 0 && is_space(text[len - 1]))
                len--;
        text[len] = '\0';
        return text;
}
