#include "registry-error.h"

#include "doc.h"
#include "str.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void keep(char *ret, size_t size, const json_t *object, const char *member)
{
        const char *text = json_string_value(json_object_get(object, member));

        if (text)
                snprintf(ret, size, "%.*s", (int)size - 1, text);
}

void registry_error_read(const char *text, size_t len, struct registry_error *ret)
{
        struct err unused = { 0 };
        autodoc *doc = len ? doc_parse(text, len, "the error", &unused) : NULL;
        const json_t *first = json_array_get(json_object_get(doc, "errors"), 0);

        *ret = (struct registry_error){ 0 };
        keep(ret->code, sizeof(ret->code), first, "code");
        keep(ret->message, sizeof(ret->message), first, "message");
        /* token servers: {"details": ...}, {"message": ...} and others */
        if (!ret->message[0])
                keep(ret->message, sizeof(ret->message), doc, "details");
        if (!ret->message[0])
                keep(ret->message, sizeof(ret->message), doc, "message");
}

static const char *status_name(long status)
{
        static const struct {
                long status;
                const char *name;
        } names[] = {
                { 400, "bad request" },
                { 401, "not authorized" },
                { 403, "forbidden" },
                { 404, "not found" },
                { 408, "timeout" },
                { 410, "gone" },
                { 429, "too many requests" },
                { 500, "internal error" },
                { 502, "bad gateway" },
                { 503, "not available" },
                { 504, "gateway timeout" },
                { 451, "not available for legal reasons" },
                { 405, "method not allowed" },
                { 406, "not acceptable" },
                { 416, "range not satisfiable" },
        };

        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                if (names[i].status == status)
                        return names[i].name;
        }
        return "unknown";
}

static int code_of(long status)
{
        switch (status) {
        case 401:
        case 403:
                return EACCES;
        case 404:
                return ENOENT;
        case 429:
                return EBUSY;
        default:
                return EREMOTEIO;
        }
}

/* What is asked for by a digest has no tag that could be wrong. */
static int hint_missing(const struct endpoint *point, enum registry_thing thing, struct err *e)
{
        switch (thing) {
        case REGISTRY_TOKEN:
                break;
        case REGISTRY_TAG:
                return err_hint(e, "is the tag right? the repository is '%s' of '%s'", point->repo,
                                point->host);
        case REGISTRY_DIGEST:
                return err_hint(e,
                                "is the digest right? it is that of a manifest or an index, "
                                "in '%s' of '%s'",
                                point->repo, point->host);
        case REGISTRY_PART:
                return err_hint(e, "the image is not whole there: push it again to '%s' of '%s'",
                                point->repo, point->host);
        }
        return -e->code;
}

static int hint_for(const struct client *c, enum registry_thing thing, long status,
                    const struct registry_error *said, struct err *e)
{
        const struct endpoint *point = c->endpoint;

        if (status == 404 && str_eq(said->code, "NAME_UNKNOWN"))
                return err_hint(e, "the registry '%s' has no repository '%s'", point->host,
                                point->repo);
        if (status == 404)
                return hint_missing(point, thing, e);
        if (status == 429 && !point->credential.secret[0])
                return err_hint(e, "try later; with a login the limit may be higher");
        if (status == 429)
                return err_hint(e, "try later");
        if (status >= 500)
                return err_hint(e, "the registry is in trouble: try later");
        return -e->code;
}

int registry_error_tell(const struct client *c, enum registry_thing thing, const char *what,
                        const struct reply *reply, struct err *e)
{
        struct registry_error said;

        registry_error_read(reply->error, reply->error_len, &said);
        if (reply->status == 401 || (reply->status == 403 && c->endpoint->credential.secret[0]))
                return client_tell_denied(c, reply, e);
        err_set(e, code_of(reply->status), "%s: '%s' says %ld (%s)%s%s%s%s", what,
                c->endpoint->host, reply->status, status_name(reply->status),
                said.code[0] || said.message[0] ? ": " : "", said.code,
                said.code[0] && said.message[0] ? ", " : "", said.message);
        return hint_for(c, thing, reply->status, &said, e);
}
