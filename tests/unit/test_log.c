// SPDX-License-Identifier: Apache-2.0
/*
 * The log: what a line says, and that writing one never blocks. The lines go through pipes; tests
 * that stall or replace the writer run in a process of their own, because it has but one.
 */
#include "unit/unit.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/obj.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define OUTPUT_MAX ((size_t)16 << 20)
#define HEAD(level) "{\"time\":\"2026-01-31T12:00:00.000042Z\",\"level\":\"" level "\",\"msg\":"

static struct arena *arena;
static int out[2]; /* the log's pipe: read end, write end */
static char *text; /* what came out of it */
static size_t text_n;

static _Atomic long clock_ahead_s; /* by which the wall clock is wrong */

/* In place of the C library's, for this program. */
int clock_gettime(clockid_t id, struct timespec *ret) {
    int status = (int)syscall(SYS_clock_gettime, id, ret);
    if (id == CLOCK_REALTIME)
        ret->tv_sec += clock_ahead_s;
    return status;
}

static int set_up(void **state) {
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    arena = arena_new(ARENA_LIMIT_DEFAULT);
    text = NULL;
    text_n = 0;
    return pipe(out);
}

static int tear_down(void **state) {
    (void)state;
    clock_hold(-1, -1);
    log_stop(1000);
    arena_free(arena);
    close(out[0]);
    if (out[1] >= 0)
        close(out[1]);
    free(text);
    return 0;
}

/* Everything up to the end of the pipe, with a NUL behind it. */
static void *read_all(void *arg) {
    (void)arg;
    text = malloc(OUTPUT_MAX);
    AN(text);
    ssize_t n;
    while ((n = read(out[0], text + text_n, OUTPUT_MAX - text_n - 1)) > 0)
        text_n += (size_t)n;
    text[text_n] = '\0';
    return NULL;
}

static void close_and_read(void) {
    log_stop(5000);
    close(out[1]);
    out[1] = -1;
    read_all(NULL);
}

static void hold_time(void) {
    clock_hold(1, INT64_C(1769860800000042));
}

static size_t count_lines(void) {
    size_t n = 0;
    for (size_t i = 0; i < text_n; i++)
        n += text[i] == '\n';
    return n;
}

/* ---- levels ---- */

static void levels_are_read_in_any_case(void **state) {
    (void)state;
    static const struct {
        const char *name;
        enum log_level level;
    } rows[] = {
        {"debug", LOG_LEVEL_DEBUG},  {"INFO", LOG_LEVEL_INFO},   {"Warn", LOG_LEVEL_WARN},
        {"warning", LOG_LEVEL_WARN}, {"error", LOG_LEVEL_ERROR}, {"oFF", LOG_LEVEL_OFF},
    };
    static const char *const bad[] = {"", "inf", "info ", "trace", "0"};
    enum log_level level = LOG_LEVEL_ERROR;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_true(log_level_parse(str_c(rows[i].name), &level));
        assert_int_equal(level, rows[i].level);
    }
    level = LOG_LEVEL_ERROR;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(log_level_parse(str_c(bad[i]), &level));
    assert_int_equal(level, LOG_LEVEL_ERROR);
}

static int evaluated;

static int64_t evaluate(void) {
    return ++evaluated;
}

static void lines_below_the_level_cost_and_write_nothing(void **state) {
    (void)state;
    log_start(LOG_LEVEL_WARN, out[1]);
    evaluated = 0;
    LOG_DEBUG(NULL, "no", LOG_INT("n", evaluate()));
    LOG_INFO(NULL, "no", LOG_INT("n", evaluate()));
    log_write(NULL, LOG_LEVEL_INFO, "no", (struct log_field[]){{0}});
    LOG_WARN(NULL, "yes", LOG_INT("n", evaluate()));
    LOG_ERROR(NULL, "yes too");
    close_and_read();
    assert_int_equal(evaluated, 1);
    assert_int_equal(count_lines(), 2);
    assert_null(strstr(text, "no"));
}

static void off_is_silent(void **state) {
    (void)state;
    log_start(LOG_LEVEL_OFF, out[1]);
    LOG_ERROR(NULL, "nobody hears this");
    close_and_read();
    assert_int_equal(text_n, 0);
}

/* ---- a line ---- */

static void a_line_is_one_json_object(void **state) {
    (void)state;
    hold_time();
    log_start(LOG_LEVEL_DEBUG, out[1]);
    LOG_INFO(NULL, "plain");
    LOG_DEBUG(NULL, "fields", LOG_STR("s", STR("a\"b\n\xFF")), LOG_CSTR("c", "text"),
              LOG_INT("i", INT64_MIN), LOG_RAW("r", STR("[1,{}]")), LOG_STR("empty", STR("")),
              LOG_STR("absent", STR_NULL), LOG_CSTR("none", NULL), LOG_RAW("raw none", STR_NULL),
              LOG_CSTR("k\"ey", "v"));
    close_and_read();
    assert_string_equal(text, HEAD("INFO") "\"plain\"}\n" HEAD(
                                  "DEBUG") "\"fields\","
                                           "\"s\":\"a\\\"b\\n\xEF\xBF\xBD\",\"c\":\"text\","
                                           "\"i\":-9223372036854775808,\"r\":[1,{}],\"empty\":\"\","
                                           "\"k\\\"ey\":\"v\"}\n");
}

static void an_error_is_told_with_all_it_carries(void **state) {
    (void)state;
    hold_time();
    log_start(LOG_LEVEL_INFO, out[1]);
    const struct err little = {.code = RPC_INTERNAL, .msg = STR("broken")};
    const struct err full = {
        .code = RPC_NOT_FOUND,
        .msg = STR("gone"),
        .detail = STR("no such fleet"),
        .type = STR("NotFoundException"),
        .request_id = STR("id-1"),
        .http_status = 400,
    };
    LOG_WARN(NULL, "a", LOG_ERR(&little));
    LOG_WARN(NULL, "b", LOG_ERR(&full));
    close_and_read();
    assert_string_equal(
        text,
        HEAD("WARN") "\"a\",\"error\":\"broken\",\"grpc.code\":\"Internal\"}\n" HEAD(
            "WARN") "\"b\",\"error\":\"gone\",\"errorDetail\":\"no such fleet\",\"errorType\":"
                    "\"NotFoundException\",\"requestID\":\"id-1\",\"grpc.code\":\"NotFound\","
                    "\"httpStatus\":400}\n");
}

static void a_context_adds_its_fields_and_its_parents(void **state) {
    (void)state;
    hold_time();
    log_start(LOG_LEVEL_INFO, out[1]);
    struct log *call = LOG_WITH(arena, NULL, LOG_CSTR("rpc", "Create"));
    struct log *part = LOG_WITH(arena, call, LOG_INT("region", 1));
    LOG_INFO(part, "m", LOG_INT("last", 2));
    LOG_INFO(call, "m");
    close_and_read();
    assert_string_equal(text,
                        HEAD("INFO") "\"m\",\"rpc\":\"Create\",\"region\":1,\"last\":2}\n" HEAD(
                            "INFO") "\"m\",\"rpc\":\"Create\"}\n");
}

static struct str long_text(size_t n) {
    char *p = arena_alloc(arena, n + 1);
    memset(p, 'x', n);
    return str_n(p, n);
}

static void what_is_too_long_is_left_out_and_the_line_stays_whole(void **state) {
    (void)state;
    hold_time();
    log_start(LOG_LEVEL_INFO, out[1]);
    struct log *call = LOG_WITH(arena, NULL, LOG_CSTR("rpc", "Create"));
    struct log *fat = LOG_WITH(arena, call, LOG_STR("fat", long_text(9000)));
    LOG_INFO(fat, "m");
    LOG_INFO(call, "too long", LOG_STR("s", long_text(20000)));
    LOG_INFO(call, arena_cstr(arena, long_text(20000)));
    LOG_INFO(NULL, "as long as can be", LOG_STR("s", long_text(16000)));
    close_and_read();
    assert_int_equal(count_lines(), 4);
    assert_true(str_starts(str_c(text), STR(HEAD("INFO") "\"m\",\"rpc\":\"Create\"}\n" HEAD(
                                            "INFO") "\"too long\",\"truncated\":true}\n")));
    for (struct str rest = str_c(text); rest.n > 0;) {
        struct str line = str_sub(rest, 0, str_find(rest, '\n'));
        assert_true(str_starts(line, STR("{")) && str_ends(line, STR("}")));
        rest = str_from(rest, line.n + 1);
    }
}

/* ---- the writer ---- */

#define THREADS 8
#define LINES 3000

static void *write_many(void *arg) {
    for (int i = 0; i < LINES; i++)
        LOG_INFO(NULL, "line", LOG_INT("thread", (intptr_t)arg), LOG_INT("i", i));
    return NULL;
}

static void lines_of_many_threads_stay_whole_and_in_order(void **state) {
    (void)state;
    pthread_t reader;
    pthread_t threads[THREADS];
    uint64_t dropped = log_dropped();
    int next[THREADS] = {0};
    log_start(LOG_LEVEL_INFO, out[1]);
    assert_int_equal(pthread_create(&reader, NULL, read_all, NULL), 0);
    for (intptr_t t = 0; t < THREADS; t++)
        assert_int_equal(pthread_create(&threads[t], NULL, write_many, (void *)t), 0);
    for (int t = 0; t < THREADS; t++)
        pthread_join(threads[t], NULL);
    log_stop(10000);
    close(out[1]);
    out[1] = -1;
    pthread_join(reader, NULL);
    size_t lines = 0;
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n"), lines++) {
        int thread = -1;
        int i = -1;
        const char *fields = strstr(line, "\"msg\":\"line\",");
        assert_non_null(fields);
        assert_int_equal(sscanf(fields + 13, "\"thread\":%d,\"i\":%d}", &thread, &i), 2);
        assert_in_range(thread, 0, THREADS - 1);
        assert_true(i >= next[thread]);
        next[thread] = i + 1;
    }
    assert_int_equal(lines + (log_dropped() - dropped), THREADS * LINES);
}

/* The exit status of fn in a process of its own; it gets 20 s. */
static int in_child(int (*fn)(void)) {
    int status;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        alarm(20);
        _exit(fn());
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    if (!WIFEXITED(status))
        fail_msg("the process ended with signal %d", WTERMSIG(status));
    return WEXITSTATUS(status);
}

static int log_to_nobody(void) {
    int64_t began = clock_mono_ms();
    uint64_t before = log_dropped();
    log_start(LOG_LEVEL_INFO, out[1]);
    for (int i = 0; i < 50000; i++)
        LOG_INFO(NULL, "a line of about a hundred bytes, which nobody reads", LOG_INT("i", i));
    int64_t ms = clock_mono_ms() - began;
    uint64_t dropped = log_dropped() - before;
    if (dropped < 10000 || dropped >= 50000 || ms > 10000)
        return 1;
    began = clock_mono_ms();
    log_stop(200);
    ms = clock_mono_ms() - began;
    return ms < 150 || ms > 5000 ? 2 : 0;
}

/* A line that came right before the clock was set back would else wait for as long. */
static void a_clock_that_is_set_back_holds_up_no_line(void **state) {
    struct pollfd ready = {.fd = out[0], .events = POLLIN};
    (void)state;
    log_start(LOG_LEVEL_INFO, out[1]);
    clock_ahead_s = 3600;
    LOG_INFO(NULL, "line");
    int came = poll(&ready, 1, 10000);
    clock_ahead_s = 0;
    assert_int_equal(came, 1);
}

static void a_stalled_reader_costs_lines_not_time(void **state) {
    (void)state;
    assert_int_equal(in_child(log_to_nobody), 0);
}

/* As when stdout is shared with a program that made it non-blocking. */
static int log_to_non_blocking(void) {
    fcntl(out[1], F_SETFL, O_NONBLOCK);
    uint64_t before = log_dropped();
    log_start(LOG_LEVEL_INFO, out[1]);
    for (int i = 0; i < 5000; i++)
        LOG_INFO(NULL, "a line of about a hundred bytes, which is read slowly", LOG_INT("i", i));
    log_stop(10000);
    return log_dropped() == before ? 0 : 1;
}

static void a_pipe_that_does_not_block_loses_nothing(void **state) {
    (void)state;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        alarm(20);
        _exit(log_to_non_blocking());
    }
    close(out[1]);
    out[1] = -1;
    usleep(100000);
    read_all(NULL);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_int_equal(count_lines(), 5000);
}

static int log_after_the_reader_left(void) {
    uint64_t before = log_dropped();
    int own[2];
    if (pipe(own) != 0)
        return 2;
    close(own[0]);
    log_start(LOG_LEVEL_INFO, own[1]);
    for (int i = 0; i < 100; i++)
        LOG_INFO(NULL, "nobody is there");
    log_stop(5000);
    return log_dropped() - before == 100 ? 0 : 1;
}

static void lines_for_a_reader_that_left_are_counted(void **state) {
    (void)state;
    assert_int_equal(in_child(log_after_the_reader_left), 0);
}

static int log_without_a_writer(void) {
    struct pollfd ready = {.fd = out[0], .events = POLLIN};
    char p[1000];
    dup2(out[1], STDOUT_FILENO);
    LOG_INFO(NULL, "before");
    if (poll(&ready, 1, 0) != 1 || read(out[0], p, sizeof p) < 10)
        return 1;
    log_start(LOG_LEVEL_INFO, out[1]);
    log_stop(1000);
    log_stop(1000);
    LOG_INFO(NULL, "after");
    return poll(&ready, 1, 0) == 1 ? 0 : 2;
}

static void without_a_writer_lines_are_written_at_once(void **state) {
    (void)state;
    assert_int_equal(in_child(log_without_a_writer), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(levels_are_read_in_any_case),
        TEST(lines_below_the_level_cost_and_write_nothing),
        TEST(off_is_silent),
        TEST(a_line_is_one_json_object),
        TEST(an_error_is_told_with_all_it_carries),
        TEST(a_context_adds_its_fields_and_its_parents),
        TEST(what_is_too_long_is_left_out_and_the_line_stays_whole),
        TEST(lines_of_many_threads_stay_whole_and_in_order),
        TEST(a_clock_that_is_set_back_holds_up_no_line),
        TEST(a_stalled_reader_costs_lines_not_time),
        TEST(a_pipe_that_does_not_block_loses_nothing),
        TEST(lines_for_a_reader_that_left_are_counted),
        TEST(without_a_writer_lines_are_written_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
