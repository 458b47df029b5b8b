#include "client.h"

#include "doc.h"
#include "limit.h"
#include "mem.h"
#include "registry-error.h"
#include "request.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_TOKEN_ANSWER (256u << 10)
#define MAX_TOKEN        65536

void client_done(struct client *c)
{
        http_done(&c->http);
        if (c->token)
                explicit_bzero(c->token, strlen(c->token));
        free(c->token);
        c->token = NULL;
}

int client_url(const struct client *c, const char *kind, const char *what, char **ret,
               struct err *e)
{
        const char *base = c->endpoint->base;
        const char *rest = strstr(base, "://");
        char *url = NULL;

        if (asprintf(&url, "%s%s/v2/%s/%s/%s", c->is_plain ? "http" : "https", rest,
                     c->endpoint->repo, kind, what) < 0)
                return err_set(e, ENOMEM, "out of memory");
        *ret = url;
        return 0;
}

int client_tell_denied(const struct client *c, const struct reply *reply, struct err *e)
{
        const struct endpoint *point = c->endpoint;
        struct registry_error said;

        registry_error_read(reply->error, reply->error_len, &said);
        if (point->credential.secret[0]) {
                err_set(e, EACCES,
                        "'%s' does not accept the login of '%.200s' for '%.200s'%s%.100s",
                        point->host, point->credential.source, point->repo,
                        said.message[0] ? ": " : "", said.message);
                return err_hint(e, "log in again: docker login %.100s, or podman, or skopeo",
                                point->host);
        }
        err_set(e, EACCES, "'%s' wants a login for '%.200s', or has no such repository%s%.100s",
                point->host, point->repo, said.message[0] ? ": " : "", said.message);
        return err_hint(e,
                        "neither containers/auth.json nor ~/.docker/config.json has one: docker "
                        "login %.100s, or podman, or skopeo",
                        point->host);
}

/* ------ tokens ------ */

struct answer {
        char text[MAX_TOKEN_ANSWER];
        size_t len;
};

static int add_answer(void *context, const struct reply *reply, const void *data, size_t len,
                      struct err *e)
{
        struct answer *a = context;

        (void)reply;
        if (len > sizeof(a->text) - a->len)
                return err_set(e, EFBIG, "the answer is larger than %u bytes", MAX_TOKEN_ANSWER);
        memcpy(a->text + a->len, data, len);
        a->len += len;
        return 0;
}

static int restart_answer(void *context, struct err *e)
{
        struct answer *a = context;

        (void)e;
        a->len = 0;
        return 0;
}

/* What stands in a header has no spaces and no line's end. */
static bool is_token(const char *text)
{
        size_t len = strlen(text);

        for (size_t i = 0; i < len; i++) {
                if (text[i] <= ' ' || text[i] >= 0x7f)
                        return false;
        }
        return len > 0 && len <= MAX_TOKEN;
}

static int read_token(struct client *c, const struct answer *a, struct err *e)
{
        static const char what[] = "the answer";
        autodoc *doc = doc_parse(a->text, a->len, what, e);
        const char *token = NULL;

        /* the parser's own words would quote what may be a secret */
        if (!doc)
                return err_set(e, EPROTO, "the answer is not valid JSON");
        if (doc_string(doc, "token", what, &token, e) < 0 ||
            (!token && doc_string(doc, "access_token", what, &token, e) < 0))
                return -e->code;
        if (!token || !is_token(token))
                return err_set(e, EPROTO, "the answer has no token that can be used");
        char *copy = strdup(token);
        if (!copy)
                return err_set(e, ENOMEM, "out of memory");
        free(c->token);
        c->token = copy;
        return 0;
}

/*
 * Only to read, and only this repository: the challenge's scope is not looked at.  A registry, or who
 * answers in its place, could name another repository there, or more rights, and would be handed a
 * token for that, got with the user's login.  docker makes the scope itself, too.
 */
static int make_scope(const struct client *c, char *ret, size_t size, struct err *e)
{
        int n = snprintf(ret, size, "repository:%s:pull", c->endpoint->repo);

        return n < 0 || (size_t)n >= size ? err_set(e, ENAMETOOLONG, "a scope is too long") : 0;
}

/* The login goes there: over TLS, or without it where the registry itself is spoken to so. */
static int check_realm(const struct client *c, const char *realm, struct err *e)
{
        struct url url;

        if (url_parse(realm, "the token server", &url, e) < 0)
                return -e->code;
        if (url.is_plain && !c->is_plain)
                return err_set(e, EPERM, "the token server '%.200s' is not https", realm);
        return 0;
}

/* OAuth2 with an identity token: distribution's docs/spec/auth/oauth.md. */
static int make_form(const struct client *c, const struct challenge *challenge, const char *scope,
                     char **ret, struct err *e)
{
        char *query = strdup("http://x/");
        const char *secret = c->endpoint->credential.secret;

        if (!query)
                return err_set(e, ENOMEM, "out of memory");
        int r = url_add_query(&query, "grant_type", "refresh_token", e);
        if (r == 0)
                r = url_add_query(&query, "service", challenge->service, e);
        if (r == 0)
                r = url_add_query(&query, "client_id", "kelp", e);
        if (r == 0)
                r = url_add_query(&query, "scope", scope, e);
        if (r == 0)
                r = url_add_query(&query, "refresh_token", secret, e);
        if (r == 0) {
                *ret = strdup(strchr(query, '?') + 1);
                if (!*ret)
                        r = err_set(e, ENOMEM, "out of memory");
        }
        explicit_bzero(query, strlen(query));
        free(query);
        return r;
}

static int make_query(char **url, const struct client *c, const struct challenge *challenge,
                      const char *scope, struct err *e)
{
        const char *user = c->endpoint->credential.user;

        if (url_add_query(url, "service", challenge->service[0] ? challenge->service : NULL, e) < 0)
                return -e->code;
        if (url_add_query(url, "account", user[0] ? user : NULL, e) < 0)
                return -e->code;
        return url_add_query(url, "scope", scope, e);
}

static int fetch_token(struct client *c, const struct challenge *challenge, struct err *e)
{
        const struct credential *login = &c->endpoint->credential;
        autofree struct answer *answer = mem_alloc(sizeof(*answer), e);
        autofree char *form = NULL;
        /* its own connection: the registry's may be busy with what made us come here */
        struct http http = { 0 };
        autorequest request = {
                .client = c,
                .thing = REGISTRY_TOKEN,
                .what = "the token",
                .accept = "application/json",
                .auth = REQUEST_AUTH_LOGIN,
                .size = UINT64_MAX,
                .is_small = true,
                .sink = add_answer,
                .restart = restart_answer,
                .context = answer,
                .http = &http,
        };
        char scope[sizeof(c->endpoint->repo) + 20];

        if (!answer || check_realm(c, challenge->realm, e) < 0 ||
            make_scope(c, scope, sizeof(scope), e) < 0)
                return -e->code;
        request.url = strdup(challenge->realm);
        if (!request.url)
                return err_set(e, ENOMEM, "out of memory");
        int r = 0;
        if (login->secret[0] && !login->user[0])
                r = make_form(c, challenge, scope, &form, e);
        else
                r = make_query(&request.url, c, challenge, scope, e);
        request.form = form;
        if (r == 0)
                r = request_run(&request, e);
        if (r == 0)
                r = read_token(c, answer, e);
        explicit_bzero(answer, sizeof(*answer));
        if (form)
                explicit_bzero(form, strlen(form));
        http_done(&http);
        return r;
}

int client_authenticate(struct client *c, const struct challenge *challenge, struct err *e)
{
        const struct endpoint *point = c->endpoint;

        switch (challenge->scheme) {
        case CHALLENGE_BEARER:
                if (fetch_token(c, challenge, e) < 0)
                        return e->code == EACCES ? -e->code
                                                 : err_prefix(e, "cannot get a token for '%.100s'",
                                                              point->host);
                c->auth = CLIENT_AUTH_BEARER;
                break;
        case CHALLENGE_BASIC:
                if (!point->credential.user[0]) {
                        const struct reply none = { 0 };

                        return client_tell_denied(c, &none, e);
                }
                c->auth = CLIENT_AUTH_BASIC;
                break;
        case CHALLENGE_NONE:
                return err_set(e, EPROTO, "'%s' wants a login in a way that is not known",
                               point->host);
        }
        c->n_tokens++;
        return 0;
}
