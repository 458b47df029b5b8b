#include "blobs.h"

#include "fd.h"
#include "io.h"
#include "limit.h"
#include "mem.h"
#include "request.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A blob that is under way. */
struct slot {
        const struct oci_descriptor *blob; /* NULL: free */
        struct http http;
        struct request request;
        struct hasher hasher;
        int fd;
        bool is_running; /* in the multi handle */
        char what[100];
};

struct work {
        struct client *client;
        const struct layout *layout;
        const struct oci_descriptor *config;
        struct progress *progress;
        const struct oci_descriptor **wanted; /* each digest once */
        size_t n_wanted;
        size_t n_started;
        size_t n_finished;
        CURLM *multi;
        struct slot slots[BLOBS_AT_ONCE];
};

/* ------ what there is to do ------ */

static int want(struct work *w, const struct oci_descriptor *d, uint64_t limit, struct err *e)
{
        if (d->size > limit)
                return err_set(e, EFBIG, "'sha256:%s' has %llu bytes, more than %llu",
                               d->digest.hex, (unsigned long long)d->size,
                               (unsigned long long)limit);
        for (size_t i = 0; i < w->n_wanted; i++) {
                if (!digest_is_same(&w->wanted[i]->digest, &d->digest))
                        continue;
                if (w->wanted[i]->size != d->size)
                        return err_set(e, EINVAL, "the manifest has two sizes for 'sha256:%s'",
                                       d->digest.hex);
                return 0;
        }
        w->wanted[w->n_wanted++] = d;
        return 0;
}

static int list_wanted(struct work *w, const struct oci_manifest *manifest, struct err *e)
{
        uint64_t total = 0;

        /* a layer of the same digest is this one, too */
        w->config = &manifest->config;
        w->wanted = mem_alloc((manifest->n_layers + 1) * sizeof(*w->wanted), e);
        if (!w->wanted || want(w, &manifest->config, LIMIT_JSON, e) < 0)
                return -e->code;
        for (size_t i = 0; i < manifest->n_layers; i++) {
                if (want(w, &manifest->layers[i], LIMIT_BYTES, e) < 0)
                        return -e->code;
        }
        for (size_t i = 0; i < w->n_wanted; i++)
                total += w->wanted[i]->size;
        if (total > LIMIT_BYTES)
                return err_set(e, EFBIG, "the image is larger than %llu GiB", LIMIT_BYTES >> 30);
        return 0;
}

/* ------ one blob ------ */

static void part_name(const struct digest *d, char *ret, size_t size)
{
        snprintf(ret, size, "%s.part", d->hex);
}

static int add(void *context, const struct reply *reply, const void *data, size_t len,
               struct err *e)
{
        struct slot *s = context;

        (void)reply;
        hasher_add(&s->hasher, data, len);
        return io_write_all(s->fd, data, len, "a temporary file in the image store", e);
}

static int restart(void *context, struct err *e)
{
        struct slot *s = context;

        hasher_done(&s->hasher);
        if (hasher_start(&s->hasher, e) < 0)
                return -e->code;
        if (ftruncate(s->fd, 0) < 0 || lseek(s->fd, 0, SEEK_SET) < 0)
                return err_sys(e, "cannot empty a temporary file in the image store");
        return 0;
}

static int start(struct work *w, struct slot *s, const struct oci_descriptor *d, struct err *e)
{
        char reference[sizeof("sha256:") + DIGEST_HEX];
        char part[DIGEST_HEX + 8];

        part_name(&d->digest, part, sizeof(part));
        snprintf(reference, sizeof(reference), "sha256:%s", d->digest.hex);
        snprintf(s->what, sizeof(s->what), "the blob '%s'", reference);
        s->request = (struct request){
                .client = w->client,
                .thing = REGISTRY_PART,
                .what = s->what,
                .size = d->size,
                .is_small = d == w->config,
                .sink = add,
                .restart = restart,
                .context = s,
                .http = &s->http,
        };
        s->fd = openat(w->layout->blobs, part,
                       O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (s->fd < 0)
                return err_sys(e, "cannot make a temporary file in the image store");
        s->blob = d;
        if (hasher_start(&s->hasher, e) < 0)
                return -e->code;
        return client_url(w->client, "blobs", reference, &s->request.url, e);
}

static void clear(struct work *w, struct slot *s)
{
        if (s->is_running)
                curl_multi_remove_handle(w->multi, s->http.easy);
        s->is_running = false;
        request_done(&s->request);
        hasher_done(&s->hasher);
        fd_close(&s->fd);
        s->blob = NULL;
}

static int finish(struct work *w, struct slot *s, struct err *e)
{
        const struct oci_descriptor *d = s->blob;
        char part[DIGEST_HEX + 8];
        struct digest got;

        if (hasher_finish(&s->hasher, &got, e) < 0)
                return -e->code;
        if (!digest_is_same(&got, &d->digest))
                return err_set(e, EPROTO, "'%s' sent 'sha256:%s' for the blob 'sha256:%s'",
                               w->client->endpoint->host, got.hex, d->digest.hex);
        part_name(&d->digest, part, sizeof(part));
        if (renameat(w->layout->blobs, part, w->layout->blobs, d->digest.hex) < 0)
                return err_sys(e, "cannot name a file in the image store");
        progress_tell(w->progress, &d->digest, d->size, "fetched");
        clear(w, s);
        w->n_finished++;
        return 0;
}

/* ------ all of them ------ */

static int fill_slot(struct work *w, struct slot *s, struct err *e)
{
        while (!s->blob && w->n_started < w->n_wanted) {
                const struct oci_descriptor *d = w->wanted[w->n_started++];

                if (layout_has(w->layout, &d->digest, d->size)) {
                        bool is_new = layout_has_new(w->layout, &d->digest, d->size);

                        progress_tell(w->progress, &d->digest, d->size,
                                      is_new ? "fetched" : "is here already");
                        w->n_finished++;
                        continue;
                }
                if (start(w, s, d, e) < 0)
                        return -e->code;
                if (d->size == 0)
                        return finish(w, s, e);
        }
        return 0;
}

static int run_slots(struct work *w, uint64_t now, struct err *e)
{
        for (size_t i = 0; i < BLOBS_AT_ONCE; i++) {
                struct slot *s = &w->slots[i];

                if (fill_slot(w, s, e) < 0)
                        return -e->code;
                if (!s->blob || s->is_running || s->request.not_before > now)
                        continue;
                if (request_begin(&s->request, e) < 0)
                        return -e->code;
                if (curl_multi_add_handle(w->multi, s->http.easy) != CURLM_OK)
                        return err_set(e, EIO, "libcurl does not take another request");
                s->is_running = true;
        }
        return 0;
}

static struct slot *find_slot(struct work *w, const CURL *easy)
{
        for (size_t i = 0; i < BLOBS_AT_ONCE; i++) {
                if (w->slots[i].http.easy == easy)
                        return &w->slots[i];
        }
        return NULL;
}

static int judge(struct work *w, struct err *e)
{
        CURLMsg *message;
        int left;

        while ((message = curl_multi_info_read(w->multi, &left))) {
                if (message->msg != CURLMSG_DONE)
                        continue;
                struct slot *s = find_slot(w, message->easy_handle);
                CURLcode code = message->data.result;

                curl_multi_remove_handle(w->multi, s->http.easy);
                s->is_running = false;
                enum request_verdict verdict = request_end(&s->request, code, e);
                if (verdict == REQUEST_FAILED)
                        return -e->code;
                if (verdict == REQUEST_DONE && finish(w, s, e) < 0)
                        return -e->code;
        }
        return 0;
}

static void draw(struct work *w)
{
        struct progress_row rows[BLOBS_AT_ONCE];
        size_t n = 0;

        for (size_t i = 0; i < BLOBS_AT_ONCE; i++) {
                const struct slot *s = &w->slots[i];

                if (!s->blob)
                        continue;
                rows[n++] = (struct progress_row){
                        .digest = &s->blob->digest,
                        .got = s->request.got,
                        .size = s->blob->size,
                        .is_waiting = !s->is_running,
                };
        }
        progress_draw(w->progress, rows, n);
}

/* Milliseconds for which there is nothing to do but to wait for the network. */
static int find_timeout(const struct work *w, uint64_t now)
{
        int timeout = progress_timeout(w->progress);

        for (size_t i = 0; i < BLOBS_AT_ONCE; i++) {
                const struct slot *s = &w->slots[i];

                if (!s->blob && w->n_started < w->n_wanted)
                        return 0;
                if (!s->blob || s->is_running)
                        continue;
                uint64_t left = s->request.not_before > now ? s->request.not_before - now : 0;
                if (left / 1000000 < (uint64_t)timeout)
                        timeout = (int)(left / 1000000) + (left > 0);
        }
        return timeout;
}

static int run(struct work *w, struct err *e)
{
        while (w->n_finished < w->n_wanted) {
                int running;

                if (run_slots(w, io_now(), e) < 0)
                        return -e->code;
                if (curl_multi_perform(w->multi, &running) != CURLM_OK)
                        return err_set(e, EIO, "libcurl cannot go on");
                if (judge(w, e) < 0)
                        return -e->code;
                draw(w);
                if (w->n_finished < w->n_wanted &&
                    curl_multi_poll(w->multi, NULL, 0, find_timeout(w, io_now()), NULL) != CURLM_OK)
                        return err_set(e, EIO, "libcurl cannot wait");
        }
        return 0;
}

/* Of what is wanted the first `max`. */
static int fetch(struct client *c, const struct oci_manifest *manifest, const struct layout *layout,
                 struct progress *progress, size_t max, struct err *e)
{
        autofree struct work *w = mem_alloc(sizeof(*w), e);
        int r;

        if (!w)
                return -e->code;
        *w = (struct work){ .client = c, .layout = layout, .progress = progress };
        for (size_t i = 0; i < BLOBS_AT_ONCE; i++)
                w->slots[i].fd = -1;
        w->multi = curl_multi_init();
        if (!w->multi)
                return err_set(e, ENOMEM, "out of memory");
        r = list_wanted(w, manifest, e);
        if (w->n_wanted > max)
                w->n_wanted = max;
        if (r == 0)
                r = run(w, e);
        progress_clear(progress);
        for (size_t i = 0; i < BLOBS_AT_ONCE; i++) {
                clear(w, &w->slots[i]);
                http_done(&w->slots[i].http);
        }
        curl_multi_cleanup(w->multi);
        free(w->wanted);
        return r;
}

int blobs_fetch(struct client *c, const struct oci_manifest *manifest, const struct layout *layout,
                struct progress *progress, struct err *e)
{
        return fetch(c, manifest, layout, progress, SIZE_MAX, e);
}

int blobs_fetch_config(struct client *c, const struct oci_manifest *manifest,
                       const struct layout *layout, struct err *e)
{
        struct progress silent;

        progress_open(&silent, true);
        return fetch(c, manifest, layout, &silent, 1, e);
}
