#include "glob.h"

#include "str.h"

#include <errno.h>
#include <string.h>

static const char special[] = "*?[";

bool glob_is_pattern(const char *text)
{
        return text[strcspn(text, special)] != '\0';
}

size_t glob_base_len(const char *pattern)
{
        size_t len = strcspn(pattern, special);

        while (len > 0 && pattern[len] != '/')
                len--;
        return len;
}

/* Behind the "]" of a class that starts at `at`, or NULL: one right behind the start is a member. */
static const char *class_end(const char *at)
{
        at++;
        if (*at == '!' || *at == '^')
                at++;
        if (*at == ']')
                at++;
        at = strchr(at, ']');
        return at ? at + 1 : NULL;
}

static bool is_in_class(const char *at, const char *end, unsigned char c)
{
        const unsigned char *from = (const unsigned char *)at + 1;
        const unsigned char *last = (const unsigned char *)end - 1;
        bool is_negated = *from == '!' || *from == '^';
        bool is_in = false;

        from += is_negated;
        while (from < last) {
                bool is_range = from + 2 < last && from[1] == '-';

                if (c >= from[0] && c <= (is_range ? from[2] : from[0]))
                        is_in = true;
                from += is_range ? 3 : 1;
        }
        return is_in != is_negated;
}

/* Takes one byte of a name; NULL when the pattern says no. */
static const char *match_one(const char *pattern, unsigned char c)
{
        if (*pattern == '?')
                return pattern + 1;
        if (*pattern != '[')
                return (unsigned char)*pattern == c ? pattern + 1 : NULL;
        const char *end = class_end(pattern);
        return is_in_class(pattern, end, c) ? end : NULL;
}

/* Only the last star has ever to be tried anew. */
static bool match_name(const char *pattern, const char *name)
{
        const char *star = NULL;
        const char *back = NULL;

        while (*name) {
                const char *next;

                if (*pattern == '*') {
                        star = ++pattern;
                        back = name;
                        continue;
                }
                next = *pattern ? match_one(pattern, (unsigned char)*name) : NULL;
                if (next) {
                        pattern = next;
                        name++;
                        continue;
                }
                if (!star)
                        return false;
                pattern = star;
                name = ++back;
        }
        return pattern[strspn(pattern, "*")] == '\0';
}

static int check_classes(const char *part, struct err *e)
{
        while ((part = strchr(part, '[')) != NULL) {
                part = class_end(part);
                if (!part)
                        return err_set(e, EINVAL, "a '[' without its ']' in a pattern");
        }
        return 0;
}

int glob_parse(struct arena *a, const char *pattern, struct glob *ret, struct err *e)
{
        char *at = arena_copy(a, pattern, e);

        *ret = (struct glob){ 0 };
        if (!at)
                return -e->code;
        for (char *part; (part = str_next_field(&at, '/')) != NULL;) {
                if (part[0] == '\0')
                        continue;
                if (ret->n == GLOB_MAX_PARTS)
                        return err_set(e, E2BIG, "a pattern of more than %d components",
                                       GLOB_MAX_PARTS);
                if (check_classes(part, e) < 0)
                        return -e->code;
                ret->parts[ret->n++] = part;
        }
        return ret->n > 0 ? 0 : err_set(e, EINVAL, "an empty pattern");
}

/* "**" also stands for no directory at all: what comes behind it is tried as well. */
static uint64_t close_states(const struct glob *g, uint64_t states)
{
        for (size_t i = 0; i < g->n; i++) {
                if (states >> i & 1 && str_eq(g->parts[i], "**"))
                        states |= UINT64_C(1) << (i + 1);
        }
        return states;
}

uint64_t glob_start(const struct glob *g)
{
        return close_states(g, 1);
}

uint64_t glob_step(const struct glob *g, uint64_t states, const char *name, bool *ret_is_match)
{
        const uint64_t end = UINT64_C(1) << g->n;
        uint64_t next = 0;

        for (size_t i = 0; i < g->n; i++) {
                if (!(states >> i & 1))
                        continue;
                if (str_eq(g->parts[i], "**"))
                        next |= UINT64_C(1) << i;
                else if (match_name(g->parts[i], name))
                        next |= UINT64_C(1) << (i + 1);
        }
        /* a "**" at the end is all that is in the directory */
        bool is_in = states >> (g->n - 1) & 1 && str_eq(g->parts[g->n - 1], "**");
        *ret_is_match = (next & end) != 0 || is_in;
        return close_states(g, next) & ~end;
}
