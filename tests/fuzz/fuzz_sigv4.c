// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes as a request to canonicalise, and as the headers a server parses. What must hold: no
 * overrun, sorted names, a text with exactly the lines it should have, normalising twice changes
 * nothing, and a server that is given the list computes what the client did.
 *
 * Input: one byte of options, then fields ended by 0x1E: method, path, query, SignedHeaders, and
 * header names and values by turns. SignedHeaders is tried as the id of the key, too.
 */
#include "aws/signing_key.h"
#include "aws/sigv4.h"
#include "base/obj.h"

#define SEPARATOR '\x1e'
#define MAX_FUZZ_HEADERS 80

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct str next_field(struct str *rest) {
    struct str field = str_sub(*rest, 0, str_find(*rest, SEPARATOR));
    *rest = str_from(*rest, field.n + 1);
    return field;
}

static struct str line(struct str text, int index) {
    for (; index > 0; index--)
        text = str_from(text, str_find(text, '\n') + 1);
    return str_sub(text, 0, str_find(text, '\n'));
}

static size_t count(struct str s, char c) {
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += s.p[i] == c;
    return n;
}

static void check_path(struct str path) {
    struct buf once, twice;
    buf_init(&once, SIZE_MAX);
    buf_init(&twice, SIZE_MAX);
    sigv4_normalize_path(&once, path);
    sigv4_normalize_path(&twice, buf_str(&once));
    ASSERT(str_eq(buf_str(&once), buf_str(&twice)));
    ASSERT(once.n <= path.n + 1 && once.p[0] == '/');
    for (size_t i = 0; i + 1 < once.n; i++)
        ASSERT(once.p[i] != '/' || once.p[i + 1] != '/');
    buf_free(&once);
    buf_free(&twice);
}

/* Lower-case, strictly ascending, one header line for each, in the same order. */
static void check_names(struct str text, struct str names) {
    struct str last = STR("");
    for (int i = 3; names.n > 0; i++) {
        struct str name = str_sub(names, 0, str_find(names, ';'));
        struct str header = line(text, i);
        names = str_from(names, name.n + 1);
        ASSERT(str_cmp(last, name) < 0);
        ASSERT(str_starts(header, name) && header.p[name.n] == ':');
        for (size_t k = 0; k < name.n; k++)
            ASSERT(name.p[k] < 'A' || name.p[k] > 'Z');
        last = name;
    }
}

static void check_canonical(const struct buf *out, struct sigv4_request req) {
    struct str text = buf_str(out);
    struct str names = sigv4_signed_headers(out);
    struct buf again;
    buf_init(&again, SIZE_MAX);
    ASSERT(count(text, '\n') == 3 + count(names, ';') + 1 + 2);
    ASSERT(str_ends(text, STR("\n" SIGV4_EMPTY_PAYLOAD)));
    check_names(text, names);

    req.signed_headers = names;
    sigv4_canonical_request(&again, &req);
    ASSERT(!again.failed && str_eq(buf_str(&again), text));

    buf_reset(&again);
    req.query = line(text, 2);
    sigv4_canonical_request(&again, &req);
    ASSERT(!again.failed && str_eq(buf_str(&again), text));
    buf_free(&again);
}

/* A server that takes apart what a client has signed finds what was put in. */
static void check_signing(const struct buf *canonical, const struct aws_credentials *creds,
                          unsigned day) {
    static struct digest *digest;
    const struct sigv4_scope scope = {
        .time = sigv4_time_at((int64_t)day * 86400 * 1000000),
        .region = STR("us-east-1"),
        .service = STR("gamelift"),
    };
    struct sigv4_time time;
    int64_t unix_s;
    struct sigv4_key key;
    struct sigv4_credential c;
    struct buf text, signature, value;
    if (digest == NULL)
        digest = digest_new();
    ASSERT(sigv4_time_parse(str_c(scope.time.stamp), &time, &unix_s) && unix_s == day * 86400L);
    buf_init(&text, SIGV4_CANONICAL_MAX);
    buf_init(&signature, DIGEST_HEX);
    buf_init(&value, 2 * SIGV4_CANONICAL_MAX);
    sigv4_string_to_sign(&text, digest, &scope, canonical);
    signing_key_derive(digest, &scope, &creds->secret_access_key, &key);
    sigv4_sign(&signature, digest, &key, &text);
    sigv4_authorization(&value, creds->access_key_id, &scope, canonical, &signature);
    ASSERT(value.failed == canonical->failed);
    if (!value.failed) {
        ASSERT(sigv4_authorization_parse(buf_str(&value), &c));
        ASSERT(str_eq(c.access_key_id, creds->access_key_id));
        ASSERT(str_eq(c.date, sigv4_date(&time)));
        ASSERT(str_eq(c.region, scope.region) && str_eq(c.service, scope.service));
        ASSERT(str_eq(c.signed_headers, sigv4_signed_headers(canonical)));
        ASSERT(sigv4_signature_equal(c.signature, buf_str(&signature)));
    }
    buf_free(&text);
    buf_free(&signature);
    buf_free(&value);
}

/* With any key id that our own check of credentials lets pass. */
static void sign(const struct buf *canonical, struct str key_id, unsigned day) {
    static const char *const names[] = {"id", "secret", "token"};
    struct arena *a = arena_new(ARENA_LIMIT_DEFAULT);
    struct aws_credentials creds;
    struct err *err = aws_credentials_init(&creds, a, names, key_id, STR("wJalrXUtnFEMI/K7MDENG"),
                                           STR_NULL, AWS_CREDENTIALS_NEVER);
    if (err == NULL) {
        check_signing(canonical, &creds, day);
        aws_credentials_clear(&creds);
    }
    arena_free(a);
}

static void check_parsers(struct str text) {
    struct sigv4_credential c;
    struct sigv4_time t;
    int64_t unix_s;
    if (sigv4_authorization_parse(text, &c)) {
        ASSERT(c.access_key_id.n > 0 && c.region.n > 0 && c.service.n > 0 && c.date.n == 8);
        ASSERT(sigv4_signature_equal(c.signature, c.signature));
    }
    if (sigv4_time_parse(text, &t, &unix_s))
        ASSERT(str_eq(str_c(t.stamp), text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char empty[1];
    struct http_header headers[MAX_FUZZ_HEADERS];
    if (size == 0)
        return 0;
    unsigned options = data[0];
    struct str rest = str_n(size > 1 ? (const char *)data + 1 : empty, size - 1);
    check_parsers(rest);
    struct sigv4_request req = {
        .headers = headers,
        .payload_hash = STR(SIGV4_EMPTY_PAYLOAD),
        .path_mode = (enum sigv4_path)(options % 3),
    };
    req.method = next_field(&rest);
    req.path = next_field(&rest);
    req.query = next_field(&rest);
    struct str list = next_field(&rest);
    if ((options & 4) != 0)
        req.signed_headers = list;
    if ((options & 8) != 0)
        headers[req.n_headers++] = (struct http_header){STR("Host"), STR("h")};
    while (rest.n > 0 && req.n_headers < ARRAY_LEN(headers)) {
        struct str name = next_field(&rest);
        headers[req.n_headers++] = (struct http_header){name, next_field(&rest)};
    }
    struct buf out;
    buf_init(&out, (options & 16) != 0 ? options : SIGV4_CANONICAL_MAX);
    sigv4_canonical_request(&out, &req);
    ASSERT(out.n <= out.max);
    if (!out.failed)
        check_canonical(&out, req);
    sign(&out, str_empty(list) ? STR("AKIDEXAMPLE") : list, options);
    check_path(req.path);
    buf_free(&out);
    return 0;
}
