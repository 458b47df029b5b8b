/*
 * Prints all of a tree, a line for each entry, so that what two unpackers made of one image can be
 * compared.  It is static and runs in every root; the same program looks at both trees.
 *
 *     listing DIRECTORY
 *
 * Fields are separated by tabs: path, kind, mode, uid, gid, size (of a symlink: its target; of a
 * device: its number), inode, mtime, attributes, hash of the content.  What is mounted below is
 * told as "mount", and not entered.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#define MAX_ATTRS 65536

static uint64_t top_mount;

static void die(const char *what, const char *path)
{
        fprintf(stderr, "listing: %s '%s': %s\n", what, path, strerror(errno));
        exit(1);
}

static void print_escaped(const char *text, size_t len)
{
        for (size_t i = 0; i < len; i++) {
                unsigned char c = (unsigned char)text[i];

                if (c > ' ' && c < 0x7f && c != '\\')
                        putchar(c);
                else
                        printf("\\x%02x", c);
        }
}

static int compare_names(const void *a, const void *b)
{
        return strcmp(*(char *const *)a, *(char *const *)b);
}

/* "NAME=VALUE" for each, in their order, with commas between. */
static void print_attributes(const char *path)
{
        static char list[MAX_ATTRS];
        static char value[MAX_ATTRS];
        char *names[256];
        size_t n = 0;
        ssize_t size = llistxattr(path, list, sizeof(list));

        if (size < 0 && errno != ENOTSUP)
                die("cannot list the attributes of", path);
        for (ssize_t at = 0; at < size && n < 256; at += (ssize_t)strlen(list + at) + 1)
                names[n++] = list + at;
        qsort(names, n, sizeof(*names), compare_names);
        for (size_t i = 0; i < n; i++) {
                ssize_t len = lgetxattr(path, names[i], value, sizeof(value));

                if (len < 0)
                        die("cannot read an attribute of", path);
                printf("%s%s=", i ? "," : "", names[i]);
                for (ssize_t k = 0; k < len; k++)
                        printf("%02x", (unsigned char)value[k]);
        }
}

/* FNV-1a: nobody here wants to deceive. */
static void print_hash(const char *path)
{
        static unsigned char buffer[1 << 16];
        uint64_t hash = 0xcbf29ce484222325u;
        int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
        ssize_t n;

        if (fd < 0)
                die("cannot open", path);
        while ((n = read(fd, buffer, sizeof(buffer))) > 0) {
                for (ssize_t i = 0; i < n; i++)
                        hash = (hash ^ buffer[i]) * 0x100000001b3u;
        }
        if (n < 0)
                die("cannot read", path);
        close(fd);
        printf("%016llx", (unsigned long long)hash);
}

static void print_special(const char *path, const struct statx *st)
{
        char target[PATH_MAX];

        if (S_ISLNK(st->stx_mode)) {
                ssize_t n = readlink(path, target, sizeof(target));

                if (n < 0)
                        die("cannot read the link", path);
                print_escaped(target, (size_t)n);
        } else if (S_ISCHR(st->stx_mode) || S_ISBLK(st->stx_mode)) {
                printf("%u:%u", st->stx_rdev_major, st->stx_rdev_minor);
        } else {
                /* how large a directory is, its file system decides */
                printf("%llu", S_ISDIR(st->stx_mode) ? 0ull : (unsigned long long)st->stx_size);
        }
}

static char kind_of(mode_t mode)
{
        return S_ISREG(mode)    ? 'f'
               : S_ISDIR(mode)  ? 'd'
               : S_ISLNK(mode)  ? 'l'
               : S_ISFIFO(mode) ? 'p'
               : S_ISSOCK(mode) ? 's'
               : S_ISCHR(mode)  ? 'c'
                                : 'b';
}

static void print_entry(const char *path, const char *shown, const struct statx *st)
{
        print_escaped(shown, strlen(shown));
        printf("\t%c\t%o\t%u\t%u\t", kind_of(st->stx_mode), st->stx_mode & 07777u, st->stx_uid,
               st->stx_gid);
        print_special(path, st);
        printf("\t%u.%u.%llu\t%lld.%09u\t", st->stx_dev_major, st->stx_dev_minor,
               (unsigned long long)st->stx_ino, (long long)st->stx_mtime.tv_sec,
               st->stx_mtime.tv_nsec);
        print_attributes(path);
        putchar('\t');
        if (S_ISREG(st->stx_mode))
                print_hash(path);
        putchar('\n');
}

static void walk(const char *path, size_t top_len)
{
        const char *shown = path[top_len] ? path + top_len : "/";
        struct statx st;

        if (statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT,
                  STATX_BASIC_STATS | STATX_MNT_ID, &st) < 0)
                die("cannot look at", path);
        if (!path[top_len])
                top_mount = st.stx_mnt_id;
        if (st.stx_mnt_id != top_mount) {
                print_escaped(shown, strlen(shown));
                puts("\tmount");
                return;
        }
        print_entry(path, shown, &st);
        if (!S_ISDIR(st.stx_mode))
                return;
        DIR *dir = opendir(path);
        if (!dir)
                die("cannot open", path);
        for (const struct dirent *d = readdir(dir); d; d = readdir(dir)) {
                char *below = NULL;

                if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
                        continue;
                if (asprintf(&below, "%s/%s", path, d->d_name) < 0)
                        die("no memory for", path);
                walk(below, top_len);
                free(below);
        }
        closedir(dir);
}

int main(int argc, char **argv)
{
        if (argc != 2) {
                fprintf(stderr, "usage: listing DIRECTORY\n");
                return 2;
        }
        /* the names below "/" are those below "/." */
        const char *top = strcmp(argv[1], "/") == 0 ? "/." : argv[1];
        walk(top, strlen(top));
        return 0;
}
