#include "cap-sets.h"

#include <errno.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define N_CAPS   64
#define BIT(cap) (UINT64_C(1) << (cap))

struct sets {
        uint64_t effective;
        uint64_t permitted;
        uint64_t inheritable;
};

uint64_t cap_sets_lost_ambient(const struct bundle_caps *caps)
{
        return caps->ambient & ~(caps->permitted & caps->inheritable);
}

int cap_sets_drop_bounding(const struct bundle_caps *caps, struct err *e)
{
        for (int cap = 0; cap < N_CAPS; cap++) {
                if (caps->bounding & BIT(cap))
                        continue;
                if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == 0)
                        continue;
                /* this kernel has none of that number or above */
                if (errno == EINVAL)
                        break;
                return err_sys(e, "cannot take capability %d off the bounding set", cap);
        }
        return 0;
}

/* The kernel's form: two halves of 32 bits. */
static int set(const struct sets *s, struct err *e)
{
        struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
        struct __user_cap_data_struct data[2];

        for (int i = 0; i < 2; i++) {
                data[i].effective = (uint32_t)(s->effective >> (32 * i));
                data[i].permitted = (uint32_t)(s->permitted >> (32 * i));
                data[i].inheritable = (uint32_t)(s->inheritable >> (32 * i));
        }
        if (syscall(SYS_capset, &head, data) < 0)
                return err_sys(e, "cannot set the capabilities");
        return 0;
}

static int get(struct sets *ret, struct err *e)
{
        struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
        struct __user_cap_data_struct data[2] = { 0 };

        if (syscall(SYS_capget, &head, data) < 0)
                return err_sys(e, "cannot read the capabilities");
        *ret = (struct sets){
                .effective = data[0].effective | (uint64_t)data[1].effective << 32,
                .permitted = data[0].permitted | (uint64_t)data[1].permitted << 32,
                .inheritable = data[0].inheritable | (uint64_t)data[1].inheritable << 32,
        };
        return 0;
}

static int set_ambient(uint64_t ambient, struct err *e)
{
        if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
                return err_sys(e, "cannot empty the ambient set");
        for (int cap = 0; cap < N_CAPS; cap++) {
                if (!(ambient & BIT(cap)))
                        continue;
                if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) < 0)
                        return err_sys(e, "cannot raise the ambient capability %d", cap);
        }
        return 0;
}

/* The bounding set, or the ambient one, as the kernel has it. */
static uint64_t read_set(bool is_ambient)
{
        uint64_t found = 0;

        for (int cap = 0; cap < N_CAPS; cap++) {
                int has = is_ambient ? prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, cap, 0, 0)
                                     : prctl(PR_CAPBSET_READ, cap, 0, 0, 0);

                /* this kernel has no more */
                if (has < 0)
                        break;
                if (has)
                        found |= BIT(cap);
        }
        return found;
}

static int check(const struct sets *want, const struct bundle_caps *caps, uint64_t ambient,
                 struct err *e)
{
        struct sets got;

        if (get(&got, e) < 0)
                return -e->code;
        if (memcmp(&got, want, sizeof(got)) != 0)
                return err_set(e, EPERM, "the capabilities are not what was set");
        if (read_set(true) != ambient)
                return err_set(e, EPERM, "the ambient capabilities are not what was set");
        /* one that the caller did not have in his own is not there, which is less than was asked */
        if (read_set(false) & ~caps->bounding)
                return err_set(e, EPERM, "the bounding set has more than was asked for");
        return 0;
}

int cap_sets_set(const struct bundle_caps *caps, struct err *e)
{
        uint64_t ambient = caps->ambient & ~cap_sets_lost_ambient(caps);
        const struct sets want = {
                .effective = caps->effective,
                .permitted = caps->permitted,
                .inheritable = caps->inheritable,
        };

        if (set(&want, e) < 0 || set_ambient(ambient, e) < 0)
                return -e->code;
        return check(&want, caps, ambient, e);
}
