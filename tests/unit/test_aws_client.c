// SPDX-License-Identifier: Apache-2.0
/* The AWS client: what it sends, what it makes of answers, when it tries again. */
#include "unit/aws_call.h"

#include <dlfcn.h>
#include <openssl/evp.h>

/* ---- OpenSSL's hashes, counted on their way; what it calls inside itself is not ---- */

static unsigned hashes;
static unsigned macs;

int EVP_DigestInit_ex2(EVP_MD_CTX *md, const EVP_MD *type, const OSSL_PARAM params[]) {
    int (*real)(EVP_MD_CTX *, const EVP_MD *, const OSSL_PARAM[]);
    *(void **)&real = dlsym(RTLD_NEXT, "EVP_DigestInit_ex2");
    hashes++;
    return real(md, type, params);
}

int EVP_MAC_init(EVP_MAC_CTX *mac, const unsigned char *key, size_t n, const OSSL_PARAM params[]) {
    int (*real)(EVP_MAC_CTX *, const unsigned char *, size_t, const OSSL_PARAM[]);
    *(void **)&real = dlsym(RTLD_NEXT, "EVP_MAC_init");
    macs++;
    return real(mac, key, n, params);
}

/* ---- what is sent ---- */

static void a_request_is_signed_as_an_independent_signer_does_it(void **state) {
    (void)state;
    usual_client();
    EXPECT({
        .request = URL,
        .body = BODY,
        .headers = {"Host: gamelift.us-east-1.amazonaws.com",
                    "Content-Type: application/x-amz-json-1.1",
                    "X-Amz-Target: GameLift.TerminateGameSession", "X-Amz-Date: 20150830T123600Z",
                    "!X-Amz-Security-Token", "User-Agent: test/1"},
        .proxy_allowed = true,
        .status = 200,
    });
    terminate();
    assert_good();
    assert_str(fake_http_header(fake, "authorization"),
               "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/gamelift/aws4_request, "
               "SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature="
               "c261a9d292e1de4422870713efef6d6e72e2bf2b5448ee257cc9131791ad8bb5");
    assert_str(fake_http_header(fake, "amz-sdk-request"), "attempt=1; max=3");
    assert_int_equal(fake_http_header(fake, "amz-sdk-invocation-id").n, 36);
}

static void a_session_token_is_sent_and_signed(void **state) {
    (void)state;
    make_client("TOKEN", (struct endpoint_settings){.region = STR("us-east-1")});
    EXPECT({.request = URL,
            .body = BODY,
            .headers = {"X-Amz-Security-Token: TOKEN"},
            .proxy_allowed = true,
            .status = 200});
    terminate();
    assert_good();
    assert_str(fake_http_header(fake, "authorization"),
               "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/gamelift/aws4_request, "
               "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-amz-target, "
               "Signature=1fba36fb3a99372fc3450f1f56c74e05ef337ef2cfe3ef8b43aa65d995b900cc");
}

/* The body, the canonical request, and the MAC over what stands for both. */
static void signing_with_a_cached_key_takes_two_hashes_and_a_mac(void **state) {
    (void)state;
    usual_client();
    hashes = macs = 0;
    EXPECT(GOOD);
    terminate();
    assert_good();
    assert_int_equal(hashes, 2);
    assert_int_equal(macs, 5); /* four of them make the key */
    hashes = macs = 0;
    EXPECT(GOOD);
    terminate();
    assert_good();
    assert_int_equal(hashes, 2);
    assert_int_equal(macs, 1);
}

static void a_broken_constraint_is_found_before_anything_is_sent(void **state) {
    (void)state;
    usual_client();
    const struct gl_terminate_game_session_input in = {.game_session_id = STR("arn aws")};
    done = 0;
    gl_terminate_game_session(client, &ctx, &in, on_terminated, &ctx);
    assert_int_equal(done, 0);
    fake_settle(loop);
    assert_bad(RPC_INVALID_ARGUMENT, ERR_LOCAL);
    assert_str(error->field, "GameSessionId");
    assert_int_equal(observed, 0);
}

static void a_context_that_is_over_sends_nothing(void **state) {
    (void)state;
    usual_client();
    ctx_init(&ctx, arena, NULL, 999);
    terminate();
    assert_bad(RPC_DEADLINE_EXCEEDED, ERR_CALLER);
}

/* ---- answers ---- */

static void an_answer_is_decoded(void **state) {
    (void)state;
    usual_client();
    EXPECT(ANSWER(200, "{\"GameSession\":{\"GameSessionId\":\"arn:1\",\"Port\":7777,"
                       "\"Brand-new\":{\"x\":[1]}}}"));
    terminate();
    assert_good();
    assert_str(output->game_session->game_session_id, "arn:1");
    assert_int_equal(output->game_session->port, 7777);
    assert_string_equal(observations, "T us-east-1 1 ok;");
}

static void an_empty_answer_is_an_output_without_members(void **state) {
    (void)state;
    usual_client();
    EXPECT(ANSWER(200, ""));
    terminate();
    assert_good();
    assert_null(output->game_session);
}

static void an_answer_that_is_no_json_is_an_error_and_not_asked_for_again(void **state) {
    (void)state;
    static const char *const junk[] = {"<html>", "[]", "{\"GameSession\":{\"Port\":\"x\"}}",
                                       "{\"GameSession\"", "\xFF"};
    usual_client();
    for (size_t i = 0; i < ARRAY_LEN(junk); i++) {
        EXPECT(ANSWER_WITH(200, "x-amzn-requestid: id-1", junk[i]));
        terminate();
        assert_bad(RPC_INTERNAL, ERR_TRANSPORT);
        assert_false(error->retryable);
        assert_str(error->request_id, "id-1");
        assert_true(str_starts(error->msg, STR("TerminateGameSession: ")));
    }
}

static void a_refusal_comes_back_as_the_error_it_is(void **state) {
    (void)state;
    usual_client();
    EXPECT(ANSWER_WITH(400, "x-amzn-requestid: id-1",
                       "{\"__type\":\"NotFoundException\",\"Message\":\"No arn:aws:x:y::z\"}"));
    terminate();
    assert_bad(RPC_NOT_FOUND, ERR_UPSTREAM);
    assert_str(error->msg, "TerminateGameSession: NotFoundException: No (arn)");
    assert_str(error->type, "NotFoundException");
    assert_str(error->request_id, "id-1");
    assert_string_equal(observations, "T us-east-1 1 NotFound;");
}

static void a_redirect_is_an_error(void **state) {
    (void)state;
    usual_client();
    EXPECT(ANSWER_WITH(302, "Location: https://elsewhere/", ""));
    terminate();
    assert_bad(RPC_INTERNAL, ERR_UPSTREAM);
}

/* ---- trying again ---- */

static void attempts_are_numbered_signed_anew_and_share_one_id(void **state) {
    (void)state;
    char id[37];
    usual_client();
    EXPECT(ANSWER_WITH(500, "Retry-After: 5", ""), GOOD);
    terminate();
    assert_int_equal(done, 0);
    assert_str(fake_http_header(fake, "amz-sdk-request"), "attempt=1; max=3");
    struct str first = fake_http_header(fake, "amz-sdk-invocation-id");
    assert_int_equal(first.n, 36);
    memcpy(id, first.p, 36);
    id[36] = '\0';
    fake_advance(loop, 5000);
    assert_good();
    assert_str(fake_http_header(fake, "amz-sdk-request"), "attempt=2; max=3");
    assert_str(fake_http_header(fake, "amz-sdk-invocation-id"), id);
    assert_str(fake_http_header(fake, "x-amz-date"), "20150830T123605Z");
    assert_str(fake_http_body(fake), BODY);
    assert_string_equal(observations, "T us-east-1 1 Unavailable;T us-east-1 2 ok;");

    EXPECT(GOOD);
    terminate();
    assert_string_not_equal(fake_http_header(fake, "amz-sdk-invocation-id").p, id);
}

static void faults_that_may_pass_are_tried_three_times(void **state) {
    (void)state;
    static const struct fake_exchange rows[] = {
        ANSWER(500, "{\"__type\":\"InternalServiceException\"}"),
        ANSWER(502, "<html>"),
        ANSWER(503, ""),
        ANSWER(504, ""),
        ANSWER(429, ""),
        ANSWER(400, "{\"__type\":\"ThrottlingException\"}"),
        ANSWER(400, "{\"__type\":\"RequestTimeout\"}"),
        {.request = URL, .proxy_allowed = true, .reply = "the connection broke"},
    };
    usual_client();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        EXPECT(rows[i], rows[i], rows[i]);
        terminate();
        fake_advance(loop, 1000);
        fake_advance(loop, 2000);
        assert_int_equal(done, 1);
        assert_non_null(error);
        assert_true(error->retryable);
        assert_true(str_starts(error->msg, STR("TerminateGameSession: ")));
        assert_int_equal(fake_http_left(fake), 0);
    }
    assert_int_equal(observed, 3 * ARRAY_LEN(rows));
}

static void a_transient_fault_is_retried_within_its_short_wait(void **state) {
    (void)state;
    usual_client();
    EXPECT(ANSWER(500, ""), ANSWER(500, ""), GOOD);
    terminate();
    fake_advance(loop, 50);
    assert_true(fake_http_left(fake) <= 1);
    fake_advance(loop, 100);
    assert_good();
}

static void the_servers_wish_sets_the_wait(void **state) {
    (void)state;
    usual_client();
    EXPECT(ANSWER_WITH(503, "Retry-After: 2", ""), ANSWER_WITH(503, "x-amz-retry-after: 700", ""),
           GOOD);
    terminate();
    fake_advance(loop, 1999);
    assert_int_equal(fake_http_left(fake), 2);
    fake_advance(loop, 1);
    assert_int_equal(fake_http_left(fake), 1);
    fake_advance(loop, 699);
    assert_int_equal(fake_http_left(fake), 1);
    fake_advance(loop, 1);
    assert_good();
}

static void a_wait_beyond_the_deadline_is_not_waited_for(void **state) {
    (void)state;
    usual_client();
    ctx_init(&ctx, arena, NULL, clock_mono_ms() + 1500);
    EXPECT(ANSWER_WITH(503, "Retry-After: 2", "{\"__type\":\"SlowDown\"}"));
    terminate();
    assert_bad(RPC_RESOURCE_EXHAUSTED, ERR_UPSTREAM);
    assert_str(error->type, "SlowDown");
}

static void cancelling_ends_the_wait(void **state) {
    (void)state;
    static const struct err gone = {
        .code = RPC_CANCELLED, .origin = ERR_CALLER, .msg = STR_INIT("gone")};
    usual_client();
    EXPECT(ANSWER_WITH(503, "Retry-After: 2", ""));
    terminate();
    assert_int_equal(done, 0);
    ctx_cancel(&ctx, &gone);
    assert_bad(RPC_CANCELLED, ERR_CALLER);
    fake_advance(loop, 5000);
    assert_int_equal(done, 1);
}

static void cancelling_ends_the_exchange(void **state) {
    (void)state;
    static const struct err gone = {
        .code = RPC_CANCELLED, .origin = ERR_CALLER, .msg = STR_INIT("gone")};
    usual_client();
    EXPECT({.request = URL, .proxy_allowed = true, .delay_ms = FAKE_NEVER});
    terminate();
    assert_int_equal(fake_http_running(fake), 1);
    ctx_cancel(&ctx, &gone);
    assert_bad(RPC_CANCELLED, ERR_CALLER);
    assert_int_equal(fake_http_running(fake), 0);
}

/* 500 tokens at 14 each: 35 retries, of every call together. */
static void failing_calls_share_a_quota_of_retries(void **state) {
    (void)state;
    usual_client();
    for (int call = 1; call <= 19; call++) {
        int requests = call <= 17 ? 3 : call == 18 ? 2 : 1;
        for (int i = 0; i < requests; i++)
            EXPECT(ANSWER(500, ""));
        terminate();
        fake_advance(loop, 50);
        fake_advance(loop, 100);
        assert_int_equal(done, 1);
        assert_int_equal(fake_http_left(fake), 0);
    }
    EXPECT(ANSWER(400, "{\"__type\":\"ThrottlingException\"}"), GOOD);
    terminate(); /* 10 tokens are left, and a throttled retry costs 5 */
    fake_advance(loop, 1000);
    assert_good();
}

static void a_retry_that_there_is_no_time_for_costs_the_quota_nothing(void **state) {
    (void)state;
    usual_client();
    for (int call = 1; call <= 40; call++) {
        ctx_init(&ctx, arena, NULL, clock_mono_ms() + 1500);
        EXPECT(ANSWER_WITH(500, "Retry-After: 2", ""));
        terminate();
        assert_int_equal(done, 1);
    }
    ctx_init(&ctx, arena, NULL, CTX_NO_DEADLINE);
    EXPECT(ANSWER(500, ""), GOOD);
    terminate();
    fake_advance(loop, 50);
    assert_good();
}

/* ---- credentials that AWS calls expired ---- */

/* Has others each time that they are called expired, at most `left` times. */
struct renewing {
    struct aws_credentials_provider base;
    struct aws_credentials creds;
    int left;
};

static const struct aws_credentials *renewing_peek(struct aws_credentials_provider *provider) {
    return &CONTAINER_OF(provider, struct renewing, base)->creds;
}

static bool renewing_expired(struct aws_credentials_provider *provider, uint64_t identity) {
    static const char *const names[] = {"a", "b", "c"};
    struct renewing *r = CONTAINER_OF(provider, struct renewing, base);
    assert_true(identity == r->creds.identity);
    if (r->left-- == 0)
        return false;
    aws_credentials_clear(&r->creds);
    assert_null(aws_credentials_init(&r->creds, arena, names, STR("NEW"), STR(SECRET_KEY), STR_NULL,
                                     AWS_CREDENTIALS_NEVER));
    return true;
}

static void renewing_free(struct aws_credentials_provider *provider) {
    aws_credentials_clear(&CONTAINER_OF(provider, struct renewing, base)->creds);
}

static void a_request_signed_with_expired_credentials_is_made_once_more(void **state) {
    (void)state;
    static const char *const names[] = {"a", "b", "c"};
    static const char expired[] = "{\"__type\":\"ExpiredTokenException\"}";
    struct renewing renewing = {
        .base = {.magic = AWS_CREDENTIALS_PROVIDER_MAGIC,
                 .peek = renewing_peek,
                 .expired = renewing_expired,
                 .free = renewing_free},
        .left = 2,
    };
    assert_null(aws_credentials_init(&renewing.creds, arena, names, STR("OLD"), STR(SECRET_KEY),
                                     STR_NULL, AWS_CREDENTIALS_NEVER));
    const struct aws_client_options options = {
        .loop = loop,
        .http = fake_http_client(fake),
        .credentials = &renewing.base,
        .endpoint = {.service = STR("gamelift"), .region = STR("us-east-1")},
        .user_agent = STR("test/1"),
    };
    assert_null(aws_client_new(&options, arena, &client));
    EXPECT(ANSWER(400, expired), GOOD);
    terminate();
    assert_good();
    assert_non_null(strstr(fake_http_header(fake, "authorization").p, "Credential=NEW/"));
    EXPECT(ANSWER(400, expired), ANSWER(400, expired)); /* but not for ever */
    terminate();
    assert_bad(RPC_INTERNAL, ERR_UPSTREAM);
    EXPECT(ANSWER(400, expired)); /* and not where there are no others */
    terminate();
    assert_bad(RPC_INTERNAL, ERR_UPSTREAM);
    aws_credentials_provider_free(&renewing.base);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_request_is_signed_as_an_independent_signer_does_it),
        TEST(a_session_token_is_sent_and_signed),
        TEST(signing_with_a_cached_key_takes_two_hashes_and_a_mac),
        TEST(a_broken_constraint_is_found_before_anything_is_sent),
        TEST(a_context_that_is_over_sends_nothing),
        TEST(an_answer_is_decoded),
        TEST(an_empty_answer_is_an_output_without_members),
        TEST(an_answer_that_is_no_json_is_an_error_and_not_asked_for_again),
        TEST(a_refusal_comes_back_as_the_error_it_is),
        TEST(a_redirect_is_an_error),
        TEST(attempts_are_numbered_signed_anew_and_share_one_id),
        TEST(faults_that_may_pass_are_tried_three_times),
        TEST(a_transient_fault_is_retried_within_its_short_wait),
        TEST(the_servers_wish_sets_the_wait),
        TEST(a_wait_beyond_the_deadline_is_not_waited_for),
        TEST(cancelling_ends_the_wait),
        TEST(cancelling_ends_the_exchange),
        TEST(failing_calls_share_a_quota_of_retries),
        TEST(a_retry_that_there_is_no_time_for_costs_the_quota_nothing),
        TEST(a_request_signed_with_expired_credentials_is_made_once_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
