#include "why.h"

#include "str.h"
#include "word.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* What kelp does on its own has no line that could be changed. */
static bool is_line(const char *origin)
{
        return origin && (str_has_prefix(origin, "option ") || strchr(origin, ':'));
}

/* "/home/u/project/.kelp.policy:2".  It stands behind all policies, and what they say does not undo it. */
static bool is_of_project(const char *origin)
{
        const char *slash = origin ? strrchr(origin, '/') : NULL;

        return slash && str_has_prefix(slash, "/" PLAN_PROJECT_POLICY ":");
}

void why_say(struct why *ret, bool is_allowed, const char *origin, const char *fmt, ...)
{
        va_list ap;

        ret->is_allowed = is_allowed;
        ret->origin = is_line(origin) ? origin : NULL;
        ret->option[0] = '\0';
        ret->line[0] = '\0';
        ret->behind[0] = '\0';
        ret->comment[0] = '\0';
        va_start(ap, fmt);
        vsnprintf(ret->reason, sizeof(ret->reason), fmt, ap);
        va_end(ap);
}

/* As a shell reads it: "~/" has to stay outside of the quotes. */
static bool quote_shell(const char *value, char *buffer, size_t size)
{
        size_t bare = str_has_prefix(value, "~/") ? 2 : 0;
        char safe[WHY_MAX_TEXT];

        str_escape(safe, sizeof(safe), value, strlen(value));
        if (!str_eq(safe, value) || 4 * strlen(value) + 8 > size)
                return false;
        memcpy(buffer, value, bare);
        buffer[bare] = '\0';
        if (value[bare] != '\0')
                word_quote(buffer + bare, size - bare, value + bare);
        return true;
}

void why_suggest(struct why *ret, const char *option, const char *key, const char *value)
{
        char word[WHY_MAX_TEXT - 64];

        ret->option[0] = '\0';
        ret->line[0] = '\0';
        if (!quote_shell(value, word, sizeof(word)))
                return;
        if (option)
                snprintf(ret->option, sizeof(ret->option), "%s %s", option, word);
        if (!is_of_project(ret->origin)) {
                if (key && word_quote_line(word, sizeof(word), value))
                        snprintf(ret->line, sizeof(ret->line), "%s = %s", key, word);
        } else if (!option) {
                snprintf(ret->comment, sizeof(ret->comment),
                         "no policy comes behind the project's own file: change it there");
        }
}

/* Where every run starts: any other policy stands behind them. */
static bool is_of_base(const char *origin)
{
        return str_has_prefix(origin, "sandbox.policy:") ||
               str_has_prefix(origin, "container.policy:");
}

void why_suggest_call(struct why *ret, const char *call)
{
        const char *line = ret->origin ? strrchr(ret->origin, ':') : NULL;

        why_suggest(ret, NULL, "[syscalls] allow", call);
        if (ret->line[0] && line && !is_of_base(ret->origin))
                snprintf(ret->behind, sizeof(ret->behind), "%.*s", (int)(line - ret->origin),
                         ret->origin);
}
