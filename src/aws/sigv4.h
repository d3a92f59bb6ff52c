// SPDX-License-Identifier: Apache-2.0
/*
 * AWS Signature Version 4 in three pure stages, usable on both ends: a client signs, a server
 * computes the same signature again from what it received and compares.
 *
 *     sigv4_canonical_request  ->  sigv4_string_to_sign  ->  sigv4_sign
 *
 * The date and the key are arguments; nothing here reads a clock or keeps state. Every output goes
 * to a buf, and a failed buf makes the next stage's buf fail too, so that one check after the last
 * stage is enough. No stage allocates anything but its buf.
 *
 * Source:
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html Where
 * the text leaves a choice, this does what botocore and the JavaScript SDK agree on.
 */
#ifndef AWS_SIGV4_H
#define AWS_SIGV4_H

#include "aws/digest.h"
#include "base/buf.h"
#include "http/http.h"

#define SIGV4_MAX_HEADERS 64 /* headers that are signed; more is a failure */
#define SIGV4_MAX_PARAMS 64  /* query parameters; more is a failure */
#define SIGV4_CANONICAL_MAX                                                                        \
    ((size_t)65536) /* bytes, a fit maximum for the canonical request's buf */

/* Hex SHA-256 of no bytes: the payload hash of a request without a body. */
#define SIGV4_EMPTY_PAYLOAD "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

enum sigv4_path {
    SIGV4_PATH_NORMALIZE, /* all services but S3: dots and double slashes removed, then encoded */
    SIGV4_PATH_ENCODE,    /* encoded only */
    SIGV4_PATH_VERBATIM,  /* S3: the path is signed as it is sent */
};

struct sigv4_request {
    struct str method;                 /* "POST" */
    struct str path;                   /* as sent, without the query; empty is "/" */
    struct str query;                  /* as sent, without "?"; may be absent */
    const struct http_header *headers; /* must hold host and whatever else will be sent */
    size_t n_headers;
    struct str payload_hash; /* hex SHA-256 of the exact body */
    enum sigv4_path path_mode;
    /*
     * Absent (a client): every header is signed except those that hops change on their way, such as
     * Connection, Authorization or User-Agent. Present (a server): exactly the headers of this
     * SignedHeaders list, "host;x-amz-date".
     */
    struct str signed_headers;
};

/* UTC, "20150830T123600Z" and a NUL: the value of x-amz-date. Its first eight digits are the date.
 */
struct sigv4_time {
    char stamp[17];
};

/* What a signature is bound to. The date of the key and of the header both come from here. */
struct sigv4_scope {
    struct sigv4_time time;
    struct str region;
    struct str service; /* signing name, "gamelift" */
};

struct sigv4_key {
    unsigned char bytes[DIGEST_SIZE];
};

/* From clock_real_us(); years 1970 to 9999. */
struct sigv4_time sigv4_time_at(int64_t real_us);

/* Reads an x-amz-date; ret_unix_s are seconds since 1970. False (outputs untouched) if it is none.
 */
bool sigv4_time_parse(struct str stamp, struct sigv4_time *ret, int64_t *ret_unix_s);

/* "20150830" */
static inline struct str sigv4_date(const struct sigv4_time *t) {
    return str_n(t->stamp, 8);
}

/*
 * Stage 1. Fails when there is no host header, a header name or the method is no HTTP token, a
 * limit above is passed, or signed_headers is not the lower-case sorted list of headers that are
 * there.
 */
void sigv4_canonical_request(struct buf *out, const struct sigv4_request *req);

/* The SignedHeaders list of a canonical request; a view into it, empty if it has failed. */
struct str sigv4_signed_headers(const struct buf *canonical);

/* Stage 2. */
void sigv4_string_to_sign(struct buf *out, struct digest *digest, const struct sigv4_scope *scope,
                          const struct buf *canonical);

/* Stage 3: 64 hex digits. The key is signing_key_derive's for the same scope. */
void sigv4_sign(struct buf *out, struct digest *digest, const struct sigv4_key *key,
                const struct buf *string_to_sign);

/* The value of the Authorization header. */
void sigv4_authorization(struct buf *out, struct str access_key_id, const struct sigv4_scope *scope,
                         const struct buf *canonical, const struct buf *signature);

/* An Authorization value taken apart; views into it. */
struct sigv4_credential {
    struct str access_key_id;
    struct str date; /* eight digits; a server compares it with x-amz-date */
    struct str region;
    struct str service;
    struct str signed_headers;
    struct str signature; /* 64 lower-case hex digits */
};

/* False (ret untouched) unless it is a complete AWS4-HMAC-SHA256 value, its parts in any order. */
bool sigv4_authorization_parse(struct str value, struct sigv4_credential *ret);

/* Compares two signatures in a time that does not tell how much of them is equal. */
bool sigv4_signature_equal(struct str a, struct str b);

/* Removes ".", ".." and double slashes from a path, keeps a slash at its end. Part of stage 1. */
void sigv4_normalize_path(struct buf *out, struct str path);

#endif
