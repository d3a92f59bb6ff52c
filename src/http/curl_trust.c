// SPDX-License-Identifier: Apache-2.0
/*
 * The certificate authorities that TLS connections trust: one file, read once for all of them, and
 * again when it has changed. curl would keep what it has read for each multi handle by itself, and
 * parsing the usual file takes some 30 ms on the loop and more than a megabyte. A session that is
 * resumed is not looked at again: a server that is trusted no more may be spoken to until its
 * sessions expire.
 *
 * Besides its file curl looks into a folder of certificates; it is left out, as it would still be
 * trusted beside a bundle of our own.
 */
#include "http/curl_internal.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <stdlib.h>
#include <sys/stat.h>

struct curl_trust {
    char *file;
    X509_STORE *store; /* NULL: not read yet */
    struct stat read;  /* the file's state then */
};

static bool is_same(const struct stat *a, const struct stat *b) {
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* False if the file cannot be read; what has been read before stays in force then. */
static bool refresh(struct curl_trust *trust) {
    struct stat now;
    if (stat(trust->file, &now) != 0)
        return trust->store != NULL;
    if (trust->store != NULL && is_same(&now, &trust->read))
        return true;
    X509_STORE *store = X509_STORE_new();
    AN(store);
    /* As curl sets it: an intermediate authority may be trusted without its root. */
    X509_STORE_set_flags(store, X509_V_FLAG_TRUSTED_FIRST | X509_V_FLAG_PARTIAL_CHAIN);
    if (!X509_STORE_load_file(store, trust->file)) {
        ERR_clear_error();
        X509_STORE_free(store);
        return trust->store != NULL;
    }
    X509_STORE_free(trust->store);
    trust->store = store;
    trust->read = now;
    return true;
}

/* Before each handshake. */
static CURLcode on_ssl_context(CURL *easy, void *context, void *priv) {
    struct curl_trust *trust = priv;
    (void)easy;
    if (!refresh(trust))
        return CURLE_SSL_CACERT_BADFILE;
    SSL_CTX_set1_cert_store(context, trust->store);
    return CURLE_OK;
}

struct curl_trust *curl_trust_new(struct str bundle) {
    const char *usual = curl_version_info(CURLVERSION_NOW)->cainfo;
    if (str_empty(bundle) && usual == NULL)
        return NULL;
    struct curl_trust *trust = calloc(1, sizeof *trust);
    AN(trust);
    trust->file = str_empty(bundle) ? strdup(usual) : strndup(bundle.p, bundle.n);
    AN(trust->file);
    return trust;
}

void curl_trust_setup_easy(struct curl_trust *trust, CURL *easy) {
    curl_easy_setopt(easy, CURLOPT_CAINFO, NULL);
    curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
    curl_easy_setopt(easy, CURLOPT_CA_CACHE_TIMEOUT, 0L); /* ours it would keep for a day */
    AZ(curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, on_ssl_context));
    AZ(curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, trust));
}

void curl_trust_free(struct curl_trust *trust) {
    if (trust == NULL)
        return;
    X509_STORE_free(trust->store);
    free(trust->file);
    free(trust);
}
