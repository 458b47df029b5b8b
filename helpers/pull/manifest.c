#include "manifest.h"

#include "doc.h"
#include "limit.h"
#include "mem.h"
#include "request.h"
#include "str.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ACCEPT                                                                                     \
        OCI_TYPE_INDEX ", " OCI_TYPE_MANIFEST ", "                                                 \
                       "application/vnd.docker.distribution.manifest.list.v2+json, "               \
                       "application/vnd.docker.distribution.manifest.v2+json"

/* A document as it came. */
struct document {
        char *text;
        size_t len;
        size_t room;
        char type[128];
        char said[128]; /* the digest that the registry says it has, or "" */
};

static void document_done(struct document *d)
{
        free(d->text);
        *d = (struct document){ 0 };
}

#define autodocument __attribute__((cleanup(document_done))) struct document

static int add(void *context, const struct reply *reply, const void *data, size_t len,
               struct err *e)
{
        struct document *d = context;

        if (d->len == 0) {
                snprintf(d->type, sizeof(d->type), "%s", reply->type);
                snprintf(d->said, sizeof(d->said), "%s", reply->digest);
        }
        if (len > LIMIT_JSON - d->len)
                return err_set(e, EFBIG, "the manifest is larger than %u bytes", LIMIT_JSON);
        if (d->len + len + 1 > d->room) {
                size_t room = 2 * (d->len + len + 1);
                char *grown = realloc(d->text, room);

                if (!grown)
                        return err_set(e, ENOMEM, "out of memory");
                d->text = grown;
                d->room = room;
        }
        memcpy(d->text + d->len, data, len);
        d->len += len;
        d->text[d->len] = '\0';
        return 0;
}

static int restart(void *context, struct err *e)
{
        struct document *d = context;

        (void)e;
        d->len = 0;
        return 0;
}

static int get(struct client *c, enum registry_thing thing, const char *reference, const char *what,
               struct document *ret, struct err *e)
{
        autorequest request = {
                .client = c,
                .thing = thing,
                .what = what,
                .accept = ACCEPT,
                .size = UINT64_MAX,
                .is_small = true,
                .sink = add,
                .restart = restart,
                .context = ret,
                .http = &c->http,
        };

        if (client_url(c, "manifests", reference, &request.url, e) < 0 ||
            request_run(&request, e) < 0)
                return -e->code;
        if (ret->len == 0)
                return err_set(e, EPROTO, "%s is empty", what);
        return 0;
}

/* ------ what it is ------ */

static int check_digest(const struct client *c, const struct document *d, const struct digest *want,
                        struct digest *ret, struct err *e)
{
        struct digest said;
        struct err unused = { 0 };

        if (digest_of(d->text, d->len, ret, e) < 0)
                return -e->code;
        if (want->hex[0] && !digest_is_same(want, ret))
                return err_set(e, EPROTO,
                               "'%s' sent a manifest with the digest 'sha256:%s' for 'sha256:%s'",
                               c->endpoint->host, ret->hex, want->hex);
        /* one of another algorithm says nothing to us */
        if (d->said[0] && digest_parse(d->said, &said, &unused) == 0 && !digest_is_same(&said, ret))
                return err_set(
                        e, EPROTO,
                        "'%s' says that the manifest has the digest 'sha256:%s', it is 'sha256:%s'",
                        c->endpoint->host, said.hex, ret->hex);
        return 0;
}

/* A registry that tells no type that helps: the document's own, or what it looks like. */
static int guess_type(const char *host, struct document *d, struct err *e)
{
        static const char what[] = "the manifest";
        autodoc *doc = doc_parse(d->text, d->len, what, e);
        const char *own = NULL;

        if (!doc)
                return err_hint(e, "is '%.200s' a registry?", host);
        if (!json_is_object(doc))
                return err_set(e, EINVAL, "%s is not an object", what);
        if (doc_string(doc, "mediaType", what, &own, e) < 0)
                return -e->code;
        if (!own && json_object_get(doc, "manifests"))
                own = OCI_TYPE_INDEX;
        snprintf(d->type, sizeof(d->type), "%.100s", own ? own : OCI_TYPE_MANIFEST);
        return 0;
}

static int find_type(const char *host, struct document *d, struct err *e)
{
        if (oci_is_index_type(d->type) || oci_is_manifest_type(d->type))
                return 0;
        if (strstr(d->type, "docker.distribution.manifest.v1")) {
                err_set(e, ENOTSUP, "the image has only a manifest of docker's schema 1");
                return err_hint(e, "it is from before 2017: push it again with a newer docker");
        }
        if (guess_type(host, d, e) < 0)
                return -e->code;
        if (oci_is_index_type(d->type) || oci_is_manifest_type(d->type))
                return 0;
        return err_set(e, ENOTSUP, "'%.100s' is not an image", d->type);
}

/* ------ the two steps ------ */

static int take(struct document *d, const struct digest *digest, struct manifest *ret,
                struct err *e)
{
        if (oci_manifest_parse(d->text, d->len, d->type, &ret->parsed, e) < 0)
                return -e->code;
        snprintf(ret->type, sizeof(ret->type), "%s", d->type);
        ret->descriptor = (struct oci_descriptor){
                .media_type = ret->type,
                .digest = *digest,
                .size = d->len,
        };
        ret->text = d->text;
        ret->len = d->len;
        d->text = NULL;
        return 0;
}

static int fetch_entry(struct client *c, const struct oci_descriptor *entry, struct manifest *ret,
                       struct err *e)
{
        char reference[sizeof("sha256:") + DIGEST_HEX];
        autodocument d = { 0 };
        struct digest digest;

        if (oci_is_index_type(entry->media_type))
                return err_set(e, EINVAL, "the image is an index in an index");
        if (entry->size > LIMIT_JSON)
                return err_set(e, EFBIG, "the manifest is larger than %u bytes", LIMIT_JSON);
        snprintf(reference, sizeof(reference), "sha256:%s", entry->digest.hex);
        if (get(c, REGISTRY_PART, reference, "the manifest", &d, e) < 0 ||
            check_digest(c, &d, &entry->digest, &digest, e) < 0)
                return -e->code;
        if (d.len != entry->size)
                return err_set(e, EPROTO, "the manifest has %zu bytes, its entry in the index %llu",
                               d.len, (unsigned long long)entry->size);
        snprintf(d.type, sizeof(d.type), "%.100s", entry->media_type);
        return take(&d, &digest, ret, e);
}

int manifest_fetch(struct client *c, const struct pull_name *name, const struct platform *platform,
                   struct manifest *ret, struct err *e)
{
        enum registry_thing thing = name->digest.hex[0] ? REGISTRY_DIGEST : REGISTRY_TAG;
        char reference[sizeof("sha256:") + DIGEST_HEX + NAME_TAG_MAX];
        char what[NAME_TAG_MAX + 32];
        autodocument d = { 0 };
        struct digest digest;

        if (thing == REGISTRY_DIGEST)
                snprintf(reference, sizeof(reference), "sha256:%s", name->digest.hex);
        else
                snprintf(reference, sizeof(reference), "%s", name->tag);
        snprintf(what, sizeof(what), "the image '%.100s'", reference);
        if (get(c, thing, reference, what, &d, e) < 0 ||
            check_digest(c, &d, &name->digest, &digest, e) < 0 ||
            find_type(c->endpoint->host, &d, e) < 0)
                return -e->code;
        if (!oci_is_index_type(d.type))
                return take(&d, &digest, ret, e);
        autoindex index = { 0 };
        if (oci_index_parse(d.text, d.len, d.type, &index, e) < 0)
                return -e->code;
        const struct oci_descriptor *entry = platform_choose(&index, platform, e);
        if (!entry)
                return -e->code;
        ret->is_chosen = entry->architecture != NULL;
        return fetch_entry(c, entry, ret, e);
}

void manifest_done(struct manifest *m)
{
        free(m->text);
        oci_manifest_done(&m->parsed);
        *m = (struct manifest){ 0 };
}
