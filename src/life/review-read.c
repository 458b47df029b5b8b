#include "review-change.h"

#include "fd.h"
#include "parse.h"
#include "str.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

/* Files of an upper layer that their owner may not read. */

#define NOTE "opened-"

void review_reader_done(struct review_reader *reader)
{
        /* one whose mode cannot be set back keeps its note */
        if (reader->is_opened_up && fchmod(reader->fd, reader->was_mode) == 0)
                unlinkat(reader->notes, reader->note, 0);
        fd_close(&reader->fd);
}

static int open_up(int dir, const char *name, struct review_reader *reader, struct err *e)
{
        struct stat st;
        char mode[16];

        if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
                return err_set(e, EACCES, "cannot open '%s': %s", name, err_name(EACCES));
        reader->was_mode = st.st_mode & 07777;
        snprintf(mode, sizeof(mode), "%o", reader->was_mode);
        snprintf(reader->note, sizeof(reader->note), NOTE "%" PRIu64, (uint64_t)st.st_ino);
        if (symlinkat(mode, reader->notes, reader->note) < 0 && errno != EEXIST)
                return err_sys(e, "cannot note the mode of '%s'", name);
        if (fchmodat(dir, name, 0600, 0) < 0)
                return err_sys(e, "cannot set the mode of '%s'", name);
        return 0;
}

int review_read_upper(const struct review *r, int dir, const char *name, struct review_reader *ret,
                      struct err *e)
{
        const int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;

        *ret = (struct review_reader){ .fd = openat(dir, name, flags), .notes = r->dir };
        if (ret->fd >= 0)
                return 0;
        if (errno != EACCES)
                return err_sys(e, "cannot open '%s'", name);
        if (open_up(dir, name, ret, e) < 0)
                return -e->code;
        ret->fd = openat(dir, name, flags);
        ret->is_opened_up = ret->fd >= 0;
        return ret->fd < 0 ? err_sys(e, "cannot open '%s'", name) : 0;
}

int review_find_opened(const struct review *r, bool *ret, struct err *e)
{
        int copy = openat(r->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        autodir *dir = fd_take_dir(&copy);
        struct dirent *entry;

        *ret = false;
        if (!dir)
                return err_sys(e, "cannot list the review %s", r->id);
        while (errno = 0, (entry = readdir(dir))) {
                if (str_has_prefix(entry->d_name, NOTE))
                        *ret = true;
        }
        return errno ? err_sys(e, "cannot list the review %s", r->id) : 0;
}

int review_set_opened_back(const struct review *r, int dir, const char *name, struct stat *st,
                           struct err *e)
{
        char note[40];
        char text[16];
        unsigned mode;

        snprintf(note, sizeof(note), NOTE "%" PRIu64, (uint64_t)st->st_ino);
        ssize_t n = readlinkat(r->dir, note, text, sizeof(text) - 1);
        if (n < 0)
                return errno == ENOENT ? 0 : err_sys(e, "cannot read the note '%s'", note);
        text[n] = '\0';
        if (parse_mode(text, &mode, e) < 0)
                return -e->code;
        if (fchmodat(dir, name, mode, 0) < 0 || unlinkat(r->dir, note, 0) < 0)
                return err_sys(e, "cannot set the mode of '%s' back", name);
        st->st_mode = (st->st_mode & S_IFMT) | mode;
        return 0;
}
