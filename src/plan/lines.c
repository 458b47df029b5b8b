#include "lines.h"

#include "str.h"
#include "word.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int lines_start(struct lines *l, const char *text, const char *name, struct err *e)
{
        l->name = name;
        l->at = text;
        l->number = 0;
        l->line[0] = '\0';
        if (strnlen(text, LINES_MAX_TEXT + 1) > LINES_MAX_TEXT)
                return err_set(e, EFBIG, "'%s' is larger than %zu bytes", name, LINES_MAX_TEXT);
        return 0;
}

int lines_err(const struct lines *l, struct err *e)
{
        return err_prefix(e, "%s:%zu", l->name, l->number);
}

int lines_next(struct lines *l, struct err *e)
{
        size_t len = strcspn(l->at, "\n");

        if (*l->at == '\0')
                return 0;
        l->number++;
        if (l->number > LINES_MAX) {
                err_set(e, E2BIG, "more than %d lines", LINES_MAX);
                return lines_err(l, e);
        }
        if (len >= sizeof(l->line)) {
                err_set(e, E2BIG, "a line of more than %zu bytes", sizeof(l->line) - 1);
                return lines_err(l, e);
        }
        memcpy(l->line, l->at, len);
        l->line[len] = '\0';
        l->at += len + (l->at[len] == '\n');
        return 1;
}

static int hint_quotes(struct err *e)
{
        return err_hint(e,
                        "quotes stand around a whole word, and \\\" is one that is a part of it");
}

static int take_quoted(char **at, char **ret_word, struct err *e)
{
        char *from = *at + 1;
        char *to = *at;

        *ret_word = to;
        for (; *from != '"'; from++) {
                if (*from == '\\' && (from[1] == '"' || from[1] == '\\'))
                        from++;
                if (*from == '\0') {
                        err_set(e, EINVAL, "a quote is not closed");
                        return hint_quotes(e);
                }
                *to++ = *from;
        }
        *to = '\0';
        *at = from + 1;
        if (**at != '\0' && **at != ' ' && **at != '\t') {
                err_set(e, EINVAL, "text right behind a quote: '%s'", *at);
                return hint_quotes(e);
        }
        return 1;
}

int lines_check(const char *line, struct err *e)
{
        if (str_has_prefix(line, "\xef\xbb\xbf")) {
                err_set(e, EINVAL, "a byte order mark, which some editors write");
                return err_hint(e, "save it as UTF-8 without one");
        }
        if (word_is_readable(line))
                return 0;
        if (str_is_utf8(line))
                return err_set(e, EINVAL, "a control character in '%s'", line);
        return err_set(e, EILSEQ, "'%s' is not UTF-8", line);
}

bool lines_is_quoted(const char *at)
{
        return at[strspn(at, " \t")] == '"';
}

int lines_next_word(char **at, char **ret_word, struct err *e)
{
        *at += strspn(*at, " \t");
        if (**at == '\0')
                return 0;
        if (**at == '"')
                return take_quoted(at, ret_word, e);
        *ret_word = *at;
        *at += strcspn(*at, " \t\"");
        if (**at == '"') {
                err_set(e, EINVAL, "a quote inside a word: '%s'", *ret_word);
                return hint_quotes(e);
        }
        if (**at != '\0')
                *(*at)++ = '\0';
        if ((*ret_word)[0] == '#') {
                err_set(e, EINVAL, "'%s' behind a value", *ret_word);
                return err_hint(e, "a comment needs a line of its own");
        }
        return 1;
}

int lines_unknown(const char *what, const char *word, const char *const *known, struct err *e)
{
        const char *near = str_nearest(word, known);
        char all[256] = "";

        err_set(e, EINVAL, "unknown %s '%s'", what, word);
        if (near)
                return err_hint(e, "did you mean '%s'", near);
        for (size_t i = 0; known[i]; i++) {
                const char *between = i == 0 ? "" : known[i + 1] ? ", " : " and ";
                size_t used = strlen(all);

                snprintf(all + used, sizeof(all) - used, "%s%s", between, known[i]);
        }
        return err_hint(e, "%s are known", all);
}
