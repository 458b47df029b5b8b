#include "probe.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

const char *fact(const struct facts *f, const char *key)
{
        size_t len = strlen(key);

        for (int i = 0; i < f->n; i++) {
                if (strncmp(f->items[i], key, len) == 0 && f->items[i][len] == '=')
                        return f->items[i] + len + 1;
        }
        return NULL;
}

const char *fact_or(const struct facts *f, const char *key, const char *otherwise)
{
        const char *value = fact(f, key);

        return value ? value : otherwise;
}

unsigned long fact_number(const struct facts *f, const char *key, int base, unsigned long otherwise)
{
        const char *value = fact(f, key);

        return value ? strtoul(value, NULL, base) : otherwise;
}

void list_each(const char *list, void (*fn)(const char *word, void *arg), void *arg)
{
        if (!list || strcmp(list, "-") == 0)
                return;
        char *copy = strdup(list);
        char *save = NULL;

        for (char *w = strtok_r(copy, ",", &save); w; w = strtok_r(NULL, ",", &save))
                fn(w, arg);
        free(copy);
}

struct search {
        const char *word;
        bool is_found;
};

static void compare_word(const char *word, void *arg)
{
        struct search *s = arg;

        if (strcmp(word, s->word) == 0)
                s->is_found = true;
}

bool list_has(const char *list, const char *word)
{
        struct search s = { word, false };

        list_each(list, compare_word, &s);
        return s.is_found;
}

void report_item(struct report *r, bool is_open, enum proof proof, const char *fmt, ...)
{
        va_list ap;

        if (is_open)
                r->n_open++;
        else
                r->n_closed++;
        if (r->is_quiet && !is_open)
                return;
        printf("%s %s: ", is_open ? "open" : proof == PROVABLE ? "ok" : "also", r->check);
        va_start(ap, fmt);
        vprintf(fmt, ap);
        va_end(ap);
        putchar('\n');
}

struct shared {
        int err;
        int is_done;
        long result;
};

static void attempt_child(attempt_fn *fn, void *arg, struct shared *s)
{
        struct rlimit none = { 0, 0 };

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        setrlimit(RLIMIT_CORE, &none);
        alarm(10); /* an attempt that blocks has been let in */
        errno = 0;
        s->result = fn(arg);
        s->err = s->result == -1 ? (errno ? errno : EIO) : 0;
        s->is_done = 1;
        _exit(0);
}

struct outcome attempt(attempt_fn *fn, void *arg)
{
        struct shared *s =
                mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        struct outcome o = { 0 };
        int status = 0;

        if (s == MAP_FAILED) {
                perror("probe: mmap");
                exit(2);
        }
        fflush(stdout);
        pid_t pid = fork();
        if (pid < 0) {
                perror("probe: fork");
                exit(2);
        }
        if (pid == 0)
                attempt_child(fn, arg, s);
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
                ;
        if (s->is_done) {
                o.err = s->err;
                o.result = s->result;
        } else if (WIFSIGNALED(status)) {
                o.sig = WTERMSIG(status);
        }
        munmap(s, sizeof(*s));
        return o;
}

const char *outcome_text(const struct outcome *o)
{
        static char text[64];

        if (o->sig)
                snprintf(text, sizeof(text), "SIG%s", sigabbrev_np(o->sig));
        else if (o->err)
                snprintf(text, sizeof(text), "%s",
                         strerrorname_np(o->err) ? strerrorname_np(o->err) : "an unknown error");
        else
                snprintf(text, sizeof(text), "worked, %ld", o->result);
        return text;
}

bool is_denied(const struct outcome *o)
{
        if (o->sig)
                return o->sig == SIGSYS;
        return o->err == EPERM || o->err == EACCES || o->err == ENOSYS;
}

static long do_call(void *arg)
{
        const struct call *c = arg;

        return syscall(c->nr, c->args[0], c->args[1], c->args[2], c->args[3], c->args[4],
                       c->args[5]);
}

struct outcome attempt_call(const struct call *c)
{
        struct call copy = *c;

        return attempt(do_call, &copy);
}

void expect_denied(struct report *r, enum proof proof, const char *what, attempt_fn *fn, void *arg)
{
        struct outcome o = attempt(fn, arg);

        report_item(r, !is_denied(&o), proof, "%s (%s)", what, outcome_text(&o));
}

void expect_calls_denied(struct report *r, const struct call *calls)
{
        for (const struct call *c = calls; c->name; c++) {
                struct outcome o = attempt_call(c);

                report_item(r, !is_denied(&o), c->proof, "%s (%s)", c->name, outcome_text(&o));
        }
}

void expect_fails(struct report *r, enum proof proof, const char *what, attempt_fn *fn, void *arg)
{
        struct outcome o = attempt(fn, arg);

        report_item(r, o.err == 0 && o.sig != SIGSYS, proof, "%s (%s)", what, outcome_text(&o));
}

long read_text(const char *path, char *buf, size_t size)
{
        int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        size_t len = 0;

        buf[0] = '\0';
        if (fd < 0)
                return -1;
        while (len < size - 1) {
                ssize_t n = read(fd, buf + len, size - 1 - len);

                if (n < 0 && len == 0) {
                        int err = errno;

                        close(fd);
                        errno = err;
                        return -1;
                }
                if (n <= 0)
                        break;
                len += (size_t)n;
        }
        buf[len] = '\0';
        close(fd);
        return (long)len;
}

const char *status_field(const char *name)
{
        static char text[8192];
        size_t len = strlen(name);

        if (read_text("/proc/self/status", text, sizeof(text)) < 0)
                return "";
        for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
                if (strncmp(line, name, len) == 0 && line[len] == ':')
                        return line + len + 1 + strspn(line + len + 1, " \t");
        }
        return "";
}

int dir_each(const char *path, void (*fn)(const char *dir, const char *name, void *arg), void *arg)
{
        DIR *dir = opendir(path);
        struct dirent *d;

        if (!dir)
                return -1;
        while ((d = readdir(dir))) {
                if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0)
                        fn(path, d->d_name, arg);
        }
        closedir(dir);
        return 0;
}
