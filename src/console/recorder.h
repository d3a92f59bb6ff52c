// SPDX-License-Identifier: Apache-2.0
/*
 * What the console remembers of calls: the last few hundred of them with each request they made,
 * the last ten minutes of every RPC, location and upstream operation in slices of ten seconds, and
 * what upstreams complained about. All of it has a fixed size; the oldest goes.
 *
 * Calls tell of themselves on the threads that serve them, and pay some hundred instructions for
 * it. Whoever reads copies one entry at a time, so that nobody waits longer than for that.
 * Nothing that came from a peer is kept but session ids, namespaces and our own sentences; no
 * addresses, no ports, no payload.
 */
#ifndef CONSOLE_RECORDER_H
#define CONSOLE_RECORDER_H

#include "aws/operation.h"
#include "grpc/server.h"

#define RECORDER_CALLS 300
#define RECORDER_STEPS 10 /* of one call; later ones are only counted */
#define RECORDER_SLICES 60
#define RECORDER_SLICE_MS 10000
#define RECORDER_SERIES 64
#define RECORDER_TROUBLES 32
#define RECORDER_HISTOGRAM 32

struct recorder;

struct recorder *recorder_new(void);
/* NULL is fine. */
void recorder_free(struct recorder *r);

/* Calls of these methods will come; before the first one does. Others are counted nowhere. */
void recorder_expect(struct recorder *r, const struct rpc_service *service);

/* ---- calls tell of themselves; r may be NULL in all of these ---- */

/* The call has arrived: from now on what is done for it is noted. Any thread. */
void recorder_admit(struct recorder *r, struct rpc_call *rpc);

/* One attempt of a request to an upstream. Texts are copied or static. The loop's thread. */
void recorder_attempt(struct recorder *r, struct ctx *ctx, struct str service, struct str operation,
                      struct str region, int64_t duration_us, const struct err *err);

/* What one location answered to a create. The loop's thread. */
void recorder_location(struct recorder *r, struct ctx *ctx, struct str location,
                       const struct err *err);

/* The call is over. Any thread. */
void recorder_finished(struct recorder *r, const struct rpc_call *rpc,
                       const struct server_outcome *outcome);

/* ---- reading; any thread ---- */

struct recorded_step { /* a location asked, or an attempt of a request */
    char what[40];     /* "us-west-2" or "TerminateGameSession" */
    char answer[40];   /* error name, or "OK" */
    bool location;
    bool ok;
    uint32_t duration_us;
};

struct recorded_call {
    uint64_t number; /* 1 is the first */
    int64_t at_ms;   /* Unix milliseconds of its end */
    uint32_t duration_us;
    enum rpc_code code;
    enum server_stage stage;
    char method[40];
    char session_id[40]; /* cut off if longer */
    char namespace[40];
    char region[32];   /* where the server is, if there is one */
    char message[200]; /* of the error */
    struct recorded_step steps[RECORDER_STEPS];
    unsigned n_steps; /* also those beyond */
};

/* Copies up to n calls, newest first; how many. */
size_t recorder_calls(struct recorder *r, struct recorded_call *ret, size_t n);

enum series_kind { SERIES_RPC, SERIES_LOCATION, SERIES_OPERATION };

struct slice {
    uint32_t ok;
    uint32_t failed;
    uint16_t histogram[RECORDER_HISTOGRAM];
};

struct series {
    enum series_kind kind;
    char name[48];
    char region[32];                      /* of an operation */
    struct slice slices[RECORDER_SLICES]; /* the last one is going on */
};

/* Copies the i-th series, its slices in order of time up to now; false past the last. */
bool recorder_series(struct recorder *r, size_t i, struct series *ret);

/* Milliseconds that the given share of a histogram stayed below; 0 for an empty one. */
double recorder_quantile(const uint32_t histogram[RECORDER_HISTOGRAM], double share);

struct trouble { /* one error of one operation */
    char service[24];
    char operation[48];
    char region[32];
    char type[48];
    char message[200];
    enum rpc_code code;
    uint64_t count;
    int64_t first_ms; /* Unix milliseconds */
    int64_t last_ms;
};

/* Copies up to n, the latest first; how many. */
size_t recorder_troubles(struct recorder *r, struct trouble *ret, size_t n);

#endif
