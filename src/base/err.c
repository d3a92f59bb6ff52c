// SPDX-License-Identifier: Apache-2.0
#include "base/err.h"

#include "base/obj.h"

const char *rpc_code_name(enum rpc_code code) {
    static const char *const names[] = {
        [RPC_OK] = "OK",
        [RPC_CANCELLED] = "Canceled",
        [RPC_UNKNOWN] = "Unknown",
        [RPC_INVALID_ARGUMENT] = "InvalidArgument",
        [RPC_DEADLINE_EXCEEDED] = "DeadlineExceeded",
        [RPC_NOT_FOUND] = "NotFound",
        [RPC_ALREADY_EXISTS] = "AlreadyExists",
        [RPC_PERMISSION_DENIED] = "PermissionDenied",
        [RPC_RESOURCE_EXHAUSTED] = "ResourceExhausted",
        [RPC_FAILED_PRECONDITION] = "FailedPrecondition",
        [RPC_ABORTED] = "Aborted",
        [RPC_OUT_OF_RANGE] = "OutOfRange",
        [RPC_UNIMPLEMENTED] = "Unimplemented",
        [RPC_INTERNAL] = "Internal",
        [RPC_UNAVAILABLE] = "Unavailable",
        [RPC_DATA_LOSS] = "DataLoss",
        [RPC_UNAUTHENTICATED] = "Unauthenticated",
    };
    return (size_t)code < ARRAY_LEN(names) ? names[code] : "Unknown";
}

struct err *err_new(struct arena *a, enum rpc_code code, const char *fmt, ...) {
    struct err *e = ARENA_NEW(a, struct err);
    va_list ap;
    va_start(ap, fmt);
    e->code = code;
    e->msg = arena_vprintf(a, fmt, ap);
    va_end(ap);
    return e;
}

struct err *err_copy(struct arena *a, const struct err *e) {
    struct err *copy = ARENA_NEW(a, struct err);
    *copy = *e;
    copy->msg = arena_str(a, e->msg);
    copy->detail = arena_str(a, e->detail);
    copy->field = arena_str(a, e->field);
    copy->type = arena_str(a, e->type);
    copy->request_id = arena_str(a, e->request_id);
    copy->value = NULL;
    copy->value_shape = NULL;
    return copy;
}
