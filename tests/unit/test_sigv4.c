// SPDX-License-Identifier: Apache-2.0
/* SigV4 stage by stage, its dates and its header. */
#include "aws/sigv4.h"
#include "base/obj.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define HOST                                                                                       \
    { STR_INIT("host"), STR_INIT("h") }
#define AUG_30 1440938160000000 /* 2015-08-30T12:36:00Z */

static const struct http_header only_host[] = {HOST};

static void assert_str(struct str got, struct str want) {
    if (!str_eq(got, want))
        fail_msg("expected \"" STR_FMT "\", got \"" STR_FMT "\"", STR_ARG(want), STR_ARG(got));
}

/* Line `index` of the canonical request; the caller frees the buf. */
static struct str canonical_line(struct buf *out, const struct sigv4_request *req, int index) {
    buf_init(out, SIGV4_CANONICAL_MAX);
    sigv4_canonical_request(out, req);
    assert_false(out->failed);
    struct str rest = buf_str(out);
    for (; index > 0; index--)
        rest = str_from(rest, str_find(rest, '\n') + 1);
    return str_sub(rest, 0, str_find(rest, '\n'));
}

static struct sigv4_request get(struct str path, struct str query) {
    return (struct sigv4_request){
        .method = STR("GET"),
        .path = path,
        .query = query,
        .headers = only_host,
        .n_headers = 1,
        .payload_hash = STR(SIGV4_EMPTY_PAYLOAD),
    };
}

static void path_is_normalised_then_encoded_once_more(void **state) {
    static const struct {
        const char *path, *normalized, *encoded;
    } table[] = {
        {"", "/", "/"},
        {"/", "/", "/"},
        {"//", "/", "//"},
        {"/a", "/a", "/a"},
        {"/a/", "/a/", "/a/"},
        {"//a///b//", "/a/b/", "//a///b//"},
        {"/./", "/", "/./"},
        {"/a/.", "/a", "/a/."},
        {"/a/..", "/", "/a/.."},
        {"/a/../", "/", "/a/../"},
        {"/a/b/..", "/a", "/a/b/.."},
        {"/a/b/../", "/a/", "/a/b/../"},
        {"/../../a", "/a", "/../../a"},
        {"/...", "/...", "/..."},
        {"/..a/.b", "/..a/.b", "/..a/.b"},
        {"/a%2Fb", "/a%252Fb", "/a%252Fb"},
        {"/a%20b c", "/a%2520b%20c", "/a%2520b%20c"},
        {"/a=b&c+d;e,f:g@h", "/a%3Db%26c%2Bd%3Be%2Cf%3Ag%40h", "/a%3Db%26c%2Bd%3Be%2Cf%3Ag%40h"},
        {"/-._~", "/-._~", "/-._~"},
        {"/\xC3\xBC\x7F\x01", "/%C3%BC%7F%01", "/%C3%BC%7F%01"},
        {"/%C3%BC/..", "/", "/%25C3%25BC/.."},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct buf out;
        struct sigv4_request req = get(str_c(table[i].path), STR_NULL);
        assert_str(canonical_line(&out, &req, 1), str_c(table[i].normalized));
        buf_free(&out);
        req.path_mode = SIGV4_PATH_ENCODE;
        assert_str(canonical_line(&out, &req, 1), str_c(table[i].encoded));
        buf_free(&out);
        req.path_mode = SIGV4_PATH_VERBATIM;
        if (str_find(req.path, ' ') == req.path.n && str_find(req.path, '\x01') == req.path.n) {
            struct str want = req.path.n == 0 ? STR("/") : req.path;
            assert_str(canonical_line(&out, &req, 1), want);
            buf_free(&out);
        }
    }
}

static void query_is_sorted_by_encoded_key_then_value(void **state) {
    static const struct {
        const char *query, *canonical;
    } table[] = {
        {"", ""},
        {"a", "a="},
        {"a=", "a="},
        {"=a", "=a"},
        {"a=b=c", "a=b%3Dc"},
        {"&&a=1&&", "a=1"},
        {"b=1&a=2", "a=2&b=1"},
        {"a=2&a=10&a=1", "a=1&a=10&a=2"},
        {"a=1&a=1", "a=1&a=1"},
        {"Param-3=1&Param=2&%E1%88%B4=3", "%E1%88%B4=3&Param=2&Param-3=1"},
        {"a-b=1&a=2&a%20=3", "a=2&a%20=3&a-b=1"},
        {"b=1&B=2&_=3&~=4&0=5&.=6&-=7", "-=7&.=6&0=5&B=2&_=3&b=1&~=4"},
        {"a=%2b&b=+&c= ", "a=%2B&b=%2B&c=%20"},
        {"%61=%7e%41", "a=~A"},
        {"a=%&b=%4&c=%zz&d=%25", "a=%25&b=%254&c=%25zz&d=%25"},
        {"\xC3\xBC=\xC3\xBC", "%C3%BC=%C3%BC"},
        {"a=%0A&b=\n", "a=%0A&b=%0A"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct buf out;
        struct sigv4_request req = get(STR("/"), str_c(table[i].query));
        assert_str(canonical_line(&out, &req, 2), str_c(table[i].canonical));
        buf_free(&out);
    }
}

static void headers_are_sorted_by_name_folded_and_joined(void **state) {
    static const struct http_header headers[] = {
        {STR_INIT("X-Amz-Foo-Bar"), STR_INIT("\t 3 \r\n  4\t\t5 ")},
        {STR_INIT("x-amz-foo"), STR_INIT("b")},
        {STR_INIT("Host"), STR_INIT("h")},
        {STR_INIT("X-AMZ-FOO"), STR_INIT(" a  a ")},
        {STR_INIT("accept"), {.p = NULL}},
    };
    struct buf out;
    struct sigv4_request req = get(STR("/"), STR_NULL);
    req.headers = headers;
    req.n_headers = ARRAY_LEN(headers);
    (void)state;
    buf_init(&out, SIGV4_CANONICAL_MAX);
    sigv4_canonical_request(&out, &req);
    assert_str(buf_str(&out),
               STR("GET\n/\n\naccept:\nhost:h\nx-amz-foo:b,a a\nx-amz-foo-bar:3 4 5\n"
                   "\naccept;host;x-amz-foo;x-amz-foo-bar\n" SIGV4_EMPTY_PAYLOAD));
    assert_str(sigv4_signed_headers(&out), STR("accept;host;x-amz-foo;x-amz-foo-bar"));
    buf_free(&out);
}

static void headers_that_hops_change_are_never_signed(void **state) {
    static const char *const names[] = {
        "Authorization",
        "Connection",
        "Expect",
        "TE",
        "Trailer",
        "Upgrade",
        "Transfer-Encoding",
        "Keep-Alive",
        "User-Agent",
        "Cache-Control",
        "X-Amzn-Trace-Id",
        "Proxy-Authorization",
        "Proxy-X",
        "Sec-Fetch-Mode",
        "From",
        "Referer",
        "Pragma",
        "Max-Forwards",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const struct http_header headers[] = {{str_c(names[i]), STR("v")}, HOST};
        struct buf out;
        struct sigv4_request req = get(STR("/"), STR_NULL);
        req.headers = headers;
        req.n_headers = 2;
        assert_str(canonical_line(&out, &req, 5), STR("host"));
        buf_free(&out);
    }
}

static void similar_names_are_signed(void **state) {
    static const char *const names[] = {"tea", "proxy", "sec", "froma", "x-te", "content-length"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const struct http_header headers[] = {{str_c(names[i]), STR("v")}, HOST};
        struct buf out;
        struct sigv4_request req = get(STR("/"), STR_NULL);
        req.headers = headers;
        req.n_headers = 2;
        canonical_line(&out, &req, 0);
        assert_int_equal(sigv4_signed_headers(&out).n, strlen(names[i]) + strlen(";host"));
        buf_free(&out);
    }
}

static bool refused(const struct sigv4_request *req) {
    struct buf out;
    buf_init(&out, SIGV4_CANONICAL_MAX);
    sigv4_canonical_request(&out, req);
    bool failed = out.failed;
    assert_true(!failed || sigv4_signed_headers(&out).n == 0);
    buf_free(&out);
    return failed;
}

static void server_signs_exactly_the_listed_headers(void **state) {
    static const struct {
        const char *list;
        bool ok;
    } table[] = {
        {"host", true},
        {"date;host", true},
        {"date;host;user-agent;x-a", true},
        {"", false},
        {"date", false},           /* host must be signed */
        {"host;date", false},      /* not sorted */
        {"Host", false},           /* not lower-case */
        {"host;host", false},      /* twice */
        {"host;x-missing", false}, /* not in the request */
        {"host;", false},
        {";host", false},
        {"date;;host", false},
    };
    static const struct http_header headers[] = {
        {STR_INIT("User-Agent"), STR_INIT("u")}, {STR_INIT("X-A"), STR_INIT("1")},
        {STR_INIT("Host"), STR_INIT("h")},       {STR_INIT("X-a"), STR_INIT("2")},
        {STR_INIT("Date"), STR_INIT("d")},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct sigv4_request req = get(STR("/"), STR_NULL);
        req.headers = headers;
        req.n_headers = ARRAY_LEN(headers);
        req.signed_headers = str_c(table[i].list);
        if (refused(&req) == table[i].ok)
            fail_msg("SignedHeaders=%s", table[i].list);
    }
}

static void impossible_requests_are_refused(void **state) {
    const struct sigv4_request good = get(STR("/"), STR_NULL);
    static const struct http_header bad_name[] = {HOST, {STR_INIT("x\ny"), STR_INIT("")}};
    static const struct http_header no_name[] = {HOST, {STR_INIT(""), STR_INIT("")}};
    (void)state;
    struct sigv4_request req = good;
    assert_false(refused(&req));
    req.n_headers = 0;
    assert_true(refused(&req));
    req = good;
    req.method = STR("");
    assert_true(refused(&req));
    req.method = STR("GET\n/");
    assert_true(refused(&req));
    req = good;
    req.payload_hash = STR_NULL;
    assert_true(refused(&req));
    req = good;
    req.path = STR("/a\nb");
    assert_false(refused(&req));
    req.path_mode = SIGV4_PATH_VERBATIM;
    assert_true(refused(&req));
    req = good;
    req.n_headers = 2;
    req.headers = bad_name;
    assert_true(refused(&req));
    req.headers = no_name;
    assert_true(refused(&req));
}

static void limits_refuse_instead_of_overrunning(void **state) {
    struct http_header headers[SIGV4_MAX_HEADERS + 1] = {HOST};
    char query[2 * (SIGV4_MAX_PARAMS + 1)];
    (void)state;
    for (size_t i = 1; i < ARRAY_LEN(headers); i++)
        headers[i] = (struct http_header){.name = STR("x"), .value = STR("v")};
    struct sigv4_request req = get(STR("/"), STR_NULL);
    req.headers = headers;
    req.n_headers = SIGV4_MAX_HEADERS;
    assert_false(refused(&req));
    req.n_headers++;
    assert_true(refused(&req));

    for (size_t i = 0; i < sizeof query; i++)
        query[i] = i % 2 == 0 ? 'a' : '&';
    req = get(STR("/"), str_n(query, (size_t)2 * SIGV4_MAX_PARAMS));
    assert_false(refused(&req));
    req = get(STR("/"), str_n(query, sizeof query));
    assert_true(refused(&req));
}

static void a_full_buffer_fails_every_later_stage(void **state) {
    struct digest *digest = digest_new();
    struct buf canonical, to_sign, signature, auth;
    struct sigv4_key key = {.bytes = {1}};
    struct sigv4_scope scope = {sigv4_time_at(AUG_30), STR("r"), STR("s")};
    struct sigv4_request req = get(STR("/"), STR_NULL);
    (void)state;
    buf_init(&canonical, 20);
    buf_init(&to_sign, 1024);
    buf_init(&signature, 1024);
    buf_init(&auth, 1024);
    sigv4_canonical_request(&canonical, &req);
    sigv4_string_to_sign(&to_sign, digest, &scope, &canonical);
    sigv4_sign(&signature, digest, &key, &to_sign);
    sigv4_authorization(&auth, STR("A"), &scope, &canonical, &signature);
    assert_true(canonical.failed && to_sign.failed && signature.failed && auth.failed);
    assert_int_equal(to_sign.n + signature.n + auth.n, 0);
    buf_free(&canonical);
    digest_free(digest);
}

static void hashes_are_the_published_ones(void **state) {
    /* HMAC: RFC 4231, cases 2 and 6 (a key longer than the block). */
    static const unsigned char rfc2[] =
        "\x5b\xdc\xc1\x46\xbf\x60\x75\x4e\x6a\x04\x24\x26\x08\x95\x75"
        "\xc7\x5a\x00\x3f\x08\x9d\x27\x39\x83\x9d\xec\x58\xb9\x64\xec"
        "\x38\x43";
    static const unsigned char rfc6[] =
        "\x60\xe4\x31\x59\x1e\xe0\xb6\x7f\x0d\x8a\x26\xaa\xcb\xf5\xb7"
        "\x7f\x8e\x0b\xc6\x21\x37\x28\xc5\x14\x05\x46\x04\x0f\x0e\xe3"
        "\x7f\x54";
    struct digest *d = digest_new();
    char hex[DIGEST_HEX_SIZE];
    char key[131];
    unsigned char mac[DIGEST_SIZE];
    (void)state;
    digest_sha256_hex(d, STR_NULL, hex);
    assert_string_equal(hex, SIGV4_EMPTY_PAYLOAD);
    digest_sha256_hex(d, STR("abc"), hex);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    memset(key, 0xaa, sizeof key);
    for (int again = 0; again < 2; again++) {
        digest_hmac(d, STR("Jefe"), STR("what do ya want for nothing?"), mac);
        assert_memory_equal(mac, rfc2, sizeof mac);
        digest_hmac(d, str_n(key, sizeof key),
                    STR("Test Using Larger Than Block-Size Key - Hash Key First"), mac);
        assert_memory_equal(mac, rfc6, sizeof mac);
    }
    /* An empty key is a key of its own, not the last one again. */
    unsigned char empty[DIGEST_SIZE];
    digest_hmac(d, STR_NULL, STR("x"), empty);
    digest_hmac(d, STR("k"), STR("x"), mac);
    digest_hmac(d, STR(""), STR("x"), mac);
    assert_memory_equal(mac, empty, sizeof mac);
    digest_free(d);
}

/* The key of the last call is not set up anew; one that differs in a bit is. */
static void a_repeated_hmac_key_counts_as_the_same_key_only(void **state) {
    unsigned char first[DIGEST_SIZE];
    unsigned char other[DIGEST_SIZE];
    unsigned char mac[DIGEST_SIZE];
    char key[DIGEST_SIZE];
    struct digest *fresh = digest_new();
    struct digest *d = digest_new();
    (void)state;
    memset(key, 'k', sizeof key);
    digest_hmac(fresh, str_n(key, sizeof key), STR("x"), first);
    key[sizeof key - 1] = 'l';
    digest_hmac(fresh, str_n(key, sizeof key), STR("x"), other);
    assert_memory_not_equal(first, other, sizeof first);
    for (int again = 0; again < 3; again++) {
        key[sizeof key - 1] = 'l';
        digest_hmac(d, str_n(key, sizeof key), STR("x"), mac);
        assert_memory_equal(mac, other, sizeof mac);
        key[sizeof key - 1] = 'k';
        for (int i = 0; i < 2; i++) {
            digest_hmac(d, str_n(key, sizeof key), STR("a text in between"), mac);
            digest_hmac(d, str_n(key, sizeof key), STR("x"), mac);
            assert_memory_equal(mac, first, sizeof mac);
        }
        /* A short key leaves none behind to be taken for the next one. */
        digest_hmac(d, STR("k"), STR("x"), mac);
        digest_hmac(d, str_n(key, sizeof key), STR("x"), mac);
        assert_memory_equal(mac, first, sizeof mac);
    }
    /* The value may be written over the key. */
    digest_hmac(d, str_n(key, sizeof key), STR("x"), (unsigned char *)key);
    assert_memory_equal(key, first, sizeof key);
    digest_free(d);
    digest_free(fresh);
}

static void time_is_written_and_read_in_utc(void **state) {
    static const struct {
        int64_t unix_s;
        const char *stamp;
    } table[] = {
        {0, "19700101T000000Z"},          {1440938160, "20150830T123600Z"},
        {1709251199, "20240229T235959Z"}, {1709251200, "20240301T000000Z"},
        {4107542400, "21000301T000000Z"}, {253402300799, "99991231T235959Z"},
    };
    static const char *const bad[] = {
        "",
        "20150830T123600",
        "20150830T123600z",
        "20150830 123600Z",
        "20150830T123600Z ",
        "2015083xT123600Z",
        "20150230T123600Z",
        "20151301T000000Z",
        "20150830T240000Z",
        "99991231T240000Z",
        "99991231T235960Z",
        "99999999T999999Z",
        "20150830T126000Z",
        "19691231T235959Z",
        "00000000T000000Z",
    };
    (void)state;
    setenv("TZ", "Asia/Kathmandu", 1);
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct sigv4_time t = sigv4_time_at(table[i].unix_s * 1000000 + 999999);
        struct sigv4_time back;
        int64_t unix_s = -1;
        assert_string_equal(t.stamp, table[i].stamp);
        assert_true(sigv4_time_parse(str_c(t.stamp), &back, &unix_s));
        assert_int_equal(unix_s, table[i].unix_s);
        assert_string_equal(back.stamp, t.stamp);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct sigv4_time t = {.stamp = "x"};
        int64_t unix_s = -1;
        if (sigv4_time_parse(str_c(bad[i]), &t, &unix_s) || unix_s != -1 || t.stamp[0] != 'x')
            fail_msg("\"%s\" was read as a time", bad[i]);
    }
}

#define SIG "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define CRED "Credential=AK/20150830/us-east-1/gamelift/aws4_request"

static void authorization_is_taken_apart(void **state) {
    static const char *const good[] = {
        "AWS4-HMAC-SHA256 " CRED ", SignedHeaders=host;x-amz-date, Signature=" SIG,
        "AWS4-HMAC-SHA256 " CRED ",SignedHeaders=host;x-amz-date,Signature=" SIG,
        "AWS4-HMAC-SHA256 Signature=" SIG ", SignedHeaders=host;x-amz-date,  " CRED,
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        struct sigv4_credential c;
        assert_true(sigv4_authorization_parse(str_c(good[i]), &c));
        assert_str(c.access_key_id, STR("AK"));
        assert_str(c.date, STR("20150830"));
        assert_str(c.region, STR("us-east-1"));
        assert_str(c.service, STR("gamelift"));
        assert_str(c.signed_headers, STR("host;x-amz-date"));
        assert_str(c.signature, STR(SIG));
    }
}

static void malformed_authorization_is_refused(void **state) {
    static const char *const bad[] = {
        "",
        "AWS4-HMAC-SHA256",
        "AWS4-HMAC-SHA256 ",
        "Bearer abc",
        "AWS4-HMAC-SHA512 " CRED ", SignedHeaders=host, Signature=" SIG,
        "AWS4-HMAC-SHA256 " CRED ", Signature=" SIG,
        "AWS4-HMAC-SHA256 " CRED ", SignedHeaders=, Signature=" SIG,
        "AWS4-HMAC-SHA256 " CRED ", SignedHeaders=host",
        "AWS4-HMAC-SHA256 SignedHeaders=host, Signature=" SIG,
        "AWS4-HMAC-SHA256 " CRED ", " CRED ", SignedHeaders=host, Signature=" SIG,
        "AWS4-HMAC-SHA256 " CRED ", SignedHeaders=host, Signature=" SIG ", More=1",
        "AWS4-HMAC-SHA256 " CRED ", SignedHeaders=host, Signature=0" SIG,
        "AWS4-HMAC-SHA256 " CRED ", SignedHeaders=host, Signature=ABC" SIG,
        "AWS4-HMAC-SHA256 " CRED "x, SignedHeaders=host, Signature=" SIG,
        "AWS4-HMAC-SHA256 Credential=AK/2015083/r/s/aws4_request, SignedHeaders=host, "
        "Signature=" SIG,
        "AWS4-HMAC-SHA256 Credential=AK/2015083x/r/s/aws4_request, SignedHeaders=host, "
        "Signature=" SIG,
        "AWS4-HMAC-SHA256 Credential=/20150830/r/s/aws4_request, SignedHeaders=host, "
        "Signature=" SIG,
        "AWS4-HMAC-SHA256 Credential=AK/20150830/r/aws4_request, SignedHeaders=host, "
        "Signature=" SIG,
        "AWS4-HMAC-SHA256 Credential=AK/20150830//s/aws4_request, SignedHeaders=host, "
        "Signature=" SIG,
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct sigv4_credential c = {.region = STR("untouched")};
        if (sigv4_authorization_parse(str_c(bad[i]), &c))
            fail_msg("accepted: %s", bad[i]);
        assert_str(c.region, STR("untouched"));
    }
}

static void signatures_compare_whole(void **state) {
    char other[] = SIG;
    (void)state;
    assert_true(sigv4_signature_equal(STR(SIG), STR(SIG)));
    for (size_t i = 0; i < DIGEST_HEX; i++) {
        other[i] = 'x';
        assert_false(sigv4_signature_equal(STR(SIG), str_c(other)));
        other[i] = SIG[i];
    }
    assert_false(sigv4_signature_equal(STR(""), STR("")));
    assert_false(sigv4_signature_equal(STR(SIG), str_sub(STR(SIG), 0, 63)));
    assert_false(sigv4_signature_equal(STR_NULL, STR(SIG)));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hashes_are_the_published_ones),
        cmocka_unit_test(a_repeated_hmac_key_counts_as_the_same_key_only),
        cmocka_unit_test(path_is_normalised_then_encoded_once_more),
        cmocka_unit_test(query_is_sorted_by_encoded_key_then_value),
        cmocka_unit_test(headers_are_sorted_by_name_folded_and_joined),
        cmocka_unit_test(headers_that_hops_change_are_never_signed),
        cmocka_unit_test(similar_names_are_signed),
        cmocka_unit_test(server_signs_exactly_the_listed_headers),
        cmocka_unit_test(impossible_requests_are_refused),
        cmocka_unit_test(limits_refuse_instead_of_overrunning),
        cmocka_unit_test(a_full_buffer_fails_every_later_stage),
        cmocka_unit_test(time_is_written_and_read_in_utc),
        cmocka_unit_test(authorization_is_taken_apart),
        cmocka_unit_test(malformed_authorization_is_refused),
        cmocka_unit_test(signatures_compare_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
