#include "request.h"

#include "io.h"
#include "mem.h"
#include "registry-error.h"
#include "str.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#define FIRST_DELAY 250000000ull   /* ns */
#define MOST_DELAY  20000000000ull /* ns */

/* ------ sending ------ */

/* A body that goes on where it broke off, from the start, or not at all as it was asked for. */
static int on_body(void *context, const struct reply *reply, const void *data, size_t len,
                   struct err *e)
{
        struct request *r = context;

        if (r->asked > 0 && reply->status == 200) {
                r->asked = 0;
                r->got = 0;
                if (r->restart(r->context, e) < 0)
                        return -e->code;
        }
        if (reply->status == 206 && reply->range_start != r->asked)
                return err_set(e, EPROTO, "%s: the server sent another range than was asked for",
                               r->what);
        if (r->size != UINT64_MAX && len > r->size - r->got)
                return err_set(e, EFBIG, "%s is larger than %llu bytes", r->what,
                               (unsigned long long)r->size);
        if (r->sink(r->context, reply, data, len, e) < 0)
                return -e->code;
        r->got += len;
        r->has_new_token = false;
        return 0;
}

static int is_at_origin(const struct request *r, const char *url, bool *ret, struct err *e)
{
        struct url origin;
        struct url now;

        if (url_parse(r->url, "the address", &origin, e) < 0 ||
            url_parse(url, "the address", &now, e) < 0)
                return -e->code;
        *ret = url_is_same_origin(&origin, &now);
        return 0;
}

static void set_auth(struct request *r, struct http_spec *spec)
{
        const struct client *c = r->client;
        bool has_login = r->auth == REQUEST_AUTH_LOGIN ||
                         (r->auth == REQUEST_AUTH_REGISTRY && c->auth == CLIENT_AUTH_BASIC);

        if (has_login && c->endpoint->credential.user[0]) {
                spec->user = c->endpoint->credential.user;
                spec->password = c->endpoint->credential.secret;
                r->has_login = true;
        }
        if (r->auth == REQUEST_AUTH_REGISTRY && c->auth == CLIENT_AUTH_BEARER)
                spec->bearer = c->token;
}

/* Milliseconds that are left for what is small. */
static long time_left(const struct request *r)
{
        uint64_t all = REQUEST_SMALL_TIME * 1000000000ull;

        return r->spent < all ? (long)((all - r->spent) / 1000000) : 0;
}

/* libcurl counts by itself: a few milliseconds are none. */
static bool is_late(const struct request *r)
{
        return r->is_small && time_left(r) < 10;
}

int request_begin(struct request *r, struct err *e)
{
        struct client *c = r->client;
        struct http_spec spec = {
                .url = r->at ? r->at : r->url,
                .accept = r->accept,
                .form = r->at ? NULL : r->form,
                .from = r->size != UINT64_MAX ? r->got : 0,
                .sink = on_body,
                .context = r,
                .ca = c->endpoint->ca,
                .ca_len = c->endpoint->ca_len,
                .ca_file = c->endpoint->ca_file,
        };
        bool is_origin;

        if (is_at_origin(r, spec.url, &is_origin, e) < 0)
                return -e->code;
        r->token = c->n_tokens;
        r->has_login = false;
        r->asked = spec.from;
        if (is_origin)
                set_auth(r, &spec);
        r->is_at_registry = is_origin && r->auth == REQUEST_AUTH_REGISTRY;
        spec.limits_reach = !r->is_at_registry;
        spec.reach = c->reach;
        if (r->is_small)
                spec.timeout = is_late(r) ? 1 : time_left(r); /* 0 would be no limit */
        r->began = io_now();
        return http_prepare(r->http, &spec, e);
}

/* ------ again ------ */

static uint64_t jitter(uint64_t delay)
{
        uint32_t random = 0;

        if (getrandom(&random, sizeof(random), GRND_NONBLOCK) != sizeof(random))
                random = UINT32_MAX / 2;
        return delay / 2 + delay / 2 * random / UINT32_MAX;
}

/* `e` is why; it stands when there are no tries left. */
static enum request_verdict again_later(struct request *r, uint64_t retry_after, struct err *e)
{
        if (r->got > r->most && !r->is_small)
                r->n_failures = 0;
        r->most = r->got > r->most ? r->got : r->most;
        r->n_failures++;
        r->n_all++;
        if (retry_after > REQUEST_MAX_RETRY_AFTER) {
                err_hint(e, "it asks to come back in %llu seconds",
                         (unsigned long long)retry_after);
                return REQUEST_FAILED;
        }
        if (is_late(r) || r->n_failures >= REQUEST_MAX_FAILURES || r->n_all >= REQUEST_MAX_ALL)
                return REQUEST_FAILED;
        uint64_t delay = FIRST_DELAY << (r->n_failures - 1);
        if (delay > MOST_DELAY)
                delay = MOST_DELAY;
        /* a server's wish is not shortened, but spread */
        delay = retry_after ? retry_after * 1000000000ull + jitter(FIRST_DELAY) : jitter(delay);
        r->not_before = io_now() + delay;
        *e = (struct err){ 0 };
        return REQUEST_AGAIN;
}

/* Another place can be in trouble on its own, or its address be too old: ask for a new one. */
static void go_back(struct request *r)
{
        free(r->at);
        r->at = NULL;
        r->n_redirects = 0;
}

/* ------ judging ------ */

static void note_reach(const struct request *r)
{
        struct client *c = r->client;
        const struct http *h = r->http;

        if (!r->is_at_registry || !h->has_reach || h->reply.status == 0)
                return;
        if (!c->has_reach || h->reach < c->reach)
                c->reach = h->reach;
        c->has_reach = true;
}

static int check_redirect(const struct request *r, const char *to, struct err *e)
{
        const char *from = r->at ? r->at : r->url;
        struct url old;
        struct url new;

        if (url_parse(from, "the address", &old, e) < 0 ||
            url_parse(to, "the redirect", &new, e) < 0)
                return -e->code;
        if (new.is_plain && !old.is_plain)
                return err_set(e, EPERM, "'%s' leads from https to http at '%s'", old.host,
                               new.host);
        return 0;
}

static enum request_verdict follow(struct request *r, struct err *e)
{
        char *to = NULL;

        curl_easy_getinfo(r->http->easy, CURLINFO_REDIRECT_URL, &to);
        if (!to)
                err_set(e, EPROTO, "the server sends us somewhere else without saying where");
        else if (r->n_redirects == REQUEST_MAX_REDIRECTS)
                err_set(e, ELOOP, "more than %d redirects", REQUEST_MAX_REDIRECTS);
        if (e->code != 0 || check_redirect(r, to, e) < 0)
                return REQUEST_FAILED;
        char *copy = strdup(to);
        if (!copy) {
                err_set(e, ENOMEM, "out of memory");
                return REQUEST_FAILED;
        }
        free(r->at);
        r->at = copy;
        r->n_redirects++;
        return REQUEST_AGAIN;
}

static enum request_verdict authenticate(struct request *r, struct err *e)
{
        struct client *c = r->client;
        const struct challenge *challenge = &r->http->reply.challenge;
        bool is_origin;

        if (is_at_origin(r, r->at ? r->at : r->url, &is_origin, e) < 0)
                return REQUEST_FAILED;
        if (!is_origin) {
                registry_error_tell(c, r->thing, r->what, &r->http->reply, e);
                return REQUEST_FAILED;
        }
        /* another request may have got a newer token meanwhile */
        if (r->auth == REQUEST_AUTH_REGISTRY && r->token != c->n_tokens)
                return REQUEST_AGAIN;
        if (r->auth != REQUEST_AUTH_REGISTRY || r->has_login || r->has_new_token) {
                client_tell_denied(c, &r->http->reply, e);
                return REQUEST_FAILED;
        }
        if (client_authenticate(c, challenge, e) < 0)
                return REQUEST_FAILED;
        r->has_new_token = true;
        go_back(r);
        return REQUEST_AGAIN;
}

static bool is_foreign(const struct request *r)
{
        struct err unused = { 0 };
        bool is_origin = true;

        return r->at && is_at_origin(r, r->at, &is_origin, &unused) == 0 && !is_origin;
}

static enum request_verdict judge_status(struct request *r, struct err *e)
{
        const struct reply *reply = &r->http->reply;
        long status = reply->status;

        switch (status) {
        case 301:
        case 302:
        case 303:
        case 307:
        case 308:
                return follow(r, e);
        case 401:
                return authenticate(r, e);
        case 416:
                if (r->asked == 0)
                        break;
                r->got = 0;
                if (r->restart(r->context, e) < 0)
                        return REQUEST_FAILED;
                err_set(e, EPROTO, "%s: the server does not find the rest of it", r->what);
                return again_later(r, 0, e);
        default:
                break;
        }
        registry_error_tell(r->client, r->thing, r->what, reply, e);
        if (status == 429 || status == 408 || (status >= 500 && status < 600)) {
                go_back(r);
                return again_later(r, reply->retry_after, e);
        }
        if (is_foreign(r)) {
                go_back(r);
                return again_later(r, 0, e);
        }
        return REQUEST_FAILED;
}

/* Loopback, or --insecure: whoever does not speak TLS is spoken to without. */
static bool falls_back(struct request *r, CURLcode code)
{
        struct client *c = r->client;

        if (code != CURLE_SSL_CONNECT_ERROR || r->auth != REQUEST_AUTH_REGISTRY || r->at ||
            !c->endpoint->may_be_plain || c->is_plain || c->has_talked ||
            !str_has_prefix(r->url, "https://"))
                return false;
        c->is_plain = true;
        /* "https" becomes "http" */
        memmove(r->url + 4, r->url + 5, strlen(r->url + 5) + 1);
        return true;
}

/* --insecure is for the registry itself. */
static void hint_plain_mirror(const struct endpoint *mirror, struct err *e)
{
        struct err unused = { 0 };
        struct url url;

        if (url_parse(mirror->base, "the mirror", &url, &unused) < 0)
                return;
        if (url_is_loopback(url.host))
                err_hint(e,
                         "if it speaks plain HTTP, its line in registries.conf has to begin with "
                         "http://");
        else
                err_hint(e, "plain HTTP, if that is what it speaks, is for a mirror on this "
                            "machine alone");
}

static enum request_verdict judge_failure(struct request *r, CURLcode code, struct err *e)
{
        bool is_ours = r->http->err.code != 0;

        if (falls_back(r, code))
                return REQUEST_AGAIN;
        http_tell(r->http, code, e);
        if (e->code == HTTP_NO_TLS && r->client->endpoint->is_mirror)
                hint_plain_mirror(r->client->endpoint, e);
        if (code == CURLE_OPERATION_TIMEDOUT && is_late(r)) {
                err_set(e, ETIMEDOUT, "%s has not come within %d seconds", r->what,
                        REQUEST_SMALL_TIME);
                return REQUEST_FAILED;
        }
        if (is_ours || !http_is_transient(code, r->client->has_talked))
                return REQUEST_FAILED;
        if (is_foreign(r))
                go_back(r);
        return again_later(r, 0, e);
}

enum request_verdict request_end(struct request *r, CURLcode code, struct err *e)
{
        struct reply *reply = &r->http->reply;
        bool is_success;

        r->spent += io_now() - r->began;
        curl_easy_getinfo(r->http->easy, CURLINFO_RESPONSE_CODE, &reply->status);
        is_success = reply->status == 200 || reply->status == 206;
        if (reply->status != 0)
                r->client->has_talked = true;
        note_reach(r);
        /* an error with a body too long to be kept is that error */
        if (code != CURLE_OK && !(r->http->err.code == ENOBUFS && !is_success))
                return judge_failure(r, code, e);
        /* libcurl is content with a head that breaks off */
        if (!reply->has_head) {
                err_set(e, EPROTO, "%s: the answer was cut off", r->what);
                return again_later(r, 0, e);
        }
        if (!is_success)
                return judge_status(r, e);
        if (r->size == UINT64_MAX || r->got == r->size)
                return REQUEST_DONE;
        err_set(e, EPROTO, "%s ended after %llu of %llu bytes", r->what, (unsigned long long)r->got,
                (unsigned long long)r->size);
        return again_later(r, 0, e);
}

static void wait_until(uint64_t time)
{
        struct timespec ts = { .tv_sec = (time_t)(time / 1000000000u),
                               .tv_nsec = (long)(time % 1000000000u) };

        while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL) == EINTR)
                ;
}

int request_run(struct request *r, struct err *e)
{
        enum request_verdict verdict = REQUEST_AGAIN;

        while (verdict == REQUEST_AGAIN) {
                wait_until(r->not_before);
                /* what cannot be resumed begins anew */
                if (r->size == UINT64_MAX && r->got > 0) {
                        r->got = 0;
                        if (r->restart(r->context, e) < 0)
                                return -e->code;
                }
                if (request_begin(r, e) < 0)
                        return -e->code;
                verdict = request_end(r, curl_easy_perform(r->http->easy), e);
        }
        return verdict == REQUEST_DONE ? 0 : -e->code;
}

void request_done(struct request *r)
{
        free(r->url);
        free(r->at);
        r->url = NULL;
        r->at = NULL;
}
