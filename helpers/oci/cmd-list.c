#include "commands.h"

#include "container-ids.h"
#include "container.h"
#include "fd.h"
#include "format.h"
#include "mem.h"
#include "report.h"
#include "str.h"
#include "words.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The name of a user by /etc/passwd alone, which needs no services; else the number. */
static void print_owner(const struct container *c, char *ret, size_t size)
{
        char text[1024];
        struct passwd entry;
        struct passwd *found;
        struct stat st;

        if (fstat(c->dir, &st) < 0) {
                snprintf(ret, size, "?");
                return;
        }
        snprintf(ret, size, "%u", (unsigned)st.st_uid);
        FILE *file = fopen("/etc/passwd", "re");
        if (!file)
                return;
        while (fgetpwent_r(file, &entry, text, sizeof(text), &found) == 0) {
                if (entry.pw_uid != st.st_uid)
                        continue;
                snprintf(ret, size, "%s", entry.pw_name);
                break;
        }
        fclose(file);
}

static int add_json(json_t *list, const struct container *c, enum container_status status,
                    struct err *e)
{
        autofree char *text = NULL;
        char owner[64];

        if (container_print_state(c, status, &text, e) < 0)
                return -e->code;
        json_t *row = json_loads(text, 0, NULL);
        print_owner(c, owner, sizeof(owner));
        json_object_set_new(row, "owner", json_string(owner));
        if (json_array_append_new(list, row) < 0)
                return err_set(e, ENOMEM, "cannot list container '%s'", c->id);
        return 0;
}

static void print_row(const struct container *c, enum container_status status)
{
        char bundle[1024];
        char owner[64];

        print_owner(c, owner, sizeof(owner));
        str_escape(bundle, sizeof(bundle), c->bundle ? c->bundle : "-",
                   c->bundle ? strlen(c->bundle) : 1);
        printf("%-24s %-10d %-10s %-40s %-28s %s\n", c->id,
               status == CONTAINER_STOPPED ? 0 : (int)c->pid, container_status_name(status), bundle,
               c->created[0] ? c->created : "-", owner);
}

/* One that has gone meanwhile is left out; one that is damaged is said, and listed as stopped. */
static int list_one(int root, const char *id, json_t *list, struct err *e)
{
        autocontainer c = CONTAINER_NONE;
        enum container_status status;
        struct err why = { 0 };

        int r = container_open(root, id, &c, &why);
        if (r == -EBADMSG) {
                report_warning("%s", why.text);
        } else if (r < 0) {
                if (r != -ENOENT && r != -ENOTDIR)
                        report_warning("%.*s", err_message_len(&why), why.text);
                return 0;
        }
        if (container_get_status(&c, &status, e) < 0)
                return -e->code;
        if (list)
                return add_json(list, &c, status, e);
        print_row(&c, status);
        return 0;
}

static int print_list(int root, const struct container_ids *ids, bool is_json, struct err *e)
{
        json_t *list = is_json ? json_array() : NULL;
        int r = 0;

        if (!list)
                printf("%-24s %-10s %-10s %-40s %-28s %s\n", "ID", "PID", "STATUS", "BUNDLE",
                       "CREATED", "OWNER");
        for (size_t i = 0; i < ids->n && r == 0; i++)
                r = list_one(root, ids->items[i], list, e);
        if (list && r == 0) {
                json_dumpf(list, stdout, JSON_COMPACT);
                putchar('\n');
        }
        json_decref(list);
        return r;
}

int cmd_list(const struct globals *g, int argc, char **argv, struct err *e)
{
        const char *format = NULL;
        bool is_quiet = false;
        bool is_json;
        const struct words_option options[] = {
                { .name = "format", .letter = 'f', .value = &format },
                { .name = "quiet", .letter = 'q', .flag = &is_quiet },
        };
        const struct words w = { .command = argv[0], .options = options, .n_options = 2 };
        autoids ids = { NULL };
        autofd root = -1;
        char **operands;
        size_t n;

        if (words_parse(&w, argc, argv, &operands, &n, e) < 0 ||
            words_count(&w, "", operands, n, e) < 0 ||
            format_parse(argv[0], format, &is_json, e) < 0 ||
            container_open_root(g->root, &root, e) < 0 ||
            container_ids_find(root, NULL, &ids, e) < 0)
                return -e->code;
        if (is_quiet) {
                for (size_t i = 0; i < ids.n; i++)
                        puts(ids.items[i]);
        } else if (print_list(root, &ids, is_json, e) < 0) {
                return -e->code;
        }
        if (fflush(stdout) != 0)
                return err_sys(e, "cannot print the containers");
        return 0;
}
