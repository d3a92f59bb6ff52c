// SPDX-License-Identifier: Apache-2.0
#include "auth/revocations.h"

#include "auth/bloom.h"
#include "base/obj.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>

struct revoked_user {
    struct str id;
    int64_t since_s;
};

struct revocations {
    unsigned magic;
#define REVOCATIONS_MAGIC 0x1f6e83c9U
    atomic_int refs;
    struct arena *arena; /* holds what the members point to */
    struct bloom tokens;
    struct revoked_user *users; /* by id, then time */
    size_t n_users;
};

/* ---- RFC 3339 ---- */

/* Takes n digits off the front, a number of at most max. */
static bool take_number(struct str *text, size_t n, int max, int *ret) {
    int value = 0;
    if (text->n < n)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (text->p[i] < '0' || text->p[i] > '9')
            return false;
        value = value * 10 + (text->p[i] - '0');
    }
    *text = str_from(*text, n);
    *ret = value;
    return value <= max;
}

static bool take_char(struct str *text, const char *any_of) {
    if (str_empty(*text) || text->p[0] == '\0' || strchr(any_of, text->p[0]) == NULL)
        return false;
    *text = str_from(*text, 1);
    return true;
}

/* A fraction of a second is cut off: iat, which it is compared with, has none. */
static bool skip_fraction(struct str *text) {
    int digit;
    if (!take_char(text, "."))
        return true;
    if (!take_number(text, 1, 9, &digit))
        return false;
    while (take_number(text, 1, 9, &digit))
        continue;
    return true;
}

/* "Z" or "+hh:mm" to minutes; must be the end. */
static bool take_offset(struct str *text, int *ret_min) {
    int hour, minute;
    bool west = !str_empty(*text) && text->p[0] == '-';
    *ret_min = 0;
    if (take_char(text, "Zz"))
        return str_empty(*text);
    if (!take_char(text, "+-") || !take_number(text, 2, 23, &hour) || !take_char(text, ":") ||
        !take_number(text, 2, 59, &minute))
        return false;
    *ret_min = (west ? -1 : 1) * (hour * 60 + minute);
    return str_empty(*text);
}

/* Days from 1970-01-01 in the Gregorian calendar; the year counts from March so that the leap day
 * comes last. */
static int64_t days_of(int year, int month, int day) {
    int64_t y = month > 2 ? year : year - 1;
    int64_t m = month > 2 ? month - 3 : month + 9;
    int64_t leap_days = (y >= 0 ? y / 4 : -1) - (y >= 0 ? y / 100 : -1) + (y >= 0 ? y / 400 : -1);
    return 365 * y + leap_days + (153 * m + 2) / 5 + day - 1 - 719468;
}

bool revocations_parse_time(struct str text, int64_t *ret_s) {
    int year, month, day, hour, minute, second, offset;
    if (!take_number(&text, 4, 9999, &year) || !take_char(&text, "-") ||
        !take_number(&text, 2, 12, &month) || month < 1 || !take_char(&text, "-") ||
        !take_number(&text, 2, 31, &day) || day < 1 || !take_char(&text, "Tt ") ||
        !take_number(&text, 2, 23, &hour) || !take_char(&text, ":") ||
        !take_number(&text, 2, 59, &minute) || !take_char(&text, ":") ||
        !take_number(&text, 2, 60, &second) || !skip_fraction(&text) ||
        !take_offset(&text, &offset))
        return false;
    int minutes = hour * 60 + minute - offset;
    *ret_s = days_of(year, month, day) * 86400 + (int64_t)minutes * 60 + second;
    return true;
}

/* ---- making ---- */

static struct err *take_filter(struct revocations *r, const struct ags_filter_json *filter,
                               struct arena *a) {
    if (filter == NULL)
        return err_new(a, RPC_INTERNAL, "AGS's revocation list has no filter of tokens");
    if (filter->bits.n == 0)
        return NULL;
    if (!filter->has_k || filter->k < 1 || filter->k > BLOOM_MAX_K)
        return err_new(a, RPC_INTERNAL, "AGS's filter of revoked tokens has no k of 1 to %d",
                       BLOOM_MAX_K);
    uint64_t *words = arena_array(r->arena, filter->bits.n, sizeof *words);
    memcpy(words, filter->bits.v, filter->bits.n * sizeof *words);
    r->tokens = (struct bloom){.words = words, .n = filter->bits.n, .k = (unsigned)filter->k};
    return NULL;
}

static int compare(const void *a, const void *b) {
    const struct revoked_user *x = a;
    const struct revoked_user *y = b;
    int order = str_cmp(x->id, y->id);
    return order != 0 ? order : (x->since_s > y->since_s) - (x->since_s < y->since_s);
}

static void take_users(struct revocations *r,
                       const struct ags_revocation_list_revoked_users_list *list) {
    r->users = arena_array(r->arena, list->n, sizeof *r->users);
    for (size_t i = 0; i < list->n; i++) {
        struct revoked_user user = {.id = arena_str(r->arena, list->v[i].id)};
        if (str_empty(user.id))
            continue;
        if (!revocations_parse_time(list->v[i].revoked_at, &user.since_s))
            user.since_s = INT64_MAX;
        r->users[r->n_users++] = user;
    }
    if (r->n_users > 0)
        qsort(r->users, r->n_users, sizeof *r->users, compare);
}

struct err *revocations_new(const struct ags_revocation_list *list, struct arena *a,
                            struct revocations **ret) {
    struct revocations *r = calloc(1, sizeof *r);
    AN(r);
    r->magic = REVOCATIONS_MAGIC;
    r->arena = arena_new(ARENA_LIMIT_DEFAULT);
    atomic_init(&r->refs, 1);
    struct err *err = take_filter(r, list->revoked_tokens, a);
    if (err != NULL) {
        revocations_unref(r);
        return err;
    }
    take_users(r, &list->revoked_users);
    *ret = r;
    return NULL;
}

struct revocations *revocations_ref(struct revocations *r) {
    OBJ_CHECK(r, REVOCATIONS_MAGIC);
    atomic_fetch_add(&r->refs, 1);
    return r;
}

void revocations_unref(struct revocations *r) {
    if (r == NULL)
        return;
    OBJ_CHECK(r, REVOCATIONS_MAGIC);
    if (atomic_fetch_sub(&r->refs, 1) != 1)
        return;
    arena_free(r->arena);
    r->magic = 0;
    free(r);
}

/* ---- asking ---- */

bool revocations_has_token(const struct revocations *r, struct str token) {
    OBJ_CHECK(r, REVOCATIONS_MAGIC);
    return bloom_has(&r->tokens, token);
}

bool revocations_has_user(const struct revocations *r, struct str user, double issued_s) {
    size_t low = 0;
    size_t high;
    OBJ_CHECK(r, REVOCATIONS_MAGIC);
    /* The last entry of the user is the latest one: look for the first that lies behind it. */
    high = r->n_users;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (str_cmp(r->users[middle].id, user) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 && str_eq(r->users[low - 1].id, user) &&
           isgreaterequal((double)r->users[low - 1].since_s, floor(issued_s));
}

size_t revocations_users(const struct revocations *r) {
    OBJ_CHECK(r, REVOCATIONS_MAGIC);
    return r->n_users;
}

size_t revocations_words(const struct revocations *r) {
    OBJ_CHECK(r, REVOCATIONS_MAGIC);
    return r->tokens.n;
}
