#include "facts.h"

#include "io.h"
#include "parse.h"
#include "path.h"
#include "resolve.h"
#include "review.h"
#include "state.h"
#include "str.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_PASSWD ((size_t)8 * 1024 * 1024)

struct account {
        const char *name;
        const char *home;
};

/* NAME:PASSWORD:UID:GID:GECOS:HOME:SHELL */
static bool is_account_of(char *line, uid_t uid, struct account *ret)
{
        struct err e = { 0 };
        char *fields[6] = { NULL };
        uint64_t id;

        for (size_t i = 0; i < 6; i++) {
                fields[i] = str_next_field(&line, ':');
                if (!fields[i])
                        return false;
        }
        if (parse_number(fields[2], 0, UINT32_MAX, &id, &e) < 0 || id != uid)
                return false;
        ret->name = fields[0];
        ret->home = fields[5];
        return true;
}

/*
 * An account that is not in the file (it may come from a directory service) is no error, nor is a
 * machine without one.  One that cannot be read may name a home that has to be covered.
 */
static int find_account(struct arena *arena, uid_t uid, struct account *ret, struct err *e)
{
        autofree char *text = NULL;
        struct err unread = { 0 };
        struct account found;

        if (io_read_file(AT_FDCWD, "/etc/passwd", MAX_PASSWD, &text, NULL, &unread) < 0) {
                if (unread.code == ENOENT)
                        return 0;
                *e = unread;
                return -e->code;
        }
        for (char *at = text, *line; (line = str_next_field(&at, '\n')) != NULL;) {
                if (!is_account_of(line, uid, &found))
                        continue;
                ret->name = arena_copy(arena, found.name, e);
                ret->home = arena_copy(arena, found.home, e);
                return ret->name && ret->home ? 0 : -e->code;
        }
        return 0;
}

/* `path` without symlinks; as it stands when it does not exist; NULL when it is no absolute path. */
static const char *real_path(struct arena *arena, const char *path, struct err *e)
{
        char real[PATH_MAX];

        if (!path || path[0] != '/')
                return NULL;
        if (realpath(path, real))
                return arena_copy(arena, real, e);
        return path_clean(arena, "/", path, e);
}

static const char *find_cwd(struct arena *arena, struct err *e)
{
        char cwd[PATH_MAX];

        if (!getcwd(cwd, sizeof(cwd))) {
                if (errno != ENOENT)
                        err_sys(e, "cannot tell the current directory");
                return NULL;
        }
        /* the kernel says "(unreachable)/..." of a directory outside of our root */
        return cwd[0] == '/' ? arena_copy(arena, cwd, e) : NULL;
}

/* Only the two plain answers are a "no"; anything else is no answer. */
static int find_can_write(bool *ret, struct err *e)
{
        *ret = faccessat(AT_FDCWD, ".", W_OK | X_OK, AT_EACCESS) == 0;
        if (*ret || errno == EACCES || errno == EROFS || errno == ENOENT)
                return 0;
        return err_sys(e, "cannot tell whether the current directory is writable");
}

/* Where the XDG base directory specification has it; a path that is not absolute counts for none. */
static const char *find_xdg_home(struct arena *arena, const char *variable, const char *home,
                                 const char *below, struct err *e)
{
        const char *path = getenv(variable);

        if (path && path[0] == '/')
                return path_clean(arena, "/", path, e);
        return home ? path_join(arena, home, below, e) : NULL;
}

static const char *find_state_dir(struct arena *arena, struct err *e)
{
        char path[STATE_PATH_SIZE];

        return state_find_session(path) ? arena_copy(arena, path, e) : NULL;
}

/* Without a home there is none, which only who wants a review is told. */
static const char *find_reviews_dir(struct arena *arena, const char *home, struct err *e)
{
        struct err none = { 0 };
        const char *path;

        if (review_find_root(arena, home, &path, &none) == 0)
                return path;
        if (none.code != ENOENT)
                *e = none;
        return NULL;
}

int facts_find(struct arena *arena, struct plan_facts *ret, struct err *e)
{
        struct plan_facts facts = { .uid = getuid(), .gid = getgid() };
        struct account account = { 0 };
        const char *home = getenv("HOME");

        if (find_account(arena, facts.uid, &account, e) < 0)
                return -e->code;
        if (!home || home[0] != '/')
                home = account.home;
        facts.home = real_path(arena, home, e);
        facts.account_home = facts.home;
        if (account.home && home != account.home && !str_eq(account.home, home))
                facts.account_home = real_path(arena, account.home, e);
        facts.user_name = account.name ? account.name : getenv("LOGNAME");
        facts.cache_home = find_xdg_home(arena, "XDG_CACHE_HOME", facts.home, ".cache", e);
        facts.data_home = find_xdg_home(arena, "XDG_DATA_HOME", facts.home, ".local/share", e);
        facts.state_dir = find_state_dir(arena, e);
        facts.reviews_dir = find_reviews_dir(arena, facts.home, e);
        facts.cwd = find_cwd(arena, e);
        if (e->code != 0)
                return -e->code;
        if (find_can_write(&facts.can_write_cwd, e) < 0)
                return -e->code;
        facts.has_link = resolve_has_link;
        facts.env = (const char *const *)environ;
        *ret = facts;
        return 0;
}
