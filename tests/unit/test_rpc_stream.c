// SPDX-License-Identifier: Apache-2.0
/* Methods that stream: server and generated client stubs in one process, over loopback. */
#include "unit.h"

#include "base/obj.h"
#include "generated/health_client.h"
#include "generated/streams_client.h"
#include "grpc/health.h"
#include "grpc/server.h"
#include "stream_handlers.h"

#include <pthread.h>
#include <time.h>

#define TIMEOUT_MS 20000

static struct arena *arena;
static struct loop *loop;
static struct server *server;
static struct health_service *health;
static struct rpc_client *client;
static struct streams_service service;
static struct rpc_client_stream *stream;
static pthread_t thread;
static struct loop_job job;
static struct loop_job drain_job;
static bool drained;
static struct server_outcome last; /* err and resp are not to be looked at */
static atomic_int finished;

static void on_finished(void *priv, const struct rpc_call *rpc,
                        const struct server_outcome *outcome) {
    (void)priv;
    (void)rpc;
    last = *outcome;
    atomic_fetch_add(&finished, 1);
}

static void on_drained(void *priv) {
    assert_ptr_equal(priv, server);
    loop_stop(loop);
}

static void drain(struct loop_job *j) {
    (void)j;
    health_drain(health);
    server_drain(server, TIMEOUT_MS, on_drained, server);
}

static void *run_loop(void *arg) {
    (void)arg;
    loop_run(loop);
    return NULL;
}

static const struct server_options options = {.address = "127.0.0.1", .finished = on_finished};

static int set_up(void **state) {
    char target[32];
    (void)state;
    arena = arena_new(ARENA_LIMIT_DEFAULT);
    loop = loop_new();
    server = server_new(loop, &options);
    health = health_new();
    service = (struct streams_service){.loop = loop};
    finished = 0;
    drained = false;
    server_add_service(server, &streams_streams_service, &stream_handlers, &service, 0);
    health_add_to(health, server);
    struct err *err = server_start(server, arena);
    if (err != NULL)
        return -1;
    snprintf(target, sizeof target, "127.0.0.1:%d", server_port(server));
    client = rpc_client_new(target);
    return pthread_create(&thread, NULL, run_loop, NULL);
}

static void start_drain(void) {
    drained = true;
    loop_post(loop, &drain_job, drain);
}

static int tear_down(void **state) {
    (void)state;
    if (!drained)
        start_drain();
    rpc_client_stream_free(stream);
    stream = NULL;
    rpc_client_free(client);
    pthread_join(thread, NULL);
    server_free(server);
    health_free(health);
    loop_free(loop);
    arena_free(arena);
    return 0;
}

static void sleep_ms(long ms) {
    struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    nanosleep(&t, NULL);
}

static void await_finished(int n) {
    for (int i = 0; i < 2000 && atomic_load(&finished) < n; i++)
        sleep_ms(10);
    assert_int_equal(finished, n);
    assert_int_equal(service.open, 0);
}

static void count(int64_t pieces, int64_t text_bytes, int64_t pause_ms, int32_t code,
                  int64_t timeout_ms) {
    struct streams_order order = STREAMS_ORDER_INIT;
    order.pieces = pieces;
    order.text_bytes = text_bytes;
    order.pause_ms = pause_ms;
    order.code = code;
    assert_null(streams_streams_count(client, arena, &order, timeout_ms, &stream));
}

static const struct streams_piece *read_count(void) {
    const struct streams_piece *piece = NULL;
    assert_null(streams_streams_count_read(stream, arena, &piece));
    return piece;
}

static void say(int64_t number, const char *text) {
    struct streams_piece piece = STREAMS_PIECE_INIT;
    piece.number = number;
    piece.text = protobuf_string(arena, str_c(text));
    assert_null(streams_streams_chat_send(stream, arena, &piece));
}

/* ---- the promises ---- */

static void server_stream_sends_all_in_order_and_ends(void **state) {
    (void)state;
    count(100, 10, 0, 0, TIMEOUT_MS);
    for (int i = 0; i < 100; i++) {
        const struct streams_piece *piece = read_count();
        assert_non_null(piece);
        assert_int_equal(piece->number, i);
        assert_string_equal(piece->text, "xxxxxxxxxx");
    }
    assert_null(read_count());
    assert_null(read_count());
    await_finished(1);
    assert_int_equal(last.code, RPC_OK);
    assert_int_equal(last.received, 1);
    assert_int_equal(last.sent, 100);
    assert_true(last.response_bytes > 1000);
}

static void server_stream_may_send_nothing(void **state) {
    (void)state;
    count(0, 0, 0, 0, TIMEOUT_MS);
    assert_null(read_count());
}

static void server_stream_may_fail_after_messages(void **state) {
    const struct streams_piece *piece = NULL;
    (void)state;
    count(2, 0, 0, RPC_ABORTED, TIMEOUT_MS);
    assert_non_null(read_count());
    assert_non_null(read_count());
    struct err *err = streams_streams_count_read(stream, arena, &piece);
    assert_non_null(err);
    assert_int_equal(err->code, RPC_ABORTED);
    assert_str(err->msg, "counted enough");
}

static void sender_waits_for_a_reader_that_does_not_read(void **state) {
    (void)state;
    count(10000, 50000, 0, 0, TIMEOUT_MS);
    assert_non_null(read_count());
    size_t before;
    do { /* until the windows are full */
        before = service.counted;
        sleep_ms(300);
        assert_true(before < 500); /* some megabytes, not 500 MB */
    } while (service.counted != before);
    for (int i = 0; i < 200; i++) {
        struct arena *a = arena_new(ARENA_LIMIT_DEFAULT);
        const struct streams_piece *piece = NULL;
        assert_null(streams_streams_count_read(stream, a, &piece));
        assert_non_null(piece);
        arena_free(a);
    }
    assert_true(service.counted >= 200);
    rpc_client_stream_free(stream);
    stream = NULL;
    await_finished(1);
    assert_int_equal(service.cancelled, 1);
    assert_int_equal(last.code, RPC_CANCELLED);
}

static void deadline_ends_a_blocked_send(void **state) {
    (void)state;
    count(10000, 50000, 0, 0, 500);
    assert_non_null(read_count());
    await_finished(1);
    assert_int_equal(last.code, RPC_DEADLINE_EXCEEDED);
}

static void message_of_a_stream_over_its_memory_is_refused(void **state) {
    const struct streams_piece *piece = NULL;
    (void)state;
    count(2, (int64_t)ARENA_LIMIT_DEFAULT + 1, 0, 0, TIMEOUT_MS);
    struct err *err = streams_streams_count_read(stream, arena, &piece);
    assert_non_null(err);
    assert_int_equal(err->code, RPC_RESOURCE_EXHAUSTED);
    assert_str(err->msg, "the message needs too much memory");
    await_finished(1);
    assert_int_equal(last.sent, 0);
}

static void client_stream_is_answered_after_its_last_message(void **state) {
    struct streams_piece piece = STREAMS_PIECE_INIT;
    const struct streams_total *total = NULL;
    (void)state;
    assert_null(streams_streams_collect(client, arena, TIMEOUT_MS, &stream));
    for (int64_t i = 0; i < 1000; i++) {
        piece.number = i;
        assert_null(streams_streams_collect_send(stream, arena, &piece));
    }
    rpc_client_stream_done(stream);
    assert_null(streams_streams_collect_read(stream, arena, &total));
    assert_non_null(total);
    assert_int_equal(total->pieces, 1000);
    assert_int_equal(total->sum, 999 * 500);
    assert_null(streams_streams_collect_read(stream, arena, &total));
    assert_null(total);
    await_finished(1);
    assert_int_equal(last.received, 1000);
    assert_int_equal(last.sent, 1);
}

/* A stream that breaks off must never look like one that is complete. */
static void cancelled_client_stream_is_not_taken_for_a_complete_one(void **state) {
    struct streams_piece piece = STREAMS_PIECE_INIT;
    (void)state;
    for (int i = 0; i < 200; i++) {
        assert_null(streams_streams_collect(client, arena, TIMEOUT_MS, &stream));
        assert_null(streams_streams_collect_send(stream, arena, &piece));
        rpc_client_stream_free(stream);
        stream = NULL;
        await_finished(i + 1);
        assert_int_equal(last.code, RPC_CANCELLED);
    }
    assert_int_equal(service.cancelled, 200);
}

static void cancelled_talk_is_not_taken_for_a_complete_one(void **state) {
    const struct streams_piece *piece = NULL;
    (void)state;
    for (int i = 0; i < 200; i++) {
        assert_null(streams_streams_chat(client, arena, TIMEOUT_MS, &stream));
        say(i, "");
        assert_null(streams_streams_chat_read(stream, arena, &piece));
        rpc_client_stream_free(stream);
        stream = NULL;
        await_finished(i + 1);
        assert_int_equal(last.code, RPC_CANCELLED);
    }
    assert_int_equal(service.cancelled, 200);
}

static void both_sides_talk_in_turns(void **state) {
    const struct streams_piece *piece = NULL;
    (void)state;
    assert_null(streams_streams_chat(client, arena, TIMEOUT_MS, &stream));
    for (int i = 0; i < 50; i++) {
        say(i, "gr\xc3\xbc\xc3\x9f");
        assert_null(streams_streams_chat_read(stream, arena, &piece));
        assert_int_equal(piece->number, i);
        assert_string_equal(piece->text, "gr\xc3\xbc\xc3\x9f");
    }
    rpc_client_stream_done(stream);
    assert_null(streams_streams_chat_read(stream, arena, &piece));
    assert_null(piece);
    await_finished(1);
    assert_int_equal(last.received, 50);
    assert_int_equal(last.sent, 50);
}

static void server_may_end_before_its_caller(void **state) {
    const struct streams_piece *piece = NULL;
    (void)state;
    assert_null(streams_streams_chat(client, arena, TIMEOUT_MS, &stream));
    say(-RPC_NOT_FOUND, "");
    struct err *err = streams_streams_chat_read(stream, arena, &piece);
    assert_non_null(err);
    assert_int_equal(err->code, RPC_NOT_FOUND);
    assert_str(err->msg, "as you wish");
    struct streams_piece late = STREAMS_PIECE_INIT;
    err = streams_streams_chat_send(stream, arena, &late);
    assert_non_null(err);
    assert_int_equal(err->code, RPC_UNAVAILABLE);
}

static void unary_method_of_the_same_service_works(void **state) {
    struct streams_piece req = STREAMS_PIECE_INIT;
    const struct streams_piece *resp = NULL;
    (void)state;
    req.number = 7;
    assert_null(streams_streams_echo(client, arena, &req, TIMEOUT_MS, &resp));
    assert_int_equal(resp->number, 7);
}

/* ---- health ---- */

static struct rpc_client_stream *watch(const char *name) {
    struct health_health_check_request req = HEALTH_HEALTH_CHECK_REQUEST_INIT;
    struct rpc_client_stream *made = NULL;
    req.service = protobuf_string(arena, str_c(name));
    assert_null(health_health_watch(client, arena, &req, CTX_NO_DEADLINE, &made));
    return made;
}

static int next(struct rpc_client_stream *watched) {
    const struct health_health_check_response *resp = NULL;
    struct err *err = health_health_watch_read(watched, arena, &resp);
    if (err != NULL)
        return -(int)err->code;
    assert_non_null(resp);
    return (int)resp->status;
}

static void set_state(struct loop_job *j) {
    (void)j;
    health_set(health, "other", true);
    health_set(health, "other", true);
    health_set(health, "", false);
}

static void change_often(struct loop_job *j) {
    (void)j;
    for (int i = 0; i < 1000; i++)
        health_set(health, "other", i % 2 != 0);
    health_set(health, "other", false);
}

static void watch_tells_at_once_and_then_on_change(void **state) {
    struct rpc_client_stream *other = watch("other");
    (void)state;
    stream = watch("");
    assert_int_equal(next(stream), 1);
    assert_int_equal(next(other), 3); /* SERVICE_UNKNOWN, and the stream goes on */
    loop_post(loop, &job, set_state);
    assert_int_equal(next(other), 1);
    assert_int_equal(next(stream), 2);
    rpc_client_stream_free(other);
    await_finished(1);
}

static void watch_tells_only_the_newest_of_many_changes(void **state) {
    (void)state;
    stream = watch("other");
    assert_int_equal(next(stream), 3);
    loop_post(loop, &job, change_often);
    int told = 0;
    for (int status = 1; status != 2 || told == 0; told++) {
        status = next(stream);
        if (status == 2 && told > 0)
            break;
        assert_true(told < 10);
        if (status == 2)
            break;
    }
    start_drain();
    /* The state was NOT_SERVING already: nothing new until the end. */
    assert_int_equal(next(stream), -RPC_UNAVAILABLE);
}

static void drain_ends_watches_after_telling_them(void **state) {
    (void)state;
    stream = watch("");
    assert_int_equal(next(stream), 1);
    start_drain();
    assert_int_equal(next(stream), 2);
    assert_int_equal(next(stream), -RPC_UNAVAILABLE);
    await_finished(1);
}

static void drain_waits_for_a_stream_of_the_application(void **state) {
    (void)state;
    count(3, 0, 100, 0, TIMEOUT_MS);
    assert_non_null(read_count());
    start_drain();
    assert_non_null(read_count());
    assert_non_null(read_count());
    assert_null(read_count());
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(server_stream_sends_all_in_order_and_ends),
        TEST(server_stream_may_send_nothing),
        TEST(server_stream_may_fail_after_messages),
        TEST(sender_waits_for_a_reader_that_does_not_read),
        TEST(deadline_ends_a_blocked_send),
        TEST(message_of_a_stream_over_its_memory_is_refused),
        TEST(client_stream_is_answered_after_its_last_message),
        TEST(cancelled_client_stream_is_not_taken_for_a_complete_one),
        TEST(cancelled_talk_is_not_taken_for_a_complete_one),
        TEST(both_sides_talk_in_turns),
        TEST(server_may_end_before_its_caller),
        TEST(unary_method_of_the_same_service_works),
        TEST(watch_tells_at_once_and_then_on_change),
        TEST(watch_tells_only_the_newest_of_many_changes),
        TEST(drain_ends_watches_after_telling_them),
        TEST(drain_waits_for_a_stream_of_the_application),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
