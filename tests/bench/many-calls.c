/*
 * A payload that does little but system calls: reads every small file of a directory tree again and
 * again, as a build or a search does, and prints how long that took, in nanoseconds.
 *
 *      many-calls DIRECTORY ROUNDS
 */

#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static int fail(const char *what)
{
        fprintf(stderr, "many-calls: %s: %m\n", what);
        return -1;
}

static int read_file(int dir, const char *name)
{
        char text[4096];
        struct stat st;
        int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);

        if (fd < 0 || fstat(fd, &st) < 0)
                return fail(name);
        ssize_t n = read(fd, text, sizeof(text));
        close(fd);
        return n < 0 ? fail(name) : 0;
}

static int read_directory(const char *path)
{
        DIR *dir = opendir(path);
        struct dirent *entry;
        int count = 0;

        if (!dir)
                return fail(path);
        while ((entry = readdir(dir))) {
                if (entry->d_type != DT_REG)
                        continue;
                if (read_file(dirfd(dir), entry->d_name) < 0)
                        return -1;
                count++;
        }
        closedir(dir);
        return count;
}

static int64_t now(void)
{
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int main(int argc, char **argv)
{
        int rounds = argc == 3 ? atoi(argv[2]) : 0;
        int64_t start;

        if (rounds <= 0) {
                fputs("usage: many-calls DIRECTORY ROUNDS\n", stderr);
                return 2;
        }
        if (read_directory(argv[1]) <= 0)
                return 1;
        start = now();
        for (int i = 0; i < rounds; i++)
                if (read_directory(argv[1]) < 0)
                        return 1;
        printf("%lld\n", (long long)(now() - start));
        return 0;
}
