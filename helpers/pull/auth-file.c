#include "auth-file.h"

#include "doc.h"
#include "mem.h"
#include "name.h"
#include "str.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DOCKER_SERVER "https://index.docker.io/v1/"

const char *auth_helper_server(const char *host)
{
        return str_eq(host, NAME_DOCKER) ? DOCKER_SERVER : host;
}

/* ------ keys ------ */

/* Old dockers wrote URLs: what is between the scheme and the path "/v1/" or "/v2/" counts. */
static void clean_key(const char *key, char *ret, size_t size)
{
        const char *start = strstr(key, "://");
        size_t len;

        snprintf(ret, size, "%s", start ? start + 3 : key);
        len = strlen(ret);
        while (len > 0 && ret[len - 1] == '/')
                ret[--len] = '\0';
        if (str_has_suffix(ret, "/v1") || str_has_suffix(ret, "/v2"))
                ret[len - 3] = '\0';
}

static bool is_docker_key(const char *key)
{
        return str_eq(key, NAME_DOCKER) || str_eq(key, "index.docker.io") ||
               str_eq(key, "registry-1.docker.io");
}

/* Whether `key` (clean) is for the registry, and how particular it is: 0 is no. */
static size_t match(const char *key, const char *host, const char *repo)
{
        char whole[NAME_HOST_MAX + 1 + NAME_REPO_MAX + 1];
        size_t len = strlen(key);

        if (str_eq(host, NAME_DOCKER) && is_docker_key(key))
                return 1;
        snprintf(whole, sizeof(whole), "%s/%s", host, repo);
        if (!str_has_prefix(whole, key) || (whole[len] != '\0' && whole[len] != '/'))
                return 0;
        return len < strlen(host) ? 0 : len;
}

static const json_t *find(const json_t *map, const char *host, const char *repo)
{
        const json_t *best = NULL;
        size_t best_match = 0;
        const char *key;
        json_t *value;

        json_object_foreach((json_t *)map, key, value)
        {
                char clean[NAME_HOST_MAX + 1 + NAME_REPO_MAX + 1];

                clean_key(key, clean, sizeof(clean));
                size_t m = match(clean, host, repo);
                if (m > best_match) {
                        best = value;
                        best_match = m;
                }
        }
        return best;
}

/* ------ values ------ */

static int copy(char *ret, size_t size, const char *text, const char *what, struct err *e)
{
        if (strlen(text) >= size)
                return err_set(e, EINVAL, "%s is too long", what);
        /* they go into headers, where a line's end would begin another one */
        if (strpbrk(text, "\r\n"))
                return err_set(e, EINVAL, "%s has a line's end in it", what);
        memcpy(ret, text, strlen(text) + 1);
        return 0;
}

/* base64 of USER:PASSWORD, which old dockers ended in NUL bytes. */
static int split_auth(const char *text, struct credential *ret, struct err *e)
{
        size_t len = strlen(text);
        autofree char *plain = mem_alloc(len + 4, e);

        if (!plain)
                return -e->code;
        if (len % 4 != 0 || len > 2 * (size_t)AUTH_SECRET_MAX ||
            EVP_DecodeBlock((unsigned char *)plain, (const unsigned char *)text, (int)len) < 0)
                return err_set(e, EINVAL, "'auth' is not base64");
        char *colon = strchr(plain, ':');
        if (!colon)
                return err_set(e, EINVAL, "'auth' is not USER:PASSWORD");
        *colon = '\0';
        int r = copy(ret->user, sizeof(ret->user), plain, "the user name", e);
        if (r == 0)
                r = copy(ret->secret, sizeof(ret->secret), colon + 1, "the password", e);
        explicit_bzero(plain, len);
        return r;
}

static int read_entry(const json_t *entry, struct credential *ret, struct err *e)
{
        static const char what[] = "the login";
        const char *auth;
        const char *user;
        const char *password;
        const char *token;

        if (!json_is_object(entry))
                return err_set(e, EINVAL, "%s is not an object", what);
        if (doc_string(entry, "auth", what, &auth, e) < 0 ||
            doc_string(entry, "username", what, &user, e) < 0 ||
            doc_string(entry, "password", what, &password, e) < 0 ||
            doc_string(entry, "identitytoken", what, &token, e) < 0)
                return -e->code;
        if (token && *token)
                return copy(ret->secret, sizeof(ret->secret), token, "the identity token", e);
        if (auth && *auth)
                return split_auth(auth, ret, e);
        if (!user || !password)
                return 0;
        if (copy(ret->user, sizeof(ret->user), user, "the user name", e) < 0)
                return -e->code;
        return copy(ret->secret, sizeof(ret->secret), password, "the password", e);
}

/* The name becomes a part of a program's. */
static int set_helper(struct auth_entry *ret, const char *name, struct err *e)
{
        static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                    "0123456789._-";
        size_t len = strlen(name);

        if (len == 0)
                return 0;
        if (len >= sizeof(ret->helper) || strspn(name, plain) != len)
                return err_set(e, EINVAL, "'%.100s' is not the name of a credential helper", name);
        memcpy(ret->helper, name, len + 1);
        return 0;
}

static int read_doc(const json_t *doc, const char *host, const char *repo, struct auth_entry *ret,
                    struct err *e)
{
        static const char what[] = "the file";
        const json_t *helpers;
        const json_t *auths;
        const char *store;

        if (!json_is_object(doc))
                return err_set(e, EINVAL, "%s is not an object", what);
        if (doc_object(doc, "credHelpers", what, &helpers, e) < 0 ||
            doc_object(doc, "auths", what, &auths, e) < 0 ||
            doc_string(doc, "credsStore", what, &store, e) < 0)
                return -e->code;
        const json_t *helper = find(helpers, host, repo);
        if (helper && !json_is_string(helper))
                return err_set(e, EINVAL, "'credHelpers' has something else than strings");
        if (helper)
                return set_helper(ret, json_string_value(helper), e);
        const json_t *entry = find(auths, host, repo);
        if (entry && read_entry(entry, &ret->credential, e) < 0)
                return -e->code;
        return !ret->credential.secret[0] && store ? set_helper(ret, store, e) : 0;
}

int auth_file_read(const char *text, size_t len, const char *file, const char *host,
                   const char *repo, struct auth_entry *ret, struct err *e)
{
        autodoc *doc = doc_parse(text, len, "it", e);

        *ret = (struct auth_entry){ 0 };
        /* the parser's own words would quote what may be a secret */
        if (!doc)
                err_set(e, EINVAL, "it is not valid JSON");
        if (!doc || read_doc(doc, host, repo, ret, e) < 0) {
                err_prefix(e, "'%.200s' cannot be used", file);
                return err_hint(e, "repair it, or take it away and log in again");
        }
        snprintf(ret->credential.source, sizeof(ret->credential.source), "%.500s", file);
        return 0;
}

int auth_helper_read(const char *text, size_t len, const char *helper, struct credential *ret,
                     struct err *e)
{
        static const char what[] = "its answer";
        autodoc *doc = doc_parse(text, len, what, e);
        struct credential c = { 0 };
        const char *user = NULL;
        const char *secret = NULL;

        if (!doc)
                err_set(e, EINVAL, "its answer is not valid JSON");
        if (!doc || doc_required_string(doc, "Username", what, &user, e) < 0 ||
            doc_required_string(doc, "Secret", what, &secret, e) < 0 ||
            copy(c.user, sizeof(c.user), str_eq(user, "<token>") ? "" : user, "the user name", e) <
                    0 ||
            copy(c.secret, sizeof(c.secret), secret, "the password", e) < 0)
                return err_prefix(e, "'%.100s'", helper);
        snprintf(c.source, sizeof(c.source), "%.500s", helper);
        *ret = c;
        return 0;
}
