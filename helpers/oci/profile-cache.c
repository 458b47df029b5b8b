#include "profile-cache.h"

#include "fd.h"
#include "io.h"
#include "mem.h"
#include "str.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#define MAGIC "kelp-oci-filter1"

#define BELOW       "kelp"
#define NAME        "oci-filters"
#define SUFFIX      ".filter"
#define TEMP_PREFIX "new-"

#define NAME_SIZE 40

/* Larger ones are compiled each time. */
#define MAX_ENTRY ((size_t)1 << 20)

/* So many are kept, the latest; one that was begun and not finished so long. */
#define MAX_ENTRIES 64
#define MAX_LOOKED  1000
#define MAX_TEMP_S  3600

/* A libseccomp that was upgraded meanwhile may know more names: an entry is for a day. */
#define MAX_AGE_S 86400

struct head {
        char magic[16];
        uint64_t sum; /* of all behind it */
        uint32_t maker_len;
        uint32_t text_len;
        uint32_t body_len;
        uint32_t unused;
};

/* Not against an enemy, who cannot write here. */
static uint64_t mix(uint64_t sum, const char *data, size_t len)
{
        while (len > 0) {
                uint64_t word = 0;
                size_t n = len < sizeof(word) ? len : sizeof(word);

                memcpy(&word, data, n);
                sum = (sum ^ word) * 0x9e3779b97f4a7c15u;
                sum ^= sum >> 29;
                data += n;
                len -= n;
        }
        return (sum ^ sum >> 32) * 0xd6e8feb86659fd93u;
}

static uint64_t sum_key(const struct profile_key *key)
{
        return mix(mix(1, key->maker, strlen(key->maker)), key->text, key->len);
}

static void name_entry(const struct profile_key *key, char *ret)
{
        snprintf(ret, NAME_SIZE, "%016llx" SUFFIX, (unsigned long long)sum_key(key));
}

void profile_key_fill(struct profile_key *ret, const char *text, size_t len)
{
        struct utsname host = { .release = "" };

        /* which actions there are is the kernel's matter */
        uname(&host);
        snprintf(ret->maker, sizeof(ret->maker), "kelp %s, libseccomp %s, Linux %s %s\n",
                 KELP_VERSION, SECCOMP_VERSION, host.release, host.machine);
        ret->text = text;
        ret->len = len;
}

/* ------ the directory ------ */

/* What only we can write to. */
static bool is_ours(int fd, mode_t type, struct stat *ret)
{
        return fstat(fd, ret) == 0 && (ret->st_mode & S_IFMT) == type && ret->st_uid == geteuid() &&
               !(ret->st_mode & (S_IWGRP | S_IWOTH));
}

/* Source: XDG Base Directory Specification: a relative path is as good as none. */
static bool find_home(char *ret, size_t size)
{
        static const char *const places[][2] = { { "XDG_CACHE_HOME", "" },
                                                 { "HOME", "/.cache" },
                                                 { "XDG_RUNTIME_DIR", "" } };

        for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
                const char *value = getenv(places[i][0]);
                int n = value && value[0] == '/' ? snprintf(ret, size, "%s%s", value, places[i][1])
                                                 : 0;

                if (n > 0 && (size_t)n < size)
                        return true;
        }
        return false;
}

static int open_dir(int dir, const char *path)
{
        struct stat st;
        autofd fd = openat(dir, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

        return fd >= 0 && is_ours(fd, S_IFDIR, &st) ? fd_take(&fd) : -1;
}

void profile_cache_open(struct profile_cache *ret)
{
        char home[PATH_MAX - 64];
        char path[PATH_MAX];

        ret->dir = -1;
        if (!find_home(home, sizeof(home)))
                return;
        snprintf(path, sizeof(path), "%s/" BELOW "/" NAME, home);
        ret->dir = open_dir(AT_FDCWD, path);
}

void profile_cache_done(struct profile_cache *c)
{
        fd_close(&c->dir);
}

static int make_below(int dir, const char *name, int *ret, struct err *e)
{
        if (mkdirat(dir, name, 0700) < 0 && errno != EEXIST)
                return err_sys(e, "cannot make '%s'", name);
        *ret = open_dir(dir, name);
        if (*ret < 0)
                return err_set(e, EPERM, "'%s' is no directory that is yours alone", name);
        return 0;
}

/* The home itself may be a symlink, as it is where homes are small. */
static int make_dir(struct profile_cache *c, struct err *e)
{
        char home[PATH_MAX - 64];
        autofd below = -1;

        if (!find_home(home, sizeof(home)))
                return err_set(e, ENOENT, "neither XDG_CACHE_HOME nor HOME is set");
        if (mkdir(home, 0700) < 0 && errno != EEXIST)
                return err_sys(e, "cannot make '%s'", home);
        autofd top = open(home, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (top < 0)
                return err_sys(e, "cannot open '%s'", home);
        if (make_below(top, BELOW, &below, e) < 0)
                return -e->code;
        return make_below(below, NAME, &c->dir, e);
}

/* ------ entries ------ */

static bool is_fresh(const struct stat *st)
{
        time_t age = time(NULL) - st->st_mtime;

        return age >= 0 && age < MAX_AGE_S;
}

static char *read_entry(int dir, const char *name, size_t *ret_len)
{
        struct err unused = { 0 };
        struct stat st;
        char *data = NULL;
        autofd fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

        if (fd < 0 || !is_ours(fd, S_IFREG, &st) || !is_fresh(&st) || st.st_size < 0 ||
            (size_t)st.st_size > MAX_ENTRY ||
            io_read_all(fd, MAX_ENTRY, name, &data, ret_len, &unused) < 0)
                return NULL;
        return data;
}

/* Where in `data` the body begins, or 0: it is not what the key asks for. */
static size_t judge(const char *data, size_t len, const struct profile_key *key)
{
        struct head head;
        size_t maker_len = strlen(key->maker);
        size_t start = sizeof(head) + maker_len + key->len;

        if (len < start)
                return 0;
        memcpy(&head, data, sizeof(head));
        if (memcmp(head.magic, MAGIC, sizeof(head.magic)) != 0 || head.unused != 0 ||
            head.maker_len != maker_len || head.text_len != key->len ||
            head.body_len != len - start ||
            memcmp(data + sizeof(head), key->maker, maker_len) != 0 ||
            memcmp(data + sizeof(head) + maker_len, key->text, key->len) != 0)
                return 0;
        return head.sum == mix(sum_key(key), data + start, len - start) ? start : 0;
}

bool profile_cache_get(const struct profile_cache *c, const struct profile_key *key, char **ret,
                       size_t *ret_len)
{
        char name[NAME_SIZE];
        size_t len;

        if (c->dir < 0)
                return false;
        name_entry(key, name);
        autofree char *data = read_entry(c->dir, name, &len);
        size_t start = data ? judge(data, len, key) : 0;
        if (start == 0)
                return false;
        *ret_len = len - start;
        memmove(data, data + start, *ret_len);
        *ret = data;
        data = NULL;
        return true;
}

static int write_entry(int fd, const struct profile_key *key, const char *body, size_t len,
                       struct err *e)
{
        struct head head = {
                .sum = mix(sum_key(key), body, len),
                .maker_len = (uint32_t)strlen(key->maker),
                .text_len = (uint32_t)key->len,
                .body_len = (uint32_t)len,
        };

        memcpy(head.magic, MAGIC, sizeof(head.magic));
        if (io_write_all(fd, &head, sizeof(head), NAME, e) < 0 ||
            io_write_all(fd, key->maker, head.maker_len, NAME, e) < 0 ||
            io_write_all(fd, key->text, key->len, NAME, e) < 0)
                return -e->code;
        return io_write_all(fd, body, len, NAME, e);
}

/* ------ what is kept ------ */

struct kept {
        char name[NAME_SIZE];
        time_t time;
};

static int compare_kept(const void *a, const void *b)
{
        const struct kept *one = a;
        const struct kept *other = b;

        return (one->time < other->time) - (one->time > other->time);
}

/* True for an entry; what was begun and not finished goes. */
static bool look_at(int dir, const char *name, struct kept *ret)
{
        struct stat st;

        if (strlen(name) >= sizeof(ret->name) || fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return false;
        if (str_has_prefix(name, TEMP_PREFIX)) {
                if (time(NULL) - st.st_mtime > MAX_TEMP_S)
                        unlinkat(dir, name, 0);
                return false;
        }
        snprintf(ret->name, sizeof(ret->name), "%s", name);
        ret->time = st.st_mtime;
        return str_has_suffix(name, SUFFIX);
}

/* The latest stay.  Somebody else may be at it, too: what has gone already is no error. */
static int prune(int at, struct err *e)
{
        struct kept *kept = mem_alloc(MAX_LOOKED * sizeof(*kept), e);
        int fd = openat(at, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        autodir *dir = fd_take_dir(&fd);
        struct dirent *entry;
        size_t n = 0;

        while (kept && dir && n < MAX_LOOKED && (entry = readdir(dir)))
                n += look_at(at, entry->d_name, &kept[n]);
        if (n > MAX_ENTRIES) {
                qsort(kept, n, sizeof(*kept), compare_kept);
                for (size_t i = MAX_ENTRIES; i < n; i++)
                        unlinkat(at, kept[i].name, 0);
        }
        free(kept);
        return kept ? 0 : -e->code;
}

int profile_cache_put(struct profile_cache *c, const struct profile_key *key, const char *body,
                      size_t len, struct err *e)
{
        char temp[NAME_SIZE];
        char name[NAME_SIZE];
        uint64_t noise;

        if (sizeof(struct head) + strlen(key->maker) + key->len + len > MAX_ENTRY)
                return err_set(e, E2BIG, "a filter and its profile are too large to be kept");
        if (c->dir < 0 && make_dir(c, e) < 0)
                return -e->code;
        if (getrandom(&noise, sizeof(noise), 0) != (ssize_t)sizeof(noise))
                return err_sys(e, "cannot get random bytes");
        snprintf(temp, sizeof(temp), TEMP_PREFIX "%016llx", (unsigned long long)noise);
        name_entry(key, name);
        autofd fd =
                openat(c->dir, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0)
                return err_sys(e, "cannot make '%s'", temp);
        if (write_entry(fd, key, body, len, e) == 0 && renameat(c->dir, temp, c->dir, name) < 0)
                err_sys(e, "cannot rename '%s'", temp);
        if (e->code != 0)
                unlinkat(c->dir, temp, 0);
        return e->code != 0 ? -e->code : prune(c->dir, e);
}
