// SPDX-License-Identifier: Apache-2.0
/*
 * Handlers under test: the generated dispatch, the real AWS and AGS clients and a real event loop,
 * but a scripted HTTP client below and a clock that only the fixture moves.
 *
 * A test lists the upstream requests that must come, in order, and what each is answered; starts a
 * call; and looks at its answer. A request that is not listed, or one listed that does not come,
 * fails the test, as does a secret in the log. AGS access tokens are granted without being listed.
 */
#ifndef UNIT_HANDLER_FIXTURE_H
#define UNIT_HANDLER_FIXTURE_H

#include "base/loop.h"
#include "handlers/reclaim.h"
#include "handlers/service.h"
#include "unit.h"

#define FIXTURE_STEPS 64
#define FIXTURE_WANTS 10
#define FIXTURE_STEP_MS 20 /* by which the clock moves */

/* Must never be seen in a log. */
#define SESSION_DATA "opaque-session-data"
#define JOIN_SECRET "join-secret-value"
#define FIXTURE_AGS_TOKEN "ags-access-token-value"

#define STEP_BREAKS (-1) /* the connection breaks before there is an answer */
#define STEP_SILENT (-2) /* there is no answer, ever */
#define STEP_CLOSED (-3) /* no connection can be made */

struct step {
    const char *op;     /* "CreateGameSession" for GameLift, "GET /path" for AGS */
    const char *region; /* whose GameLift; NULL: us-east-1 */
    /* "Location=us-west-2": that member has that value; "Players.0.Id" goes down; "!Name": absent
     */
    const char *wants[FIXTURE_WANTS];
    int status;       /* of the answer, or one of the above */
    const char *body; /* JSON */
    int64_t after_ms; /* until the answer comes */
};

/* The answer of a step. REFUSED takes the name of an AWS error. */
#define OK(json) .status = 200, .body = (json)
#define REFUSED(name)                                                                              \
    .status = 400, .body = "{\"__type\":\"" name "\",\"message\":\"as the script has it\"}"
#define FAULTY .status = 500, .body = "{\"__type\":\"InternalServiceException\"}"
#define BREAKS .status = STEP_BREAKS
#define SILENT .status = STEP_SILENT
#define CLOSED .status = STEP_CLOSED

#define EXPECT(f, ...)                                                                             \
    expect((f), (const struct step[]){__VA_ARGS__},                                                \
           sizeof((const struct step[]){__VA_ARGS__}) / sizeof(struct step))

struct handler_fixture {
    struct loop *loop;
    struct arena *arena; /* of the test: the answer lies here */
    struct http_client http;
    struct aws_credentials_provider *credentials;
    struct dsm_service svc;
    int64_t deadline_ms; /* of the next call; 30,000 unless set */

    struct step script[FIXTURE_STEPS];
    size_t n_steps;
    size_t next;
    int64_t asked_ms[FIXTURE_STEPS]; /* when each request came, since the call was started */
    const struct step *endless;      /* what any request after the script is; NULL: none may come */
    int n_endless;                   /* how many came */
    int n_tokens;                    /* AGS tokens asked for */
    char wrong[1000];                /* what went against the script first */

    struct rpc_call rpc;
    struct loop_job release;
    int64_t started_ms;
    int64_t took_ms;
    int finished; /* times that the call was ended */
    enum rpc_code code;
    struct str message;
    const ProtobufCMessage *resp;
};

extern http_start_fn fixture_http; /* handler_script.c */

int fixture_set_up(void **state);    /* *state is the fixture */
int fixture_tear_down(void **state); /* checks the script and the log */

/* A test of this file's kind. */
#define HANDLER_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)

/* AWS and AGS requests are tried once; this makes it more. Before the first call. */
void fixture_attempts(struct handler_fixture *f, int max_attempts);

/* From now on there are no AWS credentials to be had. */
void fixture_without_credentials(struct handler_fixture *f);

/* Appends to the script. */
void expect(struct handler_fixture *f, const struct step *steps, size_t n);

/* For the fields of a request, which protobuf-c does not declare const. */
char *text_of(const char *text);

/* A request with all fields set but session_data; regions us-east-1 and us-west-2. */
struct dsm_request_create_game_session good_request(void);

/* Starts a call; the request is copied. */
void start_call(struct handler_fixture *f, const char *rpc, const ProtobufCMessage *req);
void start_create(struct handler_fixture *f, const struct dsm_request_create_game_session *req);
void start_async(struct handler_fixture *f, const struct dsm_request_create_game_session *req);
void start_terminate(struct handler_fixture *f,
                     const struct dsm_request_terminate_game_session *req);
void start_good_terminate(struct handler_fixture *f); /* of session-1 */

/* The caller goes away, or its deadline passes, as the server tells it. */
void cancel_call(struct handler_fixture *f, enum rpc_code code);

/* The answer of the call that has ended did not reach AGS, as the server tells it. */
void lose_answer(struct handler_fixture *f);

/* Moves the clock on in small steps until that much time has passed. */
void pass(struct handler_fixture *f, int64_t ms);
/* Until the call has ended, which must be within ten minutes. */
void finish_call(struct handler_fixture *f);
/* Until every step was used. */
void finish_script(struct handler_fixture *f);
/* Until no reclaim is left. */
void finish_reclaims(struct handler_fixture *f);

/* Starts and finishes; the answer of a call that must succeed. */
const struct dsm_response_create_game_session *created(
    struct handler_fixture *f, const struct dsm_request_create_game_session *req);
const struct dsm_response_create_game_session_async *created_async(
    struct handler_fixture *f, const struct dsm_request_create_game_session *req);
const struct dsm_response_terminate_game_session *terminated(struct handler_fixture *f);

/* Starts and finishes; the call must fail with the code, and a text that holds `words`. */
void refused(struct handler_fixture *f, const struct dsm_request_create_game_session *req,
             enum rpc_code code, const char *words);
void terminate_refused(struct handler_fixture *f, enum rpc_code code, const char *words);

/* Each upstream request of the script came. */
void assert_script_used(const struct handler_fixture *f);
void assert_failed(const struct handler_fixture *f, enum rpc_code code, const char *words);
void assert_contains(struct str text, const char *words);
size_t reclaims(const struct handler_fixture *f);
/* A line with that text is in the log so far. */
bool logged(struct handler_fixture *f, const char *words);

/* ---- answers that the scripts share ---- */

#define ARN_OF(token) "arn:aws:gamelift:us-east-1::gamesession/fleet-1/us-west-2/" token
#define SESSION_AT(arn, status)                                                                    \
    "{\"GameSessionId\":\"" arn "\",\"Status\":\"" status                                          \
    "\",\"IpAddress\":\"203.0.113.7\",\"Port\":7777,\"Location\":\"us-west-2\"}"
#define SESSION(token, status) SESSION_AT(ARN_OF(token), status)
#define CREATED(token, status) OK("{\"GameSession\":" SESSION(token, status) "}")
#define ENDED OK("{\"GameSession\":{\"Status\":\"TERMINATING\"}}")
#define LISTED(sessions) OK("{\"GameSessions\":[" sessions "]}")
#define PLACEMENT(status) OK("{\"GameSessionPlacement\":{\"Status\":\"" status "\"}}")
#define PLACED(token)                                                                              \
    OK("{\"GameSessionPlacement\":{\"Status\":\"FULFILLED\",\"GameSessionArn\":\"" ARN_OF(         \
        token) "\"}}")

#define AGS_LOOKUP "GET /session/v1/public/namespaces/studio-game/gamesessions/session-1"
#define AGS_SESSION_OF(deployment, ds)                                                             \
    OK("{\"id\":\"session-1\",\"isActive\":true,\"configuration\":{\"deployment\":\"" deployment   \
       "\"},\"DSInformation\":" ds "}")
#define AGS_SESSION(ds) AGS_SESSION_OF("demo-queue", ds)
#define AGS_SERVER(status, deployment)                                                             \
    AGS_SESSION("{\"StatusV2\":\"" status "\",\"Server\":{\"deployment\":\"" deployment "\"}}")
#define AGS_UNKNOWN .status = 404, .body = "{\"errorCode\":1,\"errorMessage\":\"not found\"}"

#endif
