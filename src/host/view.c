#include "view.h"

#include "fd.h"
#include "io.h"
#include "mem.h"
#include "parse.h"
#include "proc.h"
#include "str.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#define LIMIT_PASSWD  ((size_t)8 << 20)
#define LIMIT_MODULES ((size_t)16 << 20)

int host_open(const struct host_view *v, const char *path, int flags)
{
        struct open_how how = {
                .flags = (unsigned)(flags | O_CLOEXEC),
                .resolve = RESOLVE_IN_ROOT,
        };
        int fd;

        /* an outer container's filter may not know openat2; the real root does not need it */
        if (v->is_real)
                fd = openat(v->root_fd, path, flags | O_CLOEXEC);
        else
                fd = (int)syscall(SYS_openat2, v->root_fd, path, &how, sizeof(how));
        return fd < 0 ? -errno : fd;
}

ssize_t host_read(const struct host_view *v, const char *path, char *buffer, size_t size)
{
        return io_read_small(v->root_fd, path, buffer, size);
}

bool host_read_number(const struct host_view *v, const char *path, uint64_t *ret)
{
        struct err unused = { 0 };
        char text[32];

        if (host_read(v, path, text, sizeof(text)) < 0)
                return false;
        return parse_number(text, 0, UINT64_MAX, ret, &unused) == 0;
}

char *host_read_text(const struct host_view *v, const char *path, size_t limit)
{
        autofd fd = host_open(v, path, O_RDONLY | O_NONBLOCK);
        struct err unused = { 0 };
        char *text = NULL;

        if (fd < 0 || io_read_all(fd, limit, path, &text, NULL, &unused) < 0)
                return NULL;
        return text;
}

bool host_exists(const struct host_view *v, const char *path)
{
        return faccessat(v->root_fd, path, F_OK, 0) == 0;
}

long host_status_number(const struct host_view *v, const char *name)
{
        autofree char *text = host_read_text(v, "proc/self/status", PROC_STATUS_MAX);
        size_t len = strlen(name);
        char *at = text;

        for (char *line; (line = str_next_field(&at, '\n'));) {
                if (strncmp(line, name, len) == 0 && line[len] == ':')
                        return strtol(line + len + 1, NULL, 10);
        }
        return -1;
}

bool host_is_mapped(const struct host_view *v, const char *file, uint32_t id)
{
        autofree char *text = host_read_text(v, file, 65536);
        char *at = text;

        for (char *line; (line = str_next_field(&at, '\n'));) {
                unsigned inside = 0;
                unsigned outside = 0;
                unsigned count = 0;

                if (sscanf(line, "%u %u %u", &inside, &outside, &count) == 3 && id >= inside &&
                    id - inside < count)
                        return true;
        }
        return false;
}

/* No getpwuid: it would load name service modules, and kelp is linked statically. */
static void find_user_name(struct host_view *v)
{
        autofree char *text = host_read_text(v, "etc/passwd", LIMIT_PASSWD);
        const char *from_env = getenv("USER");
        char *at = text;

        for (char *line; (line = str_next_field(&at, '\n'));) {
                char *rest = line;
                const char *name = str_next_field(&rest, ':');
                struct err unused = { 0 };
                uint64_t uid;

                str_next_field(&rest, ':');
                const char *number = str_next_field(&rest, ':');
                if (number && parse_number(number, 0, UINT32_MAX, &uid, &unused) == 0 &&
                    uid == v->uid) {
                        snprintf(v->user, sizeof(v->user), "%s", name);
                        return;
                }
        }
        snprintf(v->user, sizeof(v->user), "%s", from_env ? from_env : "");
}

static void find_store(struct host_view *v)
{
        const char *data = getenv("XDG_DATA_HOME");
        const char *home = getenv("HOME");

        if (data && data[0] == '/')
                snprintf(v->store, sizeof(v->store), "%s/kelp/store", data);
        else if (home && home[0] == '/')
                snprintf(v->store, sizeof(v->store), "%s/.local/share/kelp/store", home);
}

int host_view_open(struct host_view *ret, const char *root, struct err *e)
{
        autofd fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);

        if (fd < 0)
                return err_sys(e, "cannot open '%s'", root);
        *ret = (struct host_view){
                .is_real = str_eq(root, "/"),
                .uid = geteuid(),
                .gid = getegid(),
        };
        ret->root_fd = fd_take(&fd);

        ssize_t n = readlink("/proc/self/exe", ret->exe, sizeof(ret->exe) - 1);
        ret->exe[n > 0 ? n : 0] = '\0';
        find_user_name(ret);
        find_store(ret);
        return 0;
}

void host_view_done(struct host_view *v)
{
        fd_close(&v->root_fd);
}

static const char *const program_dirs[] = {
        "usr/local/bin",
        "usr/bin",
        "bin",
        "usr/local/sbin",
        "usr/sbin",
        "sbin",
        /* where NixOS and Guix keep setuid programs and all others */
        "run/wrappers/bin",
        "run/setuid-programs",
        "run/current-system/sw/bin",
};

bool host_find_program(const struct host_view *v, const char *program, char *ret, size_t size)
{
        for (size_t i = 0; i < sizeof(program_dirs) / sizeof(program_dirs[0]); i++) {
                struct stat st;
                int n = snprintf(ret, size, "/%s/%s", program_dirs[i], program);

                if (n < 0 || (size_t)n >= size)
                        continue;
                if (fstatat(v->root_fd, ret + 1, &st, 0) == 0 && S_ISREG(st.st_mode) &&
                    (st.st_mode & 0111) != 0)
                        return true;
        }
        return false;
}

bool host_has_module(const struct host_view *v, const char *name)
{
        struct utsname kernel;
        char path[256];
        char file[64];

        if (uname(&kernel) < 0)
                return false;
        snprintf(path, sizeof(path), "lib/modules/%s/modules.dep", kernel.release);
        autofree char *text = host_read_text(v, path, LIMIT_MODULES);
        /* it may be compressed, which tells by what comes behind */
        snprintf(file, sizeof(file), "/%s.ko", name);
        return text && strstr(text, file);
}

const char *host_sudo(const struct host_view *v)
{
        return v->uid == 0 ? "" : "sudo ";
}

struct installer {
        const char *id; /* as in ID and ID_LIKE of os-release */
        const char *command;
        const char *newuidmap; /* the package that has it */
};

static const struct installer installers[] = {
        { "debian", "apt-get install", "uidmap" },   { "ubuntu", "apt-get install", "uidmap" },
        { "fedora", "dnf install", "shadow-utils" }, { "rhel", "dnf install", "shadow-utils" },
        { "arch", "pacman -S", "shadow" },           { "alpine", "apk add", "shadow-uidmap" },
        { "suse", "zypper install", "shadow" },      { "opensuse", "zypper install", "shadow" },
};

/* Whether `word` is one of the words of `list` ("fedora rhel", with or without quotes). */
static bool has_word(const char *list, const char *word)
{
        size_t len = strlen(word);

        for (const char *at = strstr(list, word); at; at = strstr(at + 1, word)) {
                bool starts = at == list || strchr(" \"'", at[-1]);

                if (starts && strchr(" \"'", at[len]))
                        return true;
        }
        return false;
}

static const struct installer *find_installer(const char *value)
{
        for (size_t i = 0; i < sizeof(installers) / sizeof(installers[0]); i++) {
                if (has_word(value, installers[i].id))
                        return &installers[i];
        }
        return NULL;
}

void host_install_command(const struct host_view *v, const char *what, char *ret, size_t size)
{
        autofree char *text = host_read_text(v, "etc/os-release", 65536);
        const struct installer *found = NULL;
        char *at = text;

        for (char *line; (line = str_next_field(&at, '\n'));) {
                bool is_id = str_has_prefix(line, "ID=") || str_has_prefix(line, "ID_LIKE=");

                if (is_id && !found)
                        found = find_installer(strchr(line, '=') + 1);
        }
        if (!found) {
                snprintf(ret, size, "install the package that has '%s'", what);
                return;
        }
        snprintf(ret, size, "%s%s %s", host_sudo(v), found->command,
                 str_eq(what, "newuidmap") ? found->newuidmap : what);
}
