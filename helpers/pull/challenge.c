#include "challenge.h"

#include <string.h>
#include <strings.h>

struct reader {
        const char *at;
        const char *end;
};

struct word {
        const char *text;
        size_t len;
};

static bool is_token_char(char c)
{
        return c > ' ' && c < 0x7f && !strchr("()<>@,;:\\\"/[]?={}", c);
}

static bool is_token68_char(char c)
{
        return is_token_char(c) || c == '/' || c == '=';
}

static void skip(struct reader *r, const char *chars)
{
        while (r->at < r->end && *r->at && strchr(chars, *r->at))
                r->at++;
}

static struct word take_token(struct reader *r)
{
        struct word w = { .text = r->at };

        while (r->at < r->end && is_token_char(*r->at))
                r->at++;
        w.len = (size_t)(r->at - w.text);
        return w;
}

static bool is_word(struct word w, const char *text)
{
        return w.len == strlen(text) && strncasecmp(w.text, text, w.len) == 0;
}

static bool take(struct reader *r, char c)
{
        if (r->at == r->end || *r->at != c)
                return false;
        r->at++;
        return true;
}

/* A value into `ret`, or nothing when `ret` is NULL; false when it is not one or does not fit. */
static bool take_value(struct reader *r, char *ret, size_t size)
{
        bool is_quoted = take(r, '"');
        size_t used = 0;

        while (r->at < r->end && (is_quoted ? *r->at != '"' : is_token68_char(*r->at))) {
                if (is_quoted && *r->at == '\\' && r->at + 1 < r->end)
                        r->at++;
                /* a control byte has no place in any of them */
                if ((unsigned char)*r->at < ' ' || *r->at == 0x7f)
                        return false;
                if (ret && used + 1 >= size)
                        return false;
                if (ret)
                        ret[used] = *r->at;
                used++;
                r->at++;
        }
        if (ret)
                ret[used] = '\0';
        return !is_quoted || take(r, '"');
}

static bool take_parameter(struct reader *r, struct word name, struct challenge *c)
{
        if (is_word(name, "realm"))
                return take_value(r, c->realm, sizeof(c->realm));
        if (is_word(name, "service"))
                return take_value(r, c->service, sizeof(c->service));
        if (is_word(name, "error"))
                return take_value(r, c->error, sizeof(c->error));
        return take_value(r, NULL, 0);
}

/*
 * The parameters behind a scheme.  A word without '=' behind it is the next scheme: the reader is
 * put back in front of it.
 */
static bool take_parameters(struct reader *r, struct challenge *c)
{
        for (;;) {
                skip(r, " \t,");
                const char *start = r->at;
                struct word name = take_token(r);

                if (name.len == 0)
                        return r->at == r->end;
                skip(r, " \t");
                if (!take(r, '=')) {
                        r->at = start;
                        return true;
                }
                skip(r, " \t");
                if (!take_parameter(r, name, c))
                        return false;
        }
}

static enum challenge_scheme scheme_of(struct word w)
{
        if (is_word(w, "bearer"))
                return CHALLENGE_BEARER;
        if (is_word(w, "basic"))
                return CHALLENGE_BASIC;
        return CHALLENGE_NONE;
}

void challenge_read(const char *value, size_t len, struct challenge *best)
{
        struct reader r = { .at = value, .end = value + len };

        for (;;) {
                struct challenge c = { 0 };

                skip(&r, " \t,");
                struct word scheme = take_token(&r);
                if (scheme.len == 0)
                        return;
                c.scheme = scheme_of(scheme);
                if (!take_parameters(&r, &c))
                        return;
                if (c.scheme > best->scheme && (c.scheme != CHALLENGE_BEARER || c.realm[0]))
                        *best = c;
        }
}
