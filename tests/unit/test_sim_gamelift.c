// SPDX-License-Identifier: Apache-2.0
/* The stand-in GameLift's state: names, capacity, idempotency, and how things change with time. */
#include "base/clock.h"
#include "base/obj.h"
#include "sim/gamelift.h"
#include "unit.h"

#include <stdlib.h>

static const char world_json[] =
    "{\"home_region\": \"us-east-1\", \"activation_ms\": 100, \"termination_ms\": 100,"
    " \"placement_ms\": 50, \"max_sessions\": 6,"
    " \"fleets\": [{\"id\": \"fleet-a\", \"locations\": [{\"name\": \"us-east-1\", \"capacity\": "
    "2},"
    "   {\"name\": \"us-west-2\", \"capacity\": 0}, {\"name\": \"eu-central-1\", \"capacity\": "
    "1}]},"
    "   {\"id\": \"fleet-cn\", \"region\": \"cn-north-1\","
    "    \"locations\": [{\"name\": \"cn-north-1\"}]}],"
    " \"aliases\": [{\"id\": \"alias-a\", \"fleet\": \"fleet-a\"}],"
    " \"queues\": [{\"name\": \"q\", \"destinations\": [\"alias-a\"], \"timeout_ms\": 500}]}";

static struct arena *arena;
static struct sim *sim;
static struct gamelift *gl;
static int64_t now_ms;

static void set_time(int64_t ms) {
    now_ms = ms;
    clock_hold(ms * 1000, (1440938160000 + ms) * 1000);
    due_run(&sim->due, now_ms);
}

static int set_up(void **state) {
    (void)state;
    struct gamelift_world *world = NULL;
    arena = arena_new(ARENA_LIMIT_DEFAULT);
    sim = calloc(1, sizeof *sim);
    gl = calloc(1, sizeof *gl);
    assert_non_null(sim);
    assert_non_null(gl);
    sim_init(sim);
    assert_null(gamelift_world_read(str_c(world_json), arena, &world));
    gamelift_init(gl, sim, world);
    set_time(1000);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    gamelift_free(gl);
    sim_free(sim);
    free(gl);
    free(sim);
    arena_free(arena);
    clock_hold(-1, -1);
    return 0;
}

static struct gl_create_game_session_input creation(const char *token, const char *location) {
    return (struct gl_create_game_session_input){
        .alias_id = STR("alias-a"),
        .has_maximum_player_session_count = true,
        .maximum_player_session_count = 4,
        .idempotency_token = str_c(token),
        .location = str_c(location),
    };
}

static const struct gl_game_session *must_create(const char *token, const char *location) {
    struct gl_create_game_session_input in = creation(token, location);
    struct gl_create_game_session_output out = {.game_session = NULL};
    struct err *err = gamelift_create(gl, STR("us-east-1"), &in, arena, &out);
    if (err != NULL)
        fail_msg("refused: " STR_FMT, STR_ARG(err->msg));
    return out.game_session;
}

static void assert_refused(struct err *err, const char *type) {
    assert_non_null(err);
    assert_str(err->type, type);
    assert_int_equal(err->http_status, 400);
}

static void assert_create_refused(const char *token, const char *location, const char *type) {
    struct gl_create_game_session_input in = creation(token, location);
    struct gl_create_game_session_output out = {.game_session = NULL};
    assert_refused(gamelift_create(gl, STR("us-east-1"), &in, arena, &out), type);
    assert_null(out.game_session);
}

static struct err *terminate(struct str arn, enum gl_termination_mode mode) {
    struct gl_terminate_game_session_input in = {.game_session_id = arn, .termination_mode = mode};
    struct gl_terminate_game_session_output out = {.game_session = NULL};
    return gamelift_terminate(gl, STR("us-east-1"), &in, arena, &out);
}

static enum gl_game_session_status status_of(struct str arn) {
    const struct gamelift_session *s = gamelift_session_by_arn(gl, STR("us-east-1"), arn);
    assert_non_null(s);
    return s->view.status;
}

static void arns_name_the_location_only_where_it_is_remote(void **state) {
    (void)state;
    assert_str(must_create("t1", NULL)->game_session_id,
               "arn:aws:gamelift:us-east-1::gamesession/fleet-a/t1");
    assert_str(must_create("t2", "us-east-1")->game_session_id,
               "arn:aws:gamelift:us-east-1::gamesession/fleet-a/t2");
    assert_str(must_create("t3", "eu-central-1")->game_session_id,
               "arn:aws:gamelift:us-east-1::gamesession/fleet-a/eu-central-1/t3");
    struct gl_create_game_session_input in = {.fleet_id = STR("fleet-cn"),
                                              .game_session_id = STR("own")};
    struct gl_create_game_session_output out = {.game_session = NULL};
    assert_null(gamelift_create(gl, STR("cn-north-1"), &in, arena, &out));
    assert_str(out.game_session->game_session_id,
               "arn:aws-cn:gamelift:cn-north-1::gamesession/fleet-cn/own");
    assert_str(out.game_session->fleet_arn,
               "arn:aws-cn:gamelift:cn-north-1:123456789012:fleet/fleet-cn");
}

static void sessions_come_up_and_end_with_time(void **state) {
    (void)state;
    struct str arn = must_create("t1", NULL)->game_session_id;
    assert_int_equal(status_of(arn), GL_GAME_SESSION_STATUS_ACTIVATING);
    set_time(now_ms + 99);
    assert_int_equal(status_of(arn), GL_GAME_SESSION_STATUS_ACTIVATING);
    set_time(now_ms + 1);
    assert_int_equal(status_of(arn), GL_GAME_SESSION_STATUS_ACTIVE);
    assert_null(terminate(arn, GL_TERMINATION_MODE_TRIGGER_ON_PROCESS_TERMINATE));
    assert_int_equal(status_of(arn), GL_GAME_SESSION_STATUS_TERMINATING);
    assert_refused(terminate(arn, GL_TERMINATION_MODE_TRIGGER_ON_PROCESS_TERMINATE),
                   "InvalidGameSessionStatusException");
    set_time(now_ms + 100);
    assert_int_equal(status_of(arn), GL_GAME_SESSION_STATUS_TERMINATED);
    const struct gamelift_session *s = gamelift_session_by_arn(gl, STR("us-east-1"), arn);
    assert_int_equal(s->view.termination_time - s->view.creation_time, 200);
    assert_refused(terminate(arn, GL_TERMINATION_MODE_FORCE_TERMINATE),
                   "InvalidGameSessionStatusException");
}

static void a_forced_end_does_not_wait_and_cures_a_hanging_one(void **state) {
    (void)state;
    struct str one = must_create("t1", NULL)->game_session_id;
    assert_null(terminate(one, GL_TERMINATION_MODE_FORCE_TERMINATE));
    assert_int_equal(status_of(one), GL_GAME_SESSION_STATUS_TERMINATED);
    struct str two = must_create("t2", NULL)->game_session_id;
    assert_null(terminate(two, GL_TERMINATION_MODE_TRIGGER_ON_PROCESS_TERMINATE));
    assert_null(terminate(two, GL_TERMINATION_MODE_FORCE_TERMINATE));
    set_time(now_ms + 1000);
    assert_int_equal(status_of(two), GL_GAME_SESSION_STATUS_TERMINATED);
}

static void servers_are_counted_until_a_session_is_over(void **state) {
    (void)state;
    struct str one = must_create("t1", NULL)->game_session_id;
    must_create("t2", NULL);
    assert_create_refused("t3", NULL, "FleetCapacityExceededException");
    assert_create_refused("t3", "us-west-2", "FleetCapacityExceededException");
    assert_null(terminate(one, GL_TERMINATION_MODE_TRIGGER_ON_PROCESS_TERMINATE));
    assert_create_refused("t3", NULL, "FleetCapacityExceededException");
    set_time(now_ms + 100);
    must_create("t3", NULL);
    assert_int_equal(gl->world->fleets[0].locations[0].in_use, 2);
}

static void a_token_means_one_session_for_ever(void **state) {
    (void)state;
    struct str arn = must_create("t1", NULL)->game_session_id;
    assert_str(must_create("t1", NULL)->game_session_id, arena_cstr(arena, arn));
    assert_int_equal(gl->n_sessions, 1);
    assert_create_refused("t1", "eu-central-1", "IdempotentParameterMismatchException");
    assert_null(terminate(arn, GL_TERMINATION_MODE_FORCE_TERMINATE));
    assert_int_equal(must_create("t1", NULL)->status, GL_GAME_SESSION_STATUS_TERMINATED);
    /* Whatever else the fleet's state is by then. */
    gl->world->fleets[0].status = STR("ERROR");
    assert_int_equal(must_create("t1", NULL)->status, GL_GAME_SESSION_STATUS_TERMINATED);
    assert_create_refused("t2", NULL, "InvalidFleetStatusException");
}

static void a_failed_create_leaves_its_token_free(void **state) {
    (void)state;
    assert_create_refused("t1", "us-west-2", "FleetCapacityExceededException");
    assert_create_refused("t1", "moon-1", "UnsupportedRegionException");
    assert_create_refused("t1", "cn-north-1", "InvalidRequestException");
    must_create("t1", "eu-central-1");
}

static void ended_sessions_make_room_and_live_ones_do_not(void **state) {
    (void)state;
    char token[] = "t0";
    for (int i = 0; i < 20; i++) {
        token[1] = (char)('a' + i);
        struct str arn = must_create(token, NULL)->game_session_id;
        assert_null(terminate(arn, GL_TERMINATION_MODE_FORCE_TERMINATE));
    }
    assert_int_equal(gl->n_sessions, 6);
    gl->world->fleets[0].locations[0].capacity = 100;
    for (int i = 0; i < 6; i++) {
        token[1] = (char)('0' + i);
        must_create(token, NULL);
    }
    assert_create_refused("more", NULL, "LimitExceededException");
}

static struct err *start(const char *id,
                         const struct gl_priority_configuration_override *priority) {
    struct gl_start_game_session_placement_input in = {
        .placement_id = str_c(id),
        .game_session_queue_name = STR("q"),
        .has_maximum_player_session_count = true,
        .maximum_player_session_count = 2,
        .priority_configuration_override = priority,
    };
    struct gl_start_game_session_placement_output out = {.game_session_placement = NULL};
    return gamelift_start_placement(gl, STR("us-east-1"), &in, arena, &out);
}

static const struct gl_game_session_placement *placement(const char *id) {
    const struct gamelift_placement *p = gamelift_placement_by_id(gl, str_c(id));
    assert_non_null(p);
    return &p->view;
}

static void placements_follow_the_order_that_was_asked_for(void **state) {
    (void)state;
    const struct str order[] = {STR_INIT("us-west-2"), STR_INIT("eu-central-1")};
    const struct gl_priority_configuration_override priority = {
        .location_order = {.v = order, .n = 2}};
    assert_null(start("p1", &priority));
    assert_null(start("p2", &priority));
    assert_int_equal(placement("p1")->status, GL_GAME_SESSION_PLACEMENT_STATE_PENDING);
    assert_null(placement("p1")->game_session_arn.p);
    set_time(now_ms + 50);
    assert_int_equal(placement("p1")->status, GL_GAME_SESSION_PLACEMENT_STATE_FULFILLED);
    assert_str(placement("p1")->game_session_region, "eu-central-1");
    assert_int_equal(status_of(placement("p1")->game_session_arn), GL_GAME_SESSION_STATUS_ACTIVE);
    /* The one server there is taken; without a strategy the queue's own order follows. */
    assert_str(placement("p2")->game_session_region, "us-east-1");
}

static void placements_wait_for_a_server_and_give_up_in_time(void **state) {
    (void)state;
    const struct str order[] = {STR_INIT("eu-central-1")};
    const struct gl_priority_configuration_override only = {
        .location_order = {.v = order, .n = 1},
        .placement_fallback_strategy = GL_PLACEMENT_FALLBACK_STRATEGY_NONE};
    struct str held = must_create("t1", "eu-central-1")->game_session_id;
    assert_null(start("p1", &only));
    assert_null(start("p2", &only));
    set_time(now_ms + 200);
    assert_int_equal(placement("p1")->status, GL_GAME_SESSION_PLACEMENT_STATE_PENDING);
    assert_null(terminate(held, GL_TERMINATION_MODE_FORCE_TERMINATE));
    set_time(now_ms);
    assert_int_equal(placement("p1")->status, GL_GAME_SESSION_PLACEMENT_STATE_FULFILLED);
    assert_int_equal(placement("p2")->status, GL_GAME_SESSION_PLACEMENT_STATE_PENDING);
    set_time(now_ms + 300);
    assert_int_equal(placement("p2")->status, GL_GAME_SESSION_PLACEMENT_STATE_TIMED_OUT);
    assert_true(placement("p2")->has_end_time);
}

static void stopping_needs_a_pending_placement_and_ids_stay_taken(void **state) {
    (void)state;
    const struct gl_stop_game_session_placement_input in = {.placement_id = STR("p1")};
    struct gl_stop_game_session_placement_output out = {.game_session_placement = NULL};
    assert_refused(gamelift_stop_placement(gl, STR("us-east-1"), &in, arena, &out),
                   "NotFoundException");
    assert_null(start("p1", NULL));
    assert_refused(gamelift_stop_placement(gl, STR("cn-north-1"), &in, arena, &out),
                   "NotFoundException");
    assert_null(gamelift_stop_placement(gl, STR("us-east-1"), &in, arena, &out));
    assert_int_equal(placement("p1")->status, GL_GAME_SESSION_PLACEMENT_STATE_CANCELLED);
    assert_refused(gamelift_stop_placement(gl, STR("us-east-1"), &in, arena, &out),
                   "InvalidRequestException");
    assert_refused(start("p1", NULL), "InvalidRequestException");
    set_time(now_ms + 1000);
    assert_int_equal(gl->n_sessions, 0);
}

static void a_reset_leaves_nothing_and_frees_every_server(void **state) {
    (void)state;
    must_create("t1", NULL);
    gl->world->fleets[0].locations[0].capacity = 77;
    assert_null(start("p1", NULL));
    gamelift_clear(gl);
    assert_int_equal(gl->n_sessions + gl->n_placements, 0);
    assert_int_equal(due_wait_ms(&sim->due, now_ms), -1);
    assert_int_equal(gl->world->fleets[0].locations[0].capacity, 2);
    assert_int_equal(gl->world->fleets[0].locations[0].in_use, 0);
    assert_null(start("p1", NULL));
}

static void a_bad_world_is_refused_naming_the_member(void **state) {
    (void)state;
    static const struct {
        const char *json;
        const char *words;
    } cases[] = {
        {"", "not valid JSON"},
        {"[]", "world must be an object"},
        {"{\"fleets\": []}", "world.home_region is missing"},
        {"{\"home_region\": 1, \"fleets\": []}", "world.home_region must be a string"},
        {"{\"home_region\": \"r\", \"fleets\": [{\"id\": \"f\"}]}", "fleet.locations is missing"},
        {"{\"home_region\": \"r\", \"fleets\": [], \"aliases\": [{\"id\": \"a\", \"fleet\": "
         "\"f\"}]}",
         "there is no fleet f"},
        {"{\"home_region\": \"r\", \"fleets\": [], \"max_sessions\": 0}",
         "world.max_sessions must be between"},
        {"{\"home_region\": \"r\", \"fleets\": [], \"queus\": []}", "no member \"queus\""},
    };
    struct gamelift_world *world = NULL;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err *err = gamelift_world_read(str_c(cases[i].json), arena, &world);
        assert_non_null(err);
        if (strstr(arena_cstr(arena, err->msg), cases[i].words) == NULL)
            fail_msg("got: " STR_FMT ", want: %s", STR_ARG(err->msg), cases[i].words);
    }
    assert_null(gamelift_world_read(str_c(gamelift_world_example), arena, &world));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(arns_name_the_location_only_where_it_is_remote),
        TEST(sessions_come_up_and_end_with_time),
        TEST(a_forced_end_does_not_wait_and_cures_a_hanging_one),
        TEST(servers_are_counted_until_a_session_is_over),
        TEST(a_token_means_one_session_for_ever),
        TEST(a_failed_create_leaves_its_token_free),
        TEST(ended_sessions_make_room_and_live_ones_do_not),
        TEST(placements_follow_the_order_that_was_asked_for),
        TEST(placements_wait_for_a_server_and_give_up_in_time),
        TEST(stopping_needs_a_pending_placement_and_ids_stay_taken),
        TEST(a_reset_leaves_nothing_and_frees_every_server),
        TEST(a_bad_world_is_refused_naming_the_member),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
