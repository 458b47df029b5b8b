#include "box-print.h"

#include "parse.h"
#include "str.h"

#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

struct unit {
        const char *name;
        int64_t seconds;
};

void box_print_span(int64_t seconds, char text[BOX_PRINT_MAX])
{
        static const struct unit units[] = {
                { "day", 86400 }, { "hour", 3600 }, { "minute", 60 }, { "second", 1 }
        };
        size_t i = 0;

        if (seconds < 1)
                seconds = 1;
        /* 90 minutes say more than an hour */
        while (i < 3 && seconds < 2 * units[i].seconds)
                i++;
        int64_t n = seconds / units[i].seconds;
        snprintf(text, BOX_PRINT_MAX, "%" PRId64 " %s%s", n, units[i].name, n == 1 ? "" : "s");
}

void box_print_state(const struct box_status *s, int64_t now_s, char text[BOX_PRINT_MAX])
{
        char span[BOX_PRINT_MAX];

        box_print_span(now_s - (s->phase == BOX_EXITED ? s->ended_s : s->created_s), span);
        if (s->phase == BOX_STARTING)
                snprintf(text, BOX_PRINT_MAX, "Starting");
        else if (s->phase == BOX_RUNNING)
                snprintf(text, BOX_PRINT_MAX, "Up %.40s", span);
        else if (str_eq(s->reason, "lost"))
                snprintf(text, BOX_PRINT_MAX, "Lost %.40s ago", span);
        else if (str_eq(s->reason, "exit") || str_eq(s->reason, "signal"))
                snprintf(text, BOX_PRINT_MAX, "Exited (%d) %.30s ago", s->exit_code, span);
        else
                snprintf(text, BOX_PRINT_MAX, "Exited (%d, %.15s) %.20s ago", s->exit_code,
                         s->reason, span);
}

/* The texts of a status were escaped for a terminal when they were written. */
void box_print_string(FILE *out, const char *text)
{
        fputc('"', out);
        for (const char *at = text; *at; at++)
                fprintf(out, *at == '"' || *at == '\\' ? "\\%c" : "%c", *at);
        fputc('"', out);
}

static void put_name(FILE *out, const char *name, const char *separator)
{
        fprintf(out, "%s\"%s\": ", separator, name);
}

static void put_text(FILE *out, const char *name, const char *text, const char *separator)
{
        put_name(out, name, separator);
        if (text[0])
                box_print_string(out, text);
        else
                fputs("null", out);
}

static void put_number(FILE *out, const char *name, bool is_known, int64_t value,
                       const char *separator)
{
        put_name(out, name, separator);
        if (is_known)
                fprintf(out, "%" PRId64, value);
        else
                fputs("null", out);
}

static void put_bool(FILE *out, const char *name, bool value, const char *separator)
{
        put_name(out, name, separator);
        fputs(value ? "true" : "false", out);
}

static void put_time(FILE *out, const char *name, int64_t seconds, const char *separator)
{
        char text[40] = "";
        time_t when = (time_t)seconds;
        struct tm tm;

        if (seconds > 0 && gmtime_r(&when, &tm))
                strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
        put_text(out, name, text, separator);
}

void box_print_json(FILE *out, const struct box_status *s, const char *separator)
{
        bool has_ended = s->phase == BOX_EXITED;
        const char *signal = s->signal > 0 ? parse_signal_name(s->signal) : NULL;

        put_text(out, "id", s->id, "");
        put_text(out, "name", s->name, separator);
        put_text(out, "kind", "sandbox", separator);
        put_text(out, "state", box_phase_name(s->phase), separator);
        put_text(out, "command", s->command, separator);
        put_text(out, "image", s->image, separator);
        put_text(out, "policy", s->policy, separator);
        put_time(out, "created", s->created_s, separator);
        put_time(out, "ended", s->ended_s, separator);
        put_number(out, "exit_code", has_ended && s->exit_code >= 0, s->exit_code, separator);
        put_text(out, "signal", signal ? signal : "", separator);
        put_text(out, "reason", s->reason, separator);
        put_bool(out, "detached", s->is_detached, separator);
        put_bool(out, "tty", s->has_tty, separator);
        put_bool(out, "rm", s->is_transient, separator);
        put_number(out, "pid", !has_ended, s->init, separator);
        put_number(out, "supervisor_pid", !has_ended, s->supervisor, separator);
}

/* What nobody has escaped yet. */
static void put_raw(FILE *out, const char *text)
{
        char safe[4 * PATH_MAX];

        box_print_string(out, str_escape(safe, sizeof(safe), text, strlen(text)));
}

const char *box_print_review_state(const struct review *r)
{
        if (r->lock < 0)
                return "running";
        return r->is_damaged ? "damaged" : "waiting";
}

void box_print_review(FILE *out, const struct review *r, const char *separator)
{
        put_text(out, "id", r->id, "");
        put_text(out, "kind", "review", separator);
        put_name(out, "name", separator);
        if (r->name[0])
                put_raw(out, r->name);
        else
                fputs("null", out);
        put_text(out, "state", box_print_review_state(r), separator);
        put_name(out, "command", separator);
        put_raw(out, r->command);
        put_time(out, "created", r->start_ns / 1000000000, separator);
        put_name(out, "directories", separator);
        for (size_t i = 0; i < r->n_places; i++) {
                fputs(i ? ", " : "[", out);
                put_raw(out, r->places[i].path);
        }
        fputs(r->n_places ? "]" : "[]", out);
}

static void put_limit(FILE *out, const char *name, const struct box_limit *limit,
                      const char *separator)
{
        put_name(out, name, separator);
        if (limit->amount == 0) {
                fputs("null", out);
                return;
        }
        fprintf(out, "{ \"limit\": %" PRIu64 ", \"by\": ", limit->amount);
        box_print_string(out, limit->by);
        fputs(" }", out);
}

void box_print_limits(FILE *out, const struct box_status *s)
{
        put_limit(out, "memory", &s->memory, "{ ");
        put_limit(out, "milli_cpus", &s->cpus, ", ");
        put_limit(out, "processes", &s->processes, ", ");
        fputs(" }", out);
}

void box_print_path(FILE *out, const char *root, const char *id)
{
        char path[PATH_MAX + BOX_ID_SIZE + 8];

        snprintf(path, sizeof(path), "%s/%s", root, id);
        put_raw(out, path);
}
