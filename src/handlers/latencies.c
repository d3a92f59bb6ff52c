// SPDX-License-Identifier: Apache-2.0
#include "handlers/latencies.h"

#include "codec/number.h"

#include <yajl/yajl_parse.h>

#define MAX_NAME 1024 /* bytes; GameLift's limit for both names, in characters */

/*
 * Depth 1 is the text's own object, whose keys are watched for. Below one of them come an optional
 * array, the players' object, and each player's regions; everything else is passed over.
 */
struct reader {
    struct arena *arena;
    struct latencies found;
    struct gl_player_latency *v;
    size_t cap;
    unsigned depth;   /* objects and arrays that are open */
    unsigned players; /* depth of the players' object; 0 while outside */
    bool wanted;      /* the value of one of the two keys comes next, or is open */
    bool in_array;    /* it is an array */
    bool in_player;   /* a player's object is open */
    struct str player;
    struct str region;
    uint32_t *seen; /* hash table of indexes into v, plus one; never more than half full */
    size_t n_seen;  /* its places, a power of two */
};

static void skip(struct reader *r, const char *why) {
    r->found.skipped++;
    if (r->found.why == NULL)
        r->found.why = why;
}

/* ---- entries ---- */

/* FNV-1a over both names; collisions only cost time, which the limit on entries bounds. */
static uint64_t hash_of(struct str a, struct str b) {
    uint64_t h = 14695981039346656037U;
    for (size_t i = 0; i < a.n + b.n; i++) {
        h ^= (unsigned char)(i < a.n ? a.p[i] : b.p[i - a.n]);
        h *= 1099511628211U;
    }
    return h;
}

/* The place of player and region: a free one, or that of the same two. */
static uint32_t *place_of(const struct reader *r, struct str player, struct str region) {
    for (size_t at = hash_of(player, region);; at++) {
        uint32_t *place = &r->seen[at & (r->n_seen - 1)];
        if (*place == 0)
            return place;
        const struct gl_player_latency *other = &r->v[*place - 1];
        if (str_eq(other->player_id, player) && str_eq(other->region_identifier, region))
            return place;
    }
}

static void grow_table(struct reader *r) {
    r->n_seen = r->n_seen == 0 ? 64 : 4 * r->n_seen;
    r->seen = arena_array(r->arena, r->n_seen, sizeof *r->seen);
    for (size_t i = 0; i < r->found.list.n; i++)
        *place_of(r, r->v[i].player_id, r->v[i].region_identifier) = (uint32_t)i + 1;
}

/* True if player and region are new; they are remembered then. */
static bool remember(struct reader *r) {
    if (2 * (r->found.list.n + 1) > r->n_seen)
        grow_table(r);
    uint32_t *place = place_of(r, r->player, r->region);
    if (*place != 0)
        return false;
    *place = (uint32_t)r->found.list.n + 1;
    return true;
}

static void add(struct reader *r, double ms) {
    if (!(ms >= 0.0) || ms > LATENCIES_MAX_MS) {
        skip(r, "a latency is negative or too large");
    } else if (str_empty(r->player) || str_empty(r->region)) {
        skip(r, "a player or region has no name");
    } else if (!str_is_utf8(r->player) || !str_is_utf8(r->region)) {
        /* An escaped half of a surrogate pair: GameLift would refuse the whole request for it. */
        skip(r, "the name of a player or region is not Unicode");
    } else if (r->player.n > MAX_NAME || r->region.n > MAX_NAME) {
        skip(r, "the name of a player or region is too long");
    } else if (r->found.list.n == LATENCIES_MAX_ENTRIES) {
        skip(r, "there are too many latencies");
    } else if (!remember(r)) {
        skip(r, "a player and region appear twice");
    } else {
        if (r->found.list.n == r->cap) {
            r->cap = r->cap == 0 ? 16 : 2 * r->cap;
            struct gl_player_latency *v = arena_array(r->arena, r->cap, sizeof *v);
            if (r->v != NULL)
                memcpy(v, r->v, r->found.list.n * sizeof *v);
            r->v = v;
        }
        r->v[r->found.list.n++] = (struct gl_player_latency){
            .player_id = r->player,
            .region_identifier = r->region,
            .has_latency_in_milliseconds = true,
            .latency_in_milliseconds = (float)ms,
        };
    }
}

/* ---- tokens ---- */

static bool in_regions(const struct reader *r) {
    return r->in_player && r->depth == r->players + 1;
}

/* Any value that is no latency, in a place where a latency or a player's regions belong. */
static int on_other(struct reader *r) {
    if (in_regions(r))
        skip(r, "a latency is not a number");
    else if (r->players > 0 && r->depth == r->players)
        skip(r, "a player's latencies are not an object");
    else if (r->in_array && r->depth == 2)
        skip(r, "an element of the array is not an object");
    else if (r->wanted && r->depth == 1)
        skip(r, "the latencies are neither an object nor an array");
    if (r->depth == 1)
        r->wanted = false;
    return 1;
}

static int on_null(void *ctx) {
    struct reader *r = ctx;
    if (r->depth == 1)
        r->wanted = false; /* as if it were not there */
    return on_other(r);
}

static int on_boolean(void *ctx, int value) {
    (void)value;
    return on_other(ctx);
}

static int on_string(void *ctx, const unsigned char *p, size_t n) {
    (void)p;
    (void)n;
    return on_other(ctx);
}

static int on_number(void *ctx, const char *p, size_t n) {
    struct reader *r = ctx;
    double ms;
    if (!in_regions(r))
        return on_other(r);
    if (number_parse_double(str_n(p, n), &ms))
        add(r, ms);
    else
        skip(r, "a latency is no number in range");
    return 1;
}

static int on_key(void *ctx, const unsigned char *p, size_t n) {
    struct reader *r = ctx;
    struct str key = str_n((const char *)p, n);
    if (r->depth == 1)
        r->wanted = str_eq(key, STR("gamelift_latencies")) || str_eq(key, STR("player_latencies"));
    else if (r->players > 0 && r->depth == r->players)
        r->player = arena_str(r->arena, key);
    else if (in_regions(r))
        r->region = arena_str(r->arena, key);
    return 1;
}

static int on_open_object(void *ctx) {
    struct reader *r = ctx;
    if (in_regions(r))
        skip(r, "a latency is not a number");
    else if (r->players > 0 && r->depth == r->players)
        r->in_player = true;
    if (r->depth++ == LATENCIES_MAX_DEPTH)
        return 0;
    if (r->wanted && r->players == 0 && r->depth == (r->in_array ? 3U : 2U))
        r->players = r->depth;
    return 1;
}

static int on_open_array(void *ctx) {
    struct reader *r = ctx;
    if (in_regions(r))
        skip(r, "a latency is not a number");
    else if (r->players > 0 && r->depth == r->players)
        skip(r, "a player's latencies are not an object");
    else if (r->in_array && r->depth == 2)
        skip(r, "an element of the array is not an object");
    if (r->depth++ == LATENCIES_MAX_DEPTH)
        return 0;
    if (r->wanted && r->depth == 2)
        r->in_array = true;
    return r->depth > 1;
}

static int on_close(void *ctx) {
    struct reader *r = ctx;
    if (r->depth == r->players)
        r->players = 0;
    r->depth--;
    if (r->depth == r->players)
        r->in_player = false;
    if (r->depth == 1) {
        r->wanted = false;
        r->in_array = false;
    }
    return 1;
}

static const yajl_callbacks callbacks = {
    .yajl_null = on_null,
    .yajl_boolean = on_boolean,
    .yajl_number = on_number,
    .yajl_string = on_string,
    .yajl_start_map = on_open_object,
    .yajl_map_key = on_key,
    .yajl_end_map = on_close,
    .yajl_start_array = on_open_array,
    .yajl_end_array = on_close,
};

struct latencies latencies_read(struct arena *a, struct str session_data) {
    struct reader r = {.arena = a};
    if (str_empty(str_trim(session_data)))
        return r.found;
    yajl_handle parser = yajl_alloc(&callbacks, NULL, &r);
    yajl_status status = yajl_parse(parser, (const unsigned char *)session_data.p, session_data.n);
    if (status == yajl_status_ok)
        status = yajl_complete_parse(parser);
    yajl_free(parser);
    /* What was read before the text broke off is as good as if it had gone on. */
    if (status != yajl_status_ok && r.found.why == NULL)
        r.found.why = r.depth > LATENCIES_MAX_DEPTH ? "session_data is nested too deeply"
                                                    : "session_data is not a JSON object";
    r.found.list.v = r.v;
    return r.found;
}
