#include "learn-inner.h"

#include "lines.h"
#include "mem.h"
#include "str.h"
#include "word.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What was learnt, as the text of a policy.  The same input makes the same text. */

struct key_text {
        const char *section;
        const char *key;
};

static const struct key_text keys[] = {
        [LEARN_READABLE] = { "files", "readable" },
        [LEARN_WRITABLE] = { "files", "writable" },
        [LEARN_HIDDEN] = { "files", "hidden" },
        [LEARN_PROTECTED] = { "files", "protected" },
        [LEARN_ALLOW] = { "network", "allow" },
        [LEARN_DENY] = { "network", "deny" },
        [LEARN_HOST_PORT] = { "network", "host-port" },
        [LEARN_DENY_CALLS] = { "syscalls", "deny" },
};
static_assert(sizeof(keys) / sizeof(keys[0]) == LEARN_KEY_COUNT, "a key for every kind of line");

const char *learn_section_name(enum learn_key key)
{
        return keys[key].section;
}

const char *learn_key_name(enum learn_key key)
{
        return keys[key].key;
}

const char *learn_quote(struct learn *l, const struct learn_context *c,
                        const struct learn_line *line, struct err *e)
{
        const char *text = line->value;
        char quoted[2 * OBSERVE_MAX_NAME + 8];
        char word[OBSERVE_MAX_NAME + 2];

        if (line->value[0] == '/')
                text = learn_short(l, c, line->value, e);
        if (!text || strlen(text) > OBSERVE_MAX_NAME)
                return NULL;
        snprintf(word, sizeof(word), "%s%s", line->if_exists ? "-" : "", text);
        if (!word_quote_line(quoted, sizeof(quoted), word))
                return NULL;
        return arena_copy(&l->arena, quoted, e);
}

static void put_notes(FILE *out, const char *title, const char *const *notes, size_t n)
{
        if (n == 0)
                return;
        fprintf(out, "\n# %s\n", title);
        for (size_t i = 0; i < n; i++)
                fprintf(out, "#   %s\n", notes[i]);
}

static const char secrets_title[] =
        "Secrets, left out: the command asked for them, and this policy does not show them.";
static const char refused_title[] =
        "Not granted: what was refused while the command was being watched, and what no policy "
        "that\n# is learnt gives.";

static void put_head(FILE *out, struct learn *l, const struct learn_context *c)
{
        struct err unused = { 0 };
        const char *command = learn_safe(l, c->command, &unused);

        fputs("# Learnt from one run: what that command needed beyond the policy that this extends.\n"
              "# Read it before you use it: the command chose what it asked for.  Each line has "
              "its\n# reason above it; a line that you remove is refused the next time, and "
              "`kelp run\n# --explain` names it.\n",
              out);
        fprintf(out, "#   %s\n", command ? command : "");
        if (c->options[0])
                fprintf(out, "# It was run with %s: give that again.\n", c->options);
        fprintf(out, "\n[policy]\ndescription = learnt from one run\nextends = %s\n", c->base_name);
}

static int put_line(FILE *out, struct learn *l, const struct learn_context *c,
                    const struct learn_line *line, struct err *e)
{
        const char *value = learn_quote(l, c, line, e);

        if (e->code != 0)
                return -e->code;
        if (!value)
                return fputs(LEARN_NO_VALUE, out) < 0 ? -EIO : 0;
        fprintf(out, "# %s\n%s = %s\n", line->reason, keys[line->key].key, value);
        return 0;
}

static int put_lines(FILE *out, struct learn *l, const struct learn_context *c, struct err *e)
{
        const char *section = "";

        for (size_t i = 0; i < l->n_lines; i++) {
                const struct learn_line *line = &l->lines[i];

                if (!str_eq(section, keys[line->key].section)) {
                        section = keys[line->key].section;
                        fprintf(out, "\n[%s]\n", section);
                        if (str_eq(section, "network"))
                                fputs("# no other host can be reached\nmode = filtered\n", out);
                }
                if (put_line(out, l, c, line, e) < 0)
                        return -e->code;
        }
        return 0;
}

const char *learn_print(struct learn *l, const struct learn_context *c, struct err *e)
{
        autofree char *text = NULL;
        size_t size = 0;
        FILE *out = open_memstream(&text, &size);

        if (!out) {
                err_sys(e, "no memory for the policy");
                return NULL;
        }
        put_head(out, l, c);
        int r = put_lines(out, l, c, e);
        put_notes(out, secrets_title, l->secrets, l->n_secrets);
        put_notes(out, refused_title, l->refused, l->n_refused);
        if (fclose(out) != 0 || r < 0) {
                if (e->code == 0)
                        err_set(e, ENOMEM, "no memory for the policy");
                return NULL;
        }
        if (size > LINES_MAX_TEXT) {
                err_set(e, EFBIG, "the policy would be larger than %zu bytes", LINES_MAX_TEXT);
                return NULL;
        }
        return arena_copy(&l->arena, text, e);
}
