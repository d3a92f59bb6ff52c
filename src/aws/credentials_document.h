// SPDX-License-Identifier: Apache-2.0
/*
 * The JSON document in which processes, containers and instances hand out credentials, and the
 * times in it. The shape is the same everywhere; the name of the token and what is required differ.
 */
#ifndef AWS_CREDENTIALS_DOCUMENT_H
#define AWS_CREDENTIALS_DOCUMENT_H

#include "aws/credentials.h"

struct aws_document_rules {
    bool session_token; /* the token is called SessionToken, not Token */
    bool version;       /* Version must be the number 1 */
    bool needs_token;   /* the token must be there */
    bool needs_expiry;  /* Expiration must be there; else its absence is "never" */
};

/*
 * Reads {"AccessKeyId": ..., "SecretAccessKey": ..., "Token": ..., "Expiration": ...}; members not
 * named here are skipped. A Code other than "Success" is an error with that type, its Message in
 * err->detail. Errors name a member and never a value. The caller owns *ret and wipes the text.
 */
struct err *aws_document_parse(struct arena *a, struct str json,
                               const struct aws_document_rules *rules,
                               struct aws_credentials *ret) MUST_CHECK;

/* Code and Message (in either case) of a body that may be anything; bounded, absent if not there.
 */
void aws_document_fault(struct arena *a, struct str json, struct str *ret_code,
                        struct str *ret_message);

/*
 * ISO 8601 to Unix milliseconds: "2026-08-01T12:00:00Z", also with a fraction, a blank for the T,
 * or +hh:mm, -hhmm or +hh for the Z; UTC if there is no zone. Years 1970 to 9999. False (ret
 * untouched) if it is none.
 */
bool aws_expiry_parse(struct str text, int64_t *ret_ms);

#endif
