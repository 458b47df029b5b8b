#include "container-ids.h"

#include "container.h"
#include "fd.h"
#include "mem.h"

#include <errno.h>
#include <fcntl.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

void container_ids_done(struct container_ids *ids)
{
        for (size_t i = 0; i < ids->n; i++)
                free(ids->items[i]);
        free(ids->items);
        *ids = (struct container_ids){ NULL };
}

static int compare(const void *a, const void *b)
{
        return strcmp(*(char *const *)a, *(char *const *)b);
}

static int add(struct container_ids *ids, const char *id, struct err *e)
{
        if (mem_grow(&ids->items, ids->n, &ids->room, sizeof(*ids->items), e) < 0)
                return -e->code;
        ids->items[ids->n] = strdup(id);
        if (!ids->items[ids->n])
                return err_sys(e, "cannot list the containers");
        ids->n++;
        return 0;
}

/* `pattern` may be NULL. */
static int read_ids(int root, const regex_t *pattern, struct container_ids *ids, struct err *e)
{
        autofd copy = openat(root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        autodir *dir = fd_take_dir(&copy);
        struct err unused = { 0 };

        if (!dir)
                return err_sys(e, "cannot list the containers");
        for (const struct dirent *entry; (errno = 0, entry = readdir(dir));) {
                if (container_check_id(entry->d_name, &unused) < 0 ||
                    (entry->d_type != DT_DIR && entry->d_type != DT_UNKNOWN))
                        continue;
                if (pattern && regexec(pattern, entry->d_name, 0, NULL, 0) != 0)
                        continue;
                if (add(ids, entry->d_name, e) < 0)
                        return -e->code;
        }
        if (errno)
                return err_sys(e, "cannot list the containers");
        if (ids->n > 0)
                qsort(ids->items, ids->n, sizeof(*ids->items), compare);
        return 0;
}

int container_ids_find(int root, const char *pattern, struct container_ids *ret, struct err *e)
{
        char why[200];
        regex_t regex;

        if (!pattern)
                return read_ids(root, NULL, ret, e);
        int r = regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB);
        if (r != 0) {
                regerror(r, &regex, why, sizeof(why));
                return err_set(e, EINVAL, "'%.100s' is no regular expression: %s", pattern, why);
        }
        r = read_ids(root, &regex, ret, e);
        regfree(&regex);
        return r;
}

int container_ids_each(int root, const char *pattern,
                       int (*each)(void *user, int root, const char *id, struct err *e), void *user,
                       struct err *e)
{
        autoids ids = { NULL };

        if (container_ids_find(root, pattern, &ids, e) < 0)
                return -e->code;
        for (size_t i = 0; i < ids.n; i++) {
                struct err why = { 0 };

                if (each(user, root, ids.items[i], &why) < 0 && e->code == 0)
                        *e = why;
        }
        return -e->code;
}
