// SPDX-License-Identifier: Apache-2.0
/* The real HTTP client and TLS: whom it trusts. The certificates are made by the openssl program.
 */
#include "unit/http_call.h"

enum { PATIENT_MS = 20000 }; /* a handshake on a busy machine */

static char folder[40];

/* Two authorities, and a certificate of the first one for localhost only. */
static void make_certificates(void) {
    static const char script[] =
        "cd '%s' && { "
        "for ca in ca other; do openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=$ca"
        " -keyout $ca.key -out $ca.pem || exit 1; done; "
        "printf 'subjectAltName=DNS:localhost\\n' > ext; "
        "openssl req -newkey rsa:2048 -nodes -subj /CN=localhost -keyout server.key -out server.csr"
        " && openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2"
        " -extfile ext -out server.pem; } >log 2>&1";
    char command[1000];
    strcpy(folder, "/tmp/test_http_tls_XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(command, sizeof command, script, folder);
    assert_int_equal(system(command), 0);
}

static const char *certificate_file(const char *name) {
    static char paths[4][100];
    static int next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static void remove_certificates(void) {
    char command[100];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    assert_int_equal(system(command), 0);
}

/* The outcome of a call to https://HOST with this bundle; CONNECT_MS 0 is the usual wait. */
static struct call *https_call(const char *host, const char *bundle, int connect_ms) {
    const struct http_curl_options options = {
        .ca_bundle = str_c(bundle), .connect_timeout_ms = connect_ms, .timeout_ms = 20000};
    struct call *call = new_call(CTX_NO_DEADLINE);
    const struct http_request req = {
        .method = STR("GET"),
        .url = arena_printf(call->arena, "https://%s:%d/", host, tiny_http_port(server)),
    };
    http_curl_free(client);
    start_client(&options);
    send_request(call, &req);
    wait_answers(n_calls);
    return call;
}

static void only_a_server_that_the_bundle_vouches_for_is_spoken_to(void **state) {
    (void)state;
    make_certificates();
    const struct tiny_http_options options = {
        .certificate = certificate_file("server.pem"),
        .key = certificate_file("server.key"),
    };
    server = tiny_http_new(&options);
    struct call *good = https_call("localhost", certificate_file("ca.pem"), PATIENT_MS);
    assert_answer(good, 200, "{}");
    assert_answer(get("/"), 200, "{}");
    assert_int_equal(tiny_http_connections(server), 1);
    assert_int_equal(http_curl_stats(client).open, 1);

    static const struct {
        const char *host;
        const char *bundle;
    } rows[] = {
        {"localhost", NULL},       {"localhost", "other.pem"}, {"localhost", "ca.key"},
        {"localhost", "none.pem"}, {"127.0.0.1", "ca.pem"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *bundle = rows[i].bundle == NULL ? NULL : certificate_file(rows[i].bundle);
        struct call *call = https_call(rows[i].host, bundle, PATIENT_MS);
        if (call->err == NULL)
            fail_msg("https://%s with %s was answered", rows[i].host, rows[i].bundle);
        assert_error(call, RPC_INTERNAL, ERR_TRANSPORT, false);
    }
    assert_int_equal(tiny_http_requests(server), 2);
    remove_certificates();
}

static void run_in_folder(const char *command) {
    char line[300];
    snprintf(line, sizeof line, "cd '%s' && %s", folder, command);
    assert_int_equal(system(line), 0);
}

/* A certificate is looked at when a connection is made, so each call makes one. */
static void answer_and_close(struct tiny_conn *conn, const struct tiny_request *req, void *priv) {
    (void)req;
    (void)priv;
    tiny_reply(conn, 200, "Connection: close\r\n", "{}");
    tiny_close(conn);
}

static void a_bundle_that_changes_is_read_again(void **state) {
    (void)state;
    make_certificates();
    const struct tiny_http_options options = {
        .answer = answer_and_close,
        .certificate = certificate_file("server.pem"),
        .key = certificate_file("server.key"),
    };
    server = tiny_http_new(&options);
    run_in_folder("cp other.pem bundle.pem");
    struct call *call = https_call("localhost", certificate_file("bundle.pem"), PATIENT_MS);
    assert_error(call, RPC_INTERNAL, ERR_TRANSPORT, false);
    run_in_folder("cat other.pem ca.pem >bundle.new && mv bundle.new bundle.pem");
    assert_answer(get("/"), 200, "{}");
    /* While the file is being replaced, what it said before counts. */
    run_in_folder("rm bundle.pem");
    assert_answer(get("/"), 200, "{}");
    remove_certificates();
}

static void plain_text_where_tls_was_due_is_a_transport_fault(void **state) {
    (void)state;
    start_server(NULL);
    struct call *call = https_call("127.0.0.1", NULL, 0);
    assert_error(call, RPC_UNAVAILABLE, ERR_TRANSPORT, true);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(only_a_server_that_the_bundle_vouches_for_is_spoken_to),
        TEST(a_bundle_that_changes_is_read_again),
        TEST(plain_text_where_tls_was_due_is_a_transport_fault),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
