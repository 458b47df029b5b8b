#include "holder.h"

#include "fd.h"
#include "io.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define COMMAND_MAX 160

/* "1: FLOCK  ADVISORY  READ 1234 fe:01:131072 0 EOF"; waiters have "->" behind the number. */
static bool read_lock(const char *line, const struct stat *st, int *ret_pid, bool *ret_is_exact)
{
        unsigned long inode;
        unsigned major_number;
        unsigned minor_number;

        if (sscanf(line, "%*d: FLOCK %*s %*s %d %x:%x:%lu", ret_pid, &major_number, &minor_number,
                   &inode) != 4)
                return false;
        *ret_is_exact = makedev(major_number, minor_number) == st->st_dev;
        return inode == st->st_ino && *ret_pid > 0;
}

/* The device is another one than that of stat(2) on btrfs and overlayfs: then the inode decides. */
static int find_pid(int fd)
{
        char line[256];
        struct stat st;
        int found = 0;

        if (fstat(fd, &st) < 0)
                return 0;
        FILE *locks = fopen("/proc/locks", "re");
        while (locks && fgets(line, sizeof(line), locks)) {
                bool is_exact;
                int pid;

                if (!read_lock(line, &st, &pid, &is_exact))
                        continue;
                if (is_exact || found == 0)
                        found = pid;
                if (is_exact)
                        break;
        }
        if (locks)
                fclose(locks);
        return found;
}

/* Words that the kernel keeps with a NUL behind each; false when there are none. */
static bool read_command(int pid, char *ret)
{
        struct err unused = { 0 };
        autofree char *text = NULL;
        char path[48];
        size_t len = 0;

        snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
        autofd fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0 || io_read_all(fd, 4u << 20, path, &text, &len, &unused) < 0 || len == 0)
                return false;
        while (len > 0 && text[len - 1] == '\0')
                len--;
        for (size_t i = 0; i < len; i++) {
                if (text[i] == '\0')
                        text[i] = ' ';
        }
        if (len >= COMMAND_MAX)
                memcpy(text + COMMAND_MAX - 4, "...", 4);
        snprintf(ret, COMMAND_MAX, "%s", text);
        return len > 0;
}

const char *holder_find(int fd, char *text, size_t size)
{
        char command[COMMAND_MAX];
        int pid = find_pid(fd);

        if (pid > 0 && read_command(pid, command))
                snprintf(text, size, "process %d ('%s')", pid, command);
        else
                snprintf(text, size, "a running sandbox");
        return text;
}
