// SPDX-License-Identifier: Apache-2.0
/*
 * The context of one piece of work, usually one RPC: its memory, its deadline, its cancellation and
 * its log fields. Every upstream request is started with a context and ends with it.
 *
 * Used from the event loop's thread only. Whoever waits for something registers a hook; when the
 * caller goes away each hook runs once, ends its wait and reports the error through the waiter's
 * ordinary callback: there is one exit.
 */
#ifndef BASE_CTX_H
#define BASE_CTX_H

#include "base/list.h"
#include "base/log.h"

#define CTX_NO_DEADLINE INT64_MAX

struct trace_span;
struct call_trail;

struct ctx {
    unsigned magic;
#define CTX_MAGIC 0x7c0f19adU
    struct arena *arena;      /* not owned */
    struct log *log;          /* in the arena, or NULL */
    struct trace_span *span;  /* what this work is recorded as, in the arena; NULL: it is not */
    struct call_trail *trail; /* what was done for it, for people to see; NULL: nobody looks */
    int64_t deadline_ms;      /* on clock_mono_ms; CTX_NO_DEADLINE for none */
    const struct err *reason; /* why it was cancelled; NULL while it is alive */
    struct list hooks;
};

struct ctx_hook;
typedef void ctx_cancel_fn(struct ctx_hook *hook, const struct err *reason);

struct ctx_hook {
    struct list node;
    ctx_cancel_fn *fn;
};

void ctx_init(struct ctx *ctx, struct arena *arena, struct log *log, int64_t deadline_ms);

/* Adds a hook; the context must be alive (ctx_check). The hook's memory stays the caller's. */
void ctx_hook_add(struct ctx *ctx, struct ctx_hook *hook, ctx_cancel_fn *fn);

/* Harmless if the hook has run or was removed. */
void ctx_hook_remove(struct ctx_hook *hook);

/* Runs every hook once, first added first. Later calls change nothing. The reason is copied. */
void ctx_cancel(struct ctx *ctx, const struct err *reason);

/* NULL if work may go on; else why not: cancelled, deadline passed, or the arena is over. */
struct err *ctx_check(struct ctx *ctx) MUST_CHECK;

/* Milliseconds to the deadline, 0 if it has passed, CTX_NO_DEADLINE if there is none. */
int64_t ctx_remaining_ms(const struct ctx *ctx);

/*
 * A part of a piece of work with a deadline of its own: shares the parent's arena, log, span and
 * trail, ends with the parent, and ends without it. Its memory is the caller's.
 */
struct ctx_child {
    struct ctx ctx;
    struct ctx_hook hook;
};

/* The earlier of the two deadlines counts. The child of a parent that was cancelled is, too. */
void ctx_child_begin(struct ctx_child *child, struct ctx *parent, int64_t deadline_ms);

/* Nothing may wait on the child any more. It may then begin anew. Harmless for a zeroed one. */
void ctx_child_end(struct ctx_child *child);

#endif
