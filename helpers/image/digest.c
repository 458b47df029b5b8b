#include "digest.h"

#include "str.h"

#include <errno.h>
#include <openssl/evp.h>
#include <string.h>

bool digest_is_hex(const char *text)
{
        return strlen(text) == DIGEST_HEX && strspn(text, "0123456789abcdef") == DIGEST_HEX;
}

int digest_parse(const char *text, struct digest *ret, struct err *e)
{
        static const char prefix[] = "sha256:";

        if (!str_has_prefix(text, prefix) || !digest_is_hex(text + strlen(prefix)))
                return err_set(e, EINVAL, "'%.100s' is not a digest (sha256: and 64 hex digits)",
                               text);
        memcpy(ret->hex, text + strlen(prefix), sizeof(ret->hex));
        return 0;
}

bool digest_is_same(const struct digest *a, const struct digest *b)
{
        return str_eq(a->hex, b->hex);
}

int hasher_start(struct hasher *h, struct err *e)
{
        h->has_failed = false;
        h->context = EVP_MD_CTX_new();
        if (!h->context || EVP_DigestInit_ex(h->context, EVP_sha256(), NULL) != 1)
                return err_set(e, ENOMEM, "libcrypto cannot start a SHA-256 digest");
        return 0;
}

int hasher_restart(struct hasher *h, struct err *e)
{
        h->has_failed = false;
        if (EVP_DigestInit_ex(h->context, NULL, NULL) != 1)
                return err_set(e, EIO, "libcrypto cannot start a SHA-256 digest");
        return 0;
}

void hasher_add(struct hasher *h, const void *data, size_t len)
{
        if (EVP_DigestUpdate(h->context, data, len) != 1)
                h->has_failed = true;
}

int hasher_finish(struct hasher *h, struct digest *ret, struct err *e)
{
        static const char digits[] = "0123456789abcdef";
        unsigned char bytes[EVP_MAX_MD_SIZE];
        unsigned n = 0;

        if (EVP_DigestFinal_ex(h->context, bytes, &n) != 1 || n != DIGEST_HEX / 2 || h->has_failed)
                return err_set(e, EIO, "libcrypto cannot finish a SHA-256 digest");
        for (unsigned i = 0; i < n; i++) {
                ret->hex[2 * i] = digits[bytes[i] >> 4];
                ret->hex[2 * i + 1] = digits[bytes[i] & 15];
        }
        ret->hex[DIGEST_HEX] = '\0';
        return 0;
}

void hasher_done(struct hasher *h)
{
        EVP_MD_CTX_free(h->context);
        h->context = NULL;
}

int digest_of(const void *data, size_t len, struct digest *ret, struct err *e)
{
        autohasher h = { 0 };

        if (hasher_start(&h, e) < 0)
                return -e->code;
        hasher_add(&h, data, len);
        return hasher_finish(&h, ret, e);
}
