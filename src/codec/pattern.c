// SPDX-License-Identifier: Apache-2.0
#include "codec/pattern.h"

#include "base/obj.h"

#include <stdatomic.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

/* Steps of the matcher; the models' patterns need a few for each character. */
#define MATCH_LIMIT 1000000

/* Texts remembered, and the longest of them: an ARN has room. */
#define KNOWN 8
#define KNOWN_BYTES 256

/* Stands for a pattern that could not be compiled. */
static char unusable;

static void *compile(struct codec_pattern *pattern) {
    int error;
    PCRE2_SIZE at;
    void *expected = NULL;
    void *made = pcre2_compile((PCRE2_SPTR)pattern->text, PCRE2_ZERO_TERMINATED,
                               PCRE2_UTF | PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_BACKSLASH_C, &error,
                               &at, NULL);
    if (made == NULL)
        made = &unusable;
    /* Two threads may compile it at once; the second one's work is thrown away. */
    if (atomic_compare_exchange_strong(&pattern->compiled, &expected, made))
        return made;
    if (made != &unusable)
        pcre2_code_free(made);
    return expected;
}

/* Most patterns are of this kind, and need no engine. */
static bool consists_of(const uint64_t set[2], struct str text) {
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        if (c >= 128 || (set[c / 64] >> c % 64 & 1) == 0)
            return false;
    }
    return text.n > 0;
}

/* The same alias or queue is named call after call: what a pattern last matched, by thread. */
static _Thread_local struct known {
    const struct codec_pattern *pattern;
    size_t n;
    char text[KNOWN_BYTES];
} known[KNOWN];

static struct known *known_of(const struct codec_pattern *pattern) {
    return &known[(uintptr_t)pattern / sizeof *pattern % KNOWN];
}

static bool is_known(const struct codec_pattern *pattern, struct str text) {
    const struct known *k = known_of(pattern);
    return k->pattern == pattern && str_eq(str_n(k->text, k->n), text);
}

static void remember(const struct codec_pattern *pattern, struct str text) {
    struct known *k = known_of(pattern);
    if (text.n == 0 || text.n > sizeof k->text)
        return;
    k->pattern = pattern;
    k->n = text.n;
    memcpy(k->text, text.p, text.n);
}

bool codec_pattern_matches(struct codec_pattern *pattern, struct str text) {
    if ((pattern->only[0] | pattern->only[1]) != 0)
        return consists_of(pattern->only, text);
    if (is_known(pattern, text))
        return true;
    void *code = atomic_load_explicit(&pattern->compiled, memory_order_acquire);
    if (code == NULL)
        code = compile(pattern);
    if (code == &unusable)
        return true;
    static _Thread_local pcre2_match_context *limits;
    static _Thread_local pcre2_match_data *data;
    if (limits == NULL) {
        limits = pcre2_match_context_create(NULL);
        data = pcre2_match_data_create(1, NULL);
        ASSERT(limits != NULL && data != NULL);
        pcre2_set_match_limit(limits, MATCH_LIMIT);
    }
    int found = pcre2_match(code, (PCRE2_SPTR)(text.p == NULL ? "" : text.p), text.n, 0,
                            PCRE2_NO_UTF_CHECK, data, limits);
    if (found >= 0)
        remember(pattern, text);
    return found >= 0;
}
