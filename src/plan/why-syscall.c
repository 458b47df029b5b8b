#include "why.h"

#include "call-table.h"
#include "str.h"
#include "syscalls.h"

#include <stdio.h>
#include <string.h>

/* What it is answered goes without saying where it is allowed. */
static void add_text(char *text, size_t size, const char *what, const char *answer)
{
        size_t used = strlen(text);
        bool is_plain = str_eq(answer, "allow");

        if (used + strlen(what) + strlen(answer) + 8 < size)
                snprintf(text + used, size - used, "%s%s%s%s%s", used > 0 ? ", " : "", what,
                         is_plain ? "" : " (", is_plain ? "" : answer, is_plain ? "" : ")");
}

/* With which arguments it is answered in another way than without. */
static void say_rows(const struct syscalls_answer *answer, struct why *ret)
{
        char text[WHY_MAX_TEXT - 32] = "";

        for (size_t i = 0; i < answer->n_rows; i++) {
                const struct syscalls_row *row = &answer->rows[i];

                if (call_table_is_passed(row->action) != ret->is_allowed)
                        add_text(text, sizeof(text), row->text, call_action_name(row->action));
        }
        if (text[0])
                snprintf(ret->comment, sizeof(ret->comment), "%s with: %s",
                         ret->is_allowed ? "refused" : "allowed", text);
}

static void say_allowed(const struct syscalls_answer *answer, struct why *ret)
{
        if (str_eq(call_action_name(answer->action), "fake"))
                why_say(ret, true, answer->origin,
                        "answered as if it had worked, and not done (--fake-root)");
        else if (answer->word && answer->word[0] == '@')
                why_say(ret, true, answer->origin, "in '%s'", answer->word);
        else
                why_say(ret, true, answer->origin, answer->word ? "named" : "no line names it");
        say_rows(answer, ret);
}

/* Only what would come to something is suggested: to ask is the surest way to know. */
static int suggest(const struct plan *p, bool fakes_root, const struct syscalls_answer *answer,
                   const char *call, struct arena *arena, struct why *ret, struct err *e)
{
        struct plan nesting = *p;
        struct syscalls_answer then;

        if (!answer->is_never) {
                why_suggest_call(ret, answer->name ? answer->name : call);
                return 0;
        }
        nesting.confine.may_nest_userns = true;
        if (syscalls_ask(&nesting, fakes_root, call, arena, &then, e) < 0)
                return -e->code;
        if (call_table_is_passed(then.action))
                snprintf(ret->option, sizeof(ret->option), "--allow-userns");
        else
                snprintf(ret->comment, sizeof(ret->comment), "no policy can allow it");
        return 0;
}

static int say(const struct plan *p, bool fakes_root, const struct syscalls_answer *answer,
               const char *call, struct arena *arena, struct why *ret, struct err *e)
{
        const char *action = call_action_name(answer->action);

        if (answer->number < 0) {
                why_say(ret, false, NULL, "a call of another architecture, answered %s", action);
                return 0;
        }
        if (call_table_is_passed(answer->action)) {
                say_allowed(answer, ret);
                return 0;
        }
        if (answer->word)
                why_say(ret, false, answer->origin, "denied by '%s', answered %s", answer->word,
                        action);
        else
                why_say(ret, false, answer->origin, "no line names it, answered %s", action);
        say_rows(answer, ret);
        return suggest(p, fakes_root, answer, call, arena, ret, e);
}

int why_syscall(const struct plan *p, bool fakes_root, const char *call, struct why *ret,
                struct err *e)
{
        struct arena arena = { 0 };
        struct syscalls_answer answer;
        int r = syscalls_ask(p, fakes_root, call, &arena, &answer, e);

        if (r == 0)
                r = say(p, fakes_root, &answer, call, &arena, ret, e);
        /* the line's name outlives the answer */
        if (r == 0 && ret->origin) {
                snprintf(ret->origin_text, sizeof(ret->origin_text), "%s", ret->origin);
                ret->origin = ret->origin_text;
        }
        arena_done(&arena);
        return r;
}
