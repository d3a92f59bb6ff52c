// SPDX-License-Identifier: Apache-2.0
/*
 * The two calls of AWS STS by which one identity becomes a role: AssumeRole, signed with the
 * credentials of the first identity, and AssumeRoleWithWebIdentity, unsigned, with a token that
 * somebody whom AWS trusts has signed.
 *
 * AWS's Query protocol: a form goes out, XML comes back. Three tries, as the SDKs' standard retry
 * mode has it, and IDPCommunicationError, or a clock that a refusal shows to be off, is as well.
 * Both calls only hand out credentials, so that a repeat does no harm.
 * https://docs.aws.amazon.com/STS/latest/APIReference/
 */
#ifndef AWS_STS_H
#define AWS_STS_H

#include "aws/credentials_source.h"
#include "aws/endpoint.h"

#define STS_TOKEN_MIN ((size_t)4) /* bytes of a web identity token */
#define STS_TOKEN_MAX ((size_t)20000)

struct sts_role {
    struct str arn;
    struct str session_name; /* absent: "session-dsm-" and the time */
    struct str external_id;  /* AssumeRole only; may be absent */
    int duration_s;          /* 0: AWS's default, one hour */
};

struct sts;

/* Lives in the plan's arena; its endpoint follows the plan's region and settings. */
struct err *sts_new(struct aws_plan *plan, struct sts **ret) MUST_CHECK;

/* An ARN of 20 to 2048 bytes, names and a duration that STS accepts; else an error saying which. */
struct err *sts_role_check(struct arena *a, const struct sts_role *role) MUST_CHECK;

/*
 * One callback, from the loop. The role's texts and creds must stay until then; the token is
 * copied. err->type is AWS's code, err->detail its message, which may name foreign ARNs.
 */
void sts_assume_role(struct sts *sts, struct ctx *ctx, const struct sts_role *role,
                     const struct aws_credentials *creds, aws_source_done_fn *done, void *priv);
void sts_assume_role_with_web_identity(struct sts *sts, struct ctx *ctx,
                                       const struct sts_role *role, struct str token,
                                       aws_source_done_fn *done, void *priv);

#endif
