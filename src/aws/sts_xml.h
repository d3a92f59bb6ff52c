// SPDX-License-Identifier: Apache-2.0
/* The XML in which STS answers, read by libexpat. */
#ifndef AWS_STS_XML_H
#define AWS_STS_XML_H

#include "base/err.h"

#define STS_XML_MAX ((size_t)262144) /* bytes of an answer */

/* What was in it; absent if it was not. The texts lie in the arena. */
struct sts_answer {
    struct str access_key_id;
    struct str secret_access_key;
    struct str session_token;
    struct str expiration;
    struct str error_code;
    struct str error_message;
    struct str request_id;
};

/*
 * Reads the answer to AssumeRole or AssumeRoleWithWebIdentity, or an ErrorResponse; elements not
 * listed above are skipped, prefixes of names are ignored. Text that is no XML, has a document type
 * (and so entities of its own), is nested deeper than 16, or is too large is an error. The caller
 * wipes the secrets.
 */
struct err *sts_xml_parse(struct arena *a, struct str xml, struct sts_answer *ret) MUST_CHECK;

#endif
