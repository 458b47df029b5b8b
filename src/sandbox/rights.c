#include "rights.h"

#include "io.h"
#include "mem.h"
#include "proc.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/keyctl.h>
#include <linux/securebits.h>
#include <stdio.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BIT(cap) (UINT64_C(1) << (cap))

/* Whatever is kept: nothing is handed on to programs that were not given it. */
#define AMBIENT_BITS (SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED)

/* KEEP_CAPS is locked off, the others on: no later change of uid or exec brings anything back. */
#define LOCKED_BITS                                                                                \
        (SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP |                           \
         SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_KEEP_CAPS_LOCKED | AMBIENT_BITS)

/* "CapBnd:\t0000000000000000"; source: proc_pid_status(5). */
static int read_bounding(uint64_t *ret, struct err *e)
{
        autofree char *text = NULL;
        unsigned long long value;

        if (io_read_file(AT_FDCWD, "/proc/self/status", PROC_STATUS_MAX, &text, NULL, e) < 0)
                return -e->code;
        const char *line = strstr(text, "\nCapBnd:");
        if (!line || sscanf(line, "\nCapBnd: %llx", &value) != 1)
                return err_set(e, EPROTO, "'/proc/self/status' does not tell the bounding set");
        *ret = value;
        return 0;
}

int rights_drop_bounding(const struct plan_confine *c, struct err *e)
{
        /* one call; the library's asks for each capability first */
        if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
                return err_sys(e, "cannot empty the ambient set");
        for (cap_value_t cap = 0; cap < 64; cap++) {
                if ((c->keep_caps & BIT(cap)) || cap_drop_bound(cap) == 0)
                        continue;
                if (errno != EINVAL)
                        return err_sys(e, "cannot take capability %d off the bounding set", cap);
                /* this kernel has none of that number or above */
                break;
        }
        if (cap_set_secbits(c->keep_caps == 0 ? LOCKED_BITS : AMBIENT_BITS) < 0)
                return err_sys(e, "cannot lock the securebits");
        return 0;
}

int rights_check_bounding(const struct plan_confine *c, struct err *e)
{
        uint64_t left = 0;

        if (read_bounding(&left, e) < 0)
                return -e->code;
        if (left & ~c->keep_caps)
                return err_set(e, EPERM, "the bounding set is %llx after it was emptied",
                               (unsigned long long)left);
        return 0;
}

int rights_no_new_privs(struct err *e)
{
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                return err_sys(e, "cannot set no_new_privs");
        return 0;
}

int rights_leave_keyring(struct err *e)
{
        /* a kernel without keyrings has no keys to give away */
        if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) < 0 && errno != ENOSYS)
                return err_sys(e, "cannot join a fresh session keyring");
        return 0;
}

static int fill(cap_t caps, uint64_t keep)
{
        for (cap_value_t cap = 0; cap < 64; cap++) {
                if (!(keep & BIT(cap)))
                        continue;
                if (cap_set_flag(caps, CAP_PERMITTED, 1, &cap, CAP_SET) < 0 ||
                    cap_set_flag(caps, CAP_EFFECTIVE, 1, &cap, CAP_SET) < 0)
                        return -1;
        }
        return 0;
}

int rights_set(uint64_t keep, struct err *e)
{
        cap_t want = cap_init();
        cap_t got = NULL;
        int r = 0;

        if (!want || fill(want, keep) < 0)
                r = err_sys(e, "cannot fill a set of capabilities");
        else if (cap_set_proc(want) < 0)
                r = err_sys(e, "cannot set the capabilities");
        else if (!(got = cap_get_proc()))
                r = err_sys(e, "cannot read the capabilities back");
        else if (cap_compare(want, got) != 0)
                r = err_set(e, EPERM, "the capabilities are not what was set");
        cap_free(want);
        cap_free(got);
        return r;
}

int rights_become(const struct identity *id, uint64_t keep, struct err *e)
{
        if (id->can_set_groups && setgroups(id->n_groups, id->groups) < 0)
                return err_sys(e, "cannot set the supplementary groups");
        if (setresgid(id->gid, id->gid, id->gid) < 0)
                return err_sys(e, "cannot become group %u", id->gid);
        if (setresuid(id->uid, id->uid, id->uid) < 0)
                return err_sys(e, "cannot become user %u", id->uid);
        /* the kernel took them with the uid; asking for more would be refused */
        return rights_set(id->uid == 0 ? keep : 0, e);
}
