// SPDX-License-Identifier: Apache-2.0
#include "handlers/session_token.h"

#include "base/buf.h"
#include "base/obj.h"

#include <openssl/evp.h>

#define HASHED_HEX 40

struct str session_token(struct arena *a, struct str session_id, unsigned turn) {
    if (turn <= 1)
        return session_id;
    struct str suffix = arena_printf(a, "-r%u", turn);
    if (session_id.n + suffix.n <= SESSION_TOKEN_MAX)
        return arena_printf(a, STR_FMT STR_FMT, STR_ARG(session_id), STR_ARG(suffix));
    unsigned char hash[32];
    size_t n = sizeof hash;
    struct buf b;
    ASSERT(EVP_Q_digest(NULL, "SHA256", NULL, session_id.p, session_id.n, hash, &n) == 1);
    buf_init(&b, SESSION_TOKEN_MAX);
    buf_puthex(&b, hash, HASHED_HEX / 2);
    buf_putstr(&b, suffix);
    struct str token = arena_str(a, buf_str(&b));
    buf_free(&b);
    return token;
}
