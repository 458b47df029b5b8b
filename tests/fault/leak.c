#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/*
 * Runs a command, kills one of its processes at a moment, and says what is left of it then.
 *
 *      leak [-d MICROSECONDS] [-n NAME|-1] [-i INDEX] -- COMMAND...
 *
 * After the delay the victim gets SIGKILL: the INDEXth process (0: the command itself) in the order
 * of their pids, of all descendants or of those called NAME.  Prints "victim=NAME left=N status=S",
 * where left counts the descendants that are there a second after the command ended, which are
 * killed then.  This program is the reaper of all that lose their parent, so none escapes it.
 */

#define MAX_PIDS 256

struct pids {
        pid_t items[MAX_PIDS];
        size_t n;
};

static bool read_stat(pid_t pid, pid_t *parent, char *comm, size_t size)
{
        char path[64];
        char text[512];

        snprintf(path, sizeof(path), "/proc/%d/stat", pid);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
        if (fd >= 0)
                close(fd);
        if (n <= 0)
                return false;
        text[n] = '\0';
        char *open_at = strchr(text, '(');
        char *close_at = strrchr(text, ')');
        char state;

        if (!open_at || !close_at || sscanf(close_at + 2, "%c %d", &state, parent) != 2)
                return false;
        snprintf(comm, size, "%.*s", (int)(close_at - open_at - 1), open_at + 1);
        return state != 'Z' && state != 'X';
}

static bool has_pid(const struct pids *p, pid_t pid)
{
        for (size_t i = 0; i < p->n; i++) {
                if (p->items[i] == pid)
                        return true;
        }
        return false;
}

static int compare_pids(const void *a, const void *b)
{
        return *(const pid_t *)a - *(const pid_t *)b;
}

/* All living descendants of this process, in the order of their numbers. */
static void find_descendants(struct pids *ret)
{
        struct pids all = { 0 };
        struct pids family = { { getpid() }, 1 };
        DIR *dir = opendir("/proc");
        struct dirent *d;
        bool has_grown = true;

        while (dir && (d = readdir(dir)) && all.n < MAX_PIDS) {
                char *end;
                long pid = strtol(d->d_name, &end, 10);

                if (!*end && pid > 0 && all.n < MAX_PIDS && pid >= getpid())
                        all.items[all.n++] = (pid_t)pid;
        }
        if (dir)
                closedir(dir);
        while (has_grown) {
                has_grown = false;
                for (size_t i = 0; i < all.n && family.n < MAX_PIDS; i++) {
                        pid_t parent = 0;
                        char comm[32];

                        if (has_pid(&family, all.items[i]) ||
                            !read_stat(all.items[i], &parent, comm, sizeof(comm)) ||
                            !has_pid(&family, parent))
                                continue;
                        family.items[family.n++] = all.items[i];
                        has_grown = true;
                }
        }
        ret->n = family.n - 1;
        memcpy(ret->items, family.items + 1, ret->n * sizeof(pid_t));
        qsort(ret->items, ret->n, sizeof(pid_t), compare_pids);
}

static void name_of(pid_t pid, char *comm, size_t size)
{
        pid_t parent;

        if (!read_stat(pid, &parent, comm, size))
                snprintf(comm, size, "-");
}

static void kill_victim(const char *name, size_t index)
{
        struct pids all;
        size_t at = 0;
        char comm[32] = "none";

        find_descendants(&all);
        for (size_t i = 0; i < all.n; i++) {
                name_of(all.items[i], comm, sizeof(comm));
                if ((name && strcmp(name, comm) != 0) || at++ != (name ? index : index % all.n))
                        continue;
                kill(all.items[i], SIGKILL);
                printf("victim=%s ", comm);
                return;
        }
        printf("victim=none ");
}

static int64_t now_ms(void)
{
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Reaps until the command has ended, or all have, or time is up; returns its status or -1. */
static int reap_until(pid_t root, int64_t until)
{
        while (now_ms() < until) {
                int status;
                pid_t pid = waitpid(root, &status, WNOHANG);

                if (pid == root)
                        return status;
                if (pid < 0)
                        return -1;
                usleep(2000);
        }
        return -1;
}

static size_t count_left(void)
{
        struct pids all;
        int64_t until = now_ms() + 1000;

        for (;;) {
                while (waitpid(-1, NULL, WNOHANG) > 0)
                        ;
                find_descendants(&all);
                if (all.n == 0 || now_ms() > until)
                        break;
                usleep(5000);
        }
        for (size_t i = 0; i < all.n; i++) {
                char comm[32];

                name_of(all.items[i], comm, sizeof(comm));
                printf("remains=%s/%d ", comm, all.items[i]);
                kill(all.items[i], SIGKILL);
        }
        return all.n;
}

int main(int argc, char **argv)
{
        const char *name = NULL;
        useconds_t delay = 0;
        size_t index = 0;
        int c;

        while ((c = getopt(argc, argv, "+d:n:i:")) != -1) {
                if (c == 'd')
                        delay = (useconds_t)atol(optarg);
                else if (c == 'n')
                        name = optarg;
                else if (c == 'i')
                        index = (size_t)atol(optarg);
                else
                        return 2;
        }
        if (optind >= argc || prctl(PR_SET_CHILD_SUBREAPER, 1) < 0) {
                fprintf(stderr, "usage: leak [-d MICROSECONDS] [-n NAME] [-i INDEX] -- COMMAND\n");
                return 2;
        }
        pid_t root = fork();
        if (root == 0) {
                execvp(argv[optind], argv + optind);
                _exit(127);
        }
        usleep(delay);
        kill_victim(name, index);
        int status = reap_until(root, now_ms() + 10000);
        bool is_hung = status < 0 && kill(root, 0) == 0;
        size_t left = count_left();
        printf("left=%zu hung=%d status=%d\n", left, is_hung,
               WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
        return left || is_hung ? 1 : 0;
}
