#include "question.h"

#include "parse.h"
#include "str.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

static const char usage[] = "kelp policy why PATH [r|w|x], HOST:PORT or syscall NAME...";

static bool is_path(const char *word)
{
        return strchr("/~.", word[0]) != NULL || strchr(word, '/') != NULL;
}

static bool is_v6(const char *word)
{
        unsigned char binary[16];

        return inet_pton(AF_INET6, word, binary) == 1;
}

static int read_accesses(const char *word, struct question *ret, struct err *e)
{
        static const char letters[] = "rwx";

        ret->n_accesses = 0;
        if (word[0] == '\0' || strlen(word) > QUESTION_MAX_ACCESSES ||
            word[strspn(word, letters)] != '\0') {
                err_set(e, EINVAL, "'%s' is not r, w or x", word);
                return err_hint(e, "read, write or execute: one or some of r, w and x");
        }
        for (; *word; word++)
                ret->accesses[ret->n_accesses++] =
                        (enum why_access)(WHY_READ + (strchr(letters, *word) - letters));
        return 0;
}

static int read_path(const char *const *words, size_t n, struct question *ret, struct err *e)
{
        ret->kind = QUESTION_PATH;
        ret->text = words[0];
        if (n > 2) {
                err_set(e, EINVAL, "unexpected word '%s'", words[2]);
                return err_hint(e, "%s", usage);
        }
        return read_accesses(n > 1 ? words[1] : "r", ret, e);
}

static int read_port(const char *text, struct question *ret, struct err *e)
{
        uint64_t port;

        if (parse_number(text, 1, 65535, &port, e) < 0) {
                err_prefix(e, "port");
                return err_hint(e, "a port is a number from 1 to 65535, like example.org:443");
        }
        ret->port = (uint16_t)port;
        return 0;
}

/* HOST, HOST:PORT, ADDRESS, [ADDRESS]:PORT */
static int read_host(struct arena *arena, const char *word, struct question *ret, struct err *e)
{
        char *text = arena_copy(arena, word, e);

        if (!text)
                return -e->code;
        ret->kind = QUESTION_HOST;
        ret->text = text;
        if (is_v6(text))
                return 0;
        char *colon = strrchr(text, ':');
        if (text[0] == '[') {
                char *end = strchr(text, ']');

                if (!end || (end[1] != '\0' && end[1] != ':'))
                        return err_set(e, EINVAL, "'%s' has no address in brackets", word);
                *end = '\0';
                ret->text = text + 1;
                colon = end[1] == ':' ? end + 1 : NULL;
        }
        if (!colon)
                return 0;
        *colon = '\0';
        return read_port(colon + 1, ret, e);
}

static int hint_url(const char *word, struct err *e)
{
        const char *host = strstr(word, "://") + 3;

        err_set(e, EINVAL, "'%s' is a URL", word);
        return err_hint(e, "ask for its host: kelp policy why %.*s:%s", (int)strcspn(host, "/:?#"),
                        host, str_has_prefix(word, "http://") ? "80" : "443");
}

static int read_syscalls(const char *const *words, size_t n, struct question *ret, struct err *e)
{
        if (n < 2) {
                err_set(e, EINVAL, "which system call?");
                return err_hint(e, "name it: kelp policy why syscall mount");
        }
        ret->kind = QUESTION_SYSCALL;
        ret->calls = words + 1;
        ret->n_calls = n - 1;
        return 0;
}

int question_read(struct arena *arena, const char *const *words, size_t n, struct question *ret,
                  struct err *e)
{
        *ret = (struct question){ .kind = QUESTION_PATH };
        if (n == 0 || words[0][0] == '\0') {
                err_set(e, EINVAL, "there is no question");
                return err_hint(e, "%s", usage);
        }
        if (str_eq(words[0], "syscall"))
                return read_syscalls(words, n, ret, e);
        if (strstr(words[0], "://"))
                return hint_url(words[0], e);
        if (is_path(words[0]) || access(words[0], F_OK) == 0)
                return read_path(words, n, ret, e);
        if (n > 1 && !strchr(words[0], ':')) {
                struct err unused = { 0 };

                if (read_accesses(words[1], ret, &unused) == 0)
                        return read_path(words, n, ret, e);
        }
        if (n > 1) {
                err_set(e, EINVAL, "unexpected word '%s'", words[1]);
                return err_hint(e, "%s", usage);
        }
        if (!strchr(words[0], '.') && !strchr(words[0], ':') && !str_eq(words[0], "localhost")) {
                err_set(e, EINVAL, "'%s' is neither a path nor a host", words[0]);
                return err_hint(e, "write ./%s for a file, %s:443 for a host", words[0], words[0]);
        }
        return read_host(arena, words[0], ret, e);
}
