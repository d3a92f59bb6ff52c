// SPDX-License-Identifier: Apache-2.0
/* What the parts of the stand-in AGS on the wire share. Only for ags_service.c,
 * ags_iam.c and ags_roles.c. */
#ifndef SIM_AGS_CALL_H
#define SIM_AGS_CALL_H

#include "base/obj.h"
#include "sim/ags.h"

#define AGS_MAX_ANSWER ((size_t)1 << 20) /* bytes */
#define AGS_MAX_CAPTURES 2

enum ags_error_form {
    AGS_ERROR_OAUTH,   /* {error, error_description} */
    AGS_ERROR_IAM,     /* {errorCode, errorMessage} */
    AGS_ERROR_SESSION, /* the same with name, message and attributes */
};

enum ags_caller {
    AGS_CALLER_BASIC,  /* client id and secret */
    AGS_CALLER_BEARER, /* a token */
};

struct ags_route {
    struct str operation; /* as AGS's API description calls it */
    enum ags_operation number;
    const char *method;
    const char *path; /* "*" stands for one segment */
    enum ags_caller caller;
    enum ags_error_form error_form;
    sim_step_fn *answer; /* the caller is known by then */
};

/* One call between its steps; in ex->scratch. */
struct ags_call {
    unsigned magic;
#define AGS_CALL_MAGIC 0xa65ca11aU
    struct ags *ags;
    const struct ags_route *route; /* NULL: a path that AGS does not have */
    struct str captures[AGS_MAX_CAPTURES];
    struct ags_claims claims; /* of the caller's token */
};

static inline struct ags_call *ags_call_of(struct sim_exchange *ex) {
    return OBJ_CAST(ex->scratch, ags_call, AGS_CALL_MAGIC);
}

/* JSON, which must have fitted. */
void ags_reply(struct sim_exchange *ex, int status, const struct buf *body);
sim_error_fn ags_error;

/* ags_iam.c */
sim_step_fn ags_answer_token;
sim_step_fn ags_answer_verify;
sim_step_fn ags_answer_jwks;
sim_step_fn ags_answer_revocation_list;

/* ags_roles.c */
sim_step_fn ags_answer_role_override;
sim_step_fn ags_answer_role;
sim_step_fn ags_answer_context;

#endif
