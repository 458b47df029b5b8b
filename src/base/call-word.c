#include "call-word.h"

#include "parse.h"
#include "str.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What a filter may answer: Linux's own errors, which these are on every architecture of ours. */
#define LAST_ERRNO 133

#define MAX_TEXT 200

static int errno_find(const char *name)
{
        for (int code = 1; code <= LAST_ERRNO; code++) {
                const char *known = strerrorname_np(code);

                if (known && str_eq(known, name))
                        return code;
        }
        return 0;
}

static int unknown_errno(const char *name, struct err *e)
{
        const char *known[LAST_ERRNO + 2];
        size_t n = 0;

        known[n++] = "kill";
        for (int code = 1; code <= LAST_ERRNO; code++)
                if (strerrorname_np(code))
                        known[n++] = strerrorname_np(code);
        known[n] = NULL;
        const char *near = str_nearest(name, known);
        err_set(e, EINVAL, "'%s' is not an error that a call can answer with", name);
        return near ? err_hint(e, "did you mean '%s'", near)
                    : err_hint(e, "one of errno(3), like EPERM, or kill");
}

static int parse_answer(const char *text, int *ret, struct err *e)
{
        if (str_eq(text, "kill")) {
                *ret = CALL_WORD_KILL;
                return 0;
        }
        int code = errno_find(text);
        if (code == 0)
                return unknown_errno(text, e);
        *ret = code;
        return 0;
}

int call_word_parse_default(const char *text, int *ret, struct err *e)
{
        static const char *const choices[] = { "ENOSYS", "EPERM", "kill", NULL };
        static const int codes[] = { ENOSYS, EPERM, CALL_WORD_KILL };

        for (size_t i = 0; choices[i]; i++) {
                if (str_eq(text, choices[i])) {
                        *ret = codes[i];
                        return 0;
                }
        }
        const char *near = str_nearest(text, choices);
        err_set(e, EINVAL, "'default' is ENOSYS, EPERM or kill, not '%s'", text);
        return near ? err_hint(e, "did you mean '%s'", near) : -e->code;
}

/* A number of 32 bits: decimal, or hexadecimal behind 0x. */
static int parse_number_32(const char *text, uint32_t *ret, struct err *e)
{
        uint64_t value = 0;

        if (!str_has_prefix(text, "0x")) {
                if (parse_number(text, 0, UINT32_MAX, &value, e) < 0)
                        return -e->code;
                *ret = (uint32_t)value;
                return 0;
        }
        size_t len = strlen(text + 2);
        if (len < 1 || len > 8 || strspn(text + 2, "0123456789abcdefABCDEF") != len)
                return err_set(e, EINVAL, "'%s' is not a number of 32 bits", text);
        *ret = (uint32_t)strtoul(text + 2, NULL, 16);
        return 0;
}

static int parse_constant(const char *call, unsigned arg, const char *name, uint32_t *ret,
                          struct err *e)
{
        const char *near = NULL;

        if (name[0] >= '0' && name[0] <= '9')
                return parse_number_32(name, ret, e);
        if (call_constant_find(call, arg, name, ret, &near))
                return 0;
        err_set(e, EINVAL, "'%s' is not a known value of argument %u of '%s'", name, arg, call);
        return near ? err_hint(e, "did you mean '%s'", near)
                    : err_hint(e, "its number serves, too, like 0x5412");
}

/* Constants and numbers joined by '|'. */
static int parse_value(const char *call, unsigned arg, char *text, uint32_t *ret, struct err *e)
{
        uint32_t value = 0;

        for (char *name; (name = str_next_field(&text, '|')) != NULL;) {
                uint32_t part = 0;

                if (parse_constant(call, arg, name, &part, e) < 0)
                        return -e->code;
                value |= part;
        }
        *ret = value;
        return 0;
}

static int no_arg(const char *call, unsigned arg, struct err *e)
{
        static const char *const calls[] = { "ioctl",      "clone", "socket",
                                             "socketpair", "prctl", "personality" };
        uint32_t mask;

        for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
                if (!str_eq(call, calls[i]))
                        continue;
                err_set(e, EINVAL, "argument %u of '%s' cannot be judged by a filter", arg, call);
                for (unsigned other = 0; other < 6; other++)
                        if (call_constant_has_arg(call, other, &mask))
                                return err_hint(e, "argument %u can", other);
        }
        err_set(e, EINVAL, "the arguments of '%s' cannot be judged by a filter", call);
        return err_hint(e, "those of ioctl, clone, socket, socketpair, prctl and personality can");
}

/* ARG=VALUE, ARG!=VALUE, ARG&BITS, ARG&MASK=VALUE; `text` begins behind ARG. */
static int parse_test(const char *call, char *text, struct call_cond *cond, struct err *e)
{
        char op = text[0];
        char *equals = strchr(text, '=');

        if (op == '!' && equals == text + 1) {
                cond->test = CALL_TEST_DIFFERS;
        } else if (op == '=') {
                cond->test = CALL_TEST_EQUAL;
        } else if (op == '&' && equals) {
                cond->test = CALL_TEST_EQUAL;
                *equals = '\0';
                if (parse_value(call, cond->arg, text + 1, &cond->mask, e) < 0)
                        return -e->code;
        } else if (op == '&') {
                cond->test = CALL_TEST_ANY_BIT;
                equals = text;
        } else {
                err_set(e, EINVAL, "argument %u of '%s' has no '=', '!=' or '&' behind it",
                        cond->arg, call);
                return err_hint(e, "like 'ioctl(1=TIOCSTI)' or 'clone(0&CLONE_NEWUSER)'");
        }
        return parse_value(call, cond->arg, equals + 1, &cond->value, e);
}

static int parse_cond(const char *call, char *text, struct call_cond *cond, struct err *e)
{
        uint32_t usual = 0;

        if (text[0] < '0' || text[0] > '5' || (text[1] >= '0' && text[1] <= '9')) {
                err_set(e, EINVAL, "'%s' does not begin with the number of an argument", text);
                return err_hint(e, "0 is the first: 'socket(0=AF_UNIX,1=SOCK_STREAM)'");
        }
        cond->arg = (unsigned)(text[0] - '0');
        if (!call_constant_has_arg(call, cond->arg, &usual))
                return no_arg(call, cond->arg, e);
        cond->mask = usual;
        if (parse_test(call, text + 1, cond, e) < 0)
                return -e->code;
        /* a condition that never holds, or always, was meant to be another one */
        if (cond->test == CALL_TEST_ANY_BIT && (cond->value & usual) == 0)
                return err_set(e, EINVAL, "argument %u of '%s' never has one of these bits",
                               cond->arg, call);
        if (cond->test != CALL_TEST_ANY_BIT && cond->mask == 0)
                return err_set(e, EINVAL, "argument %u of '%s' is compared in no bit", cond->arg,
                               call);
        if (cond->test != CALL_TEST_ANY_BIT && (cond->value & ~(cond->mask & usual)) != 0)
                return err_set(e, EINVAL,
                               "argument %u of '%s' never has that value: it is compared in the "
                               "bits 0x%x",
                               cond->arg, call, cond->mask & usual);
        if (cond->test == CALL_TEST_ANY_BIT)
                cond->value &= usual;
        cond->mask = cond->test == CALL_TEST_ANY_BIT ? UINT32_MAX : cond->mask & usual;
        return 0;
}

/* What stands in the parentheses. */
static int parse_conds(char *text, struct call_word *word, struct err *e)
{
        if (word->name[0] == '@')
                return err_set(e, EINVAL, "'%s' is a group: arguments are those of one call",
                               word->name);
        if (word->name[0] == '\0')
                return err_set(e, EINVAL, "arguments need the name of a call, not the number %d",
                               word->number);
        for (char *cond; (cond = str_next_field(&text, ',')) != NULL;) {
                if (word->n_conds == CALL_WORD_MAX_CONDS)
                        return err_set(e, E2BIG, "more than %d conditions for '%s'",
                                       CALL_WORD_MAX_CONDS, word->name);
                if (parse_cond(word->name, cond, &word->conds[word->n_conds], e) < 0)
                        return -e->code;
                word->n_conds++;
        }
        return 0;
}

/* By hand: strspn(3) makes a table of its set each time, and a policy has hundreds of names. */
static bool is_name(const char *text)
{
        if (*text == '\0')
                return false;
        for (; *text; text++)
                if (!(*text >= 'a' && *text <= 'z') && !(*text >= 'A' && *text <= 'Z') &&
                    !(*text >= '0' && *text <= '9') && *text != '_' && *text != '-')
                        return false;
        return true;
}

static int parse_name(const char *text, struct call_word *word, struct err *e)
{
        const char *name = text + (text[0] == '@');
        uint64_t number;

        if (text[0] >= '0' && text[0] <= '9') {
                if (parse_number(text, 0, CALL_WORD_MAX_NUMBER - 1, &number, e) < 0)
                        return err_prefix(e, "the number of a system call");
                word->number = (int)number;
                return 0;
        }
        if (!is_name(name) || strlen(text) >= sizeof(word->name))
                return err_set(e, EINVAL, "'%s' is not the name of a system call or group", text);
        memcpy(word->name, text, strlen(text) + 1);
        return 0;
}

int call_word_parse(const char *text, struct call_word *ret, struct err *e)
{
        struct call_word word = { .number = -1 };
        char copy[MAX_TEXT];

        if (strlen(text) >= sizeof(copy))
                return err_set(e, E2BIG, "'%.40s...' has more than %d bytes", text, MAX_TEXT - 1);
        memcpy(copy, text, strlen(text) + 1);

        char *open = strchr(copy, '(');
        char *close = open ? strchr(open, ')') : NULL;
        char *answer = strchr(close ? close : copy, ':');

        if (open && !close) {
                err_set(e, EINVAL, "'%s' has no ')'", text);
                return err_hint(e, "conditions are joined by ',' without blanks");
        }
        if (close && close[1] != '\0' && close[1] != ':')
                return err_set(e, EINVAL, "'%s' has text behind its ')'", text);
        if (answer)
                *answer++ = '\0';
        if (close)
                *close = '\0';
        if (open)
                *open++ = '\0';
        if (parse_name(copy, &word, e) < 0 || (open && parse_conds(open, &word, e) < 0) ||
            (answer && parse_answer(answer, &word.refuse, e) < 0))
                return -e->code;
        *ret = word;
        return 0;
}
