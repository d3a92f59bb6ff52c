// SPDX-License-Identifier: Apache-2.0
/* Programs that print credentials. */
#include "aws/credentials_cache.h"
#include "aws/credentials_process.h"
#include "base/buf.h"
#include "credentials_fixture.h"

#include <signal.h>

static void commands_are_split_as_a_shell_would(void **state) {
    static const struct {
        const char *command;
        const char *words; /* joined by "|"; NULL: refused */
    } table[] = {
        {"run", "run"},
        {"  run  --a\tb ", "run|--a|b"},
        {"run 'a b' \"c d\"", "run|a b|c d"},
        {"run a'b'\"c\"d", "run|abcd"},
        {"run '' \"\"", "run||"},
        {"run a\\ b \\\"", "run|a b|\""},
        {"run '\\n' \"\\n\\\"\\\\\"", "run|\\n|\\n\"\\"},
        {"run $HOME `x` *", "run|$HOME|`x`|*"},
        {"", NULL},
        {"   ", NULL},
        {"run 'a", NULL},
        {"run \"a", NULL},
        {"run a\\", NULL},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        char **argv = aws_command_split(arena, str_c(table[i].command));
        assert_true((argv == NULL) == (table[i].words == NULL));
        if (argv == NULL)
            continue;
        struct buf joined;
        buf_init(&joined, 1000);
        for (size_t k = 0; argv[k] != NULL; k++)
            buf_printf(&joined, "%s%s", k > 0 ? "|" : "", argv[k]);
        assert_str(buf_str(&joined), table[i].words);
        buf_free(&joined);
    }
}

/* Programs run in real time. */
static void run_process(const char *command, int64_t timeout_ms) {
    struct arena *plan_arena = arena_new(ARENA_LIMIT_DEFAULT);
    struct aws_plan plan = {.arena = plan_arena, .errors = arena, .loop = loop, .env = &env};
    struct aws_credentials_source *source;
    clock_hold(-1, -1);
    struct err *err =
        aws_source_process(&plan, STR("program"), str_c(command), timeout_ms, &source);
    assert_null(err);
    aws_credentials_provider_free(provider);
    provider = aws_credentials_cache_new(loop, plan_arena, source);
    calls = 0;
    got_err = NULL;
    get();
    int64_t start = clock_mono_ms();
    while (calls == 0 && clock_mono_ms() - start < 20000)
        fake_settle(loop);
    assert_int_equal(calls, 1);
}

#define PROCESS_OK                                                                                 \
    "{\\\"Version\\\": 1, \\\"AccessKeyId\\\": \\\"PROC\\\", \\\"SecretAccessKey\\\": \\\"s\\\"}"

static void a_program_gives_credentials_that_never_expire(void **state) {
    (void)state;
    run_process("/bin/echo \"" PROCESS_OK "\"", 0);
    assert_null(got_err);
    assert_peek("PROC");
    assert_true(aws_credentials_peek(provider)->expiry_ms == AWS_CREDENTIALS_NEVER);
}

static void a_program_is_found_on_the_path_and_without_a_shell(void **state) {
    (void)state;
    run_process("echo \"" PROCESS_OK "\" ; rm $HOME", 0);
    assert_non_null(got_err); /* the text behind the document is no JSON */
    assert_true(str_starts(got_err->msg, STR("program: not JSON")));
}

static void a_failing_programs_complaint_goes_to_the_log_only(void **state) {
    (void)state;
    run_process("/bin/sh -c 'echo no luck >&2; exit 3'", 0);
    assert_str(got_err->msg, "program: the program failed with status 3");
    assert_str(got_err->detail, "no luck");
    run_process("/bin/sh -c 'kill -9 $$'", 0);
    assert_str(got_err->msg, "program: the program was ended by signal 9");
    run_process("/nowhere/program", 0);
    assert_str(got_err->msg,
               "program: /nowhere/program cannot be started: no such file or directory");
    run_process("/bin/echo \"{\\\"Version\\\": 2}\"", 0);
    assert_str(got_err->msg, "program: the answer has no \"Version\": 1");
    run_process("/bin/true", 0);
    assert_str(got_err->msg, "program: the answer has no \"Version\": 1");
    run_process("/bin/sh -c 'yes complaint >&2'", 300);
    assert_str(got_err->msg, "program: the program was not done after 300 ms and was ended");
    assert_true(got_err->detail.n > 0 && got_err->detail.n <= 512);
}

static void a_program_that_hangs_or_floods_is_killed_with_its_children(void **state) {
    struct str path = temp_file("");
    (void)state;
    /* The child holds the pipe open after its parent has gone. */
    run_process(
        arena_printf(arena, "/bin/sh -c 'sleep 600 & echo $! >" STR_FMT "'", STR_ARG(path)).p, 300);
    assert_str(got_err->msg, "program: the program was not done after 300 ms and was ended");
    FILE *f = fopen(path.p, "r");
    int pid = 0;
    assert_non_null(f);
    assert_int_equal(fscanf(f, "%d", &pid), 1);
    fclose(f);
    /* It may stay a zombie of whoever reaps here, but it runs no more. */
    char state_of = 'R';
    for (int i = 0; i < 100 && kill(pid, 0) == 0 && state_of != 'Z'; i++) {
        f = fopen(arena_printf(arena, "/proc/%d/stat", pid).p, "r");
        if (f == NULL)
            break;
        if (fscanf(f, "%*d %*s %c", &state_of) != 1)
            state_of = 'R';
        fclose(f);
        usleep(10000);
    }
    assert_true(kill(pid, 0) != 0 || state_of == 'Z');
    run_process("/bin/sh -c 'yes hush'", 0);
    assert_str(got_err->msg, "program: the program printed more than 64 KiB and was ended");
    unlink(path.p);
}

static void a_program_is_ended_with_its_provider(void **state) {
    struct arena *plan_arena = arena_new(ARENA_LIMIT_DEFAULT);
    struct aws_plan plan = {.arena = plan_arena, .errors = arena, .loop = loop, .env = &env};
    struct aws_credentials_source *source;
    (void)state;
    clock_hold(-1, -1);
    assert_null(aws_source_process(&plan, STR("program"), STR("sleep 600"), 0, &source));
    provider = aws_credentials_cache_new(loop, plan_arena, source);
    get();
    fake_settle(loop);
    int64_t start = clock_mono_ms();
    aws_credentials_provider_free(provider);
    provider = NULL;
    loop_free(loop); /* waits for its end */
    assert_true(clock_mono_ms() - start < 5000);
    assert_int_equal(calls, 0);
    loop = loop_new();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(commands_are_split_as_a_shell_would),
        TEST(a_program_gives_credentials_that_never_expire),
        TEST(a_program_is_found_on_the_path_and_without_a_shell),
        TEST(a_failing_programs_complaint_goes_to_the_log_only),
        TEST(a_program_that_hangs_or_floods_is_killed_with_its_children),
        TEST(a_program_is_ended_with_its_provider),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
