// SPDX-License-Identifier: Apache-2.0
/*
 * Faults on demand: rules that make the next calls, or all of them, slow, refused, garbled or cut
 * off, by service, operation and location. A service calls faults_run in front of an operation once
 * it knows what was asked. A rule as JSON; all but kind may be left out:
 *
 *   {"kind": "slow",                     needs delay_ms; does the operation after it
 *            "throttle"                  ThrottlingException, 400
 *            "error"                     needs type; message, status (400)
 *            "http"                      status (200), body (""), content_type
 *            "wrong_json"                the same with a body that is no JSON
 *            "reset" "close"             no byte of an answer
 *            "half_header" "half_body"   some bytes, then the end
 *            "huge"                      needs bytes; chunked: no Content-Length
 *            "black_hole"                nothing until the client hangs up
 *    "service": "gamelift", "operation": "CreateGameSession", "location": "us-west-2",
 *    "when": "before",                   "after": the operation is done, its answer spoilt
 *    "skip": 0, "count": 1,              calls let pass first, calls spoilt (no count: for ever)
 *    "delay_ms": 0,                      before it, with any kind
 *    "header_name": "Retry-After", "header_value": "1"}
 *
 * location is that of the input or the session; for a placement the first of its location order;
 * for SQS the queue's name; else the caller's region; for AGS the namespace in the path.
 *
 * Services and operations, as rules spell them:
 *   gamelift  CreateGameSession, StartGameSessionPlacement ...
 *   ags       TokenGrantV3, VerifyTokenV3, GetJWKSV3, GetRevocationListV3, getGameSession,
 *             adminUpdateDSInformation
 *   sqs       ReceiveMessage, DeleteMessageBatch, ChangeMessageVisibility, GetQueueAttributes
 *   sts       AssumeRole, AssumeRoleWithWebIdentity
 *   metadata  ContainerCredentials, ImdsToken, ImdsRole, ImdsCredentials, ImdsRegion
 * Rules strike GameLift, SQS and STS after the signature was checked, the others before anything is.
 */
#ifndef SIM_FAULTS_H
#define SIM_FAULTS_H

#include "base/buf.h"
#include "base/err.h"
#include "base/list.h"

#define FAULTS_MAX 256
#define FAULT_MAX_BODY ((size_t)1 << 20)  /* bytes, of a canned body */
#define FAULT_MAX_HUGE ((int64_t)1 << 40) /* bytes, of a made-up body */
#define FAULT_MAX_DELAY_MS ((int64_t)3600 * 1000)

struct sim_exchange;

enum fault_kind {
    FAULT_SLOW,
    FAULT_THROTTLE,
    FAULT_ERROR,      /* an error of the service, by name */
    FAULT_HTTP,       /* any status and body */
    FAULT_WRONG_JSON, /* status 200, cut-off JSON unless a body is given */
    FAULT_RESET,
    FAULT_CLOSE,
    FAULT_HALF_HEADER,
    FAULT_HALF_BODY,
    FAULT_HUGE,
    FAULT_BLACK_HOLE,
};

struct fault {
    struct list node;
    struct arena *arena; /* holds the rule and its strings */
    int64_t id;
    /* What it is for; absent means any. */
    struct str service;
    struct str operation;
    struct str location;

    enum fault_kind kind;
    bool after;       /* do the operation first, then spoil the answer */
    int64_t skip;     /* calls still to let pass */
    int64_t count;    /* calls still to spoil; -1 for ever */
    int64_t hits;     /* calls spoilt so far */
    int64_t delay_ms; /* with any kind */
    int64_t status;
    struct str type;
    struct str message;
    struct str body;
    struct str content_type;
    struct str header_name; /* one more header of the answer, e.g. Retry-After; may be absent */
    struct str header_value;
    int64_t bytes;
    bool chunked;
};

struct faults {
    struct list rules; /* the first that fits is taken */
    size_t n;
    int64_t last_id;
};

void faults_init(struct faults *faults);
void faults_clear(struct faults *faults);

/* Adds one rule, or each of a list of them, or none if there is an error. */
struct err *faults_add_json(struct faults *faults, struct str text, struct arena *a) MUST_CHECK;

/* The rules in force, as a JSON list. */
void faults_json(const struct faults *faults, struct buf *out);

/*
 * Runs operate(ex), spoilt by the first rule that fits ex->service, ex->operation and ex->location.
 * The reply may come later (sim_wait).
 */
void faults_run(struct sim_exchange *ex, void (*operate)(struct sim_exchange *ex));

/* "throttle", "reset" ...: as rules spell it. */
const char *fault_kind_name(enum fault_kind kind);

#endif
