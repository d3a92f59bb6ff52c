// SPDX-License-Identifier: Apache-2.0
/* The stand-in AGS without a socket: hashes, tokens, revocation, sessions, and what is refused. */
#include "base/obj.h"
#include "sim/ags.h"
#include "sim/ags_base64.h"
#include "sim/control.h"
#include "sim/murmur3.h"
#include "unit.h"

#include <stdlib.h>

/* base64 of sim-client:sim-secret */
#define BASIC_VALUE "c2ltLWNsaWVudDpzaW0tc2VjcmV0"
#define BASIC "Basic " BASIC_VALUE
#define SAMPLE                                                                                     \
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9."                                                        \
    "eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiYWRtaW4iOnRydWV9."                        \
    "TJVA95OrM7E2cBab30RMHrHDcEfxjoYZgeFONFh7HgQ"
#define SESSION "/session/v1/public/namespaces/studio-game/gamesessions/s1"
#define REPORT "/session/v1/admin/namespaces/studio-game/gamesessions/s1/dsinformation"

static struct arena *arena;
static struct sim *sim;
static struct ags *ags;

static int set_up(void **state) {
    (void)state;
    const struct ags_options options = {
        .client_id = STR("sim-client"),
        .client_secret = STR("sim-secret"),
        .ns = STR("studio-game"),
        .token_lifetime_s = 3600,
    };
    arena = arena_new((size_t)64 << 20);
    sim = calloc(1, sizeof *sim);
    ags = calloc(1, sizeof *ags);
    assert_non_null(sim);
    assert_non_null(ags);
    sim_init(sim);
    ags_init(ags, sim, &options);
    const struct sim_service services[] = {ags_control(ags), control_service(), ags_service(ags)};
    for (size_t i = 0; i < ARRAY_LEN(services); i++)
        sim_add(sim, &services[i]);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    ags_free(ags);
    sim_free(sim);
    free(ags);
    free(sim);
    arena_free(arena);
    return 0;
}

/* type may be NULL: no content type; so may authorization and body. */
static struct sim_exchange *call(const char *method, const char *path, const char *authorization,
                                 const char *body) {
    struct sim_exchange *ex = OBJ_NEW(arena, sim_exchange, SIM_EXCHANGE_MAGIC);
    struct http_header *h = arena_array(arena, 2, sizeof *h);
    h[0] = (struct http_header){STR("Content-Type"), STR("application/x-www-form-urlencoded")};
    h[1] = (struct http_header){STR("Authorization"), str_c(authorization)};
    ex->sim = sim;
    ex->arena = arena;
    ex->req = (struct sim_request){.method = str_c(method),
                                   .path = str_c(path),
                                   .headers = h,
                                   .n_headers = authorization == NULL ? 1 : 2,
                                   .body = str_c(body == NULL ? "" : body)};
    sim_serve(ex);
    assert_int_equal(ex->wait_ms, 0);
    return ex;
}

static void assert_answer(const struct sim_exchange *ex, int status, const char *words) {
    if (ex->reply.status != status || strstr(arena_cstr(arena, ex->reply.body), words) == NULL)
        fail_msg("got: %d " STR_FMT ", want: %d %s", ex->reply.status, STR_ARG(ex->reply.body),
                 status, words);
}

static void must_control(const char *method, const char *path, const char *body) {
    assert_answer(call(method, path, NULL, body), 200, "");
}

/* The value of a string member of an answer. */
static struct str member(const struct sim_exchange *ex, const char *name) {
    yajl_val tree = NULL;
    const char *path[] = {name, NULL};
    assert_null(sim_json_parse(ex->reply.body, arena, &tree));
    yajl_val v = yajl_tree_get(tree, path, yajl_t_string);
    assert_non_null(v);
    return str_c(YAJL_GET_STRING(v));
}

static const char *bearer(struct str token) {
    return arena_printf(arena, "Bearer " STR_FMT, STR_ARG(token)).p;
}

/* An Authorization value with a new token. */
static const char *granted(void) {
    struct sim_exchange *ex =
        call("POST", "/iam/v3/oauth/token", BASIC, "grant_type=client_credentials");
    assert_int_equal(ex->reply.status, 200);
    return bearer(member(ex, "access_token"));
}

/* A token with these claims, as control makes it. */
static struct str made(const char *body) {
    return member(call("POST", "/_sim/ags/tokens", NULL, body), "access_token");
}

/* ---- pieces ---- */

static void murmur3_gives_the_published_vectors(void **state) {
    (void)state;
    static const struct {
        const char *text;
        uint64_t h1;
        uint64_t h2;
    } vectors[] = {
        {"", 0, 0},
        {"this_is_a_test_string", UINT64_C(0xbd8514b9757b49e6), UINT64_C(0x76ca4fde2065e035)},
        {SAMPLE, UINT64_C(0x52ce3cea7211cec8), UINT64_C(0xd2427c19367ef149)},
        /* Widely published: a tail alone, and two blocks with a tail of more than eight bytes. */
        {"hello", UINT64_C(0xcbd8a7b341bd9b02), UINT64_C(0x5b1e906a48ae1d19)},
        {"The quick brown fox jumps over the lazy dog", UINT64_C(0xe34bbc7bbc071b6c),
         UINT64_C(0x7a433ca9c49a9347)},
    };
    for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
        struct murmur3 hash = murmur3_x64_128(str_c(vectors[i].text));
        assert_true(hash.h1 == vectors[i].h1 && hash.h2 == vectors[i].h2);
    }
}

static void bloom_indexes_are_those_of_ags(void **state) {
    (void)state;
    static const uint64_t of_text[] = {3942, 6555, 9168, 2181, 4794, 7407, 420};
    static const uint64_t of_sample[] = {6984, 6417, 4058, 3491, 2924, 565, 9598};
    uint64_t got[7];
    ags_bloom_indexes(STR("this_is_a_test_string"), 9600, got, 7);
    assert_memory_equal(got, of_text, sizeof got);
    ags_bloom_indexes(STR(SAMPLE), 9600, got, 7);
    assert_memory_equal(got, of_sample, sizeof got);
}

static void bloom_finds_what_was_added_and_publishes_whole_words(void **state) {
    (void)state;
    struct ags_bloom bloom = {.items = 0};
    struct buf out;
    buf_init(&out, (size_t)1 << 20);
    ags_bloom_json(&bloom, &out);
    assert_str(buf_str(&out), "{\"bits\":[],\"k\":7,\"m\":0}");
    assert_false(ags_bloom_has(&bloom, STR(SAMPLE)));
    ags_bloom_add(&bloom, STR(SAMPLE));
    assert_true(ags_bloom_has(&bloom, STR(SAMPLE)));
    assert_false(ags_bloom_has(&bloom, STR("this_is_a_test_string")));
    /* Index 9598 is bit 62 of the last word: more than a double can hold exactly with others. */
    assert_true(bloom.words[149] == UINT64_C(1) << 62);
    buf_reset(&out);
    ags_bloom_json(&bloom, &out);
    assert_non_null(strstr(arena_cstr(arena, buf_str(&out)), ",4611686018427387904],\"k\":7,"));
    buf_free(&out);
}

static void base64_follows_the_rfc(void **state) {
    (void)state;
    static const char *const padded[] = {"", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE="};
    static const char *const url[] = {"", "Zg", "Zm8", "Zm9v", "Zm9vYg", "Zm9vYmE"};
    struct str text;
    for (size_t i = 0; i < ARRAY_LEN(padded); i++) {
        struct buf out;
        buf_init(&out, 100);
        assert_true(ags_base64_decode(str_c(padded[i]), AGS_BASE64_PADDED, arena, &text));
        assert_str(text, arena_cstr(arena, str_sub(STR("fooba"), 0, i)));
        assert_true(ags_base64_decode(str_c(url[i]), AGS_BASE64_URL, arena, &text));
        assert_str(text, arena_cstr(arena, str_sub(STR("fooba"), 0, i)));
        ags_base64_url(&out, "fooba", i);
        assert_str(buf_str(&out), url[i]);
        buf_free(&out);
    }
    static const char *const bad[] = {"Z", "Zh==", "Z===", "Zg=", "Zm9v-", "Zm8!", "Zg==Zg=="};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(ags_base64_decode(str_c(bad[i]), AGS_BASE64_PADDED, arena, &text));
    assert_false(ags_base64_decode(STR("Zg=="), AGS_BASE64_URL, arena, &text));
    assert_false(ags_base64_decode(STR("a+b/"), AGS_BASE64_URL, arena, &text));
}

static void only_the_signer_makes_a_token_that_verifies(void **state) {
    (void)state;
    struct ags_key *other = ags_key_new();
    struct ags_jwt jwt;
    struct buf token;
    buf_init(&token, AGS_JWT_MAX);
    ags_jwt_sign(&token, other, str_c(other->kid), STR("{\"sub\":\"x\"}"));
    assert_true(ags_jwt_split(buf_str(&token), arena, &jwt));
    assert_str(jwt.claims, "{\"sub\":\"x\"}");
    assert_int_equal(jwt.signature.n, AGS_KEY_BITS / 8);
    assert_true(ags_jwt_verify(&jwt, other));
    assert_false(ags_jwt_verify(&jwt, ags_key_signing(ags)));
    token.p[40] = (char)(token.p[40] == 'A' ? 'B' : 'A');
    assert_true(ags_jwt_split(buf_str(&token), arena, &jwt));
    assert_false(ags_jwt_verify(&jwt, other));
    static const char *const broken[] = {"",          ".",     "..",          "a.b",
                                         "eyJ9.eyJ9", "!.a.b", "e30.e30.e30."};
    for (size_t i = 0; i < ARRAY_LEN(broken); i++)
        if (ags_jwt_split(str_c(broken[i]), arena, &jwt))
            assert_false(ags_jwt_verify(&jwt, other));
    buf_free(&token);
    ags_key_free(other);
}

/* ---- tokens ---- */

static void a_client_gets_a_token_and_a_stranger_does_not(void **state) {
    (void)state;
    const char *path = "/iam/v3/oauth/token";
    struct sim_exchange *ex = call("POST", path, BASIC, "grant_type=client_credentials");
    assert_answer(ex, 200, "\"expires_in\":3600,\"namespace\":\"studio-game\"");
    assert_answer(ex, 200, "{\"resource\":\"NAMESPACE:{namespace}:SESSION:GAME\",\"action\":2}");
    assert_str(ex->operation, "TokenGrantV3");
    ex = call("POST", path, "Basic c2ltLWNsaWVudDp3cm9uZw==", "grant_type=client_credentials");
    assert_answer(ex, 401, "{\"error\":\"invalid_client\",\"error_description\":");
    assert_answer(call("POST", path, NULL, "grant_type=client_credentials"), 401, "invalid_client");
    assert_answer(call("POST", path, "Basic !", "grant_type=x"), 401, "invalid_client");
    assert_answer(call("POST", path, BASIC, "grant_type=password"), 400, "unsupported_grant_type");
    assert_answer(call("POST", path, BASIC, ""), 400, "invalid_request");
    assert_answer(call("POST", path, BASIC, "grant_type=%zz"), 400, "escape");
    assert_answer(call("GET", path, BASIC, ""), 405, "errorCode");
    assert_answer(call("GET", "/iam/v3/nothing", BASIC, ""), 404, "errorCode");
    assert_int_equal(ags->calls[AGS_TOKEN_GRANT], 7);
}

static void the_extend_grant_names_a_namespace_and_permits_nothing(void **state) {
    (void)state;
    const char *grant = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3A"
                        "extend_client_credentials";
    struct ags_claims claims;
    struct sim_exchange *ex = call("POST", "/iam/v3/oauth/token", BASIC,
                                   arena_printf(arena, "%s&extendNamespace=studio-game", grant).p);
    assert_answer(ex, 200, "\"scope\":\"extend\"");
    struct str token = member(ex, "access_token");
    assert_null(ags_token_check(ags, token, arena, &claims));
    assert_str(claims.extend_ns, "studio-game");
    assert_str(claims.ns, "studio");
    assert_str(claims.scope, "extend");
    must_control("PUT", "/_sim/ags/sessions/studio-game/s1", "");
    assert_answer(call("GET", SESSION, bearer(token), NULL), 403, "20013");
    assert_answer(call("POST", "/iam/v3/oauth/token", BASIC, grant), 400, "extendNamespace");
}

static void a_token_ends_by_the_servers_clock(void **state) {
    (void)state;
    must_control("POST", "/_sim/ags", "{\"expires_in\":60}");
    must_control("PUT", "/_sim/ags/sessions/studio-game/s1", "");
    const char *authorization = granted();
    assert_answer(call("GET", SESSION, authorization, NULL), 200, "");
    must_control("POST", "/_sim/clock", "{\"offset_ms\":59000}");
    assert_answer(call("GET", SESSION, authorization, NULL), 200, "");
    must_control("POST", "/_sim/clock", "{\"offset_ms\":61000}");
    struct sim_exchange *ex = call("GET", SESSION, authorization, NULL);
    assert_answer(ex, 401, "\"errorCode\":20001");
    assert_str(ex->verdict, "refused: token expired");
    assert_answer(call("GET", SESSION, granted(), NULL), 200, "");
}

static void tokens_can_be_expired_and_revoked_at_once(void **state) {
    (void)state;
    must_control("PUT", "/_sim/ags/sessions/studio-game/s1", "");
    const char *first = granted();
    must_control("POST", "/_sim/ags/tokens/expire", "");
    const char *second = granted();
    assert_answer(call("GET", SESSION, first, NULL), 401, "");
    assert_answer(call("GET", SESSION, second, NULL), 200, "");
    must_control("POST", "/_sim/ags/tokens/revoke",
                 arena_printf(arena, "{\"token\":\"%s\"}", second + strlen("Bearer ")).p);
    const char *third = granted();
    assert_answer(call("GET", SESSION, second, NULL), 401, "");
    assert_answer(call("GET", SESSION, third, NULL), 200, "");
    struct str token = str_from(str_c(second), strlen("Bearer "));
    assert_true(ags_bloom_has(&ags->revoked, token));
    assert_false(ags_bloom_has(&ags->revoked, str_from(str_c(third), strlen("Bearer "))));
    must_control("POST", "/_sim/ags/tokens/revoke", "");
    assert_answer(call("GET", SESSION, third, NULL), 401, "");
    struct sim_exchange *ex = call("GET", "/iam/v3/oauth/revocationlist", BASIC, NULL);
    assert_answer(ex, 200, "\"k\":7,\"m\":9600},\"revoked_users\":[]}");
    assert_answer(call("GET", "/iam/v3/oauth/revocationlist", third, NULL), 401, "20001");
}

static void a_made_token_is_judged_by_what_it_says(void **state) {
    (void)state;
    struct ags_claims claims;
    assert_null(ags_token_check(ags, made("{\"claims\":{\"sub\":\"u1\",\"deep\":[{\"a\":null}]}}"),
                                arena, &claims));
    assert_str(claims.sub, "u1");
    static const struct {
        const char *body;
        const char *why;
    } bad[] = {
        {"{\"claims\":{\"exp\":1}}", "token expired"},
        {"{\"claims\":{\"nbf\":4000000000}}", "token not valid yet"},
        {"{\"claims\":{},\"kid\":\"other\"}", "unknown key"},
        {"{\"claims\":{},\"kid\":\"\"}", "unknown key"},
        {"{\"claims\":{},\"published_key\":false}", "unknown key"},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_string_equal(ags_token_check(ags, made(bad[i].body), arena, &claims), bad[i].why);
    const char *forged =
        arena_printf(arena, "{\"claims\":{},\"published_key\":false,\"kid\":\"%s\"}",
                     ags->keys[0]->kid)
            .p;
    assert_string_equal(ags_token_check(ags, made(forged), arena, &claims), "wrong signature");
    assert_string_equal(ags_token_check(ags, STR(SAMPLE), arena, &claims),
                        "algorithm is not RS256");
    assert_string_equal(ags_token_check(ags, STR("x"), arena, &claims), "no token in compact form");
    assert_answer(call("POST", "/_sim/ags/tokens", NULL, "{\"claims\":7}"), 400, "object");
    assert_answer(call("POST", "/_sim/ags/tokens", NULL, "{}"), 400, "claims is missing");
}

static void a_users_tokens_up_to_the_revocation_are_refused(void **state) {
    (void)state;
    struct ags_claims claims;
    struct str before = made("{\"claims\":{\"sub\":\"u1\",\"iat\":1000}}");
    struct str after = made("{\"claims\":{\"sub\":\"u1\",\"iat\":3000}}");
    struct str other = made("{\"claims\":{\"sub\":\"u2\",\"iat\":1000}}");
    must_control("POST", "/_sim/ags/tokens/revoke", "{\"user\":\"u1\",\"revoked_at_ms\":2000500}");
    assert_string_equal(ags_token_check(ags, before, arena, &claims), "user was revoked");
    assert_null(ags_token_check(ags, after, arena, &claims));
    assert_null(ags_token_check(ags, other, arena, &claims));
    assert_answer(call("GET", "/iam/v3/oauth/revocationlist", BASIC, NULL), 200,
                  "[{\"id\":\"u1\",\"revoked_at\":\"1970-01-01T00:33:20.500Z\"}]");
}

static void a_new_key_signs_and_the_old_one_stays_until_forgotten(void **state) {
    (void)state;
    must_control("PUT", "/_sim/ags/sessions/studio-game/s1", "");
    const char *old = granted();
    must_control("POST", "/_sim/ags/keys", "");
    assert_int_equal(ags->n_keys, 2);
    assert_answer(call("GET", SESSION, old, NULL), 200, "");
    const char *new = granted();
    assert_answer(call("GET", "/iam/v3/oauth/jwks", new, NULL), 200, ags->keys[0]->kid);
    assert_answer(call("GET", "/iam/v3/oauth/jwks", new, NULL), 200, ags->keys[1]->kid);
    must_control("POST", "/_sim/ags/keys", "{\"forget\":true}");
    assert_int_equal(ags->n_keys, 1);
    assert_answer(call("GET", SESSION, new, NULL), 401, "");
    assert_answer(call("GET", SESSION, granted(), NULL), 200, "");
    assert_answer(call("GET", "/iam/v3/oauth/jwks", NULL, NULL), 401, "20001");
}

static void verify_answers_with_the_token_or_refuses(void **state) {
    (void)state;
    const char *path = "/iam/v3/oauth/verify";
    const char *token = granted() + strlen("Bearer ");
    struct sim_exchange *ex = call("POST", path, BASIC, arena_printf(arena, "token=%s", token).p);
    assert_answer(ex, 200, "\"client_id\":\"sim-client\"");
    assert_str(member(ex, "access_token"), token);
    assert_answer(call("POST", path, BASIC, "token=x"), 400, "invalid_token");
    assert_answer(call("POST", path, NULL, "token=x"), 401, "invalid_client");
}

/* ---- sessions ---- */

static void a_session_is_spelt_as_ags_spells_it(void **state) {
    (void)state;
    const char *authorization = granted();
    must_control("PUT", "/_sim/ags/sessions/studio-game/s1",
                 "{\"deployment\":\"arn:aws:x\",\"ip\":\"192.0.2.1\",\"port\":7777,"
                 "\"region\":\"us-west-2\",\"async\":true,\"timeout_s\":60,\"match_pool\":\"p\"}");
    struct sim_exchange *ex = call("GET", SESSION, authorization, NULL);
    assert_answer(ex, 200, "\"Server\":{\"deployment\":\"arn:aws:x\",\"ip\":\"192.0.2.1\",");
    assert_answer(ex, 200, "\"Status\":\"AVAILABLE\",\"StatusV2\":\"AVAILABLE\"}");
    assert_answer(ex, 200, "\"asyncProcessDSRequest\":{\"async\":true,\"timeout\":60}");
    assert_answer(ex, 200, "\"matchPool\":\"p\"");
    assert_str(ex->location, "studio-game");
    assert_answer(call("GET", SESSION "-none", authorization, NULL), 404,
                  "\"name\":\"SessionNotFo");
    assert_answer(call("GET", "/session/v1/public/namespaces/other-game/gamesessions/s1",
                       authorization, NULL),
                  403, "\"requiredPermission\":{\"action\":2,\"resource\":\"NAMESPACE:{namespace}");
    assert_answer(call("GET", SESSION "/", authorization, NULL), 404, "no such path");
    assert_answer(
        call("GET", "/session/v1/public/namespaces//gamesessions/s1", authorization, NULL), 404,
        "no such path");
}

static void whatever_may_be_missing_can_be_missing(void **state) {
    (void)state;
    static const struct {
        const char *body;
        const char *there;
        const char *not_there;
    } cases[] = {
        {"{}", "\"StatusV2\":\"REQUESTED\"", "Server"},
        {"{\"server\":\"null\"}", "\"Server\":null", "deployment"},
        {"{\"server\":\"present\"}", "\"Server\":{", "deployment"},
        {"{\"deployment\":null}", "\"deployment\":null", "arn"},
        {"{\"ds_information\":\"absent\"}", "\"id\":\"s1\"", "DSInformation"},
        {"{\"ds_information\":\"null\",\"deployment\":\"arn\"}", "\"DSInformation\":null", "arn"},
        {"{\"status\":\"ENDED\"}", "\"StatusV2\":\"ENDED\"", "\"Status\":"},
    };
    const char *authorization = granted();
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        must_control("PUT", "/_sim/ags/sessions/studio-game/s1", cases[i].body);
        struct sim_exchange *ex = call("GET", SESSION, authorization, NULL);
        assert_answer(ex, 200, cases[i].there);
        assert_null(strstr(arena_cstr(arena, ex->reply.body), cases[i].not_there));
    }
    assert_int_equal(ags->n_sessions, 1);
    static const char *const bad[] = {"7", "{\"status\":\"READY\"}", "{\"server\":\"maybe\"}",
                                      "{\"deployment\":7}", "{\"prot\":1}"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_answer(call("PUT", "/_sim/ags/sessions/studio-game/s1", NULL, bad[i]), 400, "error");
}

static void a_report_is_checked_stored_and_remembered(void **state) {
    (void)state;
    const char *authorization = granted();
    must_control("PUT", "/_sim/ags/sessions/studio-game/s1", "{\"async\":true}");
    struct sim_exchange *ex = call(
        "PUT", REPORT, authorization,
        "{\"status\":\"AVAILABLE\",\"ip\":\"192.0.2.9\",\"port\":4000,\"deployment\":\"arn:y\","
        "\"serverId\":\"arn:y\",\"source\":\"Gamelift\",\"region\":\"us-east-1\","
        "\"createdRegion\":\"us-east-1\",\"description\":\"\"}");
    assert_int_equal(ex->reply.status, 204);
    assert_int_equal(ex->reply.body.n, 0);
    assert_answer(call("GET", SESSION, authorization, NULL), 200, "\"deployment\":\"arn:y\"");
    ex = call("PUT", REPORT, authorization,
              "{\"status\":\"FAILED_TO_REQUEST\",\"ip\":null,\"port\":null}");
    assert_int_equal(ex->reply.status, 204);
    static const char *const bad[] = {"",
                                      "[]",
                                      "{}",
                                      "{\"status\":\"READY\"}",
                                      "{\"status\":7}",
                                      "{\"status\":\"ENDED\",\"port\":\"7\"}",
                                      "{\"status\":\"ENDED\",\"port\":1.5}",
                                      "{\"status\":\"ENDED\",\"port\":2147483648}",
                                      "{\"status\":\"ENDED\",\"ip\":7}",
                                      "{\"status\":\"AVAILABLE\",\"ip\":\"192.0.2.9\"}"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_answer(call("PUT", REPORT, authorization, bad[i]), 400, "\"errorCode\":20002");
    ex = call("GET", "/_sim/ags/sessions/studio-game/s1", NULL, NULL);
    assert_answer(ex, 200, "\"reports\":2,\"history\":[{\"time_ms\":");
    assert_answer(ex, 200, "\"body\":{\"status\":\"FAILED_TO_REQUEST\",\"ip\":null,");
    must_control("POST", "/_sim/ags", "{\"may_update\":false}");
    assert_answer(call("PUT", REPORT, granted(), "{\"status\":\"ENDED\"}"), 403,
                  "\"resource\":\"ADMIN:NAMESPACE");
    must_control("DELETE", "/_sim/ags/sessions/studio-game/s1", NULL);
    assert_answer(call("PUT", REPORT, authorization, "{\"status\":\"ENDED\"}"), 404, "");
}

static void the_history_of_reports_is_bounded(void **state) {
    (void)state;
    const char *authorization = granted();
    must_control("PUT", "/_sim/ags/sessions/studio-game/s1", "");
    for (int i = 0; i < AGS_MAX_HISTORY + 5; i++)
        call("PUT", REPORT, authorization, "{\"status\":\"ENDED\"}");
    const struct ags_session *s = ags_session_find(ags, STR("studio-game"), STR("s1"));
    assert_non_null(s);
    assert_int_equal(s->n_history, AGS_MAX_HISTORY);
    assert_int_equal(s->reports, AGS_MAX_HISTORY + 5);
}

static void ids_are_percent_decoded_once(void **state) {
    (void)state;
    must_control("PUT", "/_sim/ags/sessions/studio-game/a%2Fb", "{}");
    assert_answer(call("GET", "/session/v1/public/namespaces/studio-game/gamesessions/a%2fb",
                       granted(), NULL),
                  200, "\"id\":\"a/b\"");
    assert_answer(
        call("GET", "/session/v1/public/namespaces/studio-game/gamesessions/a%2", granted(), NULL),
        404, "no such path");
    assert_answer(call("PUT", "/_sim/ags/sessions/studio-game/a%2", NULL, "{}"), 400, "escape");
    assert_answer(call("PUT", "/_sim/ags/sessions/studio-game/a/b", NULL, "{}"), 404, "path");
    assert_answer(call("PUT", "/_sim/ags/sessions/studio-game/", NULL, "{}"), 404, "path");
}

static void rules_strike_an_operation_in_the_form_of_its_errors(void **state) {
    (void)state;
    must_control("PUT", "/_sim/ags/sessions/studio-game/s1", "");
    const char *authorization = granted();
    must_control(
        "POST", "/_sim/faults",
        "[{\"kind\":\"error\",\"operation\":\"TokenGrantV3\",\"status\":503,"
        "\"type\":\"server_error\",\"count\":1},"
        "{\"kind\":\"throttle\",\"operation\":\"getGameSession\",\"count\":1},"
        "{\"kind\":\"error\",\"operation\":\"GetJWKSV3\",\"status\":500,\"type\":\"x\","
        "\"count\":1},"
        "{\"kind\":\"reset\",\"operation\":\"adminUpdateDSInformation\",\"when\":\"after\","
        "\"count\":1}]");
    assert_answer(call("POST", "/iam/v3/oauth/token", BASIC, "grant_type=client_credentials"), 503,
                  "{\"error\":\"server_error\"");
    assert_answer(call("GET", SESSION, authorization, NULL), 429, "\"errorCode\":20007");
    assert_answer(call("GET", "/iam/v3/oauth/jwks", authorization, NULL), 500,
                  "\"errorCode\":20000");
    struct sim_exchange *ex = call("PUT", REPORT, authorization, "{\"status\":\"ENDED\"}");
    assert_int_equal(ex->reply.delivery, SIM_RESET);
    assert_answer(call("GET", SESSION, authorization, NULL), 200, "\"StatusV2\":\"ENDED\"");
}

/* ---- the journal ---- */

static void the_journal_shows_no_token_and_no_secret(void **state) {
    (void)state;
    const char *authorization = granted();
    const char *token = authorization + strlen("Bearer ");
    call("GET", SESSION, authorization, NULL);
    call("POST", "/iam/v3/oauth/verify", BASIC, arena_printf(arena, "token=%s", token).p);
    const char *seen = arena_cstr(arena, call("GET", "/_sim/requests", NULL, NULL)->reply.body);
    assert_null(strstr(seen, token));
    assert_null(strstr(seen, BASIC_VALUE));
    assert_non_null(strstr(seen, "\"Bearer ***\""));
    assert_non_null(strstr(seen, "\"Basic ***\""));
    assert_non_null(strstr(seen, "\\\"access_token\\\":\\\"***\\\""));
    assert_non_null(strstr(seen, "\"body\":\"token=***\""));
}

static void redaction_survives_any_text(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"", ""},
        {"{\"Token\" : \"a\\\"b\",\"NextToken\":\"c\"}",
         "{\"Token\" : \"***\",\"NextToken\":\"c\"}"},
        {"{\"token\":{\"token\":\"x\"}}", "{\"token\":{\"token\":\"***\"}}"},
        {"[{\"SecretAccessKey\":\"cut of", "[{\"SecretAccessKey\":\"***\""},
        {"{\"SecretAccessKey\":\"cut\\", "{\"SecretAccessKey\":\"***\""},
        {"{\"access_token", "{\"access_token"},
        {"<a><SessionToken>x</SessionToken></a>", "<a><SessionToken>***</SessionToken></a>"},
        {"<a><SessionToken>x", "<a><SessionToken>***"},
        {"<SessionToken", "<SessionToken"},
        {"a=1&token=x&b", "a=1&token=***&b"},
        {"token=", "token=***"},
        {"plain text", "plain text"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_str(journal_redact(str_c(cases[i][0]), arena), cases[i][1]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(murmur3_gives_the_published_vectors),
        TEST(bloom_indexes_are_those_of_ags),
        TEST(bloom_finds_what_was_added_and_publishes_whole_words),
        TEST(base64_follows_the_rfc),
        TEST(only_the_signer_makes_a_token_that_verifies),
        TEST(a_client_gets_a_token_and_a_stranger_does_not),
        TEST(the_extend_grant_names_a_namespace_and_permits_nothing),
        TEST(a_token_ends_by_the_servers_clock),
        TEST(tokens_can_be_expired_and_revoked_at_once),
        TEST(a_made_token_is_judged_by_what_it_says),
        TEST(a_users_tokens_up_to_the_revocation_are_refused),
        TEST(a_new_key_signs_and_the_old_one_stays_until_forgotten),
        TEST(verify_answers_with_the_token_or_refuses),
        TEST(a_session_is_spelt_as_ags_spells_it),
        TEST(whatever_may_be_missing_can_be_missing),
        TEST(a_report_is_checked_stored_and_remembered),
        TEST(the_history_of_reports_is_bounded),
        TEST(ids_are_percent_decoded_once),
        TEST(rules_strike_an_operation_in_the_form_of_its_errors),
        TEST(the_journal_shows_no_token_and_no_secret),
        TEST(redaction_survives_any_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
