#include "box-status.h"

#include "parse.h"
#include "str.h"
#include "word.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char *const phase_names[] = {
        [BOX_STARTING] = "starting",
        [BOX_RUNNING] = "running",
        [BOX_EXITED] = "exited",
};
static_assert(sizeof(phase_names) / sizeof(phase_names[0]) == BOX_PHASE_COUNT,
              "a name for every phase");

/* The longest that a number takes: a sign and 19 digits, with room. */
#define MAX_NUMBER 24

enum field_kind {
        FIELD_TEXT,
        FIELD_PHASE,
        FIELD_BOOL,
        FIELD_INT,
        FIELD_INT64,
        FIELD_UINT64,
};

struct field {
        const char *key;
        enum field_kind kind;
        size_t offset;
        size_t size;
};

#define FIELD(key_, kind_, member_)                                                                \
        {                                                                                          \
                (key_), (kind_), offsetof(struct box_status, member_),                             \
                        sizeof(((struct box_status *)0)->member_)                                  \
        }

static const struct field fields[] = {
        FIELD("id", FIELD_TEXT, id),
        FIELD("name", FIELD_TEXT, name),
        FIELD("phase", FIELD_PHASE, phase),
        FIELD("supervisor", FIELD_INT, supervisor),
        FIELD("supervisor-start", FIELD_UINT64, supervisor_start),
        FIELD("init", FIELD_INT, init),
        FIELD("init-start", FIELD_UINT64, init_start),
        FIELD("created", FIELD_INT64, created_s),
        FIELD("ended", FIELD_INT64, ended_s),
        FIELD("exit-code", FIELD_INT, exit_code),
        FIELD("signal", FIELD_INT, signal),
        FIELD("reason", FIELD_TEXT, reason),
        FIELD("detached", FIELD_BOOL, is_detached),
        FIELD("tty", FIELD_BOOL, has_tty),
        FIELD("transient", FIELD_BOOL, is_transient),
        FIELD("command", FIELD_TEXT, command),
        FIELD("policy", FIELD_TEXT, policy),
        FIELD("image", FIELD_TEXT, image),
        FIELD("memory", FIELD_UINT64, memory.amount),
        FIELD("memory-by", FIELD_TEXT, memory.by),
        FIELD("cpus", FIELD_UINT64, cpus.amount),
        FIELD("cpus-by", FIELD_TEXT, cpus.by),
        FIELD("processes", FIELD_UINT64, processes.amount),
        FIELD("processes-by", FIELD_TEXT, processes.by),
};

#define N_FIELDS (sizeof(fields) / sizeof(fields[0]))

static_assert(sizeof(pid_t) == sizeof(int), "pids are read as ints");
static_assert(sizeof(struct box_status) + N_FIELDS * (MAX_NUMBER + 20) < BOX_STATUS_SIZE,
              "every text of a status fits");

const char *box_phase_name(enum box_phase phase)
{
        return (unsigned)phase < BOX_PHASE_COUNT ? phase_names[phase] : "unknown";
}

bool box_is_id(const char *text)
{
        return strlen(text) == BOX_ID_SIZE - 1 && strspn(text, STR_HEX_LOWER) == BOX_ID_SIZE - 1;
}

void box_status_set_text(char *field, size_t size, const char *text)
{
        str_escape(field, size, text, strlen(text));
}

void box_status_set_command(struct box_status *s, const char *const *argv)
{
        word_quote_command(s->command, sizeof(s->command), argv);
}

static int print_field(const struct box_status *s, const struct field *f, char *text, size_t size)
{
        const char *at = (const char *)s + f->offset;

        switch (f->kind) {
        case FIELD_TEXT:
                return snprintf(text, size, "%s %s\n", f->key, at);
        case FIELD_PHASE:
                return snprintf(text, size, "%s %s\n", f->key, box_phase_name(s->phase));
        case FIELD_BOOL:
                return snprintf(text, size, "%s %d\n", f->key, *(const bool *)at);
        case FIELD_INT:
                return snprintf(text, size, "%s %d\n", f->key, *(const int *)(const void *)at);
        case FIELD_INT64:
                return snprintf(text, size, "%s %lld\n", f->key,
                                (long long)*(const int64_t *)(const void *)at);
        case FIELD_UINT64:
                return snprintf(text, size, "%s %llu\n", f->key,
                                (unsigned long long)*(const uint64_t *)(const void *)at);
        }
        return 0;
}

size_t box_status_print(const struct box_status *s, char text[BOX_STATUS_SIZE])
{
        size_t used = 0;

        for (size_t i = 0; i < N_FIELDS; i++) {
                int n = print_field(s, &fields[i], text + used, BOX_STATUS_SIZE - used);

                if (n > 0)
                        used += (size_t)n;
        }
        return used;
}

/* -1 is "not known" where a number may be it; every other one is a plain number. */
static bool read_number(const char *text, uint64_t max, uint64_t *ret)
{
        struct err unused = { 0 };

        return parse_number(text, 0, max, ret, &unused) == 0;
}

static bool read_int(const char *text, int *ret)
{
        uint64_t value = 1;
        bool is_negative = text[0] == '-';

        if (!read_number(text + is_negative, is_negative ? 1 : INT32_MAX, &value))
                return false;
        *ret = is_negative ? -(int)value : (int)value;
        return true;
}

static bool read_phase(const char *text, enum box_phase *ret)
{
        for (unsigned i = 0; i < BOX_PHASE_COUNT; i++) {
                if (str_eq(text, phase_names[i])) {
                        *ret = (enum box_phase)i;
                        return true;
                }
        }
        return false;
}

static bool read_text(const char *text, char *field, size_t size)
{
        size_t len = strlen(text);

        if (len >= size)
                return false;
        /* it was written so; whoever wrote something else is not believed */
        str_escape(field, size, text, len);
        return str_eq(field, text);
}

static bool read_field(const struct field *f, const char *text, struct box_status *s)
{
        char *at = (char *)s + f->offset;
        uint64_t value = 0;
        bool is_read = false;

        switch (f->kind) {
        case FIELD_TEXT:
                return read_text(text, at, f->size);
        case FIELD_PHASE:
                return read_phase(text, &s->phase);
        case FIELD_INT:
                return read_int(text, (int *)(void *)at);
        case FIELD_BOOL:
                is_read = read_number(text, 1, &value);
                *(bool *)at = value == 1;
                return is_read;
        case FIELD_INT64:
                is_read = read_number(text, INT64_MAX, &value);
                *(int64_t *)(void *)at = (int64_t)value;
                return is_read;
        case FIELD_UINT64:
                is_read = read_number(text, UINT64_MAX, &value);
                *(uint64_t *)(void *)at = value;
                return is_read;
        }
        return false;
}

int box_status_parse(char *text, struct box_status *ret, struct err *e)
{
        struct box_status s = { 0 };
        char *line;

        while ((line = str_next_field(&text, '\n'))) {
                char *value = strchr(line, ' ');

                if (!*line)
                        continue;
                if (!value)
                        return err_set(e, EBADMSG, "a line of the status has no value");
                *value++ = '\0';
                for (size_t i = 0; i < N_FIELDS; i++) {
                        if (str_eq(fields[i].key, line) && !read_field(&fields[i], value, &s))
                                return err_set(e, EBADMSG, "'%s' cannot be '%s'", line, value);
                }
        }
        if (!box_is_id(s.id))
                return err_set(e, EBADMSG, "the status has no id");
        *ret = s;
        return 0;
}
