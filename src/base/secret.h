// SPDX-License-Identifier: Apache-2.0
/*
 * A key, token or password. It is its own type so that no LOG_ macro and no format string accepts
 * it; its memory is overwritten before it is given back and is left out of core dumps.
 */
#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include "base/arena.h"

struct secret {
    char *hidden; /* use secret_reveal */
    size_t n;
};

/* A copy of the bytes, owned by the secret. Absent stays absent. */
struct secret secret_new(struct str s);

/* Wipes and frees; the secret is then absent. NULL is fine. */
void secret_free(struct secret *s);

/* The bytes, for signing and sending only; valid while the secret lives. */
static inline struct str secret_reveal(const struct secret *s) {
    return str_n(s->hidden, s->n);
}

static inline bool secret_present(const struct secret *s) {
    return s->n > 0;
}

/*
 * The text with "***" in each place where it repeats the secret, in the arena if there is one. A
 * secret's beginning at the end of the text counts too: such texts are cut. Absent secrets and
 * those of less than 8 bytes, which would also be part of ordinary words, are not looked for.
 */
struct str secret_taken_out(struct arena *a, struct str text, const struct secret *secret);

#endif
