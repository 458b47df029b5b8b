/* What went wrong on the way to a server and back, in the words of people. */

#include "http.h"

#include "str.h"

#include <errno.h>
#include <openssl/x509_vfy.h>
#include <string.h>

bool http_is_transient(CURLcode code, bool has_talked)
{
        static const CURLcode codes[] = {
                CURLE_PARTIAL_FILE,
                CURLE_GOT_NOTHING,
                CURLE_SEND_ERROR,
                CURLE_RECV_ERROR,
                CURLE_HTTP2,
                CURLE_HTTP2_STREAM,
                /* an answer that was cut off in its first line */
                CURLE_WEIRD_SERVER_REPLY,
                CURLE_UNSUPPORTED_PROTOCOL,
        };

        for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
                if (codes[i] == code)
                        return true;
        }
        return has_talked && (code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_COULDNT_CONNECT ||
                              code == CURLE_OPERATION_TIMEDOUT || code == CURLE_SSL_CONNECT_ERROR);
}

static int tell_resolve(const struct url *url, struct err *e)
{
        err_set(e, ENXIO, "the host '%s' cannot be found", url->host);
        return err_hint(e,
                        "is the name right, and does this machine have a network? "
                        "`getent hosts %.100s` asks the same",
                        url->host);
}

static int tell_connect(const struct http *h, const struct url *url, struct err *e)
{
        long number = 0;

        curl_easy_getinfo(h->easy, CURLINFO_OS_ERRNO, &number);
        if (h->is_proxied) {
                /* what libcurl does not understand it quotes, and a password may be in it */
                err_set(e, ECONNREFUSED, "cannot connect to the proxy on the way to '%s': %s",
                        url->host,
                        strchr(h->curl_error, '@') ? "its address is not understood"
                                                   : h->curl_error);
                return err_hint(e, "HTTPS_PROXY, HTTP_PROXY and NO_PROXY say what is used");
        }
        err_set(e, number > 0 ? (int)number : ECONNREFUSED, "cannot connect to '%s' port %u: %s",
                url->host, url->port, number > 0 ? err_name((int)number) : h->curl_error);
        if (number == ENETUNREACH || number == EHOSTUNREACH)
                return err_hint(e, "this machine has no way there: is the network up, is there a "
                                   "proxy to be named in HTTPS_PROXY?");
        return err_hint(e,
                        "is that the host and the port of a registry, and does it run? "
                        "`curl https://%.100s:%u/v2/` asks the same",
                        url->host, url->port);
}

static int tell_timeout(const struct url *url, struct err *e)
{
        err_set(e, ETIMEDOUT, "'%s' does not answer in time", url->host);
        return err_hint(e, "try later; a firewall may be in between, or a proxy be needed: "
                           "HTTPS_PROXY names it");
}

static int tell_certificate(const struct http *h, const struct url *url, struct err *e)
{
        long result = X509_V_OK;

        curl_easy_getinfo(h->easy, CURLINFO_SSL_VERIFYRESULT, &result);
        /* its own check comes behind OpenSSL's, and leaves no number */
        if (strstr(h->curl_error, "match")) {
                err_set(e, EPROTO, "the certificate of '%s' is not for that name", url->host);
                return err_hint(e, "use the name that is in the certificate");
        }
        err_set(e, EPROTO, "the certificate of '%s' is not valid: %s", url->host,
                X509_verify_cert_error_string(result));
        if (result == X509_V_ERR_CERT_HAS_EXPIRED)
                return err_hint(e,
                                "its owner has to renew it; is the clock of this machine right?");
        if (h->spec.ca)
                return err_hint(e, "it is not signed by what is in '%.200s'", h->spec.ca_file);
        return err_hint(e, "if it is signed by a CA of your own: --ca FILE");
}

static int tell_tls(const struct http *h, const struct url *url, struct err *e)
{
        err_set(e, HTTP_NO_TLS, "'%s' port %u does not speak TLS with us: %s", url->host, url->port,
                h->curl_error);
        return err_hint(e, "plain HTTP, if that is what it speaks, needs --insecure");
}

int http_tell(const struct http *h, CURLcode code, struct err *e)
{
        struct url url;

        if (h->err.code != 0) {
                *e = h->err;
                return -e->code;
        }
        if (url_parse(h->spec.url, "the address", &url, e) < 0)
                return -e->code;
        switch ((int)code) {
        case CURLE_COULDNT_RESOLVE_HOST:
                return tell_resolve(&url, e);
        case CURLE_COULDNT_RESOLVE_PROXY:
                err_set(e, ENXIO, "the proxy for '%s' cannot be found", url.host);
                return err_hint(e, "HTTPS_PROXY, HTTP_PROXY and NO_PROXY say what is used");
        case CURLE_COULDNT_CONNECT:
                return tell_connect(h, &url, e);
        case CURLE_PEER_FAILED_VERIFICATION:
                return tell_certificate(h, &url, e);
        case CURLE_SSL_CACERT_BADFILE:
                return err_set(e, EINVAL, "there are no usable certificates in '%.200s'",
                               h->spec.ca ? h->spec.ca_file : "the system's list of CAs");
        case CURLE_SSL_CONNECT_ERROR:
                return tell_tls(h, &url, e);
        case CURLE_OPERATION_TIMEDOUT:
                return tell_timeout(&url, e);
        case CURLE_OUT_OF_MEMORY:
                return err_set(e, ENOMEM, "out of memory");
        default:
                return err_set(e, EIO, "'%s' port %u: %s", url.host, url.port,
                               h->curl_error[0] ? h->curl_error : curl_easy_strerror(code));
        }
}
