#include "import.h"

#include "fd.h"
#include "image-name.h"
#include "ref.h"
#include "str.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int open_layout(const struct session *session, struct err *e)
{
        int fd = openat(session->dir, SESSION_LAYOUT,
                        O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

        return fd < 0 ? err_sys(e, "cannot open the layout of the session") : fd;
}

static int open_input(const char *file, struct err *e)
{
        if (str_eq(file, "-")) {
                struct stat st;

                if (fstat(STDIN_FILENO, &st) == 0 && S_ISCHR(st.st_mode)) {
                        err_set(e, EINVAL, "standard input is %s",
                                isatty(STDIN_FILENO) ? "a terminal" : "a device");
                        return err_hint(e, "pipe an archive into it: kelp import - NAME <FILE");
                }
                int copy = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
                return copy < 0 ? err_sys(e, "cannot read standard input") : copy;
        }
        /* O_NONBLOCK: a fifo must not hang the opening; it reads as empty when nobody writes */
        autofd fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        if (fd < 0) {
                err_sys(e, "cannot open '%.300s'", file);
                image_name_hint_layout(file, e);
                return -e->code;
        }
        int flags = fcntl(fd, F_GETFL);
        if (flags < 0 || fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) < 0)
                return err_sys(e, "cannot prepare '%.300s'", file);
        return fd_take(&fd);
}

/* As docker load does; the tag is a stranger's. */
static int take_tag(const char *tag, struct import_request *named, struct err *e)
{
        struct err unused = { 0 };
        char whole[REF_MAX + 1];
        char file[NAME_MAX + 1];

        if (!tag[0])
                return 0;
        if (ref_parse(tag, whole, &unused) < 0 || !str_eq(tag, whole))
                return err_set(e, EPROTO, "the process that reads the archive made nonsense");
        if (ref_encode(tag, file, &unused) == 0)
                named->name = tag;
        return 0;
}

/* The image that has the name now, if there is one. */
static bool find_old(const struct store *store, const char *name, struct digest *ret)
{
        struct err unused = { 0 };
        char file[NAME_MAX + 1];
        autoimage old = { 0 };

        if (!name || ref_encode(name, file, &unused) < 0 ||
            store_read_image(store->names, file, &old, &unused) < 0)
                return false;
        *ret = old.id;
        return true;
}

/* What the file is called is no name, and it has none in it. */
static int no_name(const struct import_request *request, struct err *e)
{
        char unused[REF_MAX + 1];

        if (!str_eq(request->file, "-"))
                return ref_from_path(request->file, unused, e) < 0 ? -e->code : -EINVAL;
        err_set(e, EINVAL, "an image from standard input needs a name");
        return err_hint(e, "give one behind the '-': kelp import - NAME");
}

static int import_in_session(const struct store *store, const struct session *session,
                             const struct import_request *request, struct import_result *ret,
                             struct err *e)
{
        autofd input = request->file ? open_input(request->file, e) : open_layout(session, e);
        struct worker worker = {
                .store = store,
                .session = session,
                .layers = store->layers[STORE_SINGLE],
                .input = input,
                .work = import_work,
                .job = request,
        };
        struct worker_report report = { 0 };

        if (input < 0 || worker_run(&worker, &report, &ret->signal, e) < 0)
                return -e->code;
        ret->devices = report.devices;
        ret->n_ignored = report.n_ignored;
        memcpy(ret->architecture, report.architecture, sizeof(ret->architecture));
        struct import_request named = *request;
        if (request->takes_tag && take_tag(report.tag, &named, e) < 0)
                return -e->code;
        if (named.takes_tag && !named.name)
                return no_name(request, e);
        snprintf(ret->name, sizeof(ret->name), "%s", named.name ? named.name : "");
        bool has_old = find_old(store, named.name, &ret->old_id);
        if (import_commit(store, session, &named, &ret->id, e) < 0)
                return -e->code;
        ret->has_moved = has_old && !digest_is_same(&ret->id, &ret->old_id);
        return 0;
}

int import_run(const struct store *store, struct import_request *request, struct import_result *ret,
               struct err *e)
{
        struct session session = SESSION_NONE;
        struct err cleanup = { 0 };

        *ret = (struct import_result){ 0 };
        int r = session_claim(store, e);
        if (r == 0)
                r = request->file ? session_open(store, &session, e)
                                  : session_adopt(store, &request->session, &session, e);
        /* whoever made that one could not sweep */
        if (r == 0 && !request->file)
                r = session_recover(store, e);
        if (r == 0)
                r = import_in_session(store, &session, request, ret, e);
        /* what cannot be removed now is swept by the next import */
        if (session_remove(store, &session, &cleanup) < 0 && r == 0) {
                *e = cleanup;
                return -e->code;
        }
        return r;
}
