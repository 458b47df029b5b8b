#include "learn-file.h"

#include "fd.h"
#include "io.h"
#include "lines.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *directory_of(struct arena *a, const char *path, const char **ret_name,
                                struct err *e)
{
        const char *slash = strrchr(path, '/');

        *ret_name = slash ? slash + 1 : path;
        if (!slash)
                return ".";
        return slash == path ? "/" : arena_copy_n(a, path, (size_t)(slash - path), e);
}

static int read_old(struct arena *a, struct learn_file *file, struct err *e)
{
        autofree char *text = NULL;
        size_t len = 0;

        if (io_read_file(file->dir, file->name, LINES_MAX_TEXT, &text, &len, e) < 0)
                return -e->code;
        if (strlen(text) != len)
                return err_set(e, EINVAL, "'%s' is no text: it holds a NUL byte", file->path);
        file->text = arena_copy(a, text, e);
        return file->text ? 0 : -e->code;
}

/* One that is there is replaced only if that was asked for. */
static int look_at_old(struct arena *a, struct learn_file *file, bool is_merge, struct err *e)
{
        struct stat st;

        if (fstatat(file->dir, file->name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
                if (errno == ENOENT)
                        return 0;
                return err_sys(e, "cannot look at '%s'", file->path);
        }
        if (!file->may_replace) {
                err_set(e, EEXIST, "'%s' is there already", file->path);
                return err_hint(e, "--merge adds what it lacks, --force replaces it");
        }
        /* what a symlink leads to would stay as it is, and somebody else may have put it there */
        if (!S_ISREG(st.st_mode)) {
                err_set(e, EINVAL, "'%s' is not a regular file", file->path);
                return err_hint(e, "name the file itself");
        }
        return is_merge ? read_old(a, file, e) : 0;
}

int learn_file_open(struct arena *a, const char *path, bool is_merge, bool is_forced,
                    struct learn_file *ret, struct err *e)
{
        struct learn_file file = { .path = path, .dir = -1, .may_replace = is_merge || is_forced };
        const char *dir = directory_of(a, path, &file.name, e);

        if (!dir)
                return -e->code;
        if (file.name[0] == '\0')
                return err_set(e, EISDIR, "'%s' is a directory", path);
        file.dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (file.dir < 0) {
                err_sys(e, "cannot open '%s'", dir);
                return err_hint(e, "the policy is to be written there: choose a directory that is "
                                   "there");
        }
        if (faccessat(file.dir, ".", W_OK | X_OK, 0) < 0)
                err_sys(e, "cannot write a policy to '%s'", dir);
        else
                look_at_old(a, &file, is_merge, e);
        if (e->code != 0) {
                fd_close(&file.dir);
                return -e->code;
        }
        *ret = file;
        return 0;
}

/* Where nothing is to be replaced, nothing is, also if it came to be there meanwhile. */
static int give_name(const struct learn_file *file, const char *temporary, struct err *e)
{
        unsigned flags = file->may_replace ? 0 : RENAME_NOREPLACE;

        if (renameat2(file->dir, temporary, file->dir, file->name, flags) == 0)
                return 0;
        /* some file systems cannot do that in one step, but make a link only where there is none */
        if (errno == EINVAL && flags && linkat(file->dir, temporary, file->dir, file->name, 0) == 0)
                return unlinkat(file->dir, temporary, 0) < 0
                               ? err_sys(e, "cannot remove '%s'", temporary)
                               : 0;
        return err_sys(e, "cannot write '%s'", file->path);
}

static int write_text(const struct learn_file *file, int fd, const char *text, struct err *e)
{
        if (io_write_all(fd, text, strlen(text), file->path, e) < 0)
                return -e->code;
        return fsync(fd) < 0 ? err_sys(e, "cannot write '%s'", file->path) : 0;
}

int learn_file_write(const struct learn_file *file, const char *text, struct err *e)
{
        char temporary[64];

        snprintf(temporary, sizeof(temporary), ".kelp-learn-%d-%llx", (int)getpid(),
                 (unsigned long long)io_now());
        /* whoever can write a policy can open the sandbox: it is the user's own alone */
        autofd fd = openat(file->dir, temporary,
                           O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0)
                return err_sys(e, "cannot write '%s'", file->path);
        if (write_text(file, fd, text, e) == 0 && give_name(file, temporary, e) == 0)
                return 0;
        (void)unlinkat(file->dir, temporary, 0);
        return -e->code;
}

void learn_file_done(struct learn_file *file)
{
        fd_close(&file->dir);
}
