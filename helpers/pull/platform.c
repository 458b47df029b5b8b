#include "platform.h"

#include "doc.h"
#include "str.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#define PLATFORM_TEXT_MAX 64

#define WORD "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-"

static int take_word(const char **at, char *ret, size_t size)
{
        size_t len = strspn(*at, WORD);

        if (len == 0 || len >= size)
                return -EINVAL;
        memcpy(ret, *at, len);
        ret[len] = '\0';
        *at += len;
        return 0;
}

static bool take_slash(const char **at)
{
        bool is_there = **at == '/';

        *at += is_there;
        return is_there;
}

int platform_parse(const char *text, struct platform *ret, struct err *e)
{
        struct platform p = { .os = "" };
        const char *at = text;
        bool is_good = take_word(&at, p.os, sizeof(p.os)) == 0 && take_slash(&at) &&
                       take_word(&at, p.architecture, sizeof(p.architecture)) == 0;

        if (is_good && take_slash(&at))
                is_good = take_word(&at, p.variant, sizeof(p.variant)) == 0;
        if (!is_good || *at != '\0') {
                err_set(e, EINVAL, "'%.100s' is not a platform", text);
                return err_hint(e, "a platform is OS/ARCH[/VARIANT], like linux/arm64");
        }
        *ret = p;
        return 0;
}

int platform_own(struct platform *ret, struct err *e)
{
        const char *architecture = oci_architecture();
        struct utsname u;

        if (!architecture || uname(&u) < 0) {
                err_set(e, ENOTSUP, "the architecture of this machine has no name in images");
                return err_hint(e, "choose one by --platform");
        }
        *ret = (struct platform){ .os = "linux" };
        snprintf(ret->architecture, sizeof(ret->architecture), "%s", architecture);
        if (str_eq(architecture, "arm"))
                snprintf(ret->variant, sizeof(ret->variant), "%s",
                         str_eq(u.machine, "armv6l") ? "v6" : "v7");
        else if (str_eq(architecture, "arm64"))
                snprintf(ret->variant, sizeof(ret->variant), "v8");
        return 0;
}

/* How well an entry fits: 0 not at all. */
static int rank(const struct oci_descriptor *d, const struct platform *want)
{
        const char *variant = d->variant ? d->variant : "";

        if (!d->architecture)
                return 1;
        if (!str_eq(d->os, want->os) || !str_eq(d->architecture, want->architecture))
                return 0;
        if (str_eq(variant, want->variant))
                return 200;
        if (!variant[0])
                return 199;
        /* "v6" runs on a "v7", not the other way round */
        if (str_eq(want->architecture, "arm") && variant[0] == 'v' && want->variant[0] == 'v')
                return strcmp(variant, want->variant) < 0 ? 100 + (variant[1] & 63) : 0;
        return want->variant[0] ? 0 : 2;
}

/* As it is written, and as platform_parse() reads it. */
static void print_platform(char *ret, size_t size, const struct oci_descriptor *d)
{
        snprintf(ret, size, "%.20s/%.20s%s%.10s", d->os, d->architecture, d->variant ? "/" : "",
                 d->variant ? d->variant : "");
}

static void tell_choice(const struct oci_index *index, struct err *e)
{
        char text[240] = "";

        for (size_t i = 0; i < index->n_entries; i++) {
                const struct oci_descriptor *d = &index->entries[i];
                size_t used = strlen(text);
                char one[PLATFORM_TEXT_MAX];

                /* what builders keep beside an image has the platform unknown/unknown */
                if (!d->architecture || str_eq(d->os, "unknown"))
                        continue;
                print_platform(one, sizeof(one), d);
                snprintf(text + used, sizeof(text) - used, "%s%s", used ? ", " : "", one);
        }
        if (text[0])
                err_hint(e, "choose by --platform: there is %s", text);
}

const struct oci_descriptor *platform_choose(const struct oci_index *index,
                                             const struct platform *want, struct err *e)
{
        const struct oci_descriptor *best = NULL;
        int best_rank = 0;

        for (size_t i = 0; i < index->n_entries; i++) {
                int r = rank(&index->entries[i], want);

                if (r > best_rank) {
                        best = &index->entries[i];
                        best_rank = r;
                }
        }
        if (best)
                return best;
        err_set(e, ENOENT, "there is no image for %s/%s%s%s", want->os, want->architecture,
                want->variant[0] ? "/" : "", want->variant);
        tell_choice(index, e);
        return NULL;
}

/* ------ an image that is not one of several ------ */

static int read_config(const json_t *doc, const struct platform *want, struct oci_descriptor *ret,
                       struct err *e)
{
        static const char what[] = "the image's configuration";

        if (!json_is_object(doc))
                return err_set(e, EINVAL, "%s is not an object", what);
        *ret = (struct oci_descriptor){ 0 };
        if (doc_string(doc, "os", what, &ret->os, e) < 0 ||
            doc_string(doc, "architecture", what, &ret->architecture, e) < 0 ||
            doc_string(doc, "variant", what, &ret->variant, e) < 0)
                return -e->code;
        /* builders leave open what they do not know, as absence or as an empty text */
        if (!ret->os || !*ret->os)
                ret->os = want->os;
        if (ret->architecture && !*ret->architecture)
                ret->architecture = NULL;
        if (ret->variant && !*ret->variant)
                ret->variant = NULL;
        return 0;
}

static bool is_own(const struct platform *want)
{
        struct platform own;
        struct err unused = { 0 };

        return platform_own(&own, &unused) == 0 && str_eq(want->os, own.os) &&
               str_eq(want->architecture, own.architecture);
}

int platform_check(const char *config, size_t len, const struct platform *want, struct err *e)
{
        autodoc *doc = doc_parse(config, len, "the image's configuration", e);
        struct oci_descriptor d;
        char is[PLATFORM_TEXT_MAX];

        if (!doc || read_config(doc, want, &d, e) < 0)
                return -e->code;
        if (!d.architecture ? str_eq(d.os, want->os) : rank(&d, want) > 0)
                return 0;
        if (!d.architecture)
                d.architecture = want->architecture;
        print_platform(is, sizeof(is), &d);
        err_set(e, ENOENT, "the image is for %s, not %s/%s%s%s", is, want->os, want->architecture,
                want->variant[0] ? "/" : "", want->variant);
        if (is_own(want))
                return err_hint(e, "--platform %s takes it all the same, but it cannot run here",
                                is);
        return err_hint(e, "choose by --platform: there is %s", is);
}
