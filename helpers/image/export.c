#include "export.h"

#include "catalog.h"
#include "fd.h"
#include "find.h"
#include "str.h"

#include <errno.h>

static const char *const formats[] = {
        [EXPORT_OCI] = "oci-archive",
        [EXPORT_DOCKER] = "docker-archive",
        NULL,
};

int export_parse_format(const char *text, enum export_format *ret, struct err *e)
{
        for (int i = 0; formats[i]; i++) {
                if (str_eq(text, formats[i])) {
                        *ret = (enum export_format)i;
                        return 0;
                }
        }
        const char *nearest = str_nearest(text, formats);
        /* docker's and skopeo's words for the kinds, without what they are in */
        for (int i = 0; formats[i] && !nearest; i++) {
                if (*text && str_has_prefix(formats[i], text))
                        nearest = formats[i];
        }
        err_set(e, EINVAL, "unknown format '%.100s'", text);
        if (nearest)
                return err_hint(e, "did you mean '%s'", nearest);
        return err_hint(e, "oci-archive and docker-archive are known");
}

static int run_child(const struct store *store, const struct export_job *job, int *ret_signal,
                     struct err *e)
{
        const struct worker worker = {
                .store = store,
                .layers = -1,
                .input = -1,
                .more = { job->out },
                .n_more = 1,
                .work = export_child,
                .job = job,
        };
        struct worker_report unused = { 0 };

        return worker_run(&worker, &unused, ret_signal, e);
}

int export_run(const struct store *store, const struct export_request *request, int *ret_signal,
               struct err *e)
{
        __attribute__((cleanup(export_file_done))) struct export_file file = EXPORT_FILE_NONE;
        bool is_stdout = str_eq(request->file, "-");
        struct export_job job = { .blobs = store->blobs,
                                  .format = request->format,
                                  .file = is_stdout ? "standard output" : request->file };
        autocatalog catalog = { 0 };

        *ret_signal = 0;
        if (catalog_load(store, &catalog, e) < 0 ||
            find_image(&catalog, request->image, &job.image, &job.name, e) < 0)
                return -e->code;
        int r = export_file_open(request->file, &file, e);
        job.out = file.fd;
        if (r == 0)
                r = run_child(store, &job, ret_signal, e);
        if (r == 0)
                r = export_file_finish(&file, e);
        if (r == 0)
                return 0;
        if (e->code == ENOSPC || e->code == EDQUOT)
                err_hint(e, "the file system of '%.200s' is full", job.file);
        return err_prefix(e, "cannot export '%.100s'", request->image);
}
