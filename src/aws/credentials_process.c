// SPDX-License-Identifier: Apache-2.0
#include "aws/credentials_process.h"

#include "aws/credentials_document.h"
#include "base/buf.h"
#include "base/obj.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#define MAX_COMPLAINT 512 /* bytes of standard error kept */

struct process_source {
    struct aws_credentials_source base;
    struct loop *loop;
    struct str what;
    char **argv;
    int64_t timeout_ms;
};

struct process_fetch;

/* The program itself. It outlives its fetch until it has been waited for, else it stays a zombie.
 */
struct run {
    unsigned magic;
#define RUN_MAGIC 0x71ce80d9U
    struct process_fetch *fetch; /* NULL: nobody waits any more */
    uv_process_t process;
    uv_pipe_t out;
    uv_pipe_t complaints;
    int n_open;    /* handles not closed yet */
    int n_reading; /* pipes without an end so far */
    bool exited;
    int64_t status;
    int signal;
    struct buf output;
    struct buf complaint;
    char chunk[4096];
};

struct process_fetch {
    struct aws_fetch base;
    struct process_source *source;
    struct run *run; /* NULL once it is over or given up */
};

/* ---- words ---- */

/* One word off the front into buf; false if a quote or the last backslash is left open. */
static bool take_word(struct str *rest, struct buf *word) {
    size_t i = 0;
    char quote = '\0';
    for (; i < rest->n; i++) {
        char c = rest->p[i];
        if (quote == '\0' && (c == ' ' || c == '\t' || c == '\r' || c == '\n'))
            break;
        if (quote == '\0' && (c == '"' || c == '\'')) {
            quote = c;
        } else if (c == quote) {
            quote = '\0';
        } else if (c == '\\' && quote != '\'') {
            if (++i == rest->n)
                return false;
            char next = rest->p[i];
            if (quote == '"' && next != '"' && next != '\\')
                buf_putc(word, '\\');
            buf_putc(word, next);
        } else {
            buf_putc(word, c);
        }
    }
    *rest = str_from(*rest, i);
    return quote == '\0';
}

char **aws_command_split(struct arena *a, struct str command) {
    /* Two words need a blank between them. */
    char **argv = arena_array(a, command.n / 2 + 2, sizeof *argv);
    struct str rest = str_trim(command);
    size_t n = 0;
    while (rest.n > 0) {
        struct buf word;
        buf_init(&word, command.n);
        bool whole = take_word(&rest, &word);
        argv[n++] = (char *)(uintptr_t)arena_cstr(a, buf_str(&word));
        buf_free(&word);
        if (!whole)
            return NULL;
        rest = str_trim(rest);
    }
    return n == 0 ? NULL : argv;
}

/* ---- a program's end ---- */

static void on_closed(uv_handle_t *handle) {
    struct run *run = OBJ_CAST(handle->data, run, RUN_MAGIC);
    if (--run->n_open > 0)
        return;
    buf_wipe(&run->output);
    buf_wipe(&run->complaint);
    explicit_bzero(run->chunk, sizeof run->chunk);
    run->magic = 0;
    free(run);
}

static void close_handle(uv_handle_t *handle) {
    if (!uv_is_closing(handle))
        uv_close(handle, on_closed);
}

/* Nobody waits for it any more: ends it with all it started. Its exit closes the last handle. */
static void give_up(struct process_fetch *f) {
    struct run *run = f->run;
    if (run == NULL)
        return;
    f->run = NULL;
    run->fetch = NULL;
    /* It leads a process group of its own. */
    (void)kill(-run->process.pid, SIGKILL);
    close_handle((uv_handle_t *)&run->out);
    close_handle((uv_handle_t *)&run->complaints);
    if (run->exited)
        close_handle((uv_handle_t *)&run->process);
}

static void on_arena_free(void *arg) {
    give_up(arg);
}

static struct err *failure(struct process_fetch *f, const char *why) {
    struct arena *a = f->base.ctx->arena;
    struct err *err = err_new(a, RPC_INTERNAL, STR_FMT ": %s", STR_ARG(f->source->what), why);
    if (f->run != NULL && f->run->complaint.n > 0)
        err->detail =
            arena_str(a, str_trim(str_utf8_cut(buf_str(&f->run->complaint), MAX_COMPLAINT)));
    return err;
}

/* It has ended, and so has all that could still write to its pipes. */
static void finish(struct process_fetch *f) {
    static const struct aws_document_rules rules = {.session_token = true, .version = true};
    struct run *run = f->run;
    struct arena *a = f->base.ctx->arena;
    struct aws_credentials creds;
    struct err *err;
    if (run->signal != 0)
        err = failure(f, arena_printf(a, "the program was ended by signal %d", run->signal).p);
    else if (run->status != 0)
        err = failure(f, arena_printf(a, "the program failed with status %d", (int)run->status).p);
    else if ((err = aws_document_parse(a, buf_str(&run->output), &rules, &creds)) != NULL)
        err = aws_source_err(a, f->source->what, err);
    f->run = NULL;
    run->fetch = NULL;
    close_handle((uv_handle_t *)&run->process);
    if (err != NULL)
        aws_fetch_fail(&f->base, err);
    else
        aws_fetch_succeed(&f->base, &creds);
}

static void on_exit_status(uv_process_t *process, int64_t status, int signal) {
    struct run *run = OBJ_CAST(process->data, run, RUN_MAGIC);
    run->exited = true;
    run->status = status;
    run->signal = signal;
    if (run->fetch == NULL)
        close_handle((uv_handle_t *)process);
    else if (run->n_reading == 0)
        finish(run->fetch);
}

static void on_timeout(struct aws_fetch *base) {
    struct process_fetch *f = CONTAINER_OF(base, struct process_fetch, base);
    struct str why =
        arena_printf(base->ctx->arena, "the program was not done after %lld ms and was ended",
                     (long long)f->source->timeout_ms);
    struct err *err = failure(f, why.p);
    give_up(f);
    aws_fetch_fail(base, err);
}

/* ---- what it prints ---- */

static void on_chunk_wanted(uv_handle_t *handle, size_t suggested, uv_buf_t *ret) {
    struct run *run = OBJ_CAST(handle->data, run, RUN_MAGIC);
    (void)suggested;
    *ret = uv_buf_init(run->chunk, sizeof run->chunk);
}

static void on_pipe_end(struct run *run, uv_stream_t *pipe) {
    close_handle((uv_handle_t *)pipe);
    if (--run->n_reading == 0 && run->exited && run->fetch != NULL)
        finish(run->fetch);
}

static void on_output(uv_stream_t *pipe, ssize_t n, const uv_buf_t *chunk) {
    struct run *run = OBJ_CAST(pipe->data, run, RUN_MAGIC);
    struct process_fetch *f = run->fetch;
    if (n < 0) {
        on_pipe_end(run, pipe);
        return;
    }
    buf_put(&run->output, chunk->base, (size_t)n);
    if (!run->output.failed || f == NULL)
        return;
    struct err *err = failure(f, "the program printed more than 64 KiB and was ended");
    give_up(f);
    aws_fetch_fail(&f->base, err);
}

/* Read to its end, so that the program is not held up; only the beginning is kept. */
static void on_complaint(uv_stream_t *pipe, ssize_t n, const uv_buf_t *chunk) {
    struct run *run = OBJ_CAST(pipe->data, run, RUN_MAGIC);
    if (n < 0) {
        on_pipe_end(run, pipe);
        return;
    }
    size_t room = run->complaint.max - run->complaint.n;
    buf_put(&run->complaint, chunk->base, (size_t)n < room ? (size_t)n : room);
}

/* ---- its start ---- */

static struct run *run_new(uv_loop_t *uv) {
    struct run *run = calloc(1, sizeof *run);
    AN(run);
    run->magic = RUN_MAGIC;
    /* As large as it may get, so that growing leaves no copies behind. */
    buf_init(&run->output, AWS_PROCESS_MAX_OUTPUT);
    run->output.p = malloc(run->output.max);
    AN(run->output.p);
    run->output.cap = run->output.max;
    buf_init(&run->complaint, MAX_COMPLAINT);
    AZ(uv_pipe_init(uv, &run->out, 0));
    AZ(uv_pipe_init(uv, &run->complaints, 0));
    run->out.data = run;
    run->complaints.data = run;
    run->process.data = run;
    run->n_open = 3;
    run->n_reading = 2;
    return run;
}

static void fetch(struct aws_credentials_source *base, struct ctx *ctx, aws_source_done_fn *done,
                  void *priv) {
    struct process_source *s = CONTAINER_OF(base, struct process_source, base);
    struct process_fetch *f = ARENA_NEW(ctx->arena, struct process_fetch);
    struct run *run = run_new(loop_uv(s->loop));
    aws_fetch_init(&f->base, s->loop, ctx, done, priv);
    f->source = s;
    uv_stdio_container_t stdio[3] = {
        {.flags = UV_IGNORE},
        {.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE, .data.stream = (uv_stream_t *)&run->out},
        {.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE,
         .data.stream = (uv_stream_t *)&run->complaints},
    };
    const uv_process_options_t options = {
        .file = s->argv[0],
        .args = s->argv,
        .exit_cb = on_exit_status,
        .stdio = stdio,
        .stdio_count = ARRAY_LEN(stdio),
        .flags = UV_PROCESS_DETACHED, /* a group of its own, to be killed as a whole */
    };
    int status = uv_spawn(loop_uv(s->loop), &run->process, &options);
    if (status != 0) {
        close_handle((uv_handle_t *)&run->process);
        close_handle((uv_handle_t *)&run->out);
        close_handle((uv_handle_t *)&run->complaints);
        struct str why =
            arena_printf(ctx->arena, STR_FMT " cannot be started: %s",
                         STR_ARG(aws_shown(ctx->arena, str_c(s->argv[0]))), uv_strerror(status));
        aws_fetch_fail_later(&f->base, failure(f, why.p));
        return;
    }
    f->run = run;
    run->fetch = f;
    arena_defer(ctx->arena, on_arena_free, f);
    AZ(uv_read_start((uv_stream_t *)&run->out, on_chunk_wanted, on_output));
    AZ(uv_read_start((uv_stream_t *)&run->complaints, on_chunk_wanted, on_complaint));
    aws_fetch_after(&f->base, s->timeout_ms, on_timeout);
}

struct err *aws_source_process(struct aws_plan *plan, struct str what, struct str command,
                               int64_t timeout_ms, struct aws_credentials_source **ret) {
    char **argv = aws_command_split(plan->arena, command);
    if (argv == NULL)
        return ERR_INVALID(plan->errors, STR_FMT ": a quote is not closed, or there is no command",
                           STR_ARG(what));
    struct process_source *s = ARENA_NEW(plan->arena, struct process_source);
    s->base = (struct aws_credentials_source){
        .magic = AWS_CREDENTIALS_SOURCE_MAGIC,
        .fetch = fetch,
    };
    s->loop = plan->loop;
    s->what = arena_str(plan->arena, what);
    s->argv = argv;
    s->timeout_ms = timeout_ms > 0 ? timeout_ms : AWS_PROCESS_TIMEOUT_MS;
    aws_plan_uses(plan, "w");
    *ret = &s->base;
    return NULL;
}
