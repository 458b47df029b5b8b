#include "review-change.h"

#include "attrs.h"
#include "fd.h"
#include "overlay.h"
#include "review-put.h"
#include "str.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* From upper layers to the list of changes. */

void review_changes_done(struct review_changes *c)
{
        for (size_t i = 0; c->review && i < c->review->n_places; i++) {
                if (c->uppers)
                        fd_close(&c->uppers[i]);
                if (c->lowers)
                        fd_close(&c->lowers[i]);
        }
        arena_done(&c->arena);
        *c = (struct review_changes){ 0 };
}

/* Two directories side by side; `lower` is -1 where the user has none. */
struct pair {
        struct review_changes *changes;
        size_t place;
        const char *path;
        int upper;
        int lower;
        size_t parent;  /* its change */
        bool is_opaque; /* what is below in the lower layer does not show, at any depth */
};

/* Source: overlayfs.rst, "whiteouts and opaque directories". */
static bool is_whiteout(const struct stat *st)
{
        return S_ISCHR(st->st_mode) && st->st_rdev == makedev(0, 0);
}

static const char *refuse_type(const struct stat *st)
{
        switch (st->st_mode & S_IFMT) {
        case S_IFREG:
        case S_IFDIR:
        case S_IFLNK:
                return NULL;
        case S_IFSOCK:
                return "a socket";
        case S_IFIFO:
                return "a fifo";
        default:
                return "a device";
        }
}

/* A file that runs as its owner, whoever starts it, unless it was one before. */
static const char *refuse_set_id(const struct review_change *change)
{
        unsigned set_ids = change->upper.mode & (S_ISUID | S_ISGID);

        if (!S_ISREG(change->upper.mode) || !set_ids)
                return NULL;
        if (S_ISREG(change->lower.mode) && (change->lower.mode & set_ids) == set_ids &&
            change->kind != REVIEW_CHANGED)
                return NULL;
        return "a set-user-id or set-group-id file";
}

/* That it can be opened to list it does not mean that anything in it can be reached. */
static bool can_look_into(int dir)
{
        return faccessat(dir, ".", R_OK | X_OK, AT_EACCESS) == 0;
}

static int judge_notes(int fd, struct review_change *change, struct err *e)
{
        if (attrs_find_overlay(fd, &change->overlay, e) < 0)
                return -e->code;
        if (change->overlay & ATTRS_FOREIGN)
                change->refused = "a note to overlayfs that is none of the kernel's";
        return 0;
}

static int read_notes(const struct pair *p, const char *name, struct review_change *change,
                      struct err *e)
{
        autoreader file = { .fd = -1 };

        if (S_ISREG(change->upper.mode)) {
                if (review_read_upper(p->changes->review, p->upper, name, &file, e) < 0)
                        return -e->code;
                return judge_notes(file.fd, change, e);
        }
        if (!S_ISDIR(change->upper.mode))
                return 0;
        autofd dir = openat(p->upper, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if ((dir < 0 && errno == EACCES) || (dir >= 0 && !can_look_into(dir))) {
                change->refused = "a directory that its owner may not read";
                return 0;
        }
        if (dir < 0)
                return err_sys(e, "cannot open '%s'", name);
        change->has_default_acl = attrs_has_default_acl(dir);
        return judge_notes(dir, change, e);
}

static int add(struct review_changes *c, const struct review_change *change, struct err *e)
{
        if (arena_grow(&c->arena, &c->items, c->n, sizeof(*c->items), REVIEW_MAX_CHANGES, "changes",
                       e) < 0)
                return -e->code;
        c->items[c->n++] = *change;
        return 0;
}

static int look_lower(const struct pair *p, const char *name, struct review_change *change,
                      struct err *e)
{
        struct stat st;

        if (p->lower < 0)
                return 0;
        if (fstatat(p->lower, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return errno == ENOENT ? 0 : err_sys(e, "cannot look at '%s'", name);
        change->lower = review_ident_of(&st);
        if (st.st_dev != p->changes->review->places[p->place].dev)
                change->refused = "another file system is mounted there";
        return 0;
}

/* A directory that goes goes with all that is in it. */
static int look_below(const struct pair *p, const char *name, struct review_change *change,
                      struct err *e)
{
        bool goes = change->kind == REVIEW_DELETED || change->kind == REVIEW_TYPE;

        if (!goes || !S_ISDIR(change->lower.mode) || change->refused)
                return 0;
        int r = review_look_below(p->lower, name, p->changes->review->start_ns, &change->below, e);
        if (r != -EACCES && r != -ENAMETOOLONG)
                return r;
        *e = (struct err){ 0 };
        change->refused = r == -EACCES ? "a directory that you may not read" : "it is too deep";
        return 0;
}

static int add_entry(const struct pair *p, const char *name, const struct stat *upper,
                     struct err *e)
{
        struct review_change change = { .place = p->place,
                                        .leader = REVIEW_NO_LEADER,
                                        .parent = p->parent,
                                        .is_hidden = !upper };

        change.path = p->path[0] ? arena_print(&p->changes->arena, e, "%s/%s", p->path, name)
                                 : arena_copy(&p->changes->arena, name, e);
        if (!change.path || look_lower(p, name, &change, e) < 0)
                return -e->code;
        if (upper && !is_whiteout(upper)) {
                change.upper = review_ident_of(upper);
                if (!change.refused)
                        change.refused = refuse_type(upper);
                if (strlen(change.path) >= PATH_MAX - 1)
                        change.refused = "its path is too long";
                if (!change.refused && read_notes(p, name, &change, e) < 0)
                        return -e->code;
        } else if (!change.lower.exists) {
                return 0;
        }
        change.kind = change.lower.exists ? REVIEW_CHANGED : REVIEW_ADDED;
        if (!change.refused && review_compare(p->changes, p->upper, p->lower, name, &change, e) < 0)
                return -e->code;
        if (!change.refused)
                change.refused = refuse_set_id(&change);
        if (p->is_opaque)
                change.overlay |= ATTRS_OPAQUE;
        if (look_below(p, name, &change, e) < 0)
                return -e->code;
        return add(p->changes, &change, e);
}

struct name {
        const char *text;
};

static int compare_names(const void *a, const void *b)
{
        return strcmp(((const struct name *)a)->text, ((const struct name *)b)->text);
}

static int list_names(struct arena *a, int fd, struct name **ret, size_t *ret_n, struct err *e)
{
        int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        autodir *dir = fd_take_dir(&copy);
        struct dirent *entry;

        *ret = NULL;
        *ret_n = 0;
        if (!dir)
                return err_sys(e, "cannot list a directory");
        while (errno = 0, (entry = readdir(dir))) {
                if (str_eq(entry->d_name, ".") || str_eq(entry->d_name, ".."))
                        continue;
                if (arena_grow(a, ret, *ret_n, sizeof(**ret), REVIEW_MAX_CHANGES, "changes", e) < 0)
                        return -e->code;
                (*ret)[*ret_n].text = arena_copy(a, entry->d_name, e);
                if (!(*ret)[(*ret_n)++].text)
                        return -e->code;
        }
        if (errno)
                return err_sys(e, "cannot list a directory");
        if (*ret_n > 1)
                qsort(*ret, *ret_n, sizeof(**ret), compare_names);
        return 0;
}

/* What the user has below a directory that was made anew, and that is not in the new one. */
static int add_hidden(const struct pair *p, const struct name *above, size_t n_above,
                      struct arena *a, struct err *e)
{
        struct name *names;
        size_t n;

        if (list_names(a, p->lower, &names, &n, e) < 0)
                return -e->code;
        for (size_t i = 0; i < n; i++) {
                if (bsearch(&names[i], above, n_above, sizeof(*above), compare_names))
                        continue;
                if (add_entry(p, names[i].text, NULL, e) < 0)
                        return -e->code;
        }
        return 0;
}

static int scan_pair(const struct pair *p, struct err *e)
{
        struct arena a = { 0 };
        struct name *names;
        struct stat st;
        size_t n;

        list_names(&a, p->upper, &names, &n, e);
        for (size_t i = 0; e->code == 0 && i < n; i++) {
                if (fstatat(p->upper, names[i].text, &st, AT_SYMLINK_NOFOLLOW) < 0)
                        err_sys(e, "cannot stat '%s'", names[i].text);
                else if (!p->changes->has_opened || !S_ISREG(st.st_mode) ||
                         review_set_opened_back(p->changes->review, p->upper, names[i].text, &st,
                                                e) == 0)
                        add_entry(p, names[i].text, &st, e);
        }
        if (e->code == 0 && p->is_opaque && p->lower >= 0)
                add_hidden(p, names, n, &a, e);
        arena_done(&a);
        return -e->code;
}

static int scan_directory(struct review_changes *c, size_t i, struct err *e)
{
        /* a copy: the list moves while it grows */
        const struct review_change at = c->items[i];
        const int flags = O_RDONLY | O_DIRECTORY;
        autofd upper = review_open_beneath(c->uppers[at.place], at.path, flags);
        autofd lower = -1;
        struct pair p = { .changes = c, .place = at.place, .path = at.path, .parent = i };

        if (upper < 0)
                return err_set(e, -upper, "cannot open '%s': %s", at.path, err_name(-upper));
        if (S_ISDIR(at.lower.mode)) {
                lower = review_open_beneath(c->lowers[at.place], at.path, flags);
                if (lower == -EACCES || (lower >= 0 && !can_look_into(lower))) {
                        c->items[i].refused = "a directory that you may not read";
                        return 0;
                }
                if (lower < 0)
                        return err_set(e, -lower, "cannot open '%s': %s", at.path,
                                       err_name(-lower));
        }
        if (lower >= 0 && c->is_begun && review_sweep_temps(lower, c->review->id, e) < 0)
                return -e->code;
        p.upper = upper;
        p.lower = lower;
        p.is_opaque = at.overlay & ATTRS_OPAQUE;
        return scan_pair(&p, e);
}

static int scan_place(struct review_changes *c, size_t place, struct err *e)
{
        const struct review_place *at = &c->review->places[place];
        struct review_change root = {
                .place = place, .path = "", .leader = REVIEW_NO_LEADER, .parent = c->n
        };
        struct stat upper;
        struct stat lower;
        size_t i = c->n;

        if (fstat(c->uppers[place], &upper) < 0 || fstat(c->lowers[place], &lower) < 0)
                return err_sys(e, "cannot stat '%s'", at->path);
        root.upper = review_ident_of(&upper);
        root.lower = review_ident_of(&lower);
        root.has_default_acl = attrs_has_default_acl(c->uppers[place]);
        if (review_compare(c, c->uppers[place], c->lowers[place], ".", &root, e) < 0 ||
            add(c, &root, e) < 0)
                return -e->code;
        for (; i < c->n; i++) {
                if (S_ISDIR(c->items[i].upper.mode) && !c->items[i].refused &&
                    scan_directory(c, i, e) < 0)
                        return -e->code;
        }
        return 0;
}

static int open_place(struct review_changes *c, size_t i, struct err *e)
{
        const struct review_place *at = &c->review->places[i];
        char name[64];
        struct stat st;

        snprintf(name, sizeof(name), "%zu/" OVERLAY_UPPER, at->number);
        int fd = review_open_beneath(c->review->dir, name, O_RDONLY | O_DIRECTORY);
        if (fd < 0)
                return err_set(e, -fd, "cannot open the changes of '%s': %s", at->path,
                               err_name(-fd));
        c->uppers[i] = fd;
        c->lowers[i] = open(at->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (c->lowers[i] < 0 || fstat(c->lowers[i], &st) < 0)
                return err_sys(e, "cannot open '%s', which the run wrote to", at->path);
        if (st.st_ino != at->ino || st.st_dev != at->dev)
                return err_set(e, ESTALE,
                               "'%s' is not the directory any more that the run wrote to",
                               at->path);
        return 0;
}

static int open_places(struct review_changes *c, struct err *e)
{
        size_t n = c->review->n_places;

        c->uppers = arena_alloc(&c->arena, (n + 1) * sizeof(*c->uppers), e);
        c->lowers = c->uppers ? arena_alloc(&c->arena, (n + 1) * sizeof(*c->lowers), e) : NULL;
        if (!c->lowers) {
                c->uppers = NULL;
                return -e->code;
        }
        for (size_t i = 0; i < n; i++)
                c->uppers[i] = c->lowers[i] = -1;
        for (size_t i = 0; i < n; i++) {
                if (open_place(c, i, e) < 0)
                        return -e->code;
        }
        return 0;
}

int review_scan(struct review_changes *c, struct err *e)
{
        if (open_places(c, e) < 0 || review_find_opened(c->review, &c->has_opened, e) < 0)
                return -e->code;
        for (size_t i = 0; i < c->review->n_places; i++) {
                if (scan_place(c, i, e) < 0)
                        return -e->code;
        }
        return 0;
}

bool review_is_told(const struct review_change *change)
{
        if (change->refused)
                return true;
        return change->kind != REVIEW_SAME &&
               !(change->kind == REVIEW_TIMES && S_ISDIR(change->upper.mode));
}

int review_find_changes(const struct review *r, struct review_changes *ret, struct err *e)
{
        struct review_changes c = { .review = r };

        c.is_begun = faccessat(r->dir, "applying", F_OK, AT_SYMLINK_NOFOLLOW) == 0;
        if (review_scan(&c, e) < 0 || review_read_seen(&c, e) < 0 || review_read_made(&c, e) < 0 ||
            review_find_links(&c, e) < 0 || review_judge(&c, e) < 0) {
                review_changes_done(&c);
                return -e->code;
        }
        *ret = c;
        return 0;
}
