// SPDX-License-Identifier: Apache-2.0
/* Temporary credentials without a socket: who gets them, how long they last, what is refused. */
#include "base/obj.h"
#include "sim/control.h"
#include "sim/form.h"
#include "sim/json.h"
#include "sim/metadata.h"
#include "unit.h"

#include <stdlib.h>

#define ROLE "arn:aws:iam::123456789012:role/game/server"
#define TTL "x-aws-ec2-metadata-token-ttl-seconds"
#define WEB(more)                                                                                  \
    "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A"            \
    "123456789012%3Arole%2Fgame%2Fserver&RoleSessionName=abc" more
#define CREDENTIALS "/latest/meta-data/iam/security-credentials/"

static struct arena *arena;
static struct sim *sim;
static struct sts *sts;

static int set_up(void **state) {
    (void)state;
    const struct sts_settings settings = {
        .web_identity_token = STR("web-token"),
        .container_token = STR("container-token"),
        .instance_role = STR("some-role"),
        .instance_region = STR("us-west-2"),
    };
    arena = arena_new((size_t)64 << 20);
    sim = calloc(1, sizeof *sim);
    sts = calloc(1, sizeof *sts);
    assert_non_null(sim);
    assert_non_null(sts);
    sim_init(sim);
    assert_true(auth_add_key(&sim->auth, STR("AKIDEXAMPLE"), STR("secret"), STR_NULL, 0));
    sts_init(sts, sim, &settings);
    const struct sim_service services[] = {sts_control(sts), control_service(), sts_service(sts),
                                           metadata_service(sts)};
    for (size_t i = 0; i < ARRAY_LEN(services); i++)
        sim_add(sim, &services[i]);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    sts_free(sts);
    sim_free(sim);
    free(sts);
    free(sim);
    arena_free(arena);
    return 0;
}

/* With one header, or none if its value is NULL. */
static struct sim_exchange *call(const char *method, const char *path, const char *name,
                                 const char *value, const char *body) {
    struct sim_exchange *ex = OBJ_NEW(arena, sim_exchange, SIM_EXCHANGE_MAGIC);
    struct http_header *h = arena_array(arena, 1, sizeof *h);
    h[0] = (struct http_header){str_c(name), str_c(value)};
    ex->sim = sim;
    ex->arena = arena;
    ex->req = (struct sim_request){.method = str_c(method),
                                   .path = str_c(path),
                                   .headers = h,
                                   .n_headers = value == NULL ? 0 : 1,
                                   .body = str_c(body == NULL ? "" : body)};
    sim_serve(ex);
    assert_int_equal(ex->wait_ms, 0);
    return ex;
}

static struct sim_exchange *form(const char *body) {
    return call("POST", "/", "Content-Type", "application/x-www-form-urlencoded; charset=utf-8",
                body);
}

static void assert_answer(const struct sim_exchange *ex, int status, const char *words) {
    if (ex->reply.status != status || strstr(arena_cstr(arena, ex->reply.body), words) == NULL)
        fail_msg("got: %d " STR_FMT ", want: %d %s", ex->reply.status, STR_ARG(ex->reply.body),
                 status, words);
}

static void must_control(const char *method, const char *path, const char *body) {
    assert_answer(call(method, path, NULL, NULL, body), 200, "");
}

static const struct auth_key *newest_key(void) {
    return &sim->auth.keys[sim->auth.n_keys - 1];
}

static void forms_are_read_as_a_server_reads_them(void **state) {
    (void)state;
    struct form f;
    assert_null(form_parse(STR("a=1&b=x+y%2B%e2%82%ac&&c&a=2&=e&d=p=q"), arena, &f));
    assert_int_equal(f.n, 6);
    assert_str(form_get(&f, "a"), "1");
    assert_str(form_get(&f, "b"), "x y+\xe2\x82\xac");
    assert_str(form_get(&f, "c"), "");
    assert_str(form_get(&f, ""), "e");
    assert_str(form_get(&f, "d"), "p=q");
    assert_null(form_get(&f, "z").p);
    static const char *const bad[] = {"a=%", "a=%4", "%4x=1", "a=%g0"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_non_null(form_parse(str_c(bad[i]), arena, &f));
    char many[2 * FORM_MAX_FIELDS + 3];
    for (size_t i = 0; i < sizeof many - 1; i += 2)
        memcpy(many + i, "a&", 2);
    assert_null(form_parse(str_n(many, (size_t)2 * FORM_MAX_FIELDS), arena, &f));
    assert_non_null(form_parse(str_n(many, 2 * FORM_MAX_FIELDS + 2), arena, &f));
}

static void only_the_arn_of_a_role_is_one(void **state) {
    (void)state;
    struct sts_role role;
    assert_true(sts_role_parse(STR(ROLE), &role));
    assert_str(role.partition, "aws");
    assert_str(role.account, "123456789012");
    assert_str(role.name, "server");
    assert_true(sts_role_parse(STR("arn:aws-us-gov:iam::123456789012:role/x"), &role));
    static const char *const bad[] = {
        "",
        "arn:aws:iam::123456789012:role/",
        "arn:aws:iam::12345678901:role/xxxxx",
        "arn:aws:iam::12345678901a:role/x",
        "arn:aws:iam:us-east-1:123456789012:role/x",
        "arn:aws:iam::123456789012:user/x",
        "arn:aws:sts::123456789012:assumed-role/x/y",
        "arn:gcp:iam::123456789012:role/x",
        "arn:aws:iam::123456789012:role/x y",
        "arn:aws:iam::123456789012",
        "role/x-without-anything-else",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (sts_role_parse(str_c(bad[i]), &role))
            fail_msg("taken: %s", bad[i]);
    assert_true(sts_session_name_valid(STR("a_b+=,.@-")));
    assert_false(sts_session_name_valid(STR("a")));
    assert_false(sts_session_name_valid(STR("a b")));
    assert_false(sts_session_name_valid(STR("a/b")));
}

static void a_web_identity_becomes_a_key_of_the_asked_duration(void **state) {
    (void)state;
    int64_t before = sim_now_ms(sim);
    struct sim_exchange *ex = form(WEB("&WebIdentityToken=web-token&DurationSeconds=900"));
    assert_answer(ex, 200, "<AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>ASIA");
    assert_answer(ex, 200, "<Arn>arn:aws:sts::123456789012:assumed-role/server/abc</Arn>");
    assert_str(ex->operation, "AssumeRoleWithWebIdentity");
    assert_str(ex->reply.content_type, "text/xml");
    assert_int_equal(sim->auth.n_keys, 2);
    const struct auth_key *key = newest_key();
    assert_answer(ex, 200, key->id);
    assert_answer(ex, 200, arena_cstr(arena, secret_reveal(&key->secret)));
    assert_answer(ex, 200, arena_cstr(arena, secret_reveal(&key->token)));
    assert_answer(ex, 200, sts_time(arena, key->expires_ms).p);
    assert_in_range(key->expires_ms, before + 899000, before + 902000);
    must_control("POST", "/_sim/credentials", "{\"lifetime_s\":5}");
    form(WEB("&WebIdentityToken=web-token&DurationSeconds=900"));
    assert_in_range(newest_key()->expires_ms, before + 4000, before + 7000);
}

static void sts_refuses_by_the_names_of_aws(void **state) {
    (void)state;
    static const struct {
        const char *body;
        int status;
        const char *words;
    } cases[] = {
        {WEB("&WebIdentityToken=other-token"), 400, "<Code>InvalidIdentityToken</Code>"},
        {WEB("&WebIdentityToken=web-token%0A"), 400, "<Code>InvalidIdentityToken</Code>"},
        {WEB("&WebIdentityToken=web"), 400, "<Code>ValidationError</Code>"},
        {WEB(""), 400, "<Code>ValidationError</Code>"},
        {WEB("&WebIdentityToken=web-token&DurationSeconds=899"), 400, "DurationSeconds"},
        {WEB("&WebIdentityToken=web-token&DurationSeconds=x"), 400, "DurationSeconds"},
        {WEB("%20&WebIdentityToken=web-token"), 400, "RoleSessionName"},
        {"Action=AssumeRoleWithWebIdentity&Version=2011-06-15", 400, "RoleArn"},
        {"Action=AssumeRoleWithWebIdentity&Version=2010-01-01", 400, "InvalidAction"},
        {"Action=GetCallerIdentity&Version=2011-06-15", 400, "InvalidAction"},
        {"Action=%", 400, "MalformedInput"},
        {"Action=AssumeRole&Version=2011-06-15", 403, "<Code>MissingAuthenticationToken</Code>"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct sim_exchange *ex = form(cases[i].body);
        assert_answer(ex, cases[i].status, cases[i].words);
        assert_answer(ex, cases[i].status, "<Type>Sender</Type>");
    }
    must_control("POST", "/_sim/credentials", "{\"role_arn\":\"" ROLE "2\"}");
    assert_answer(form(WEB("&WebIdentityToken=web-token")), 403, "<Code>AccessDenied</Code>");
    assert_int_equal(sim->auth.n_keys, 1);
    must_control("POST", "/_sim/faults",
                 "[{\"kind\":\"error\",\"operation\":\"AssumeRoleWithWebIdentity\",\"type\":"
                 "\"IDPCommunicationError\",\"message\":\"a<b&c\",\"count\":1},"
                 "{\"kind\":\"throttle\",\"service\":\"sts\",\"count\":1}]");
    assert_answer(form(WEB("&WebIdentityToken=web-token")), 400,
                  "<Code>IDPCommunicationError</Code><Message>a&lt;b&amp;c</Message>");
    assert_answer(form(WEB("&WebIdentityToken=web-token")), 400, "<Code>Throttling</Code>");
}

static void containers_get_credentials_with_the_token_they_need(void **state) {
    (void)state;
    struct sim_exchange *ex = call("GET", "/v2/credentials/0-1-2", "a", NULL, NULL);
    assert_answer(ex, 200, "\"RoleArn\":");
    assert_answer(ex, 200, arena_printf(arena, "\"AccessKeyId\":\"%s\"", newest_key()->id).p);
    assert_answer(call("GET", "/v2/credentials/", "a", NULL, NULL), 404, "no such path");
    assert_answer(call("POST", "/v2/credentials/x", "a", NULL, NULL), 405, "");
    assert_answer(call("GET", "/v1/credentials", "a", NULL, NULL), 401,
                  "\"code\":\"AccessDenied\"");
    assert_answer(call("GET", "/v1/credentials", "Authorization", "container-token\n", NULL), 401,
                  "");
    assert_answer(call("GET", "/v1/credentials", "Authorization", "container-token", NULL), 200,
                  "\"Token\":\"SimToken/");
    must_control("POST", "/_sim/credentials", "{\"container_token\":\"new\"}");
    assert_answer(call("GET", "/v1/credentials", "Authorization", "container-token", NULL), 401,
                  "");
    assert_answer(call("GET", "/v1/credentials", "Authorization", "new", NULL), 200, "");
}

static void instances_need_a_metadata_token(void **state) {
    (void)state;
    const char *path = "/latest/api/token";
    static const char *const bad[] = {NULL, "", "0", "-1", "21601", "x"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_answer(call("PUT", path, TTL, bad[i], NULL), 400, "400 - Bad Request");
    assert_answer(call("GET", path, TTL, "60", NULL), 405, "");
    assert_answer(call("PUT", path, "X-Forwarded-For", "192.0.2.1", NULL), 403, "403 - Forbidden");
    struct sim_exchange *ex = call("PUT", path, TTL, "60", NULL);
    assert_int_equal(ex->reply.status, 200);
    assert_str(ex->reply.headers[0].name, TTL);
    const char *token = arena_cstr(arena, ex->reply.body);
    const char *name = "X-aws-ec2-metadata-token";
    assert_answer(call("GET", CREDENTIALS, name, NULL, NULL), 401, "");
    assert_answer(call("GET", CREDENTIALS, name, "", NULL), 401, "");
    assert_answer(call("GET", CREDENTIALS, name, "x", NULL), 401, "");
    assert_str(call("GET", CREDENTIALS, name, token, NULL)->reply.body, "some-role");
    assert_answer(call("GET", CREDENTIALS "some-role", name, token, NULL), 200,
                  "\"Code\":\"Success\"");
    assert_answer(call("GET", CREDENTIALS "other", name, token, NULL), 404, "404 - Not Found");
    assert_str(call("GET", "/latest/meta-data/placement/region", name, token, NULL)->reply.body,
               "us-west-2");
    must_control("POST", "/_sim/clock", "{\"offset_ms\":61000}");
    assert_answer(call("GET", CREDENTIALS, name, token, NULL), 401, "");
    must_control("POST", "/_sim/credentials", "{\"instance_role\":\"\",\"imds_v1\":true}");
    assert_answer(call("GET", CREDENTIALS, name, NULL, NULL), 404, "");
    assert_answer(call("GET", CREDENTIALS, name, token, NULL), 401, "");
    must_control("POST", "/_sim/reset", NULL);
    assert_answer(call("GET", CREDENTIALS, name, NULL, NULL), 401, "");
    assert_answer(call("GET", CREDENTIALS, name, token, NULL), 200, "some-role");
}

static void each_step_of_an_instance_can_fail_by_itself(void **state) {
    (void)state;
    static const struct {
        const char *operation;
        const char *method;
        const char *path;
    } steps[] = {
        {"ImdsToken", "PUT", "/latest/api/token"},
        {"ImdsRole", "GET", CREDENTIALS},
        {"ImdsCredentials", "GET", CREDENTIALS "some-role"},
        {"ContainerCredentials", "GET", "/v2/credentials/x"},
    };
    for (size_t i = 0; i < ARRAY_LEN(steps); i++)
        must_control("POST", "/_sim/faults",
                     arena_printf(arena,
                                  "{\"kind\":\"error\",\"type\":\"Nope\",\"status\":%d,"
                                  "\"operation\":\"%s\"}",
                                  500 + (int)i, steps[i].operation)
                         .p);
    for (size_t i = 0; i < ARRAY_LEN(steps); i++)
        assert_answer(call(steps[i].method, steps[i].path, TTL, "60", NULL), 500 + (int)i, "Nope");
}

static void what_was_issued_can_be_expired_and_forgotten(void **state) {
    (void)state;
    struct sts_credentials c;
    sts_issue(sts, 0, arena, &c);
    must_control("POST", "/_sim/credentials/expire", NULL);
    assert_int_equal(newest_key()->expires_ms, 1);
    sts_issue(sts, 0, arena, &c);
    assert_answer(call("GET", "/_sim/credentials", "a", NULL, NULL), 200, "{\"issued\":2,");
    must_control("DELETE", "/_sim/credentials", NULL);
    assert_int_equal(sim->auth.n_keys, 1);
    assert_string_equal(sim->auth.keys[0].id, "AKIDEXAMPLE");
}

static void the_keys_that_end_first_make_room(void **state) {
    (void)state;
    struct sts_credentials c;
    for (int i = 0; i < AUTH_MAX_KEYS + 50; i++)
        sts_issue(sts, 1000 + i, arena, &c);
    assert_int_equal(sim->auth.n_keys, AUTH_MAX_KEYS);
    assert_string_equal(sim->auth.keys[0].id, "AKIDEXAMPLE");
    assert_str(str_c(newest_key()->id), arena_cstr(arena, c.access_key_id));
}

static void the_journal_shows_no_credentials(void **state) {
    (void)state;
    struct sim_exchange *ex = call("PUT", "/latest/api/token", TTL, "60", NULL);
    const char *token = arena_cstr(arena, ex->reply.body);
    call("GET", CREDENTIALS "some-role", "x-aws-ec2-metadata-token", token, NULL);
    form(WEB("&WebIdentityToken=web-token"));
    call("GET", "/v1/credentials", "Authorization", "container-token", NULL);
    const char *seen =
        arena_cstr(arena, call("GET", "/_sim/requests", "a", NULL, NULL)->reply.body);
    assert_null(strstr(seen, token));
    assert_null(strstr(seen, "web-token"));
    assert_null(strstr(seen, "container-token"));
    assert_null(strstr(seen, "SimToken"));
    for (size_t i = 1; i < sim->auth.n_keys; i++)
        assert_null(strstr(seen, arena_cstr(arena, secret_reveal(&sim->auth.keys[i].secret))));
    assert_int_equal(sim->auth.n_keys, 4);
    assert_non_null(strstr(seen, "<SecretAccessKey>***</SecretAccessKey>"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(forms_are_read_as_a_server_reads_them),
        TEST(only_the_arn_of_a_role_is_one),
        TEST(a_web_identity_becomes_a_key_of_the_asked_duration),
        TEST(sts_refuses_by_the_names_of_aws),
        TEST(containers_get_credentials_with_the_token_they_need),
        TEST(instances_need_a_metadata_token),
        TEST(each_step_of_an_instance_can_fail_by_itself),
        TEST(what_was_issued_can_be_expired_and_forgotten),
        TEST(the_keys_that_end_first_make_room),
        TEST(the_journal_shows_no_credentials),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
