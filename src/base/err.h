// SPDX-License-Identifier: Apache-2.0
/*
 * What went wrong, as a value. A function that can fail returns `struct err *`, NULL for success;
 * outputs come last, are named ret_x and stay untouched on failure. Errors live in an arena or are
 * static, and are never freed.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include "base/arena.h"

/* gRPC's canonical status codes: https://grpc.github.io/grpc/core/md_doc_statuscodes.html */
enum rpc_code {
    RPC_OK = 0,
    RPC_CANCELLED = 1,
    RPC_UNKNOWN = 2,
    RPC_INVALID_ARGUMENT = 3,
    RPC_DEADLINE_EXCEEDED = 4,
    RPC_NOT_FOUND = 5,
    RPC_ALREADY_EXISTS = 6,
    RPC_PERMISSION_DENIED = 7,
    RPC_RESOURCE_EXHAUSTED = 8,
    RPC_FAILED_PRECONDITION = 9,
    RPC_ABORTED = 10,
    RPC_OUT_OF_RANGE = 11,
    RPC_UNIMPLEMENTED = 12,
    RPC_INTERNAL = 13,
    RPC_UNAVAILABLE = 14,
    RPC_DATA_LOSS = 15,
    RPC_UNAUTHENTICATED = 16,
};

/* As Go spells it ("OK", "Canceled", "InvalidArgument"), the spelling of logs and metrics. */
const char *rpc_code_name(enum rpc_code code);

/* Where in the life of an upstream request it failed; decides what may be tried again. */
enum err_origin {
    ERR_LOCAL,     /* refused by ourselves; nothing was sent */
    ERR_TRANSPORT, /* no usable answer: refused, reset, timed out, cut off */
    ERR_UPSTREAM,  /* the other side answered with an error */
    ERR_CALLER,    /* the caller cancelled, or its deadline passed */
};

struct err {
    enum rpc_code code;
    enum err_origin origin;
    struct str msg;    /* may go to the caller: no secret, no foreign ARN, no signature */
    struct str detail; /* for the log only; may be absent */
    struct str field; /* path of the member at fault, e.g. "GameProperties[2].Key"; may be absent */
    struct str type;  /* the upstream's own error name, e.g. "NotFoundException"; may be absent */
    struct str request_id;   /* the upstream's request id; may be absent */
    int http_status;         /* 0 if none */
    bool retryable;          /* the same request may succeed later */
    bool may_have_acted;     /* no answer says that the other side did not do what was asked */
    const void *value;       /* the upstream error's members; NULL: none, or in a copy */
    const void *value_shape; /* whose description this is */
};

/* A new error in the arena; origin ERR_LOCAL. */
struct err *err_new(struct arena *a, enum rpc_code code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* A copy in `a`, strings included: for errors that outlive the arena they were made in. */
struct err *err_copy(struct arena *a, const struct err *e);

#define ERR_INVALID(a, ...) err_new((a), RPC_INVALID_ARGUMENT, __VA_ARGS__)

#define MUST_CHECK __attribute__((warn_unused_result))

#endif
