// SPDX-License-Identifier: Apache-2.0
/*
 * A view of bytes that belong to somebody else. p == NULL means absent; n == 0 with p set means
 * empty. Not NUL-terminated unless its maker says so.
 */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct str {
    const char *p;
    size_t n;
};

struct str_list {
    const struct str *v;
    size_t n;
};

#define STR(literal) ((struct str){.p = ("" literal), .n = sizeof(literal) - 1})
#define STR_INIT(literal)                                                                          \
    { .p = ("" literal), .n = sizeof(literal) - 1 }
#define STR_NULL ((struct str){.p = NULL, .n = 0})

/* For printf's "%.*s"; an absent string prints as nothing. */
#define STR_FMT "%.*s"
#define STR_ARG(s) (int)(s).n, ((s).p == NULL ? "" : (s).p)

/* View of a C string; NULL gives an absent one. */
static inline struct str str_c(const char *c) {
    return c == NULL ? STR_NULL : (struct str){.p = c, .n = strlen(c)};
}

static inline struct str str_n(const char *p, size_t n) {
    return (struct str){.p = p, .n = n};
}

static inline bool str_empty(struct str s) {
    return s.n == 0;
}

/* An absent and an empty string are equal here; compare .p where the difference matters. */
static inline bool str_eq(struct str a, struct str b) {
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* Byte order, shorter first among equals; for qsort and bsearch. */
int str_cmp(struct str a, struct str b);

/* ASCII letters compared without case. */
bool str_eq_nocase(struct str a, struct str b);

bool str_starts(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);

/* Index of the first c, or s.n if there is none. */
size_t str_find(struct str s, char c);

/* The part from `from` on (clamped), and the part between (both clamped). */
struct str str_from(struct str s, size_t from);
struct str str_sub(struct str s, size_t from, size_t to);

/* Without leading and trailing blanks, tabs, CR and LF. */
struct str str_trim(struct str s);

/* Decimal integer filling the whole string, optional '-'; false (ret untouched) otherwise. */
bool str_to_int64(struct str s, int64_t *ret);

/* Valid UTF-8 as RFC 3629 has it: no surrogates, no overlong forms, nothing above U+10FFFF. */
bool str_is_utf8(struct str s);

/* Bytes of the well-formed UTF-8 sequence at s.p[at] (at < s.n), or 0 if there is none. */
size_t str_utf8_next(struct str s, size_t at);

/* At most n bytes from the start, without half a character at the end. */
struct str str_utf8_cut(struct str s, size_t n);

/* Into an array of that size (1 or more), cut like that where it is too long, with a NUL behind. */
void str_utf8_copy(char *to, size_t size, struct str s);
#define STR_UTF8_COPY(array, s) str_utf8_copy((array), sizeof(array), (s))

/* Code points of a valid UTF-8 string (bytes that do not continue one). */
size_t str_utf8_len(struct str s);

#endif
