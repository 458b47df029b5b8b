#include "parse.h"

#include "str.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <strings.h>

static bool is_digit(char c)
{
        return c >= '0' && c <= '9';
}

/* Reads leading decimal digits; returns how many, 0 for none or on overflow. */
static size_t read_digits(const char *text, uint64_t *ret)
{
        uint64_t value = 0;
        size_t n = 0;

        for (; is_digit(text[n]); n++) {
                uint64_t digit = (uint64_t)(text[n] - '0');

                if (value > (UINT64_MAX - digit) / 10)
                        return 0;
                value = 10 * value + digit;
        }
        if (n > 0)
                *ret = value;
        return n;
}

int parse_number(const char *text, uint64_t min, uint64_t max, uint64_t *ret, struct err *e)
{
        uint64_t value = 0;
        size_t n = read_digits(text, &value);

        if (n == 0 || text[n] != '\0')
                return err_set(e, EINVAL, "'%s' is not a whole number", text);
        if (value < min || value > max)
                return err_set(e, ERANGE, "'%s' is not between %llu and %llu", text,
                               (unsigned long long)min, (unsigned long long)max);
        *ret = value;
        return 0;
}

int parse_mode(const char *text, unsigned *ret, struct err *e)
{
        unsigned value = 0;
        size_t n = 0;

        for (; text[n] >= '0' && text[n] <= '7' && value <= 07777; n++)
                value = 8 * value + (unsigned)(text[n] - '0');
        if (n == 0 || text[n] != '\0' || value > 07777)
                return err_set(e, EINVAL, "'%s' is not an octal mode", text);
        *ret = value;
        return 0;
}

static int size_shift(const char *unit)
{
        static const char letters[] = "bkmgt";
        const char *at;

        if (unit[0] == '\0')
                return 0;
        at = strchr(letters, unit[0] | 0x20);
        if (!at || *at == '\0')
                return -1;
        if (unit[1] != '\0' && strcasecmp(unit + 1, "b") != 0 && strcasecmp(unit + 1, "ib") != 0)
                return -1;
        if (*at == 'b' && unit[1] != '\0')
                return -1;
        return 10 * (int)(at - letters);
}

int parse_size(const char *text, uint64_t *ret_bytes, struct err *e)
{
        uint64_t value = 0;
        size_t n = read_digits(text, &value);
        int shift = n > 0 ? size_shift(text + n) : -1;

        if (shift < 0) {
                err_set(e, EINVAL, "'%s' is not a size", text);
                return err_hint(e, "write a number and b, k, m, g or t, like 64m");
        }
        if (value > (UINT64_MAX >> 1) >> shift)
                return err_set(e, ERANGE, "'%s' is too large", text);
        *ret_bytes = value << shift;
        return 0;
}

struct unit {
        const char *name;
        uint64_t ns;
};

static uint64_t duration_unit(const char *name)
{
        static const struct unit units[] = {
                { "", 1000000000u },     { "s", 1000000000u },     { "ms", 1000000u },
                { "us", 1000u },         { "m", 60000000000u },    { "min", 60000000000u },
                { "h", 3600000000000u }, { "d", 86400000000000u },
        };

        for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
                if (str_eq(units[i].name, name))
                        return units[i].ns;
        }
        return 0;
}

int parse_duration(const char *text, uint64_t *ret_ns, struct err *e)
{
        uint64_t whole = 0;
        uint64_t fraction = 0;
        uint64_t scale = 1;
        size_t n = read_digits(text, &whole);
        uint64_t ns;

        if (n > 0 && text[n] == '.') {
                size_t digits = read_digits(text + n + 1, &fraction);

                n = digits > 0 && digits <= 9 ? n + 1 + digits : 0;
                for (size_t i = 0; i < digits && i < 9; i++)
                        scale *= 10;
        }
        ns = n > 0 ? duration_unit(text + n) : 0;
        if (ns == 0) {
                err_set(e, EINVAL, "'%s' is not a time", text);
                return err_hint(e, "write a number and ms, s, m, h or d, like 90s");
        }
        if (whole > (UINT64_MAX >> 1) / ns)
                return err_set(e, ERANGE, "'%s' is too long", text);
        *ret_ns = whole * ns + (uint64_t)((unsigned __int128)fraction * ns / scale);
        return 0;
}

int parse_bool(const char *text, bool *ret, struct err *e)
{
        static const char *const yes[] = { "yes", "true", "on", "1" };
        static const char *const no[] = { "no", "false", "off", "0" };

        for (size_t i = 0; i < 4; i++) {
                if (str_eq(text, yes[i]) || str_eq(text, no[i])) {
                        *ret = str_eq(text, yes[i]);
                        return 0;
                }
        }
        return err_set(e, EINVAL, "'%s' is neither yes nor no", text);
}

const char *parse_signal_name(int number)
{
        return sigabbrev_np(number);
}

int parse_signal(const char *text, int *ret, struct err *e)
{
        const char *name = strncasecmp(text, "SIG", 3) == 0 ? text + 3 : text;
        const char *names[_NSIG] = { NULL };
        size_t n_names = 0;
        uint64_t number = 0;
        size_t n = read_digits(text, &number);

        if (n > 0 && text[n] == '\0' && number >= 1 && number < (uint64_t)_NSIG) {
                *ret = (int)number;
                return 0;
        }
        for (int i = 1; i < _NSIG; i++) {
                const char *known = sigabbrev_np(i);

                if (known && strcasecmp(known, name) == 0) {
                        *ret = i;
                        return 0;
                }
                if (known)
                        names[n_names++] = known;
        }
        const char *nearest = str_nearest(name, names);
        err_set(e, EINVAL, "'%s' is not a signal", text);
        if (nearest)
                return err_hint(e, "did you mean '%s'", nearest);
        return err_hint(e, "a name like TERM, HUP or USR1, or a number from 1 to %d", _NSIG - 1);
}

bool parse_is_host_name(const char *name)
{
        size_t label = 0;
        size_t len = 0;

        for (; name[len]; len++) {
                char c = name[len];
                bool alnum = is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');

                if (c == '.') {
                        if (label == 0 || name[len - 1] == '-')
                                return false;
                        label = 0;
                        continue;
                }
                if (!alnum && !(c == '-' && label > 0) && c != '_')
                        return false;
                if (++label > 63)
                        return false;
        }
        return len > 0 && len <= 64 && label > 0 && name[len - 1] != '-';
}
