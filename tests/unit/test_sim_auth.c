// SPDX-License-Identifier: Apache-2.0
/* The stand-in's check of signatures: what AWS refuses is refused, under the name AWS gives it. */
#include "base/obj.h"
#include "sim/auth.h"
#include "unit.h"

#include <stdlib.h>

#define KEY "AKIDEXAMPLE"
#define SECRET "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
#define BODY                                                                                       \
    "{\"GameSessionId\":\"arn:aws:gamelift:us-east-1::gamesession/fleet-1/x\","                    \
    "\"TerminationMode\":\"FORCE_TERMINATE\"}"
#define SCOPE "AKIDEXAMPLE/20150830/us-east-1/gamelift/aws4_request"
#define HEADERS "content-type;host;x-amz-date;x-amz-target"
/* Computed by botocore and by a second independent signer. */
#define SIGNATURE "c261a9d292e1de4422870713efef6d6e72e2bf2b5448ee257cc9131791ad8bb5"
#define SIGNATURE_WITH_TOKEN "1fba36fb3a99372fc3450f1f56c74e05ef337ef2cfe3ef8b43aa65d995b900cc"
#define AUTHORIZATION(scope, headers, signature)                                                   \
    "AWS4-HMAC-SHA256 Credential=" scope ", SignedHeaders=" headers ", Signature=" signature

static const int64_t signed_at_ms = 1440938160000; /* 2015-08-30T12:36:00Z */

static struct arena *arena;
static struct auth *auth;

static int set_up(void **state) {
    (void)state;
    arena = arena_new(ARENA_LIMIT_DEFAULT);
    auth = calloc(1, sizeof *auth);
    assert_non_null(auth);
    assert_true(auth_add_key(auth, STR(KEY), STR(SECRET), STR_NULL, 0));
    assert_true(auth_add_region(auth, STR("us-east-1")));
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    auth_free(auth);
    free(auth);
    arena_free(arena);
    return 0;
}

/* The request of the vector, with one header changed or, if not there, added; NULL removes it. */
static struct auth_result verify_with(const char *name, const char *value, struct str body,
                                      int64_t now_ms) {
    struct http_header all[] = {
        {.name = STR("Host"), .value = STR("gamelift.us-east-1.amazonaws.com")},
        {.name = STR("Content-Type"), .value = STR("application/x-amz-json-1.1")},
        {.name = STR("X-Amz-Date"), .value = STR("20150830T123600Z")},
        {.name = STR("X-Amz-Target"), .value = STR("GameLift.TerminateGameSession")},
        {.name = STR("Authorization"), .value = STR(AUTHORIZATION(SCOPE, HEADERS, SIGNATURE))},
        {.name = str_c(name), .value = str_c(value)},
    };
    struct http_header *headers = arena_array(arena, ARRAY_LEN(all), sizeof *headers);
    size_t n = 0;
    bool replaced = name == NULL;
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        bool last = i == ARRAY_LEN(all) - 1;
        struct http_header h = all[i];
        if (last && replaced)
            continue;
        if (!last && str_eq_nocase(h.name, str_c(name))) {
            h.value = str_c(value);
            replaced = true;
        }
        if (h.value.p != NULL)
            headers[n++] = h;
    }
    struct sim_request req = {
        .method = STR("POST"),
        .path = STR("/"),
        .headers = headers,
        .n_headers = n,
        .body = body,
    };
    return auth_verify(auth, &req, STR("gamelift"), now_ms, arena);
}

static void assert_refused(struct auth_result r, const char *error) {
    assert_false(r.ok);
    assert_int_equal(r.status, 400);
    assert_str(r.error, error);
    assert_true(r.message.n > 0);
}

static void a_signature_by_an_independent_signer_is_accepted(void **state) {
    (void)state;
    struct auth_result r = verify_with(NULL, NULL, STR(BODY), signed_at_ms);
    assert_true(r.ok);
    assert_str(r.region, "us-east-1");
    assert_str(r.key_id, KEY);
    assert_str(r.signed_headers, HEADERS);
}

static void whatever_was_signed_may_not_change(void **state) {
    (void)state;
    static const struct {
        const char *name;
        const char *value;
    } changes[] = {
        {"Host", "gamelift.us-west-2.amazonaws.com"},
        {"Content-Type", "application/x-amz-json-1.0"},
        {"X-Amz-Date", "20150830T123601Z"},
        {"X-Amz-Target", "GameLift.CreateGameSession"},
    };
    for (size_t i = 0; i < ARRAY_LEN(changes); i++)
        assert_refused(verify_with(changes[i].name, changes[i].value, STR(BODY), signed_at_ms),
                       "InvalidSignatureException");
    assert_refused(verify_with(NULL, NULL, STR(BODY " "), signed_at_ms),
                   "InvalidSignatureException");
    /* What was not signed may: hops add and change such headers. */
    assert_true(verify_with("User-Agent", "anything", STR(BODY), signed_at_ms).ok);
}

static void dates_beyond_five_minutes_are_refused_with_the_usual_words(void **state) {
    (void)state;
    const int64_t limit = INT64_C(300000);
    assert_true(verify_with(NULL, NULL, STR(BODY), signed_at_ms + limit).ok);
    assert_true(verify_with(NULL, NULL, STR(BODY), signed_at_ms - limit).ok);
    struct auth_result late = verify_with(NULL, NULL, STR(BODY), signed_at_ms + limit + 1000);
    assert_refused(late, "InvalidSignatureException");
    assert_str(late.message, "Signature expired: 20150830T123600Z is now earlier than "
                             "20150830T123601Z (20150830T124101Z - 5 min.)");
    struct auth_result early = verify_with(NULL, NULL, STR(BODY), signed_at_ms - limit - 1000);
    assert_refused(early, "InvalidSignatureException");
    assert_true(str_starts(early.message, STR("Signature not yet current: ")));
}

static void broken_claims_are_incomplete(void **state) {
    (void)state;
    static const char *const claims[] = {
        "",
        "Basic dXNlcjpwYXNz",
        "AWS4-HMAC-SHA256",
        "AWS4-HMAC-SHA256 Credential=" SCOPE ", SignedHeaders=" HEADERS,
        "AWS4-HMAC-SHA256 Credential=" SCOPE ", Signature=" SIGNATURE,
        AUTHORIZATION("AKIDEXAMPLE/20150830/us-east-1/gamelift", HEADERS, SIGNATURE),
        AUTHORIZATION(SCOPE, HEADERS, "c261a9"),
        AUTHORIZATION(SCOPE, HEADERS, SIGNATURE) ", More=x",
    };
    for (size_t i = 0; i < ARRAY_LEN(claims); i++)
        assert_refused(verify_with("Authorization", claims[i], STR(BODY), signed_at_ms),
                       "IncompleteSignatureException");
    assert_refused(verify_with("X-Amz-Date", NULL, STR(BODY), signed_at_ms),
                   "IncompleteSignatureException");
    assert_refused(verify_with("X-Amz-Date", "2015-08-30", STR(BODY), signed_at_ms),
                   "IncompleteSignatureException");
    assert_refused(verify_with("Authorization", NULL, STR(BODY), signed_at_ms),
                   "MissingAuthenticationTokenException");
}

static void the_scope_must_name_this_day_region_and_service(void **state) {
    (void)state;
    static const char *const scopes[] = {
        AUTHORIZATION("AKIDEXAMPLE/20150831/us-east-1/gamelift/aws4_request", HEADERS, SIGNATURE),
        AUTHORIZATION("AKIDEXAMPLE/20150830/mars-1/gamelift/aws4_request", HEADERS, SIGNATURE),
        AUTHORIZATION("AKIDEXAMPLE/20150830/us-east-1/sqs/aws4_request", HEADERS, SIGNATURE),
    };
    for (size_t i = 0; i < ARRAY_LEN(scopes); i++)
        assert_refused(verify_with("Authorization", scopes[i], STR(BODY), signed_at_ms),
                       "InvalidSignatureException");
}

static void host_and_every_x_amz_header_must_be_signed(void **state) {
    (void)state;
    const char *no_host = AUTHORIZATION(SCOPE, "content-type;x-amz-date;x-amz-target", SIGNATURE);
    struct auth_result r = verify_with("Authorization", no_host, STR(BODY), signed_at_ms);
    assert_refused(r, "InvalidSignatureException");
    assert_true(str_starts(r.message, STR("'Host'")));
    r = verify_with("X-Amz-Meta", "x", STR(BODY), signed_at_ms);
    assert_refused(r, "InvalidSignatureException");
    assert_true(str_starts(r.message, STR("'X-Amz-Meta'")));
}

static void keys_and_session_tokens_must_fit(void **state) {
    (void)state;
    const char *other =
        AUTHORIZATION("AKIDOTHER/20150830/us-east-1/gamelift/aws4_request", HEADERS, SIGNATURE);
    assert_refused(verify_with("Authorization", other, STR(BODY), signed_at_ms),
                   "UnrecognizedClientException");
    assert_refused(verify_with("X-Amz-Security-Token", "TOKEN", STR(BODY), signed_at_ms),
                   "UnrecognizedClientException");
    assert_true(auth_add_key(auth, STR("ASIATEMP"), STR("other"), STR("TOKEN"), signed_at_ms));
    const char *temporary =
        AUTHORIZATION("ASIATEMP/20150830/us-east-1/gamelift/aws4_request", HEADERS, SIGNATURE);
    assert_refused(verify_with("Authorization", temporary, STR(BODY), signed_at_ms),
                   "UnrecognizedClientException");
}

static void a_signed_session_token_is_accepted_until_it_expires(void **state) {
    (void)state;
    auth_free(auth);
    assert_true(auth_add_key(auth, STR(KEY), STR(SECRET), STR("TOKEN"), signed_at_ms + 60000));
    struct http_header headers[] = {
        {.name = STR("host"), .value = STR("gamelift.us-east-1.amazonaws.com")},
        {.name = STR("content-type"), .value = STR("application/x-amz-json-1.1")},
        {.name = STR("x-amz-date"), .value = STR("20150830T123600Z")},
        {.name = STR("x-amz-security-token"), .value = STR("TOKEN")},
        {.name = STR("x-amz-target"), .value = STR("GameLift.TerminateGameSession")},
        {.name = STR("authorization"),
         .value = STR(
             AUTHORIZATION(SCOPE, "content-type;host;x-amz-date;x-amz-security-token;x-amz-target",
                           SIGNATURE_WITH_TOKEN))},
    };
    struct sim_request req = {.method = STR("POST"),
                              .path = STR("/"),
                              .headers = headers,
                              .n_headers = ARRAY_LEN(headers),
                              .body = STR(BODY)};
    assert_true(auth_verify(auth, &req, STR("gamelift"), signed_at_ms, arena).ok);
    assert_refused(auth_verify(auth, &req, STR("gamelift"), signed_at_ms + 61000, arena),
                   "ExpiredTokenException");
}

static void messages_repeat_no_secret_and_no_signature(void **state) {
    (void)state;
    struct auth_result r = verify_with(NULL, NULL, STR("{}"), signed_at_ms);
    assert_null(strstr(arena_cstr(arena, r.message), SIGNATURE));
    assert_null(strstr(arena_cstr(arena, r.message), SECRET));
    assert_str(auth_redact(STR(AUTHORIZATION(SCOPE, HEADERS, SIGNATURE)), arena),
               AUTHORIZATION(SCOPE, HEADERS, "***"));
    assert_str(auth_redact(STR("Bearer eyJhbGciOi"), arena), "Bearer ***");
    assert_str(auth_redact(STR("Basic dXNlcjpwYXNz"), arena), "Basic ***");
    assert_str(auth_redact(STR("eyJhbGciOi"), arena), "***");
    assert_str(auth_redact(STR(""), arena), "***");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_signature_by_an_independent_signer_is_accepted),
        TEST(whatever_was_signed_may_not_change),
        TEST(dates_beyond_five_minutes_are_refused_with_the_usual_words),
        TEST(broken_claims_are_incomplete),
        TEST(the_scope_must_name_this_day_region_and_service),
        TEST(host_and_every_x_amz_header_must_be_signed),
        TEST(keys_and_session_tokens_must_fit),
        TEST(a_signed_session_token_is_accepted_until_it_expires),
        TEST(messages_repeat_no_secret_and_no_signature),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
