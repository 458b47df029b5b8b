#include "policy.h"

#include "path.h"
#include "str.h"

#include <string.h>

/* Which words of policies are still in force when the plan is whole. */

static bool takes_place(const struct plan_rule *old, const struct plan_rule *now)
{
        if (old->kind == PLAN_RULE_PROTECTED || now->kind == PLAN_RULE_PROTECTED)
                return false;
        if (str_eq(old->box_path, now->box_path))
                return true;
        return now->kind == PLAN_RULE_HIDDEN && path_is_in(old->box_path, now->box_path);
}

/* The origin of what came in the place of rule `i`, or NULL. */
static const char *find_later_rule(const struct plan_files *files, size_t i)
{
        for (size_t j = i + 1; j < files->n_rules; j++) {
                if (takes_place(&files->rules[i], &files->rules[j]))
                        return files->rules[j].origin;
        }
        return NULL;
}

static const char *find_later_rules(const struct plan_files *files, const struct policy_word *word)
{
        const char *origin = NULL;

        for (size_t i = 0; i < word->n_rules; i++) {
                origin = find_later_rule(files, word->first_rule + i);
                if (!origin)
                        return NULL;
        }
        return origin;
}

static bool is_same_variable(const char *a, const char *b)
{
        size_t len = strcspn(a, "=");

        return strncmp(a, b, len) == 0 && b[len] == '=';
}

static bool is_same_setting(const struct policy_word *a, const struct policy_word *b)
{
        if (!str_eq(a->key, b->key) || !str_eq(a->section, b->section))
                return false;
        return a->is_single || (str_eq(a->section, "environment") && str_eq(a->key, "set") &&
                                is_same_variable(a->value, b->value));
}

static const char *find_later_word(const struct policy_words *words, size_t i)
{
        for (size_t j = i + 1; j < words->n; j++) {
                if (is_same_setting(&words->items[i], &words->items[j]))
                        return words->items[j].origin;
        }
        return NULL;
}

void policy_mark_overridden(const struct plan *p, struct policy_words *words)
{
        for (size_t i = 0; i < words->n; i++) {
                struct policy_word *word = &words->items[i];

                if (!word->is_skipped)
                        word->overridden = find_later_word(words, i);
                if (!word->overridden)
                        word->overridden = find_later_rules(&p->files, word);
        }
}
