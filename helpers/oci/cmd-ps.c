#include "commands.h"

#include "container.h"
#include "fd.h"
#include "format.h"
#include "io.h"
#include "mem.h"
#include "members.h"
#include "parse.h"
#include "proc.h"
#include "str.h"
#include "words.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ps of the host, of all processes; those of the container are picked from what it prints. */

#define PS_MAX_OUTPUT ((size_t)64 << 20)

static int compare(const void *a, const void *b)
{
        pid_t one = *(const pid_t *)a;
        pid_t other = *(const pid_t *)b;

        return (one > other) - (one < other);
}

static void print_json(const pid_t *pids, size_t n)
{
        putchar('[');
        for (size_t i = 0; i < n; i++)
                printf("%s%d", i ? "," : "", (int)pids[i]);
        puts("]");
}

static int start_ps(char **args, size_t n_args, int out, struct child *ret, struct err *e)
{
        static const char *const places[] = { "/bin/ps", "/usr/bin/ps" };
        static const char *const usual[] = { "ps", "-ef", NULL };
        autofree const char **argv = mem_alloc((n_args + 2) * sizeof(*argv), e);
        struct proc_spec spec = {
                .path = access(places[0], X_OK) == 0 ? places[0] : places[1],
                .argv = usual,
                .stdin_fd = -1,
                .stdout_fd = out,
                .stderr_fd = -1,
        };

        if (!argv)
                return -e->code;
        if (n_args > 0) {
                argv[0] = "ps";
                for (size_t i = 0; i < n_args; i++)
                        argv[i + 1] = args[i];
                spec.argv = argv;
        }
        if (proc_start(&spec, ret, e) < 0)
                return err_hint(e, "kelp-oci ps --format json ID needs no ps");
        return 0;
}

/* The field number `index` of a line of columns; its length in *ret_len. */
static const char *find_field(const char *line, size_t index, size_t *ret_len)
{
        for (;;) {
                line += strspn(line, " ");
                *ret_len = strcspn(line, " ");
                if (index-- == 0 || *ret_len == 0)
                        return line;
                line += *ret_len;
        }
}

/* Which column is called PID; SIZE_MAX: none. */
static size_t find_column(const char *head)
{
        size_t len;

        for (size_t i = 0;; i++) {
                const char *field = find_field(head, i, &len);

                if (len == 0)
                        return SIZE_MAX;
                if (len == 3 && memcmp(field, "PID", 3) == 0)
                        return i;
        }
}

static bool is_listed(const char *line, size_t column, const pid_t *pids, size_t n)
{
        struct err unused = { 0 };
        char text[16];
        uint64_t pid;
        size_t len;
        const char *field = find_field(line, column, &len);

        snprintf(text, sizeof(text), "%.*s", (int)len, field);
        if (parse_number(text, 1, INT32_MAX, &pid, &unused) < 0)
                return false;
        pid_t wanted = (pid_t)pid;
        return bsearch(&wanted, pids, n, sizeof(*pids), compare) != NULL;
}

static int print_picked(char *text, const pid_t *pids, size_t n, struct err *e)
{
        char *head = str_next_field(&text, '\n');
        size_t column = find_column(head);

        if (column == SIZE_MAX) {
                err_set(e, EINVAL, "what ps prints has no column PID");
                return err_hint(e, "other arguments for ps, or --format json");
        }
        puts(head);
        for (char *line; (line = str_next_field(&text, '\n'));) {
                if (is_listed(line, column, pids, n))
                        puts(line);
        }
        return 0;
}

static int print_table(const pid_t *pids, size_t n, char **args, size_t n_args, struct err *e)
{
        autochild ps = CHILD_NONE;
        autofree char *text = NULL;
        autofd from = -1;
        autofd to = -1;
        int status;

        if (fd_pipe(&from, &to, e) < 0 || start_ps(args, n_args, to, &ps, e) < 0)
                return -e->code;
        fd_close(&to);
        if (io_read_all(from, PS_MAX_OUTPUT, "ps", &text, NULL, e) < 0 ||
            proc_wait(&ps, &status, e) < 0)
                return -e->code;
        if (status != 0)
                return err_set(e, ECANCELED, "ps failed with status %d", proc_exit_code(status));
        return print_picked(text, pids, n, e);
}

int cmd_ps(const struct globals *g, int argc, char **argv, struct err *e)
{
        const char *format = NULL;
        const struct words_option options[] = {
                { .name = "format", .letter = 'f', .value = &format },
        };
        const struct words w = {
                .command = argv[0],
                .options = options,
                .n_options = 1,
                .stops = true,
        };
        autocontainer c = CONTAINER_NONE;
        autofree pid_t *pids = NULL;
        bool is_json;
        autofd root = -1;
        char **operands;
        size_t n_pids;
        size_t n;

        if (words_parse(&w, argc, argv, &operands, &n, e) < 0 ||
            words_count(&w, "ID [ARG...]", operands, n, e) < 0 ||
            format_parse(argv[0], format, &is_json, e) < 0 ||
            container_open_root(g->root, &root, e) < 0 ||
            container_open(root, operands[0], &c, e) < 0 || members_list(&c, &pids, &n_pids, e) < 0)
                return -e->code;
        if (n_pids > 0)
                qsort(pids, n_pids, sizeof(*pids), compare);
        if (is_json)
                print_json(pids, n_pids);
        else if (print_table(pids, n_pids, operands + 1, n - 1, e) < 0)
                return -e->code;
        return fflush(stdout) == 0 ? 0 : err_sys(e, "cannot print the processes of '%s'", c.id);
}
