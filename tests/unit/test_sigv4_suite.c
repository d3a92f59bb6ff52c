// SPDX-License-Identifier: Apache-2.0
/*
 * SigV4 against directories of cases in the layout of AWS's own test suite; every stage of every
 * case is compared, so that a failure names its stage. Our own vectors (tests/unit/sigv4-vectors,
 * made by make_sigv4_vectors.py) always run; AWS's suite runs where it is, in the directory given
 * as the argument, in SIGV4_SUITE_DIR, or beside the source tree.
 */
#include "aws/signing_key.h"
#include "base/obj.h"

#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <yajl/yajl_tree.h>

#include <cmocka.h>

#define MAX_FILE 65536
#define MAX_CASES 256
#define MAX_CASE_HEADERS 32

static const char *suite_dir;

struct suite_case {
    struct arena *a;
    struct digest *digest;
    const char *dir;
    const char *name;
    /* context.json */
    struct sigv4_scope scope;
    struct aws_credentials creds;
    enum sigv4_path path_mode;
    bool sign_body;
    bool omit_session_token;
    /* request.txt */
    struct str
        head; /* request line and headers as they stand in the file, without the blank line */
    struct str method;
    struct str path;
    struct str query;
    struct str body;
    struct http_header headers[MAX_CASE_HEADERS + 3];
    size_t n_headers;
};

/* ---- reading ---- */

static struct str read_file(struct suite_case *c, const char *file) {
    const char *path = arena_printf(c->a, "%s/%s/%s", c->dir, c->name, file).p;
    char *p = arena_alloc(c->a, MAX_FILE + 1);
    FILE *f = fopen(path, "rb");
    if (f == NULL)
        fail_msg("%s: %s", path, strerror(errno));
    size_t n = fread(p, 1, MAX_FILE + 1, f);
    fclose(f);
    if (n > MAX_FILE)
        fail_msg("%s is longer than %d bytes", path, MAX_FILE);
    p[n] = '\0'; /* MAX_FILE + 1 bytes are there */
    return str_n(p, n);
}

static yajl_val member(yajl_val v, const char *name) {
    return yajl_tree_get(v, (const char *[]){name, NULL}, yajl_t_any);
}

static struct str text_member(struct suite_case *c, yajl_val v, const char *name) {
    yajl_val m = member(v, name);
    return m == NULL ? STR_NULL : arena_str(c->a, str_c(YAJL_GET_STRING(m)));
}

static void read_context(struct suite_case *c) {
    static const char *const names[] = {"access_key_id", "secret_access_key", "token"};
    char why[256];
    struct tm tm = {.tm_year = 0};
    yajl_val v = yajl_tree_parse(read_file(c, "context.json").p, why, sizeof why);
    if (v == NULL)
        fail_msg("%s: context.json: %s", c->name, why);
    yajl_val keys = member(v, "credentials");
    struct str stamp = text_member(c, v, "timestamp");
    assert_non_null(stamp.p);
    assert_int_equal(sscanf(stamp.p, "%d-%d-%dT%d:%d:%dZ", &tm.tm_year, &tm.tm_mon, &tm.tm_mday,
                            &tm.tm_hour, &tm.tm_min, &tm.tm_sec),
                     6);
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    c->scope = (struct sigv4_scope){
        .time = sigv4_time_at((int64_t)timegm(&tm) * 1000000),
        .region = text_member(c, v, "region"),
        .service = text_member(c, v, "service"),
    };
    assert_null(aws_credentials_init(&c->creds, c->a, names, text_member(c, keys, names[0]),
                                     text_member(c, keys, names[1]), text_member(c, keys, names[2]),
                                     AWS_CREDENTIALS_NEVER));
    c->path_mode = YAJL_IS_TRUE(member(v, "verbatim_path")) ? SIGV4_PATH_VERBATIM
                   : YAJL_IS_TRUE(member(v, "normalize"))   ? SIGV4_PATH_NORMALIZE
                                                            : SIGV4_PATH_ENCODE;
    c->sign_body = YAJL_IS_TRUE(member(v, "sign_body"));
    c->omit_session_token = YAJL_IS_TRUE(member(v, "omit_session_token"));
    yajl_tree_free(v);
}

/* "GET /path with blanks?query HTTP/1.1" */
static void read_request_line(struct suite_case *c, struct str line) {
    size_t blank = str_find(line, ' ');
    c->method = str_sub(line, 0, blank);
    assert_true(str_ends(line, STR(" HTTP/1.1")));
    struct str target = str_sub(line, blank + 1, line.n - strlen(" HTTP/1.1"));
    size_t mark = str_find(target, '?');
    c->path = str_sub(target, 0, mark);
    c->query = str_from(target, mark + 1);
}

static void add_header(struct suite_case *c, struct str name, struct str value) {
    assert_true(c->n_headers < ARRAY_LEN(c->headers));
    c->headers[c->n_headers++] = (struct http_header){.name = name, .value = value};
}

static void read_request(struct suite_case *c) {
    struct str text = read_file(c, "request.txt");
    size_t at = str_find(text, '\n');
    read_request_line(c, str_sub(text, 0, at));
    at++;
    while (at < text.n && text.p[at] != '\n') {
        struct str rest = str_from(text, at);
        size_t end = str_find(rest, '\n');
        /* A line that begins with a blank continues the value above it. */
        while (end + 1 < rest.n && rest.p[end + 1] == ' ')
            end += 1 + str_find(str_from(rest, end + 1), '\n');
        struct str line = str_sub(rest, 0, end);
        size_t colon = str_find(line, ':');
        assert_true(colon < line.n && c->n_headers < MAX_CASE_HEADERS);
        add_header(c, str_sub(line, 0, colon), str_from(line, colon + 1));
        at += end + 1;
    }
    c->head = str_sub(text, 0, at);
    c->body = str_from(text, at + 1);
}

/* ---- comparing ---- */

static bool stage_equal(struct suite_case *c, const char *stage, const char *file,
                        const struct buf *got) {
    struct str want = read_file(c, file);
    if (!got->failed && str_eq(buf_str(got), want))
        return true;
    print_error("%s/%s: %s differs%s\n--- expected\n" STR_FMT "\n--- got\n" STR_FMT "\n---\n",
                c->dir, c->name, stage, got->failed ? " (refused)" : "", STR_ARG(want),
                STR_ARG(buf_str(got)));
    return false;
}

static void put_line(struct buf *out, const char *name, struct str value) {
    buf_puts(out, name);
    buf_putc(out, ':');
    buf_putstr(out, value);
    buf_putc(out, '\n');
}

/* The other end: take the header apart, canonicalise only what it lists, compare signatures. */
static bool server_agrees(struct suite_case *c, struct sigv4_request *req, struct str auth,
                          const struct sigv4_key *key) {
    struct sigv4_credential got;
    struct buf canonical, to_sign, signature;
    buf_init(&canonical, SIGV4_CANONICAL_MAX);
    buf_init(&to_sign, 1024);
    buf_init(&signature, DIGEST_HEX);
    bool ok = sigv4_authorization_parse(auth, &got);
    if (ok) {
        add_header(c, STR("Authorization"), auth);
        req->n_headers = c->n_headers;
        req->signed_headers = got.signed_headers;
        sigv4_canonical_request(&canonical, req);
        sigv4_string_to_sign(&to_sign, c->digest, &c->scope, &canonical);
        sigv4_sign(&signature, c->digest, key, &to_sign);
        ok = !signature.failed && sigv4_signature_equal(buf_str(&signature), got.signature) &&
             str_eq(got.access_key_id, c->creds.access_key_id) &&
             str_eq(got.date, sigv4_date(&c->scope.time)) && str_eq(got.region, c->scope.region) &&
             str_eq(got.service, c->scope.service);
    }
    if (!ok)
        print_error("%s/%s: the server side does not accept the signature\n", c->dir, c->name);
    buf_free(&canonical);
    buf_free(&to_sign);
    buf_free(&signature);
    return ok;
}

static bool check_stages(struct suite_case *c) {
    char hash[DIGEST_HEX_SIZE];
    struct sigv4_key key;
    struct buf canonical, to_sign, signature, auth, message;
    struct str token = secret_reveal(&c->creds.session_token);
    buf_init(&canonical, SIGV4_CANONICAL_MAX);
    buf_init(&to_sign, 1024);
    buf_init(&signature, DIGEST_HEX);
    buf_init(&auth, 4096);
    buf_init(&message, (size_t)2 * MAX_FILE);

    digest_sha256_hex(c->digest, c->body, hash);
    buf_putstr(&message, c->head);
    if (!str_empty(token)) {
        put_line(&message, "X-Amz-Security-Token", token);
        if (!c->omit_session_token)
            add_header(c, STR("X-Amz-Security-Token"), token);
    }
    put_line(&message, "X-Amz-Date", str_c(c->scope.time.stamp));
    add_header(c, STR("X-Amz-Date"), str_c(c->scope.time.stamp));
    if (c->sign_body) {
        put_line(&message, "x-amz-content-sha256", str_c(hash));
        add_header(c, STR("x-amz-content-sha256"), str_c(hash));
    }
    struct sigv4_request req = {
        .method = c->method,
        .path = c->path,
        .query = c->query,
        .headers = c->headers,
        .n_headers = c->n_headers,
        .payload_hash = str_c(hash),
        .path_mode = c->path_mode,
    };
    signing_key_derive(c->digest, &c->scope, &c->creds.secret_access_key, &key);
    sigv4_canonical_request(&canonical, &req);
    sigv4_string_to_sign(&to_sign, c->digest, &c->scope, &canonical);
    sigv4_sign(&signature, c->digest, &key, &to_sign);
    sigv4_authorization(&auth, c->creds.access_key_id, &c->scope, &canonical, &signature);
    put_line(&message, "Authorization", buf_str(&auth));
    buf_putc(&message, '\n');
    buf_putstr(&message, c->body);

    bool ok = stage_equal(c, "canonical request", "header-canonical-request.txt", &canonical);
    ok = stage_equal(c, "string to sign", "header-string-to-sign.txt", &to_sign) && ok;
    ok = stage_equal(c, "signature", "header-signature.txt", &signature) && ok;
    ok = stage_equal(c, "signed request", "header-signed-request.txt", &message) && ok;
    ok = server_agrees(c, &req, buf_str(&auth), &key) && ok;
    buf_free(&canonical);
    buf_free(&to_sign);
    buf_free(&signature);
    buf_free(&auth);
    buf_free(&message);
    return ok;
}

/* ---- directories ---- */

static bool check_case(const char *dir, const char *name, struct digest *digest) {
    struct suite_case c = {
        .a = arena_new(ARENA_LIMIT_DEFAULT),
        .digest = digest,
        .dir = dir,
        .name = name,
    };
    read_context(&c);
    read_request(&c);
    bool ok = check_stages(&c);
    aws_credentials_clear(&c.creds);
    arena_free(c.a);
    return ok;
}

static int is_case(const struct dirent *e) {
    return e->d_name[0] != '.';
}

/* Every case runs before the verdict. */
static void check_directory(const char *dir, int at_least) {
    struct dirent **cases;
    int bad = 0;
    int n = scandir(dir, &cases, is_case, alphasort);
    if (n < 0)
        fail_msg("%s: %s", dir, strerror(errno));
    struct digest *digest = digest_new();
    for (int i = 0; i < n; i++) {
        bad += !check_case(dir, cases[i]->d_name, digest);
        free(cases[i]);
    }
    free(cases);
    digest_free(digest);
    print_message("%s: %d cases, %d wrong\n", dir, n, bad);
    assert_int_equal(bad, 0);
    assert_true(n >= at_least);
}

static void own_vectors_agree_at_every_stage(void **state) {
    (void)state;
    check_directory(SOURCE_DIR "/tests/unit/sigv4-vectors", 15);
}

static void aws_suite_agrees_at_every_stage(void **state) {
    (void)state;
    DIR *d = opendir(suite_dir);
    if (d == NULL) {
        print_message("AWS's SigV4 suite is not at %s (set SIGV4_SUITE_DIR): skipped\n", suite_dir);
        skip();
    }
    closedir(d);
    check_directory(suite_dir, 1);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(own_vectors_agree_at_every_stage),
        cmocka_unit_test(aws_suite_agrees_at_every_stage),
    };
    const char *set = getenv("SIGV4_SUITE_DIR");
    suite_dir = argc > 1                        ? argv[1]
                : set != NULL && set[0] != '\0' ? set
                                                : SOURCE_DIR "/../shared/data/sigv4-suite";
    return cmocka_run_group_tests(tests, NULL, NULL);
}
