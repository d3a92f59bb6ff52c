// SPDX-License-Identifier: Apache-2.0
#include "grpc/tls.h"

#include "base/log.h"
#include "base/obj.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>

#define LOOK_MS 5000 /* between two looks at a file */
#define MAX_FILE_BYTES ((size_t)1 << 20)

enum { CERTIFICATE, KEY, CLIENT_CA, FILES };

/* One reading of the files. */
struct load {
    struct arena *arena;
    SSL_CTX *context;
    int64_t expires_s; /* of the certificate, since 1970 */
    struct err *err;
};

struct tls {
    unsigned magic;
#define TLS_MAGIC 0x2ab90c57U
    struct loop *loop;
    char *files[FILES]; /* CLIENT_CA may be NULL */
    struct load current;
    struct load next;
    uv_fs_poll_t looks[FILES];
    uv_work_t work;
    bool reading;
    bool changed_again; /* while it was read */
    bool gone;          /* freed, but for what libuv still holds */
    int held;           /* by libuv */
    uint64_t reloads;
    uint64_t failures;
};

/* ---- reading, on any thread ---- */

static struct err *wrong(struct arena *a, const char *path, const char *why) {
    return ERR_INVALID(a, "%s: %s", path, why);
}

/* The whole file, which the caller wipes and frees. */
static struct err *read_file(struct arena *a, const char *path, char **ret, size_t *ret_n) {
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return wrong(a, path, strerror(errno));
    char *text = malloc(MAX_FILE_BYTES + 1);
    AN(text);
    setvbuf(file, NULL, _IONBF, 0); /* no second copy of a key */
    size_t n = fread(text, 1, MAX_FILE_BYTES + 1, file);
    const char *why = ferror(file)         ? strerror(errno)
                      : n == 0             ? "is empty"
                      : n > MAX_FILE_BYTES ? "is larger than 1 MiB"
                                           : NULL;
    fclose(file);
    *ret = text;
    *ret_n = n > MAX_FILE_BYTES ? MAX_FILE_BYTES : n;
    return why == NULL ? NULL : wrong(a, path, why);
}

/* OpenSSL would ask on the terminal. */
static int no_password(char *buf, int size, int writing, void *priv) {
    (void)buf;
    (void)size;
    (void)writing;
    (void)priv;
    return 0;
}

static int64_t expiry_of(const X509 *certificate) {
    struct tm when;
    if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &when) != 1)
        return 0;
    return (int64_t)timegm(&when);
}

/* Ends on what is no certificate, which the caller makes nothing of: texts between them are usual.
 */
static struct err *use_certificate(struct load *load, const char *path, BIO *bio) {
    X509 *certificate = PEM_read_bio_X509(bio, NULL, no_password, NULL);
    if (certificate == NULL)
        return wrong(load->arena, path, "holds no PEM certificate");
    bool taken = SSL_CTX_use_certificate(load->context, certificate) == 1;
    load->expires_s = expiry_of(certificate);
    X509_free(certificate);
    while (taken && (certificate = PEM_read_bio_X509(bio, NULL, no_password, NULL)) != NULL) {
        taken = SSL_CTX_add1_chain_cert(load->context, certificate) == 1;
        X509_free(certificate);
    }
    return taken ? NULL : wrong(load->arena, path, ERR_reason_error_string(ERR_peek_last_error()));
}

static struct err *use_key(struct load *load, const char *path, BIO *bio) {
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL);
    if (key == NULL)
        return wrong(load->arena, path, "holds no PEM private key, or one with a password");
    bool fits = SSL_CTX_use_PrivateKey(load->context, key) == 1 &&
                SSL_CTX_check_private_key(load->context) == 1;
    EVP_PKEY_free(key);
    return fits ? NULL : wrong(load->arena, path, "is not the key of the certificate");
}

static struct err *use_client_ca(struct load *load, const char *path, BIO *bio) {
    X509_STORE *store = SSL_CTX_get_cert_store(load->context);
    size_t n = 0;
    for (X509 *ca; (ca = PEM_read_bio_X509(bio, NULL, no_password, NULL)) != NULL; n++) {
        bool taken =
            X509_STORE_add_cert(store, ca) == 1 && SSL_CTX_add_client_CA(load->context, ca) == 1;
        X509_free(ca);
        if (!taken)
            return wrong(load->arena, path, ERR_reason_error_string(ERR_peek_last_error()));
    }
    if (n == 0)
        return wrong(load->arena, path, "holds no PEM certificate of an authority");
    SSL_CTX_set_verify(load->context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    return NULL;
}

static struct err *use_file(struct load *load, int which, const char *path) {
    char *text = NULL;
    size_t n = 0;
    struct err *err = read_file(load->arena, path, &text, &n);
    if (err == NULL) {
        BIO *bio = BIO_new_mem_buf(text, (int)n);
        AN(bio);
        err = which == CERTIFICATE ? use_certificate(load, path, bio)
              : which == KEY       ? use_key(load, path, bio)
                                   : use_client_ca(load, path, bio);
        BIO_free(bio);
        ERR_clear_error();
    }
    if (text != NULL)
        explicit_bzero(text, n);
    free(text);
    return err;
}

/* Who offers protocols must offer HTTP/2; who offers none is told by HTTP/2's opening. */
static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_n,
                           const unsigned char *in, unsigned in_n, void *priv) {
    static const unsigned char h2[] = "\x02h2";
    (void)ssl;
    (void)priv;
    if (SSL_select_next_proto((unsigned char **)(uintptr_t)out, out_n, h2, sizeof h2 - 1, in,
                              in_n) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    return SSL_TLSEXT_ERR_OK;
}

static void load_files(struct load *load, char *const *files) {
    load->arena = arena_new(ARENA_LIMIT_DEFAULT);
    load->context = SSL_CTX_new(TLS_server_method());
    AN(load->context);
    ASSERT(SSL_CTX_set_min_proto_version(load->context, TLS1_2_VERSION) == 1);
    SSL_CTX_set_options(load->context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET |
                                           SSL_OP_CIPHER_SERVER_PREFERENCE |
                                           SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_session_cache_mode(load->context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(load->context, 0);
    SSL_CTX_set_mode(load->context, SSL_MODE_ENABLE_PARTIAL_WRITE |
                                        SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                        SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN);
    SSL_CTX_set_alpn_select_cb(load->context, choose_protocol, NULL);
    for (int i = 0; i < FILES && load->err == NULL; i++)
        if (files[i] != NULL)
            load->err = use_file(load, i, files[i]);
}

static void unload(struct load *load) {
    SSL_CTX_free(load->context);
    arena_free(load->arena);
    *load = (struct load){.context = NULL};
}

/* ---- reading again ---- */

static void let_go(struct tls *tls) {
    if (--tls->held > 0 || !tls->gone)
        return;
    tls->magic = 0;
    free(tls);
}

static void read_again(struct tls *tls);

static void on_work(uv_work_t *work) {
    struct tls *tls = CONTAINER_OF(work, struct tls, work);
    load_files(&tls->next, tls->files);
    /* libuv's threads outlive main, and with them what OpenSSL keeps for each: its random state
     * too. */
    OPENSSL_thread_stop();
}

static void on_worked(uv_work_t *work, int status) {
    struct tls *tls = CONTAINER_OF(work, struct tls, work);
    OBJ_CHECK(tls, TLS_MAGIC);
    (void)status;
    tls->reading = false;
    if (tls->next.err != NULL) {
        tls->failures++;
        LOG_ERROR(NULL, "TLS certificate cannot be reloaded; the old one stays in use",
                  LOG_ERR(tls->next.err));
        unload(&tls->next);
    } else {
        tls->reloads++;
        unload(&tls->current);
        tls->current = tls->next;
        tls->next = (struct load){.context = NULL};
        LOG_INFO(NULL, "TLS certificate reloaded", LOG_INT("expiresAt", tls->current.expires_s));
    }
    if (tls->gone) {
        unload(&tls->current);
        for (int i = 0; i < FILES; i++)
            free(tls->files[i]);
    } else if (tls->changed_again) {
        read_again(tls);
    }
    let_go(tls);
}

static void read_again(struct tls *tls) {
    tls->changed_again = tls->reading;
    if (tls->reading)
        return;
    tls->reading = true;
    tls->held++;
    AZ(uv_queue_work(loop_uv(tls->loop), &tls->work, on_work, on_worked));
}

static void on_look(uv_fs_poll_t *look, int status, const uv_stat_t *before,
                    const uv_stat_t *after) {
    (void)before;
    (void)after;
    struct tls *tls = OBJ_CAST(look->data, tls, TLS_MAGIC);
    /* A file that is gone is about to come back, as another one. */
    if (status == 0)
        read_again(tls);
}

/* ---- life ---- */

struct err *tls_new(struct loop *loop, const struct server_tls *files, struct arena *a,
                    struct tls **ret) {
    struct tls *tls = calloc(1, sizeof *tls);
    AN(tls);
    tls->magic = TLS_MAGIC;
    tls->loop = loop;
    const char *const paths[FILES] = {files->certificate, files->key, files->client_ca};
    for (int i = 0; i < FILES; i++)
        tls->files[i] = paths[i] == NULL ? NULL : strdup(paths[i]);
    load_files(&tls->current, tls->files);
    if (tls->current.err != NULL) {
        struct err *err = err_copy(a, tls->current.err);
        tls_free(tls);
        return err;
    }
    for (int i = 0; i < FILES; i++) {
        if (tls->files[i] == NULL)
            continue;
        AZ(uv_fs_poll_init(loop_uv(loop), &tls->looks[i]));
        tls->looks[i].data = tls;
        AZ(uv_fs_poll_start(&tls->looks[i], on_look, tls->files[i], LOOK_MS));
        tls->held++;
    }
    *ret = tls;
    return NULL;
}

static void on_closed(uv_handle_t *handle) {
    let_go(handle->data);
}

void tls_free(struct tls *tls) {
    if (tls == NULL)
        return;
    OBJ_CHECK(tls, TLS_MAGIC);
    tls->gone = true;
    for (int i = 0; i < FILES; i++)
        if (tls->looks[i].data != NULL)
            uv_close((uv_handle_t *)&tls->looks[i], on_closed);
    if (!tls->reading) {
        unload(&tls->current);
        for (int i = 0; i < FILES; i++)
            free(tls->files[i]);
    }
    tls->held++;
    let_go(tls);
}

SSL *tls_session(struct tls *tls) {
    OBJ_CHECK(tls, TLS_MAGIC);
    SSL *ssl = SSL_new(tls->current.context);
    AN(ssl);
    SSL_set_accept_state(ssl);
    return ssl;
}

void tls_stats(const struct tls *tls, struct server_tls_stats *ret) {
    OBJ_CHECK(tls, TLS_MAGIC);
    *ret = (struct server_tls_stats){
        .on = true,
        .certificate_expires_s = tls->current.expires_s,
        .reloads = tls->reloads,
        .failed_reloads = tls->failures,
    };
}
