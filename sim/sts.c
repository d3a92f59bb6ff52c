// SPDX-License-Identifier: Apache-2.0
#include "sim/sts.h"

#include "base/obj.h"
#include "base/random.h"

#include <time.h>

static struct sts_settings copy_settings(struct arena *a, const struct sts_settings *from) {
    struct sts_settings s = *from;
    struct str *strings[] = {&s.role_arn,        &s.external_id,   &s.web_identity_token,
                             &s.container_token, &s.instance_role, &s.instance_region};
    for (size_t i = 0; i < ARRAY_LEN(strings); i++)
        *strings[i] = arena_str(a, *strings[i]);
    return s;
}

void sts_set(struct sts *sts, const struct sts_settings *settings) {
    struct arena *a = arena_new(ARENA_LIMIT_DEFAULT);
    sts->settings = copy_settings(a, settings);
    arena_free(sts->arena);
    sts->arena = a;
}

void sts_init(struct sts *sts, struct sim *sim, const struct sts_settings *settings) {
    *sts = (struct sts){.magic = STS_MAGIC, .sim = sim};
    sts->first_arena = arena_new(ARENA_LIMIT_DEFAULT);
    sts->first = copy_settings(sts->first_arena, settings);
    sts_set(sts, &sts->first);
}

void sts_clear(struct sts *sts) {
    OBJ_CHECK(sts, STS_MAGIC);
    sts_set(sts, &sts->first);
}

void sts_free(struct sts *sts) {
    OBJ_CHECK(sts, STS_MAGIC);
    arena_free(sts->arena);
    arena_free(sts->first_arena);
    sts->magic = 0;
}

struct str sts_time(struct arena *a, int64_t ms) {
    time_t seconds = (time_t)(ms / 1000);
    struct tm tm;
    char text[32];
    gmtime_r(&seconds, &tm);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm);
    return arena_str(a, str_c(text));
}

struct str sts_random_text(struct arena *a, size_t n) {
    /* 32 of them, so that a byte's low bits choose evenly. */
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    char *text = arena_alloc(a, n + 1);
    random_bytes(text, n);
    for (size_t i = 0; i < n; i++)
        text[i] = letters[(unsigned char)text[i] % (sizeof letters - 1)];
    return str_n(text, n);
}

/* ---- keys of sim->auth: those with an end are ours ---- */

static void forget_key(struct auth *auth, size_t i) {
    secret_free(&auth->keys[i].secret);
    secret_free(&auth->keys[i].token);
    auth->n_keys--;
    memmove(&auth->keys[i], &auth->keys[i + 1], (auth->n_keys - i) * sizeof *auth->keys);
}

static void make_room(struct auth *auth) {
    size_t first = AUTH_MAX_KEYS;
    for (size_t i = 0; i < auth->n_keys; i++)
        if (auth->keys[i].expires_ms != 0 &&
            (first == AUTH_MAX_KEYS || auth->keys[i].expires_ms < auth->keys[first].expires_ms))
            first = i;
    if (first < AUTH_MAX_KEYS)
        forget_key(auth, first);
}

void sts_issue(struct sts *sts, int64_t asked_s, struct arena *a, struct sts_credentials *ret) {
    int64_t lifetime = sts->settings.lifetime_s != 0 ? sts->settings.lifetime_s
                       : asked_s != 0                ? asked_s
                                                     : STS_DEFAULT_LIFETIME_S;
    int64_t now = sim_now_ms(sts->sim);
    /* Whole seconds, because that is all the answer can tell. */
    int64_t expires_ms = (now / 1000 + lifetime) * 1000;
    struct sts_credentials c = {
        .access_key_id = arena_printf(a, "ASIA" STR_FMT, STR_ARG(sts_random_text(a, 16))),
        .secret_access_key = sts_random_text(a, 40),
        .session_token =
            arena_printf(a, "SimToken/" STR_FMT "+" STR_FMT "==", STR_ARG(sts_random_text(a, 100)),
                         STR_ARG(sts_random_text(a, 100))),
        .expiration = sts_time(a, expires_ms),
    };
    struct auth *auth = &sts->sim->auth;
    if (auth->n_keys == AUTH_MAX_KEYS)
        make_room(auth);
    ASSERT(auth_add_key(auth, c.access_key_id, c.secret_access_key, c.session_token, expires_ms));
    sts->issued++;
    *ret = c;
}

void sts_expire_all(struct sts *sts) {
    struct auth *auth = &sts->sim->auth;
    for (size_t i = 0; i < auth->n_keys; i++)
        if (auth->keys[i].expires_ms != 0)
            auth->keys[i].expires_ms = 1;
}

void sts_forget_all(struct sts *sts) {
    struct auth *auth = &sts->sim->auth;
    for (size_t i = auth->n_keys; i > 0; i--)
        if (auth->keys[i - 1].expires_ms != 0)
            forget_key(auth, i - 1);
}

/* ---- names ---- */

static bool is_alnum(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool all_from(struct str s, const char *more) {
    for (size_t i = 0; i < s.n; i++)
        if (!is_alnum(s.p[i]) && str_find(str_c(more), s.p[i]) == strlen(more))
            return false;
    return true;
}

static struct str next_part(struct str *rest) {
    size_t colon = str_find(*rest, ':');
    struct str part = str_sub(*rest, 0, colon);
    *rest = str_from(*rest, colon + 1);
    return part;
}

bool sts_role_parse(struct str arn, struct sts_role *ret) {
    struct str rest = arn;
    if (arn.n < 20 || arn.n > 2048 || !str_eq(next_part(&rest), STR("arn")))
        return false;
    struct str partition = next_part(&rest);
    struct str service = next_part(&rest);
    struct str region = next_part(&rest);
    struct str account = next_part(&rest);
    if (!str_starts(partition, STR("aws")) || !all_from(partition, "-") ||
        !str_eq(service, STR("iam")) || !str_empty(region) || account.n != 12 ||
        !str_starts(rest, STR("role/")))
        return false;
    for (size_t i = 0; i < account.n; i++)
        if (account.p[i] < '0' || account.p[i] > '9')
            return false;
    struct str name = rest;
    while (str_find(name, '/') < name.n)
        name = str_from(name, str_find(name, '/') + 1);
    if (str_empty(name) || name.n > 64 || !all_from(name, "_+=,.@-"))
        return false;
    *ret = (struct sts_role){.partition = partition, .account = account, .name = name};
    return true;
}

bool sts_session_name_valid(struct str name) {
    return name.n >= 2 && name.n <= 64 && all_from(name, "_+=,.@-");
}
