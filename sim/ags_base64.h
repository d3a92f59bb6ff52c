// SPDX-License-Identifier: Apache-2.0
/* Base64 (RFC 4648) in its two alphabets: with padding in Basic, without it in JSON Web Tokens. */
#ifndef SIM_AGS_BASE64_H
#define SIM_AGS_BASE64_H

#include "base/arena.h"
#include "base/buf.h"

/* Appends the URL alphabet ('-', '_'), no padding. */
void ags_base64_url(struct buf *out, const void *p, size_t n);

enum ags_base64_kind {
    AGS_BASE64_PADDED, /* '+', '/', padded with '=' */
    AGS_BASE64_URL,    /* '-', '_', no padding */
};

/* False (ret untouched) for a wrong character, length or padding, or stray low bits. */
bool ags_base64_decode(struct str text, enum ags_base64_kind kind, struct arena *a,
                       struct str *ret);

#endif
