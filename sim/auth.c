// SPDX-License-Identifier: Apache-2.0
#include "sim/auth.h"

#include "aws/signing_key.h"
#include "base/buf.h"
#include "base/obj.h"

#include <openssl/crypto.h>

#define MESSAGE_MISMATCH                                                                           \
    "The request signature we calculated does not match the signature you provided. Check your "   \
    "AWS Secret Access Key and signing method. Consult the service documentation for details."
#define MESSAGE_UNKNOWN_KEY "The security token included in the request is invalid."

bool auth_add_key(struct auth *auth, struct str id, struct str secret, struct str token,
                  int64_t expires_ms) {
    if (auth->n_keys == AUTH_MAX_KEYS || str_empty(id) || id.n >= sizeof auth->keys[0].id ||
        str_empty(secret))
        return false;
    if (auth->digest == NULL)
        auth->digest = digest_new();
    struct auth_key *key = &auth->keys[auth->n_keys++];
    *key = (struct auth_key){.expires_ms = expires_ms};
    memcpy(key->id, id.p, id.n);
    key->secret = secret_new(secret);
    key->token = secret_new(token);
    return true;
}

bool auth_add_region(struct auth *auth, struct str region) {
    for (size_t i = 0; i < auth->n_regions; i++)
        if (str_eq(str_c(auth->regions[i]), region))
            return true;
    if (auth->n_regions == AUTH_MAX_REGIONS || str_empty(region) ||
        region.n >= sizeof auth->regions[0])
        return false;
    memcpy(auth->regions[auth->n_regions++], region.p, region.n);
    return true;
}

void auth_free(struct auth *auth) {
    for (size_t i = 0; i < auth->n_keys; i++) {
        secret_free(&auth->keys[i].secret);
        secret_free(&auth->keys[i].token);
    }
    digest_free(auth->digest);
    *auth = (struct auth){.n_keys = 0};
}

/* What one verification works on. */
struct check {
    const struct auth *auth;
    const struct sim_request *req;
    struct arena *arena;
    struct auth_result *result;
    struct sigv4_credential credential;
    struct sigv4_scope scope;
    const struct auth_key *key;
    struct str stamp; /* x-amz-date as sent */
    int64_t now_ms;
};

static bool refuse(struct check *c, const char *error, struct str message) {
    c->result->status = 400;
    c->result->error = str_c(error);
    c->result->message = message;
    return false;
}

static size_t count_headers(const struct sim_request *req, struct str name) {
    size_t n = 0;
    for (size_t i = 0; i < req->n_headers; i++)
        n += str_eq_nocase(req->headers[i].name, name) ? 1 : 0;
    return n;
}

static bool check_authorization(struct check *c) {
    size_t n = count_headers(c->req, STR("authorization"));
    if (n == 0)
        return refuse(c, "MissingAuthenticationTokenException",
                      STR("Request is missing Authentication Token"));
    struct str value = sim_request_header(c->req, STR("authorization"));
    if (n > 1 || !str_starts(value, STR("AWS4-HMAC-SHA256")))
        return refuse(c, "IncompleteSignatureException",
                      STR("Authorization must be one header of algorithm AWS4-HMAC-SHA256."));
    if (!sigv4_authorization_parse(value, &c->credential))
        return refuse(c, "IncompleteSignatureException",
                      STR("Authorization header requires 'Credential' (key/date/region/service/"
                          "aws4_request), 'SignedHeaders' and 'Signature' parameters."));
    c->result->key_id = c->credential.access_key_id;
    c->result->region = c->credential.region;
    c->result->signed_headers = c->credential.signed_headers;
    return true;
}

static struct str stamp_at(struct arena *a, int64_t ms) {
    struct sigv4_time t = sigv4_time_at(ms * 1000);
    return arena_str(a, str_c(t.stamp));
}

static bool check_date(struct check *c) {
    int64_t seconds;
    c->stamp = sim_request_header(c->req, STR("x-amz-date"));
    if (c->stamp.p == NULL)
        return refuse(c, "IncompleteSignatureException",
                      STR("Authorization header requires existence of either a 'X-Amz-Date' or a "
                          "'Date' header."));
    if (!sigv4_time_parse(c->stamp, &c->scope.time, &seconds))
        return refuse(c, "IncompleteSignatureException",
                      STR("Date must be in ISO-8601 'basic format', YYYYMMDDTHHMMSSZ."));
    if (!str_eq(c->credential.date, sigv4_date(&c->scope.time)))
        return refuse(c, "InvalidSignatureException",
                      STR("Date in Credential scope does not match YYYYMMDD from ISO-8601 version "
                          "of date from HTTP."));
    struct str now = stamp_at(c->arena, c->now_ms);
    int64_t late = c->now_ms - seconds * 1000;
    struct str limit =
        stamp_at(c->arena, late > 0 ? c->now_ms - AUTH_MAX_SKEW_MS : c->now_ms + AUTH_MAX_SKEW_MS);
    if (late > AUTH_MAX_SKEW_MS)
        return refuse(c, "InvalidSignatureException",
                      arena_printf(c->arena,
                                   "Signature expired: " STR_FMT " is now earlier than " STR_FMT
                                   " (" STR_FMT " - 5 min.)",
                                   STR_ARG(c->stamp), STR_ARG(limit), STR_ARG(now)));
    if (late < -AUTH_MAX_SKEW_MS)
        return refuse(c, "InvalidSignatureException",
                      arena_printf(c->arena,
                                   "Signature not yet current: " STR_FMT
                                   " is still later than " STR_FMT " (" STR_FMT " + 5 min.)",
                                   STR_ARG(c->stamp), STR_ARG(limit), STR_ARG(now)));
    return true;
}

static bool check_scope(struct check *c, struct str service) {
    if (!str_eq(c->credential.service, service))
        return refuse(c, "InvalidSignatureException",
                      arena_printf(c->arena,
                                   "Credential should be scoped to correct service: '" STR_FMT "'.",
                                   STR_ARG(service)));
    bool known = c->auth->n_regions == 0;
    for (size_t i = 0; i < c->auth->n_regions; i++)
        known = known || str_eq(str_c(c->auth->regions[i]), c->credential.region);
    if (!known)
        return refuse(c, "InvalidSignatureException",
                      STR("Credential should be scoped to a valid region."));
    c->scope.region = c->credential.region;
    c->scope.service = c->credential.service;
    return true;
}

static bool secret_equal(const struct secret *s, struct str text) {
    struct str own = secret_reveal(s);
    return own.n == text.n && (own.n == 0 || CRYPTO_memcmp(own.p, text.p, own.n) == 0);
}

static bool check_key(struct check *c) {
    for (size_t i = 0; i < c->auth->n_keys && c->key == NULL; i++)
        if (str_eq(str_c(c->auth->keys[i].id), c->credential.access_key_id))
            c->key = &c->auth->keys[i];
    if (c->key == NULL ||
        !secret_equal(&c->key->token, sim_request_header(c->req, STR("x-amz-security-token"))))
        return refuse(c, "UnrecognizedClientException", STR(MESSAGE_UNKNOWN_KEY));
    if (c->key->expires_ms != 0 && c->key->expires_ms <= c->now_ms)
        return refuse(c, "ExpiredTokenException",
                      STR("The security token included in the request is expired"));
    return true;
}

/* A header that is in the list: "host;x-amz-date". */
static bool is_signed(struct str list, struct str name) {
    while (!str_empty(list)) {
        size_t end = str_find(list, ';');
        if (str_eq_nocase(str_sub(list, 0, end), name))
            return true;
        list = str_from(list, end + 1);
    }
    return false;
}

/* What must be signed according to the documentation: host, and every x-amz- header there is. */
static bool check_signed_headers(struct check *c) {
    struct str list = c->credential.signed_headers;
    if (!is_signed(list, STR("host")))
        return refuse(c, "InvalidSignatureException",
                      STR("'Host' must be a 'SignedHeader' in the AWS Authorization."));
    for (size_t i = 0; i < c->req->n_headers; i++) {
        struct str name = c->req->headers[i].name;
        if (str_eq_nocase(str_sub(name, 0, 6), STR("x-amz-")) && !is_signed(list, name))
            return refuse(c, "InvalidSignatureException",
                          arena_printf(c->arena,
                                       "'%.60s' must be a 'SignedHeader' in the AWS "
                                       "Authorization.",
                                       arena_cstr(c->arena, name)));
    }
    return true;
}

static bool check_signature(struct check *c) {
    char payload[DIGEST_HEX_SIZE];
    digest_sha256_hex(c->auth->digest, c->req->body, payload);
    struct str announced = sim_request_header(c->req, STR("x-amz-content-sha256"));
    if (announced.p != NULL && !str_eq(announced, str_c(payload)))
        return refuse(c, "InvalidSignatureException",
                      STR("The value of x-amz-content-sha256 is not the SHA-256 of the body."));
    struct sigv4_request request = {
        .method = c->req->method,
        .path = c->req->path,
        .query = c->req->query,
        .headers = c->req->headers,
        .n_headers = c->req->n_headers,
        .payload_hash = str_c(payload),
        .path_mode = SIGV4_PATH_NORMALIZE,
        .signed_headers = c->credential.signed_headers,
    };
    struct buf canonical;
    struct buf to_sign;
    struct buf signature;
    struct sigv4_key key;
    buf_init(&canonical, SIGV4_CANONICAL_MAX);
    buf_init(&to_sign, SIGV4_CANONICAL_MAX);
    buf_init(&signature, DIGEST_HEX_SIZE);
    sigv4_canonical_request(&canonical, &request);
    sigv4_string_to_sign(&to_sign, c->auth->digest, &c->scope, &canonical);
    signing_key_derive(c->auth->digest, &c->scope, &c->key->secret, &key);
    sigv4_sign(&signature, c->auth->digest, &key, &to_sign);
    bool same =
        !signature.failed && sigv4_signature_equal(buf_str(&signature), c->credential.signature);
    explicit_bzero(&key, sizeof key);
    buf_free(&canonical);
    buf_free(&to_sign);
    buf_wipe(&signature);
    return same || refuse(c, "InvalidSignatureException", STR(MESSAGE_MISMATCH));
}

struct auth_result auth_verify(const struct auth *auth, const struct sim_request *req,
                               struct str service, int64_t now_ms, struct arena *a) {
    struct auth_result result = {.ok = false};
    struct check c = {.auth = auth, .req = req, .arena = a, .result = &result, .now_ms = now_ms};
    result.ok = check_authorization(&c) && check_date(&c) && check_scope(&c, service) &&
                check_key(&c) && check_signed_headers(&c) && check_signature(&c);
    return result;
}

struct str auth_redact(struct str authorization, struct arena *a) {
    struct sigv4_credential credential;
    if (sigv4_authorization_parse(authorization, &credential))
        return arena_printf(a,
                            "AWS4-HMAC-SHA256 Credential=" STR_FMT "/" STR_FMT "/" STR_FMT
                            "/" STR_FMT "/aws4_request, SignedHeaders=" STR_FMT ", Signature=***",
                            STR_ARG(credential.access_key_id), STR_ARG(credential.date),
                            STR_ARG(credential.region), STR_ARG(credential.service),
                            STR_ARG(credential.signed_headers));
    static const struct str schemes[] = {STR_INIT("AWS4-HMAC-SHA256"), STR_INIT("Bearer"),
                                         STR_INIT("Basic")};
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++)
        if (str_eq_nocase(str_sub(authorization, 0, schemes[i].n), schemes[i]))
            return arena_printf(a, STR_FMT " ***", STR_ARG(schemes[i]));
    return STR("***");
}
