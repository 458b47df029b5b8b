#include "call-table.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <string.h>

int call_table_next_layer(struct call_table *t, struct err *e)
{
        if (t->layer == UINT8_MAX)
                return err_set(e, E2BIG, "more than %d policies with [syscalls]", UINT8_MAX);
        t->layer++;
        return 0;
}

uint32_t call_table_allowed(const struct call_table *t, int nr)
{
        if (t->fakes && t->is_fake[nr])
                return SECCOMP_RET_ERRNO;
        return t->is_logged[nr] ? SECCOMP_RET_LOG : SECCOMP_RET_ALLOW;
}

const struct call_line *call_table_line(const struct call_table *t, int nr)
{
        return t->is_named[nr] ? &t->lines[t->by_line[nr]] : NULL;
}

bool call_table_is_passed(uint32_t action)
{
        return action == SECCOMP_RET_ALLOW || action == SECCOMP_RET_LOG;
}

const char *call_action_name(uint32_t action)
{
        const char *name = NULL;

        switch (action & SECCOMP_RET_ACTION_FULL) {
        case SECCOMP_RET_ALLOW:
                return "allow";
        case SECCOMP_RET_LOG:
                return "log";
        case SECCOMP_RET_KILL_PROCESS:
                return "kill";
        case SECCOMP_RET_ERRNO:
                if ((action & SECCOMP_RET_DATA) == 0)
                        return "fake";
                name = strerrorname_np((int)(action & SECCOMP_RET_DATA));
                return name ? name : "?";
        default:
                return "?";
        }
}

bool call_row_counts(const struct call_table *t, const struct call_row *row)
{
        return row->layer >= t->layers[row->nr];
}

static uint32_t refusal(int code)
{
        return code == CALL_WORD_KILL ? SECCOMP_RET_KILL_PROCESS
                                      : SECCOMP_RET_ERRNO | (uint32_t)code;
}

static int set_default(struct call_table *t, const struct call_line *line, struct err *e)
{
        int code;

        if (call_word_parse_default(line->word, &code, e) < 0)
                return -e->code;
        t->fallback = refusal(code);
        t->fallback_origin = line->origin;
        t->has_default = true;
        return 0;
}

/* `line` is in t->lines. */
static void name_call(struct call_table *t, int nr, uint32_t action, size_t line)
{
        t->actions[nr] = action;
        t->is_logged[nr] = false;
        t->is_named[nr] = true;
        t->layers[nr] = t->layer;
        t->by_line[nr] = (uint32_t)line;
}

/* A row goes in front of those of earlier files, and one that denies in front of those that do not. */
static int add_row(struct call_table *t, int nr, uint32_t action, const struct call_word *word,
                   const struct call_line *line, struct err *e)
{
        bool is_deny = line->mode == CALL_DENY;
        size_t at = 0;

        if (arena_grow(t->arena, &t->rows, t->n_rows, sizeof(*t->rows), CALL_TABLE_MAX_ROWS,
                       "words with arguments", e) < 0)
                return -e->code;
        while (at < t->n_rows && t->rows[at].layer == t->layer && (t->rows[at].is_deny || !is_deny))
                at++;
        memmove(&t->rows[at + 1], &t->rows[at], (t->n_rows - at) * sizeof(*t->rows));
        struct call_row *row = &t->rows[at];
        *row = (struct call_row){
                .nr = nr,
                .layer = t->layer,
                .is_deny = is_deny,
                .action = action,
                .n_conds = word->n_conds,
                .word = line->word,
                .origin = line->origin,
        };
        memcpy(row->conds, word->conds, sizeof(row->conds));
        t->n_rows++;
        return 0;
}

/* Whether some call of that number gets through. */
static bool is_allowed(const struct call_table *t, int nr)
{
        if (t->is_named[nr] && call_table_is_passed(t->actions[nr]))
                return true;
        for (size_t i = 0; i < t->n_rows; i++)
                if (t->rows[i].nr == nr && !t->rows[i].is_deny && call_row_counts(t, &t->rows[i]))
                        return true;
        return false;
}

/* Whether some call of that number is the end of who makes it. */
static bool is_deadly(const struct call_table *t, int nr)
{
        if ((t->is_named[nr] ? t->actions[nr] : t->fallback) == SECCOMP_RET_KILL_PROCESS)
                return true;
        for (size_t i = 0; i < t->n_rows; i++)
                if (t->rows[i].nr == nr && t->rows[i].action == SECCOMP_RET_KILL_PROCESS &&
                    call_row_counts(t, &t->rows[i]))
                        return true;
        return false;
}

static void log_call(struct call_table *t, int nr)
{
        t->is_logged[nr] = true;
        if (t->is_named[nr] && t->actions[nr] == SECCOMP_RET_ALLOW)
                t->actions[nr] = SECCOMP_RET_LOG;
}

/* log and fake never loosen: they are about what is allowed anyway. */
static int apply_to_allowed(struct call_table *t, const struct call_line *line, const int *numbers,
                            size_t n, struct err *e)
{
        size_t used = 0;

        for (size_t i = 0; i < n; i++) {
                if (line->mode == CALL_FAKE) {
                        t->is_fake[numbers[i]] = true;
                        t->has_fakes = true;
                } else if (is_allowed(t, numbers[i])) {
                        log_call(t, numbers[i]);
                        used++;
                }
        }
        if (line->mode == CALL_LOG && n > 0 && used == 0)
                return err_set(e, EINVAL, "'%s' is in 'log', but is not allowed", line->word);
        return 0;
}

static int add_line(struct call_table *t, const struct call_line *line, struct err *e)
{
        if (arena_grow(t->arena, &t->lines, t->n_lines, sizeof(*t->lines), CALL_TABLE_MAX_LINES,
                       "words in [syscalls]", e) < 0)
                return -e->code;
        t->lines[t->n_lines++] = *line;
        return 0;
}

static int apply_word(struct call_table *t, const struct call_words *words,
                      const struct call_line *line, struct err *e)
{
        struct call_word word;
        const int *numbers = NULL;
        size_t n = 0;

        if (call_word_parse(line->word, &word, e) < 0 ||
            words->find(words->user, &word, &numbers, &n, e) < 0)
                return -e->code;
        if (line->mode != CALL_DENY && word.refuse)
                return err_set(e, EINVAL, "'%s': an answer belongs to 'deny'", line->word);
        if (line->mode == CALL_LOG || line->mode == CALL_FAKE) {
                if (word.n_conds > 0)
                        return err_set(e, EINVAL, "'%s': not with arguments", line->word);
                return apply_to_allowed(t, line, numbers, n, e);
        }
        if (word.n_conds == 0 && add_line(t, line, e) < 0)
                return -e->code;
        for (size_t i = 0; i < n; i++) {
                uint32_t action = SECCOMP_RET_ALLOW;

                if (line->mode == CALL_DENY)
                        action = refusal(word.refuse ? word.refuse : words->answers[numbers[i]]);
                if (line->only_tightens && is_deadly(t, numbers[i]))
                        action = SECCOMP_RET_KILL_PROCESS;
                if (word.n_conds == 0)
                        name_call(t, numbers[i], action, t->n_lines - 1);
                else if (add_row(t, numbers[i], action, &word, line, e) < 0)
                        return -e->code;
        }
        return 0;
}

int call_table_apply(struct call_table *t, const struct call_words *words,
                     const struct call_line *line, struct err *e)
{
        int r = line->mode == CALL_DEFAULT ? set_default(t, line, e)
                                           : apply_word(t, words, line, e);

        return r < 0 ? err_prefix(e, "%s", line->origin) : 0;
}

int call_table_allow(struct call_table *t, const struct call_words *words, const char *group,
                     const char *origin, struct err *e)
{
        const struct call_line line = { CALL_ALLOW, group, origin, false };

        if (call_table_next_layer(t, e) < 0)
                return -e->code;
        return call_table_apply(t, words, &line, e);
}

void call_table_fake(struct call_table *t)
{
        t->fakes = true;
        for (int nr = 0; nr < CALL_TABLE_MAX; nr++)
                if (t->is_fake[nr] && t->is_named[nr] && call_table_is_passed(t->actions[nr]))
                        t->actions[nr] = SECCOMP_RET_ERRNO;
}

void call_table_finish(struct call_table *t)
{
        for (int nr = 0; nr < CALL_TABLE_MAX; nr++)
                if (!t->is_named[nr])
                        t->actions[nr] = t->fallback;
}
