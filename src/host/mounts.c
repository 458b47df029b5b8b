#include "mounts.h"

#include "mem.h"
#include "path.h"
#include "str.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* mountinfo writes space, tab, newline and backslash as \ and three octal digits. */
static void unescape(char *text)
{
        char *to = text;

        for (const char *from = text; *from; from++) {
                bool is_escape = from[0] == '\\' && from[1] >= '0' && from[1] <= '3' &&
                                 from[2] >= '0' && from[2] <= '7' && from[3] >= '0' &&
                                 from[3] <= '7';

                if (is_escape) {
                        *to++ = (char)((from[1] - '0') << 6 | (from[2] - '0') << 3 |
                                       (from[3] - '0'));
                        from += 3;
                } else {
                        *to++ = *from;
                }
        }
        *to = '\0';
}

static bool parse_line(char *line, struct host_mount *ret)
{
        char *at = line;
        const char *id = str_next_field(&at, ' ');
        const char *parent = str_next_field(&at, ' ');
        const char *device = str_next_field(&at, ' ');
        const char *root = str_next_field(&at, ' ');
        char *point = str_next_field(&at, ' ');
        const char *options = str_next_field(&at, ' ');

        /* any number of optional fields, and a hyphen */
        for (const char *field = ""; field && !str_eq(field, "-");)
                field = str_next_field(&at, ' ');
        const char *type = str_next_field(&at, ' ');

        if (!device || !options || !type)
                return false;
        unescape(point);
        *ret = (struct host_mount){
                .id = (unsigned)strtoul(id, NULL, 10),
                .parent = (unsigned)strtoul(parent, NULL, 10),
                .root = root,
                .point = point,
                .options = options,
                .type = type,
        };
        return true;
}

bool host_next_mount(char **at, struct host_mount *ret)
{
        for (char *line; (line = str_next_field(at, '\n'));) {
                if (parse_line(line, ret))
                        return true;
        }
        return false;
}

char *host_read_mounts(const struct host_view *v)
{
        return host_read_text(v, "proc/self/mountinfo", (size_t)16 << 20);
}

bool host_is_root_a_mount(const struct host_view *v)
{
        autofree char *text = host_read_mounts(v);
        struct host_mount mount;
        char *at = text;

        if (!text)
                return true;
        while (host_next_mount(&at, &mount)) {
                if (str_eq(mount.point, "/"))
                        return true;
        }
        return false;
}

static const char *next_mount_below(char **at, const char *path)
{
        struct host_mount mount;

        while (host_next_mount(at, &mount)) {
                if (!str_eq(mount.point, path) && path_is_in(mount.point, path))
                        return mount.point;
        }
        return NULL;
}

bool host_has_mounts_below(const struct host_view *v, const char *path)
{
        autofree char *text = host_read_mounts(v);
        char *at = text;

        return next_mount_below(&at, path) != NULL;
}

int host_find_mount_below(const char *mounts, const char *path, char **ret, struct err *e)
{
        /* it is taken apart */
        autofree char *copy = strdup(mounts);
        char *at = copy;
        const char *point = copy ? next_mount_below(&at, path) : NULL;

        *ret = point ? strdup(point) : NULL;
        if (!copy || (point && !*ret))
                return err_set(e, ENOMEM, "no memory for the mount table");
        return 0;
}

bool host_has_option(const char *options, const char *option)
{
        size_t len = strlen(option);

        for (const char *at = options; at; at = strchr(at, ',')) {
                at += *at == ',';
                if (strncmp(at, option, len) == 0 && (at[len] == ',' || at[len] == '\0'))
                        return true;
        }
        return false;
}
