#include "auth-file.h"
#include "challenge.h"
#include "mem.h"
#include "registry-error.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* ------ WWW-Authenticate ------ */

static struct challenge read_challenge(const char *text)
{
        struct challenge c = { 0 };

        challenge_read(text, strlen(text), &c);
        return c;
}

static void good_challenges(void **state)
{
        struct challenge c = read_challenge(
                "Bearer realm=\"https://auth.docker.io/token\",service=\"registry.docker.io\","
                "scope=\"repository:library/alpine:pull\"");

        (void)state;
        assert_int_equal(c.scheme, CHALLENGE_BEARER);
        assert_string_equal(c.realm, "https://auth.docker.io/token");
        assert_string_equal(c.service, "registry.docker.io");

        c = read_challenge(
                "bEARER  Realm = \"https://a/\\\"b\\\"\" , Error=\"insufficient_scope\"");
        assert_int_equal(c.scheme, CHALLENGE_BEARER);
        assert_string_equal(c.realm, "https://a/\"b\"");
        assert_string_equal(c.error, "insufficient_scope");
        c = read_challenge("Basic realm=\"a, Bearer realm=x\"");
        assert_int_equal(c.scheme, CHALLENGE_BASIC);
        assert_string_equal(c.realm, "a, Bearer realm=x");
        c = read_challenge("Basic");
        assert_int_equal(c.scheme, CHALLENGE_BASIC);
        c = read_challenge("Bearer realm=https://a/b?c=d");
        assert_int_equal(c.scheme, CHALLENGE_NONE);
}

static void several_challenges(void **state)
{
        struct challenge c = { 0 };

        (void)state;
        c = read_challenge("Basic realm=\"x\", Bearer realm=\"https://y\", Basic realm=\"z\"");
        assert_int_equal(c.scheme, CHALLENGE_BEARER);
        assert_string_equal(c.realm, "https://y");
        c = read_challenge("Negotiate, NTLM abc==, Digest realm=\"a\", nonce=\"b\", Basic realm=q");
        assert_int_equal(c.scheme, CHALLENGE_BASIC);
        assert_string_equal(c.realm, "q");
        /* one header after the other */
        challenge_read("Bearer realm=\"https://y\"", 24, &c);
        assert_int_equal(c.scheme, CHALLENGE_BEARER);
        challenge_read("Bearer realm=\"https://other\"", 28, &c);
        assert_string_equal(c.realm, "https://y");
}

static void odd_challenges(void **state)
{
        static const char *const texts[] = {
                "",
                ",,, ,",
                "Bearer",
                "Bearer service=\"x\"",
                "Bearer realm=\"https://x",
                "Bearer realm=\"a\nb\"",
                "Bearer realm=\"a\x7f\"",
                "Bearer =",
                "=\"x\"",
                "\"Bearer\" realm=\"x\"",
                "Digest realm=\"x\"",
        };
        char text[3000];

        (void)state;
        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
                if (read_challenge(texts[i]).scheme != CHALLENGE_NONE)
                        fail_msg("'%s' is taken for a challenge", texts[i]);
        }
        memset(text, 'x', sizeof(text));
        memcpy(text, "Bearer realm=\"", 14);
        memcpy(text + sizeof(text) - 2, "\"", 2);
        assert_int_equal(read_challenge(text).scheme, CHALLENGE_NONE);
}

/* ------ files of logins ------ */

static struct auth_entry *found;

static int setup(void **state)
{
        struct err e = { 0 };

        found = mem_alloc(sizeof(*found), &e);
        *state = found;
        return found ? 0 : -1;
}

static int teardown(void **state)
{
        mem_free_at(state);
        return 0;
}

static int read_file(const char *text, const char *host, const char *repo)
{
        struct err e = { 0 };

        return auth_file_read(text, strlen(text), "file", host, repo, found, &e);
}

static void check_login(const char *text, const char *host, const char *repo, const char *user,
                        const char *secret)
{
        assert_int_equal(read_file(text, host, repo), 0);
        assert_string_equal(found->credential.user, user);
        assert_string_equal(found->credential.secret, secret);
}

/* base64: YTpi is a:b, Yzpk is c:d */
static void logins(void **state)
{
        (void)state;
        check_login("{\"auths\":{\"h:1\":{\"auth\":\"YTpi\"}}}", "h:1", "x", "a", "b");
        check_login("{\"auths\":{\"h:1\":{\"auth\":\"YTpi\"}}}", "h", "x", "", "");
        check_login("{\"auths\":{\"h\":{\"auth\":\"YTpi\"}}}", "h:1", "x", "", "");
        check_login("{\"auths\":{\"h\":{\"auth\":\"YTpi\"}}}", "hh", "x", "", "");
        check_login("{\"auths\":{\"https://h/v1/\":{\"auth\":\"YTpi\"}}}", "h", "x", "a", "b");
        check_login("{\"auths\":{\"https://h/v2/\":{\"auth\":\"YTpi\"}}}", "h", "x", "a", "b");
        check_login("{\"auths\":{\"https://index.docker.io/v1/\":{\"auth\":\"YTpi\"}}}",
                    "docker.io", "library/x", "a", "b");
        check_login("{\"auths\":{\"docker.io\":{\"auth\":\"YTpi\"}}}", "docker.io", "u/x", "a",
                    "b");
        /* a password may have colons; zeros behind it are old docker's */
        check_login("{\"auths\":{\"h\":{\"auth\":\"YTpiOmM=\"}}}", "h", "x", "a", "b:c");
        check_login("{\"auths\":{\"h\":{\"auth\":\"YTpiAAA=\"}}}", "h", "x", "a", "b");
        check_login("{\"auths\":{\"h\":{\"username\":\"u\",\"password\":\"p\"}}}", "h", "x", "u",
                    "p");
        check_login("{\"auths\":{\"h\":{\"auth\":\"YTpi\",\"identitytoken\":\"t\"}}}", "h", "x", "",
                    "t");
        check_login("{}", "h", "x", "", "");
        check_login("{\"auths\":null}", "h", "x", "", "");
        assert_string_equal(found->credential.source, "file");
}

static void parts_of_registries(void **state)
{
        static const char text[] = "{\"auths\":{\"h/a\":{\"auth\":\"YTpi\"},"
                                   "\"h\":{\"auth\":\"Yzpk\"},\"h/a/b/c\":{}}}";

        (void)state;
        check_login(text, "h", "a", "a", "b");
        check_login(text, "h", "a/b", "a", "b");
        check_login(text, "h", "ab", "c", "d");
        check_login(text, "h", "x", "c", "d");
        check_login(text, "h", "a/b/c", "", "");
}

static void helpers(void **state)
{
        (void)state;
        assert_int_equal(read_file("{\"credsStore\":\"desktop\",\"auths\":{\"h\":{}}}", "h", "x"),
                         0);
        assert_string_equal(found->helper, "desktop");
        assert_int_equal(
                read_file("{\"credsStore\":\"desktop\",\"credHelpers\":{\"h\":\"gcr\"}}", "h", "x"),
                0);
        assert_string_equal(found->helper, "gcr");
        assert_int_equal(read_file("{\"credHelpers\":{\"h\":\"gcr\"}}", "other", "x"), 0);
        assert_string_equal(found->helper, "");
        assert_int_equal(
                read_file("{\"credsStore\":\"s\",\"auths\":{\"h\":{\"auth\":\"YTpi\"}}}", "h", "x"),
                0);
        assert_string_equal(found->helper, "");
        assert_string_equal(auth_helper_server("docker.io"), "https://index.docker.io/v1/");
        assert_string_equal(auth_helper_server("h:1"), "h:1");
}

static void bad_files(void **state)
{
        static const char *const texts[] = {
                "",
                "[]",
                "{\"auths\":[]}",
                "{\"auths\":{\"h\":1}}",
                "{\"auths\":{\"h\":{\"auth\":1}}}",
                "{\"auths\":{\"h\":{\"auth\":\"!!!!\"}}}",
                "{\"auths\":{\"h\":{\"auth\":\"YTp\"}}}",
                "{\"auths\":{\"h\":{\"auth\":\"YWFh\"}}}",     /* no colon */
                "{\"auths\":{\"h\":{\"auth\":\"YTpiDQpj\"}}}", /* a line's end */
                "{\"auths\":{\"h\":{\"identitytoken\":\"a\\nb\"}}}",
                "{\"credsStore\":\"../x\"}",
                "{\"credsStore\":\"a b\"}",
                "{\"credsStore\":1}",
                "{\"credHelpers\":{\"h\":{}}}",
                "{\"auths\":{\"h\":{\"auth\":\"secretsecret",
        };

        (void)state;
        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
                struct err e = { 0 };

                if (auth_file_read(texts[i], strlen(texts[i]), "file", "h", "x", found, &e) == 0)
                        fail_msg("'%s' is taken", texts[i]);
                assert_non_null(strstr(e.text, "'file' cannot be used"));
                assert_null(strstr(e.text, "secretsecret"));
        }
}

static void helper_answers(void **state)
{
        static const char good[] = "{\"ServerURL\":\"h\",\"Username\":\"u\",\"Secret\":\"p\"}";
        static const char token[] = "{\"Username\":\"<token>\",\"Secret\":\"t\"}";
        struct credential *c = &found->credential;
        struct err e = { 0 };

        (void)state;
        assert_int_equal(auth_helper_read(good, strlen(good), "helper", c, &e), 0);
        assert_string_equal(c->user, "u");
        assert_string_equal(c->secret, "p");
        assert_string_equal(c->source, "helper");
        assert_int_equal(auth_helper_read(token, strlen(token), "helper", c, &e), 0);
        assert_string_equal(c->user, "");
        assert_string_equal(c->secret, "t");
        assert_int_not_equal(auth_helper_read("secretsecret", 12, "helper", c, &e), 0);
        assert_null(strstr(e.text, "secretsecret"));
        assert_int_not_equal(auth_helper_read("{\"Username\":\"u\"}", 16, "helper", c, &e), 0);
}

static void registry_errors(void **state)
{
        static const char text[] = "{\"errors\":[{\"code\":\"DENIED\",\"message\":\"no\"}]}";
        static const char token[] = "{\"details\":\"wrong\"}";
        static const char odd[] = "{\"errors\":{\"code\":1},\"message\":[]}";
        struct registry_error said;

        (void)state;
        registry_error_read(text, strlen(text), &said);
        assert_string_equal(said.code, "DENIED");
        assert_string_equal(said.message, "no");
        registry_error_read(token, strlen(token), &said);
        assert_string_equal(said.message, "wrong");
        registry_error_read(odd, strlen(odd), &said);
        assert_string_equal(said.code, "");
        assert_string_equal(said.message, "");
        registry_error_read("<html>", 6, &said);
        assert_string_equal(said.message, "");
        registry_error_read("", 0, &said);
        assert_string_equal(said.message, "");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(good_challenges),     cmocka_unit_test(several_challenges),
                cmocka_unit_test(odd_challenges),      cmocka_unit_test(logins),
                cmocka_unit_test(parts_of_registries), cmocka_unit_test(helpers),
                cmocka_unit_test(bad_files),           cmocka_unit_test(helper_answers),
                cmocka_unit_test(registry_errors),
        };

        return cmocka_run_group_tests(tests, setup, teardown);
}
