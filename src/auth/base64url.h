// SPDX-License-Identifier: Apache-2.0
/* Base64url without padding, as JSON Web Tokens and Keys use it (RFC 7515 section 2). */
#ifndef AUTH_BASE64URL_H
#define AUTH_BASE64URL_H

#include "base/arena.h"

/*
 * Decodes into the arena; empty text gives empty bytes. False (ret untouched) for anything but the
 * one canonical spelling: a foreign character, padding, a length that cannot be, or unused low bits
 * that are set. So two texts never stand for the same bytes.
 */
bool base64url_decode(struct arena *a, struct str text, struct str *ret);

#endif
