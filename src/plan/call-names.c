#include "call-names.h"

#include "str.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAX_KNOWN 2000

static int unknown_word(const struct call_word *word, struct err *e)
{
        bool is_group = word->name[0] == '@';
        const char *known[MAX_KNOWN + 1];
        size_t n = 0;

        for (size_t i = 0; !is_group && i < call_n_names && n < MAX_KNOWN; i++)
                known[n++] = call_names[i].name;
        for (size_t i = 0; is_group && i < call_n_groups && n < MAX_KNOWN; i++)
                known[n++] = call_groups[i].name;
        known[n] = NULL;
        const char *near = str_nearest(word->name, known);
        err_set(e, ENOENT, "unknown %s '%s'", is_group ? "group of system calls" : "system call",
                word->name);
        return near ? err_hint(e, "did you mean '%s'", near) : -e->code;
}

static int compare(const void *key, const void *item)
{
        return strcmp(key, ((const struct call_name *)item)->name);
}

bool call_names_group(const char *name, const int **ret_numbers, size_t *ret_n)
{
        for (size_t i = 0; i < call_n_groups; i++) {
                if (!str_eq(call_groups[i].name, name))
                        continue;
                *ret_numbers = call_group_members + call_groups[i].first;
                *ret_n = call_groups[i].n;
                return true;
        }
        return false;
}

int call_names_find(void *user, const struct call_word *word, const int **ret_numbers,
                    size_t *ret_n, struct err *e)
{
        if (word->number >= 0) {
                int *number = user;

                *number = word->number;
                *ret_numbers = number;
                *ret_n = 1;
                return 0;
        }
        if (word->name[0] == '@' && call_names_group(word->name, ret_numbers, ret_n))
                return 0;
        const struct call_name *found =
                bsearch(word->name, call_names, call_n_names, sizeof(*call_names), compare);
        if (!found)
                return unknown_word(word, e);
        *ret_numbers = &found->number;
        *ret_n = found->number >= 0;
        return 0;
}

int call_names_check(const struct call_word *word, struct err *e)
{
        const int *numbers;
        size_t n;
        int number;

        return call_names_find(&number, word, &numbers, &n, e);
}

const char *call_names_of(int number)
{
        for (size_t i = 0; i < call_n_names; i++)
                if (call_names[i].number == number && number >= 0)
                        return call_names[i].name;
        return NULL;
}

void call_names_machine(struct call_machine *ret)
{
        ret->arch = call_arch;
        ret->is_hot = call_is_hot;
        ret->rule_numbers = call_rule_numbers;
}
