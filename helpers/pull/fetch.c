/* The process that talks to the network. */

#include "pull.h"

#include "blobs.h"
#include "confine.h"
#include "io.h"
#include "manifest.h"
#include "progress.h"
#include "str.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static int compare(const void *a, const void *b)
{
        const int *x = a;
        const int *y = b;

        return (*x > *y) - (*x < *y);
}

static int confine(const struct fetch_spec *spec, struct fetch_report *report)
{
        const struct layout *layout = spec->layout;
        int keep[] = { layout->dir, layout->blobs, layout->store_blobs, spec->report,
                       spec->parent };
        const struct confine_spec confined = {
                .writable = layout->dir,
                .readable = layout->store_blobs,
                .keep = keep,
                .n_keep = (int)(sizeof(keep) / sizeof(keep[0])),
                .parent = spec->parent,
        };
        bool has_landlock = false;

        qsort(keep, sizeof(keep) / sizeof(keep[0]), sizeof(keep[0]), compare);
        int r = confine_enter(&confined, &has_landlock, &report->err);
        report->has_landlock = has_landlock;
        return r;
}

/*
 * What an index does not tell is in the configuration: it comes first, so that a wrong image costs
 * no more.
 */
static int check_platform(struct client *c, const struct fetch_spec *spec,
                          const struct manifest *manifest, struct err *e)
{
        autofree char *text = NULL;
        size_t len;

        if (manifest->is_chosen)
                return 0;
        if (blobs_fetch_config(c, &manifest->parsed, spec->layout, e) < 0 ||
            layout_read(spec->layout, &manifest->parsed.config.digest, &text, &len, e) < 0)
                return -e->code;
        return platform_check(text, len, &spec->pull->platform, e);
}

static int fetch_from(const struct fetch_spec *spec, const struct endpoint *endpoint,
                      struct fetch_report *report, struct err *e)
{
        struct client client = {
                .endpoint = endpoint,
                .is_plain = str_has_prefix(endpoint->base, "http://"),
        };
        struct manifest manifest = { 0 };
        struct progress progress;

        progress_open(&progress, spec->pull->is_quiet);
        int r = manifest_fetch(&client, &spec->pull->name, &spec->pull->platform, &manifest, e);
        if (r == 0)
                r = check_platform(&client, spec, &manifest, e);
        if (r == 0 && digest_is_same(&manifest.descriptor.digest, &spec->current)) {
                report->was_current = true;
                report->id = spec->current;
        } else if (r == 0) {
                r = blobs_fetch(&client, &manifest.parsed, spec->layout, &progress, e);
                if (r == 0)
                        r = layout_add(spec->layout, &manifest.descriptor.digest, manifest.text,
                                       manifest.len, e);
                if (r == 0)
                        r = layout_finish(spec->layout, &manifest.descriptor, e);
        }
        manifest_done(&manifest);
        client_done(&client);
        return r;
}

/* The mirrors in their order, then the registry itself, whose error is the one that counts. */
static int fetch(const struct fetch_spec *spec, struct fetch_report *report)
{
        const struct pull_spec *pull = spec->pull;

        for (size_t i = 0; i < pull->n_endpoints; i++) {
                const struct endpoint *endpoint = &pull->endpoints[i];
                struct err e = { 0 };

                if (fetch_from(spec, endpoint, report, &e) == 0)
                        return 0;
                if (i + 1 == pull->n_endpoints) {
                        report->err = e;
                        return -e.code;
                }
                report->mirrors = e;
                err_prefix(&report->mirrors, "the mirror '%.100s'", endpoint->host);
        }
        return err_set(&report->err, EINVAL, "there is no registry to ask");
}

void fetch_run(const struct fetch_spec *spec)
{
        struct fetch_report report = { .message = FETCH_FAILED };
        struct err unused = { 0 };

        if (confine(spec, &report) == 0 && fetch(spec, &report) == 0)
                report.message = FETCH_DONE;
        io_send(spec->report, &report, sizeof(report), NULL, 0, &unused);
        _exit(report.message == FETCH_DONE ? 0 : 1);
}
