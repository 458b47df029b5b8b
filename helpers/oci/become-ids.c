#include "become-ids.h"

#include "fd.h"
#include "str.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* Of crun, and what `podman run --group-add keep-groups` sets. */
#define KEEP_GROUPS "run.oci.keep_original_groups"

static bool keeps_groups(const struct become_spec *spec)
{
        const struct bundle *b = spec->container;

        for (size_t i = 0; i < b->n_labels; i++) {
                if (str_eq(b->labels[i].name, KEEP_GROUPS))
                        return !str_eq(b->labels[i].value, "0");
        }
        return false;
}

void become_ids_tell(const struct become_spec *spec)
{
        const struct bundle_process *p = &spec->bundle->process;

        if (!spec->denies_groups || p->n_groups == 0)
                return;
        notice_say(spec->notice,
                   "process.user.additionalGids cannot be set in a user namespace whose maps were "
                   "written without newgidmap, ignoring");
}

int become_ids_set_groups(const struct become_spec *spec, struct err *e)
{
        const struct bundle_process *p = &spec->bundle->process;

        if (spec->denies_groups || keeps_groups(spec))
                return 0;
        if (setgroups(p->n_groups, p->groups) == 0)
                return 0;
        err_sys(e, "cannot set the supplementary groups");
        if (e->code == EINVAL)
                err_hint(e, "linux.gidMappings has to have every one of "
                            "process.user.additionalGids");
        return -e->code;
}

static int explain(const char *what, unsigned id, const char *map, struct err *e)
{
        err_sys(e, "cannot become %s %u", what, id);
        if (e->code == EINVAL)
                err_hint(e, "%s does not have it", map);
        return -e->code;
}

int become_ids_set(const struct become_spec *spec, struct err *e)
{
        const struct bundle_process *p = &spec->bundle->process;

        if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
                return err_sys(e, "cannot keep capabilities over the change of user");
        if (setresgid(p->gid, p->gid, p->gid) < 0)
                return explain("group", p->gid, "linux.gidMappings", e);
        if (setresuid(p->uid, p->uid, p->uid) < 0)
                return explain("user", p->uid, "linux.uidMappings", e);
        /* it was for this change alone; exec would take it as well */
        if (prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) < 0)
                return err_sys(e, "cannot let later changes of user drop capabilities");
        return 0;
}

int become_ids_give_streams(const struct become_spec *spec, struct err *e)
{
        uid_t uid = spec->bundle->process.uid;

        for (int fd = 0; fd <= 2; fd++) {
                struct stat st;

                if (fstat(fd, &st) < 0) {
                        if (errno == EBADF)
                                continue;
                        return err_sys(e, "cannot stat standard stream %d", fd);
                }
                if (!S_ISFIFO(st.st_mode) && !S_ISSOCK(st.st_mode))
                        continue;
                if (st.st_uid == uid || fchown(fd, uid, (gid_t)-1) == 0)
                        continue;
                /* somebody else's, or an id without a map: the command can use what it inherits */
                if (errno == EINVAL || errno == EPERM || errno == EROFS)
                        continue;
                return err_sys(e, "cannot give standard stream %d to user %u", fd, (unsigned)uid);
        }
        return 0;
}

static bool is_null(int fd, struct stat *st)
{
        return fstat(fd, st) == 0 && S_ISCHR(st->st_mode) && st->st_rdev == makedev(1, 3);
}

/* What lies at /dev/null may be an image's: then it is not taken for one. */
int become_ids_reopen_null(struct err *e)
{
        autofd null = -1;

        for (int fd = 0; fd <= 2; fd++) {
                struct stat st;

                if (!is_null(fd, &st))
                        continue;
                if (null < 0)
                        null = open("/dev/null", O_RDWR | O_CLOEXEC | O_NOCTTY);
                if (null < 0 || !is_null(null, &st))
                        return 0;
                if (dup2(null, fd) < 0)
                        return err_sys(e, "cannot open standard stream %d anew", fd);
        }
        return 0;
}
