#include "review.h"

#include "erase.h"
#include "fd.h"
#include "io.h"
#include "path.h"
#include "str.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

/* The directories of reviews: made, found, listed, removed. */

#define LOCK      "lock"
#define MAX_TRIES 20
#define MAX_NAMED 8 /* of the ids that a word may mean */

void review_done(struct review *r)
{
        fd_close(&r->dir);
        fd_close(&r->lock);
        arena_done(&r->arena);
}

int review_find_root(struct arena *a, const char *home, const char **ret, struct err *e)
{
        const char *state = getenv("XDG_STATE_HOME");

        /* as the XDG specification has it: what is not absolute is ignored */
        if (state && state[0] == '/') {
                const char *clean = path_clean(a, "/", state, e);

                *ret = clean ? path_join(a, clean, "kelp/reviews", e) : NULL;
                return *ret ? 0 : -e->code;
        }
        if (!home) {
                err_set(e, ENOENT, "there is no home to keep the changes of a run in");
                return err_hint(e, "set XDG_STATE_HOME to a directory of yours");
        }
        *ret = path_join(a, home, ".local/state/kelp/reviews", e);
        return *ret ? 0 : -e->code;
}

/* As the XDG specification says: what is missing is made for the user alone. */
int review_make_root(const char *root, struct err *e)
{
        char part[PATH_MAX];

        for (const char *slash = strchr(root + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
                snprintf(part, sizeof(part), "%.*s", (int)(slash - root), root);
                if (mkdir(part, 0700) < 0 && errno != EEXIST && errno != EROFS)
                        return err_sys(e, "cannot make '%s'", part);
        }
        if (mkdir(root, 0700) < 0 && errno != EEXIST)
                return err_sys(e, "cannot make '%s'", root);
        return 0;
}

/* Nobody else may have a hand in it. */
static int check_own(int fd, const char *path, struct err *e)
{
        struct stat st;

        if (fstat(fd, &st) < 0)
                return err_sys(e, "cannot stat '%s'", path);
        if (st.st_uid != geteuid() || (st.st_mode & 077)) {
                err_set(e, EPERM, "'%s' must be yours alone", path);
                return err_hint(e, "chmod 0700 '%s', if it is yours", path);
        }
        return 0;
}

static int open_root(const char *root, struct err *e)
{
        autofd fd = open(root, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

        if (fd < 0)
                return err_sys(e, "cannot open '%s'", root);
        if (check_own(fd, root, e) < 0)
                return -e->code;
        return fd_take(&fd);
}

static int make_one(int root, struct review *r, struct err *e)
{
        unsigned char bytes[REVIEW_ID_LEN / 2];

        if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
                return err_sys(e, "cannot get random bytes");
        for (size_t i = 0; i < sizeof(bytes); i++)
                snprintf(r->id + 2 * i, 3, "%02x", bytes[i]);
        if (mkdirat(root, r->id, 0700) < 0)
                return err_sys(e, "cannot make a directory for the changes");
        r->dir = openat(root, r->id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        /* without its lock it is a left-over to who lists reviews now */
        if (r->dir < 0 && errno == ENOENT)
                return err_set(e, EEXIST, "'%s' was taken away", r->id);
        if (r->dir < 0)
                return err_sys(e, "cannot open '%s'", r->id);
        r->lock = io_take_lock(r->dir, LOCK);
        if (r->lock >= 0)
                return 0;
        fd_close(&r->dir);
        return err_set(e, EEXIST, "cannot lock '%s'", r->id);
}

int review_make(const char *root, struct review *ret, const char **ret_path, struct err *e)
{
        int code = -EEXIST;

        /* what is empty, whoever made it for a while removes */
        for (int i = 0; i < MAX_TRIES && (code == -EEXIST || code == -ENOENT); i++) {
                *e = (struct err){ .step = e->step };
                if (review_make_root(root, e) < 0)
                        return err_hint(e,
                                        "set XDG_STATE_HOME to a directory that you may write to");
                autofd fd = open_root(root, e);
                if (fd < 0 && e->code != ENOENT)
                        return -e->code;
                code = fd < 0 ? fd : make_one(fd, ret, e);
        }
        if (code < 0)
                return err_prefix(e, "'%s'", root);
        /* the processes of the sandbox are forks: from a directory ".." leads on */
        fd_close(&ret->dir);
        ret->root = arena_copy(&ret->arena, root, e);
        *ret_path = ret->root ? path_join(&ret->arena, root, ret->id, e) : NULL;
        return *ret_path ? 0 : -e->code;
}

int review_write_file(int dir, const char *name, const char *text, size_t len, struct err *e)
{
        char temp[NAME_MAX + 1];

        snprintf(temp, sizeof(temp), "%s.new", name);
        autofd fd = openat(dir, temp, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0)
                return err_sys(e, "cannot make '%s'", temp);
        if (io_write_all(fd, text, len, name, e) < 0)
                return -e->code;
        if (fsync(fd) < 0 || renameat(dir, temp, dir, name) < 0 || fsync(dir) < 0)
                return err_sys(e, "cannot write '%s'", name);
        return 0;
}

static bool is_id(const char *name)
{
        return strlen(name) == REVIEW_ID_LEN && strspn(name, STR_HEX_LOWER) == REVIEW_ID_LEN;
}

static int compare_names(const void *a, const void *b)
{
        return strcmp(*(char *const *)a, *(char *const *)b);
}

static int list_ids(struct arena *a, int root, const char ***ret, size_t *ret_n, struct err *e)
{
        int copy = openat(root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        autodir *dir = fd_take_dir(&copy);
        struct dirent *entry;

        if (!dir)
                return err_sys(e, "cannot list the reviews");
        while (errno = 0, (entry = readdir(dir))) {
                if (!is_id(entry->d_name))
                        continue;
                if (arena_grow(a, ret, *ret_n, sizeof(**ret), REVIEW_MAX_LISTED, "reviews", e) < 0)
                        return -e->code;
                (*ret)[*ret_n] = arena_copy(a, entry->d_name, e);
                if (!(*ret)[(*ret_n)++])
                        return -e->code;
        }
        if (errno)
                return err_sys(e, "cannot list the reviews");
        if (*ret_n > 1)
                qsort(*ret, *ret_n, sizeof(**ret), compare_names);
        return 0;
}

static int open_id(int root, struct review *r, struct err *e)
{
        r->dir = openat(root, r->id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (r->dir < 0)
                return err_sys(e, "cannot open the review %s", r->id);
        if (check_own(r->dir, r->id, e) < 0)
                return -e->code;
        r->lock = io_take_lock(r->dir, LOCK);
        return 0;
}

/* Left by a run that never began, or by who was removing it: nothing of it counts. */
static bool is_empty(const struct review *r)
{
        return r->lock >= 0 && faccessat(r->dir, "manifest", F_OK, AT_SYMLINK_NOFOLLOW) < 0 &&
               errno == ENOENT;
}

static int not_found(const char *word, struct err *e)
{
        err_set(e, ENOENT, "there is no review '%s'", word);
        return err_hint(e, "kelp diff lists the reviews that wait");
}

/* One that cannot be read is found by its id alone. */
static bool is_of_run(int root, const char *id, const char *name)
{
        struct review r = REVIEW_NONE;
        struct err unused = { 0 };

        memcpy(r.id, id, sizeof(r.id));
        r.dir = openat(root, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        bool is_it = r.dir >= 0 && review_read_manifest(&r, &unused) == 0 && r.name[0] != '\0' &&
                     str_eq(r.name, name);
        review_done(&r);
        return is_it;
}

/* Those that a word means: how many, and the ids of some. */
struct matches {
        size_t n;
        const char *last;
        char named[MAX_NAMED * (REVIEW_ID_LEN + 1) + 8];
};

static void add_match(struct matches *m, const char *id)
{
        size_t used = strlen(m->named);

        m->last = id;
        m->n++;
        if (m->n <= MAX_NAMED)
                snprintf(m->named + used, sizeof(m->named) - used, " %s", id);
        else if (m->n == MAX_NAMED + 1)
                snprintf(m->named + used, sizeof(m->named) - used, " ...");
}

/* As of sandboxes a name goes before the beginning of an id. */
static int choose_id(int root, const char *const *ids, size_t n, const char *word,
                     char ret[REVIEW_ID_LEN + 1], struct err *e)
{
        struct matches m = { .n = 0 };

        for (size_t i = 0; i < n; i++) {
                if (is_of_run(root, ids[i], word))
                        add_match(&m, ids[i]);
        }
        bool is_name = m.n > 0;
        for (size_t i = 0; !is_name && word[0] != '\0' && i < n; i++) {
                if (str_has_prefix(ids[i], word))
                        add_match(&m, ids[i]);
        }
        if (m.n == 0)
                return not_found(word, e);
        if (m.n > 1) {
                err_set(e, ENOTUNIQ, "'%s' may be any of several reviews:%s", word, m.named);
                return err_hint(e, "take one of these ids; kelp diff lists the reviews that wait");
        }
        memcpy(ret, m.last, REVIEW_ID_LEN + 1);
        return 0;
}

static int find_id(int root, const char *word, char ret[REVIEW_ID_LEN + 1], struct err *e)
{
        struct arena a = { 0 };
        const char **ids = NULL;
        size_t n = 0;

        if (list_ids(&a, root, &ids, &n, e) == 0)
                choose_id(root, ids, n, word, ret, e);
        arena_done(&a);
        return -e->code;
}

int review_find(const char *root, const char *word, char ret_id[REVIEW_ID_LEN + 1], struct err *e)
{
        autofd fd = open_root(root, e);

        if (fd < 0 && e->code == ENOENT) {
                err_set(e, ENOENT, "there is no review '%s'", word);
                return err_hint(e, "kelp run --review -- COMMAND makes one");
        }
        return fd < 0 ? -e->code : find_id(fd, word, ret_id, e);
}

int review_open(const char *root, const char *word, struct review *ret, struct err *e)
{
        if (review_find(root, word, ret->id, e) < 0)
                return -e->code;
        autofd fd = open_root(root, e);
        if (fd < 0 || open_id(fd, ret, e) < 0)
                return -e->code;
        if (is_empty(ret)) {
                if (erase_tree(fd, ret->id, e) < 0)
                        return -e->code;
                return not_found(word, e);
        }
        if (ret->lock < 0) {
                err_set(e, EBUSY,
                        "the review %s is in use: its run goes on, or it is being applied",
                        ret->id);
                return err_hint(e, "wait for its end");
        }
        return review_read_manifest(ret, e);
}

static int compare_starts(const void *a, const void *b)
{
        const struct review *x = a;
        const struct review *y = b;

        if (x->start_ns != y->start_ns)
                return x->start_ns < y->start_ns ? -1 : 1;
        return strcmp(x->id, y->id);
}

/* 1: it is one; 0: it is gone, or never was one. */
static int list_one(int root, const char *id, struct review *r, struct err *e)
{
        struct err lost = { 0 };

        memcpy(r->id, id, REVIEW_ID_LEN + 1);
        if (open_id(root, r, &lost) < 0)
                return 0;
        if (is_empty(r)) {
                /* what cannot be removed now will be met again */
                (void)erase_tree(root, id, &lost);
                return 0;
        }
        r->name = r->command = "";
        int code = review_read_manifest(r, &lost);
        /* of a run that begins now */
        if (code < 0 && lost.code == ENOENT)
                return 0;
        /* the others are listed all the same */
        r->is_damaged = code == -EBADMSG;
        if (code < 0 && !r->is_damaged)
                *e = lost;
        /* whoever reads the list may take his time, and others may want the review meanwhile */
        if (r->lock >= 0)
                flock(r->lock, LOCK_UN);
        fd_close(&r->dir);
        return e->code ? -e->code : 1;
}

static int list_all(int root, const char *const *ids, size_t n, struct review *reviews,
                    size_t *ret_n, struct err *e)
{
        for (size_t i = 0; i < n; i++) {
                struct review *r = &reviews[*ret_n];

                *r = (struct review)REVIEW_NONE;
                int found = list_one(root, ids[i], r, e);
                if (found <= 0)
                        review_done(r);
                if (found < 0)
                        return -e->code;
                *ret_n += (size_t)found;
        }
        return 0;
}

int review_list(const char *root, int (*each)(const struct review *r, void *arg, struct err *e),
                void *arg, struct err *e)
{
        struct arena a = { 0 };
        const char **ids = NULL;
        struct review *reviews = NULL;
        size_t n_ids = 0;
        size_t n = 0;
        autofd fd = open_root(root, e);

        if (fd < 0 && e->code == ENOENT) {
                *e = (struct err){ 0 };
                return 0;
        }
        if (fd >= 0 && list_ids(&a, fd, &ids, &n_ids, e) == 0)
                reviews = arena_alloc(&a, (n_ids + 1) * sizeof(*reviews), e);
        if (reviews && list_all(fd, ids, n_ids, reviews, &n, e) == 0) {
                qsort(reviews, n, sizeof(*reviews), compare_starts);
                for (size_t i = 0; e->code == 0 && i < n; i++)
                        each(&reviews[i], arg, e);
        }
        for (size_t i = 0; i < n; i++)
                review_done(&reviews[i]);
        arena_done(&a);
        return -e->code;
}

int review_remove(const char *root, struct review *r, struct err *e)
{
        autofd fd = open_root(root, e);

        if (fd < 0)
                return err_prefix(e, "cannot remove the review %s", r->id);
        /* first of all: a part of one must never be taken for the whole */
        if ((unlinkat(r->dir, "manifest", 0) < 0 && errno != ENOENT) || fsync(r->dir) < 0)
                return err_sys(e, "cannot remove the review %s", r->id);
        if (erase_tree(fd, r->id, e) < 0)
                return err_prefix(e, "cannot remove the review %s", r->id);
        return 0;
}
