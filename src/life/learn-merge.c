#include "learn-inner.h"

#include "lines.h"
#include "mem.h"
#include "path.h"
#include "str.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Adding to a policy that somebody has worked on.  Its text is copied line by line; what it lacks
 * goes to the end of the section that it belongs to, or into a new one.  Nothing is taken away and
 * nothing that is there is made tighter: what stands in the way is told.
 */

struct merge {
        struct learn *l;
        const struct learn_context *c;
        const char *text;
        const char *name;
        bool *is_there; /* by line of `l` */
        FILE *out;
        size_t n_added;
        const char *note;
        bool has_mode; /* [network] says one */
};

/* "[files]" becomes "files"; NULL: not a section. */
static const char *section_of(char *line)
{
        size_t len = strlen(line);

        if (line[0] != '[' || line[len - 1] != ']')
                return NULL;
        line[len - 1] = '\0';
        return str_trim(line + 1);
}

/* A word of the text as a clean path; NULL: it is none that can be compared. */
static const char *word_path(struct merge *m, const char *word, struct err *e)
{
        const char *home = m->c->base->files.home;

        if (word[0] == '-')
                word++;
        if (word[0] == '~' && (word[1] == '/' || word[1] == '\0') && home)
                return path_clean(&m->l->arena, home, word[1] ? word + 2 : ".", e);
        return word[0] == '/' ? path_clean(&m->l->arena, "/", word, e) : NULL;
}

static bool gives(const struct learn_line *line, enum learn_key key, const char *word,
                  const char *path)
{
        if (line->value[0] != '/')
                return line->key == key && str_eq(line->value, word);
        if (!path || !path_is_in(line->value, path))
                return false;
        return line->key == key || (line->key == LEARN_READABLE && key == LEARN_WRITABLE);
}

static int note_refusal(struct merge *m, const struct lines *at, const char *word, struct err *e)
{
        m->note = arena_print(&m->l->arena, e,
                              "%s:%zu refuses '%s', which the command used: take it out", m->name,
                              at->number, word);
        return m->note ? 0 : -e->code;
}

/* An earlier run that made none of these calls has them refused, and this one made some. */
static int look_at_denied(struct merge *m, const struct lines *at, const char *word, struct err *e)
{
        bool is_unused = !m->l->has_seen_calls;

        if (!learn_is_optional_group(word))
                return 0;
        for (size_t i = 0; i < m->l->n_lines; i++)
                is_unused = is_unused || (m->l->lines[i].key == LEARN_DENY_CALLS &&
                                          str_eq(m->l->lines[i].value, word));
        return is_unused ? 0 : note_refusal(m, at, word, e);
}

static int look_at_word(struct merge *m, const struct lines *at, enum learn_key key,
                        const char *word, struct err *e)
{
        const char *path = word_path(m, word, e);

        if (e->code != 0)
                return -e->code;
        for (size_t i = 0; i < m->l->n_lines; i++)
                m->is_there[i] = m->is_there[i] || gives(&m->l->lines[i], key, word, path);
        return key == LEARN_DENY_CALLS ? look_at_denied(m, at, word, e) : 0;
}

static int look_at_mode(struct merge *m, const struct lines *at, const char *value, struct err *e)
{
        m->has_mode = true;
        if (str_eq(value, "filtered"))
                return 0;
        for (size_t i = 0; i < m->l->n_lines; i++) {
                if (m->l->lines[i].key != LEARN_ALLOW)
                        continue;
                m->note = arena_print(&m->l->arena, e,
                                      "%s:%zu says 'mode = %s': hosts by name need 'filtered'",
                                      m->name, at->number, value);
                return m->note ? 0 : -e->code;
        }
        return 0;
}

static int look_at_line(struct merge *m, const struct lines *at, const char *section, char *line,
                        struct err *e)
{
        char *value = strchr(line, '=');
        char *word;
        int more;

        if (!value)
                return 0;
        *value++ = '\0';
        const char *name = str_trim(line);
        if (str_eq(section, "network") && str_eq(name, "mode"))
                return look_at_mode(m, at, str_trim(value), e);
        for (enum learn_key key = 0; key < LEARN_KEY_COUNT; key++) {
                if (!str_eq(section, learn_section_name(key)) || !str_eq(name, learn_key_name(key)))
                        continue;
                while ((more = lines_next_word(&value, &word, e)) > 0) {
                        if (look_at_word(m, at, key, word, e) < 0)
                                return -e->code;
                }
                return more;
        }
        return 0;
}

/* What the text has already. */
static int look_through(struct merge *m, struct err *e)
{
        autofree struct lines *at = mem_alloc(sizeof(*at), e);
        char section[LINES_MAX_LEN] = "";
        int more;

        if (!at || lines_start(at, m->text, m->name, e) < 0)
                return -e->code;
        while ((more = lines_next(at, e)) > 0) {
                char *line = str_trim(at->line);
                const char *name = section_of(line);

                if (name) {
                        snprintf(section, sizeof(section), "%s", name);
                        continue;
                }
                if (line[0] != '#' && line[0] != ';' && look_at_line(m, at, section, line, e) < 0)
                        return lines_err(at, e);
        }
        return more;
}

static int add_lines(struct merge *m, const char *section, struct err *e)
{
        bool is_network = str_eq(section, "network");

        for (size_t i = 0; i < m->l->n_lines; i++) {
                const struct learn_line *line = &m->l->lines[i];

                if (m->is_there[i] || !str_eq(learn_section_name(line->key), section))
                        continue;
                const char *value = learn_quote(m->l, m->c, line, e);
                if (e->code != 0)
                        return -e->code;
                m->is_there[i] = true;
                if (!value) {
                        fputs(LEARN_NO_VALUE, m->out);
                        continue;
                }
                if (is_network && !m->has_mode)
                        fputs("# no other host can be reached\nmode = filtered\n", m->out);
                m->has_mode = m->has_mode || is_network;
                fprintf(m->out, "# %s\n%s = %s\n", line->reason, learn_key_name(line->key), value);
                m->n_added++;
        }
        return 0;
}

/* Where the section ends: behind its last line that is neither empty nor a comment. */
static int copy_text(struct merge *m, struct err *e)
{
        char section[LINES_MAX_LEN] = "";
        const char *at = m->text;
        const char *copied = at;

        while (*at) {
                size_t len = strcspn(at, "\n");
                const char *next = at + len + (at[len] == '\n');
                autofree char *copy = strndup(at, len);

                if (!copy)
                        return err_set(e, ENOMEM, "no memory for '%s'", m->name);
                char *line = str_trim(copy);
                const char *name = section_of(line);
                if (name) {
                        if (add_lines(m, section, e) < 0)
                                return -e->code;
                        snprintf(section, sizeof(section), "%s", name);
                }
                if (name || (line[0] && line[0] != '#' && line[0] != ';')) {
                        fwrite(copied, 1, (size_t)(next - copied), m->out);
                        if (next[-1] != '\n')
                                fputc('\n', m->out);
                        copied = next;
                }
                at = next;
        }
        if (add_lines(m, section, e) < 0)
                return -e->code;
        fputs(copied, m->out);
        if (*copied && copied[strlen(copied) - 1] != '\n')
                fputc('\n', m->out);
        return 0;
}

static int add_sections(struct merge *m, struct err *e)
{
        for (size_t i = 0; i < m->l->n_lines; i++) {
                if (m->is_there[i])
                        continue;
                fprintf(m->out, "\n[%s]\n", learn_section_name(m->l->lines[i].key));
                if (add_lines(m, learn_section_name(m->l->lines[i].key), e) < 0)
                        return -e->code;
        }
        return 0;
}

static int merge_text(struct merge *m, struct err *e)
{
        if (look_through(m, e) < 0)
                return -e->code;
        /* a run that needs less is no reason to refuse what another one may need */
        for (size_t i = 0; i < m->l->n_lines; i++) {
                if (m->l->lines[i].key == LEARN_DENY_CALLS)
                        m->is_there[i] = true;
        }
        if (copy_text(m, e) < 0)
                return -e->code;
        return add_sections(m, e);
}

const char *learn_merge(struct learn *l, const struct learn_context *c, const char *name,
                        const char *text, size_t *ret_added, const char **ret_note, struct err *e)
{
        struct merge m = { .l = l, .c = c, .text = text, .name = name };
        autofree char *made = NULL;
        size_t size = 0;

        m.is_there = arena_alloc(&l->arena, (l->n_lines + 1) * sizeof(*m.is_there), e);
        m.out = m.is_there ? open_memstream(&made, &size) : NULL;
        if (!m.out) {
                err_set(e, ENOMEM, "no memory for the policy");
                return NULL;
        }
        int r = merge_text(&m, e);
        if (fclose(m.out) != 0 && r == 0)
                r = err_set(e, ENOMEM, "no memory for the policy");
        if (r < 0)
                return NULL;
        if (size > LINES_MAX_TEXT) {
                err_set(e, EFBIG, "'%s' would be larger than %zu bytes", name, LINES_MAX_TEXT);
                return NULL;
        }
        *ret_added = m.n_added;
        *ret_note = m.note;
        return arena_copy(&l->arena, made, e);
}
