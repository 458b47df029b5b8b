#include "detach-keys.h"

#include "str.h"

#include <errno.h>
#include <string.h>

/* A character, or ctrl- and one of those that have a control character. */
static bool read_key(const char *text, size_t len, char *ret)
{
        static const char prefix[] = "ctrl-";
        size_t n = sizeof(prefix) - 1;

        if (len == 1 && text[0] > ' ' && text[0] < 0x7f) {
                *ret = text[0];
                return true;
        }
        if (len != n + 1 || memcmp(text, prefix, n) != 0)
                return false;
        if (text[n] >= 'a' && text[n] <= 'z')
                *ret = (char)(text[n] - 'a' + 1);
        else if (strchr("@[\\]^_", text[n]))
                *ret = (char)(text[n] - '@');
        else
                return false;
        return true;
}

int detach_keys_parse(const char *text, struct detach_keys *ret, struct err *e)
{
        struct detach_keys k = { .n = 0 };

        while (*text) {
                size_t len = strcspn(text, ",");

                if (k.n == DETACH_MAX_KEYS)
                        return err_set(e, E2BIG, "more than %d keys to detach by", DETACH_MAX_KEYS);
                if (!read_key(text, len, &k.keys[k.n++])) {
                        err_set(e, EINVAL, "'%.*s' is no key to detach by", (int)len, text);
                        return err_hint(e, "--detach-keys ctrl-p,ctrl-q; a character, or ctrl- "
                                           "and a letter");
                }
                text += len + (text[len] == ',');
        }
        *ret = k;
        return 0;
}

/* How much of the sequence the bytes end with that were typed so far: `at` of it, and then `c`. */
static size_t advance(const struct detach_keys *k, size_t at, char c)
{
        char typed[DETACH_MAX_KEYS + 1];
        size_t n = at + 1;

        memcpy(typed, k->keys, at);
        typed[at] = c;
        while (n > 0 && memcmp(typed + at + 1 - n, k->keys, n) != 0)
                n--;
        return n;
}

bool detach_keys_filter(struct detach_keys *k, const char *typed, size_t len, char *out,
                        size_t *ret_len)
{
        size_t used = 0;

        for (size_t i = 0; i < len; i++) {
                if (k->n == 0) {
                        out[used++] = typed[i];
                        continue;
                }
                size_t next = advance(k, k->at, typed[i]);
                /* what can be no part of the sequence any more */
                size_t n_free = k->at + 1 - next;
                for (size_t j = 0; j < n_free; j++)
                        out[used++] = j < k->at ? k->keys[j] : typed[i];
                k->at = next;
                if (k->at == k->n) {
                        k->at = 0;
                        *ret_len = used;
                        return true;
                }
        }
        *ret_len = used;
        return false;
}
