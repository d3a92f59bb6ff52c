// SPDX-License-Identifier: Apache-2.0
/*
 * SHA-256 and HMAC-SHA-256 on OpenSSL, with the algorithms fetched once and the contexts used
 * again: OpenSSL 3's one-shot calls look the algorithm up each time, which costs more than hashing
 * a request does.
 *
 * One object per thread; nothing here is locked.
 */
#ifndef AWS_DIGEST_H
#define AWS_DIGEST_H

#include "base/str.h"

#define DIGEST_SIZE ((size_t)32)         /* bytes of a SHA-256 value */
#define DIGEST_HEX (2 * DIGEST_SIZE)     /* hex digits, without a NUL */
#define DIGEST_HEX_SIZE (DIGEST_HEX + 1) /* the same with its NUL */

struct digest;

/* Never NULL; ends the process if OpenSSL offers no SHA-256. */
struct digest *digest_new(void);

/* NULL is fine. The last HMAC key is wiped with it. */
void digest_free(struct digest *d);

void digest_sha256(struct digest *d, struct str data, unsigned char ret[DIGEST_SIZE]);

/* As lower-case hex with a final NUL. */
void digest_sha256_hex(struct digest *d, struct str data, char ret[DIGEST_HEX_SIZE]);

/*
 * ret may be the memory of the key. An empty key is allowed. A key of DIGEST_SIZE bytes that is the
 * last one's is not prepared again.
 */
void digest_hmac(struct digest *d, struct str key, struct str data, unsigned char ret[DIGEST_SIZE]);

#endif
