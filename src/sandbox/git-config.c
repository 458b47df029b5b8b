#include "git-config.h"

#include <string.h>
#include <strings.h>

enum section {
        SECTION_OTHER,
        SECTION_CORE,
        SECTION_INCLUDE,
};

/* What a line has room for; a longer name is none of ours, its end is dropped. */
struct word {
        char text[32];
        size_t len;
        bool is_cut;
};

static int peek(const struct git_config *c)
{
        return c->at < c->end ? (unsigned char)*c->at : -1;
}

static bool is_blank(int ch)
{
        return ch == ' ' || ch == '\t' || ch == '\r';
}

/* Letters and digits of ASCII, whatever the locale. */
static bool is_name(int ch)
{
        return (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9') ||
               ch == '-' || ch == '.';
}

static void skip_blanks(struct git_config *c)
{
        while (is_blank(peek(c)))
                c->at++;
}

static void skip_line(struct git_config *c)
{
        while (c->at < c->end && *c->at++ != '\n')
                ;
}

static void read_word(struct git_config *c, struct word *w)
{
        *w = (struct word){ 0 };
        for (; is_name(peek(c)); c->at++) {
                if (w->len + 1 < sizeof(w->text))
                        w->text[w->len++] = *c->at;
                else
                        w->is_cut = true;
        }
}

static bool is_word(const struct word *w, const char *name)
{
        return !w->is_cut && strcasecmp(w->text, name) == 0;
}

/* The old form [includeIf.CONDITION], too, where a condition can be of any length. */
static bool is_conditional(const struct word *w)
{
        return strcasecmp(w->text, "includeif") == 0 || strncasecmp(w->text, "includeif.", 10) == 0;
}

/* Behind "[": leaves c->at behind "]", where a setting can follow in the same line. */
static void read_section(struct git_config *c)
{
        bool has_sub = false;
        struct word name;

        c->section = SECTION_OTHER;
        read_word(c, &name);
        skip_blanks(c);
        if (peek(c) == '"') {
                has_sub = true;
                for (c->at++; peek(c) != '"'; c->at++) {
                        if (peek(c) == '\\')
                                c->at++;
                        if (peek(c) < 0 || peek(c) == '\n')
                                return;
                }
                c->at++;
        }
        if (peek(c) != ']')
                return;
        c->at++;
        if (is_word(&name, "core") && !has_sub)
                c->section = SECTION_CORE;
        else if (is_conditional(&name) || (is_word(&name, "include") && !has_sub))
                c->section = SECTION_INCLUDE;
}

/* Behind a backslash: what it stands for, -1 for the end of a line that goes on in the next. */
static int read_escape(struct git_config *c)
{
        int ch = peek(c);

        if (ch >= 0)
                c->at++;
        switch (ch) {
        case '\r':
                if (peek(c) == '\n')
                        c->at++;
                return -1;
        case '\n':
        case -1:
                return -1;
        case 'n':
                return '\n';
        case 't':
                return '\t';
        case 'b':
                return '\b';
        default:
                return ch;
        }
}

/* Behind "=": to the end of the line.  Blanks at its end count in quotes only. */
static bool read_value(struct git_config *c, char *value, size_t size)
{
        bool is_quoted = false;
        size_t len = 0;
        size_t kept = 0; /* without the blanks at the end */

        skip_blanks(c);
        while (peek(c) >= 0 && peek(c) != '\n') {
                int ch = (unsigned char)*c->at++;
                bool is_plain = false;

                if (ch == '"') {
                        is_quoted = !is_quoted;
                        kept = len;
                        continue;
                }
                if (!is_quoted && (ch == '#' || ch == ';')) {
                        skip_line(c);
                        break;
                }
                if (ch == '\\') {
                        ch = read_escape(c);
                        is_plain = true;
                }
                if (ch >= 0 && len < size)
                        value[len] = (char)ch;
                len += ch >= 0;
                if (is_plain || is_quoted || !is_blank(ch))
                        kept = len;
        }
        if (kept >= size)
                return false;
        value[kept] = '\0';
        return value[0] != '\0';
}

/* A setting without "=" is one without a value. */
static bool read_setting(struct git_config *c, struct git_config_path *ret)
{
        struct word key;

        read_word(c, &key);
        skip_blanks(c);
        if (peek(c) != '=') {
                skip_line(c);
                return false;
        }
        c->at++;
        bool is_hooks = c->section == SECTION_CORE && is_word(&key, "hookspath");
        bool is_include = c->section == SECTION_INCLUDE && is_word(&key, "path");
        ret->key = is_hooks ? GIT_CONFIG_HOOKS_PATH : GIT_CONFIG_INCLUDE;
        return read_value(c, ret->value, sizeof(ret->value)) && (is_hooks || is_include);
}

bool git_config_next(struct git_config *c, struct git_config_path *ret)
{
        if (c->end - c->at >= 3 && memcmp(c->at, "\xef\xbb\xbf", 3) == 0)
                c->at += 3;
        while (c->at < c->end) {
                int ch = peek(c);

                if (ch == '\n' || is_blank(ch)) {
                        c->at++;
                } else if (ch == '[') {
                        c->at++;
                        read_section(c);
                } else if (!is_name(ch)) {
                        skip_line(c);
                } else if (read_setting(c, ret)) {
                        return true;
                }
        }
        return false;
}
