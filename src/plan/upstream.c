#include "apply.h"

#include "parse.h"
#include "str.h"

#include <errno.h>
#include <string.h>

/*
 * Where the host reaches the world by an HTTP proxy alone, the filtered network goes through it, too.
 * The sandbox never sees it: not its name, and not the password in it.  The variables are those of
 * curl(1); the tunnels that are asked for are CONNECT ones, as for https.
 */

static const char *const variables[] = { "https_proxy", "HTTPS_PROXY", "all_proxy",
                                         "ALL_PROXY",   "http_proxy",  "HTTP_PROXY" };

/* The value of a variable that is set to something, or NULL. */
static const char *find_variable(const struct assembly *a, const char *name)
{
        const char *const *env = a->facts->env;
        size_t len = strlen(name);

        for (; env && *env; env++) {
                if (strncmp(*env, name, len) == 0 && (*env)[len] == '=' && (*env)[len + 1] != '\0')
                        return *env + len + 1;
        }
        return NULL;
}

/* %XX in place; false for what is none, and for a NUL. */
static bool decode(char *text)
{
        char *to = text;

        for (; *text; text++) {
                if (*text != '%') {
                        *to++ = *text;
                        continue;
                }
                char digits[3] = { text[1], text[1] ? text[2] : '\0' };
                for (char *digit = digits; *digit; digit++) {
                        if (*digit >= 'A' && *digit <= 'F')
                                *digit = (char)(*digit | 0x20);
                }
                int byte = strlen(digits) == 2 ? str_hex_byte(digits, STR_HEX_LOWER) : -1;

                if (byte <= 0)
                        return false;
                *to++ = (char)byte;
                text += 2;
        }
        *to = '\0';
        return true;
}

static char *encode_base64(struct arena *arena, const char *text, struct err *e)
{
        static const char digits[] =
                "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        size_t len = strlen(text);
        char *ret = arena_alloc(arena, (len + 2) / 3 * 4 + 1, e);
        char *at = ret;

        for (size_t i = 0; ret && i < len; i += 3) {
                unsigned bits = 0;

                for (size_t j = 0; j < 3; j++)
                        bits = bits << 8 | (i + j < len ? (unsigned char)text[i + j] : 0);
                for (size_t j = 0; j < 4; j++)
                        *at++ = i + j <= len ? digits[bits >> (18 - 6 * j) & 63] : '=';
        }
        return ret;
}

static int set_credentials(struct assembly *a, char *text, struct plan_upstream *ret, struct err *e)
{
        char *colon = strchr(text, ':');

        if (!colon || !decode(text))
                return err_set(e, EINVAL, "its user and password are not USER:PASSWORD");
        ret->credentials = encode_base64(&a->plan->arena, text, e);
        return ret->credentials ? 0 : -e->code;
}

static bool is_host(const char *text)
{
        return text[0] && text[strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                            "0123456789.:-_")] == '\0';
}

/* HOST:PORT or [HOST]:PORT */
static int set_place(char *text, struct plan_upstream *ret, struct err *e)
{
        char *colon = strrchr(text, ':');
        uint64_t port;

        if (!colon || colon[1] == '\0' || colon[1] == ']') {
                err_set(e, EINVAL, "it has no port");
                return err_hint(e, "programs do not agree on one: http://HOST:PORT");
        }
        *colon = '\0';
        if (parse_number(colon + 1, 1, 65535, &port, e) < 0)
                return -e->code;
        if (text[0] == '[' && colon > text + 1 && colon[-1] == ']') {
                colon[-1] = '\0';
                text++;
        } else if (strchr(text, ':')) {
                return err_set(e, EINVAL, "it is not HOST:PORT");
        }
        if (!is_host(text))
                return err_set(e, EINVAL, "it names no host");
        ret->host = text;
        ret->port = (uint16_t)port;
        return 0;
}

/* [http://][USER:PASSWORD@]HOST:PORT[/]; the errors do not show it, for there is a password in it */
static int parse_proxy(struct assembly *a, const char *value, struct plan_upstream *ret,
                       struct err *e)
{
        char *text = arena_copy(&a->plan->arena, value, e);
        char *scheme = text ? strstr(text, "://") : NULL;

        if (!text)
                return -e->code;
        if (scheme) {
                *scheme = '\0';
                if (!str_eq(text, "http") && !str_eq(text, "HTTP")) {
                        err_set(e, ENOTSUP, "it is of a kind that cannot be gone through");
                        return err_hint(e,
                                        "an http:// proxy can; without any: unset it, or env -u "
                                        "%s kelp run ...",
                                        ret->origin);
                }
                text = scheme + 3;
        }
        text[strcspn(text, "/?#")] = '\0';
        char *at = strrchr(text, '@');
        if (at) {
                *at = '\0';
                if (set_credentials(a, text, ret, e) < 0)
                        return -e->code;
                text = at + 1;
        }
        return set_place(text, ret, e);
}

/* Words for one line each: what is no plain word is no name that could be gone to either. */
static bool is_plain(const char *word)
{
        for (; *word; word++) {
                if ((unsigned char)*word <= ' ' || (unsigned char)*word >= 0x7f)
                        return false;
        }
        return true;
}

static int find_direct(struct assembly *a, struct plan_upstream *ret, struct err *e)
{
        const char *value = find_variable(a, "no_proxy");
        char *text;

        if (!value)
                value = find_variable(a, "NO_PROXY");
        text = value ? arena_copy(&a->plan->arena, value, e) : NULL;
        if (!text)
                return value ? -e->code : 0;
        for (char *word; (word = str_next_field(&text, ',')) != NULL;) {
                word = str_trim(word);
                if (word[0] == '\0' || !is_plain(word))
                        continue;
                if (arena_grow(&a->plan->arena, &ret->direct, ret->n_direct, sizeof(*ret->direct),
                               PLAN_MAX_HOSTS, "names in NO_PROXY", e) < 0)
                        return -e->code;
                ret->direct[ret->n_direct++] = word;
        }
        return 0;
}

int upstream_find(struct assembly *a, struct err *e)
{
        struct plan_upstream upstream = { 0 };
        const char *value = NULL;

        if (a->plan->net.mode != PLAN_NETWORK_FILTERED)
                return 0;
        for (size_t i = 0; !value && i < sizeof(variables) / sizeof(variables[0]); i++) {
                value = find_variable(a, variables[i]);
                upstream.origin = variables[i];
        }
        if (!value)
                return 0;
        if (parse_proxy(a, value, &upstream, e) < 0 || find_direct(a, &upstream, e) < 0)
                return err_prefix(e, "the host's own proxy in %s", upstream.origin);
        a->plan->net.upstream = upstream;
        return 0;
}
