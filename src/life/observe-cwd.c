#include "observe-cwd.h"

#include "observe-memory.h"

#include <string.h>
#include <time.h>

/*
 * A change is asked about before it is made, and what was kept is forgotten then.  It may be read
 * once more before the call is through, by another thread of the same program, and a host may move
 * the directory at any time: so nothing is believed for long.
 */
#define BELIEVED_NS (INT64_C(50) * 1000 * 1000)

static int64_t now_ns(void)
{
        struct timespec now = { 0 };

        clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
        return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

bool observe_cwds_find(struct observe_cwds *c, pid_t pid, char ret[PATH_MAX])
{
        struct observe_cwd *known = &c->items[(unsigned)pid % OBSERVE_CWDS];
        int64_t now = now_ns();

        if (known->pid == pid && known->generation == c->generation && now < known->until_ns) {
                memcpy(ret, known->path, sizeof(known->path));
                return true;
        }
        ssize_t len = observe_read_link(pid, "cwd", ret, PATH_MAX);
        if (len < 0 || ret[0] != '/')
                return false;
        known->pid = 0;
        if ((size_t)len >= sizeof(known->path))
                return true;
        memcpy(known->path, ret, (size_t)len + 1);
        known->pid = pid;
        known->generation = c->generation;
        known->until_ns = now + BELIEVED_NS;
        return true;
}

void observe_cwds_forget(struct observe_cwds *c)
{
        c->generation++;
}
