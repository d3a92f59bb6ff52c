// SPDX-License-Identifier: Apache-2.0
/*
 * Property: what is made of any value of any GameLift shape is read back as the same value, in JSON
 * and in CBOR. Values come from a generator that walks the shapes; ROUND_TRIP_SEED chooses another
 * run than the usual one, and a failure tells its seed.
 */
#include "unit/unit.h"

#include "codec/cbor.h"
#include "codec/json.h"
#include "conformance/same.h"
#include "generated/gamelift.h"

#include <stdlib.h>

#define VALUES_PER_SHAPE 200
#define MAX_NESTING 4

struct generator {
    uint64_t state; /* never 0 */
    struct arena *a;
};

static uint64_t next(struct generator *g) {
    /* xorshift64*; it only has to be repeatable. */
    g->state ^= g->state >> 12;
    g->state ^= g->state << 25;
    g->state ^= g->state >> 27;
    return g->state * UINT64_C(2685821657736338717);
}

static size_t below(struct generator *g, size_t n) {
    return (size_t)(next(g) % n);
}

static struct str any_text(struct generator *g) {
    static const char *const pieces[] = {"a", "Z", "\"", "\\", "/", "\n",     "\x01", "\x7f",
                                         " ", "0", "é",  "€",  "🎮", "\u2028", "<",    "{"};
    struct buf b;
    buf_init(&b, 4096);
    for (size_t n = below(g, 40); n > 0; n--)
        buf_puts(&b, pieces[below(g, ARRAY_LEN(pieces))]);
    struct str made = arena_str(g->a, str_n(b.n == 0 ? "" : (const char *)b.p, b.n));
    buf_free(&b);
    return made;
}

static int64_t any_integer(struct generator *g) {
    static const int64_t edges[] = {0,     1,     -1,  23,  24,        255,      256,
                                    65535, 65536, -24, -25, INT32_MAX, INT32_MIN};
    return below(g, 2) == 0 ? edges[below(g, ARRAY_LEN(edges))] : (int64_t)next(g) >> below(g, 64);
}

static void fill(struct generator *g, const struct codec_shape *shape, void *slot, int depth);

static void fill_collection(struct generator *g, const struct codec_shape *shape, void *slot,
                            int depth) {
    struct codec_list list = {.n = depth > MAX_NESTING ? 0 : below(g, 4)};
    char *v = arena_alloc(g->a, (list.n + 1) * shape->stride);
    assert_false(shape->pointers); /* GameLift has no sparse collections */
    for (size_t i = 0; i < list.n; i++) {
        char *entry = v + i * shape->stride;
        if (shape->kind == CODEC_MAP) {
            struct str key = arena_printf(g->a, "%zu" STR_FMT, i, STR_ARG(any_text(g)));
            memcpy(entry, &key, sizeof key);
            entry += shape->value_offset;
        }
        fill(g, shape->element, entry, depth + 1);
    }
    list.v = v;
    memcpy(slot, &list, sizeof list);
}

static void fill_members(struct generator *g, const struct codec_shape *shape, char *slot,
                         int depth) {
    for (size_t i = 0; i < shape->n_members; i++) {
        const struct codec_member *m = &shape->members[i];
        bool inner = m->shape->kind == CODEC_STRUCT || m->shape->kind == CODEC_UNION;
        if (below(g, 3) == 0 || (inner && depth > MAX_NESTING))
            continue;
        if (m->has)
            *(bool *)(slot + m->has_offset) = true;
        if (inner) {
            void *made = arena_alloc(g->a, m->shape->size);
            fill(g, m->shape, made, depth + 1);
            memcpy(slot + m->offset, &made, sizeof made);
        } else {
            fill(g, m->shape, slot + m->offset, depth);
        }
    }
}

static void fill(struct generator *g, const struct codec_shape *shape, void *slot, int depth) {
    int64_t integer = any_integer(g);
    double real = (double)integer / 8;
    switch (shape->kind) {
    case CODEC_STRUCT:
    case CODEC_UNION:
        fill_members(g, shape, slot, depth);
        break;
    case CODEC_LIST:
    case CODEC_MAP:
        fill_collection(g, shape, slot, depth);
        break;
    case CODEC_STRING:
    case CODEC_BLOB:
        *(struct str *)slot = any_text(g);
        break;
    case CODEC_BOOLEAN:
        *(bool *)slot = below(g, 2) == 0;
        break;
    case CODEC_INTEGER:
        *(int32_t *)slot = (int32_t)integer;
        break;
    case CODEC_LONG:
        *(int64_t *)slot = integer;
        break;
    case CODEC_DOUBLE:
        *(double *)slot = real;
        break;
    case CODEC_FLOAT:
        *(float *)slot = (float)real;
        break;
    case CODEC_TIMESTAMP:
        *(int64_t *)slot = integer % INT64_C(253402300799999); /* year 9999 */
        break;
    case CODEC_ENUM: {
        int value = 1 + (int)below(g, shape->n_names);
        memcpy(slot, &value, sizeof value);
        break;
    }
    default:
        fail_msg("%s: no values of this kind are made", shape->name);
    }
}

typedef struct err *encode_fn(struct buf *out, const struct codec_shape *shape, const void *value,
                              struct arena *a);
typedef struct err *decode_fn(struct str text, const struct codec_shape *shape, void *ret,
                              struct arena *a);

static void round_trip(const struct codec_shape *shape, encode_fn *encode, decode_fn *decode,
                       uint64_t seed) {
    struct generator g = {.state = seed * 2 + 1, .a = arena_new(ARENA_LIMIT_DEFAULT)};
    void *value = arena_alloc(g.a, shape->size);
    void *back = arena_alloc(g.a, shape->size);
    struct buf b;
    buf_init(&b, 1 << 24);
    fill(&g, shape, value, 0);
    struct err *err = encode(&b, shape, value, g.a);
    if (err == NULL)
        err = decode(buf_str(&b), shape, back, g.a);
    if (err != NULL)
        fail_msg("%s, seed %llu: %s", shape->name, (unsigned long long)seed, err->msg.p);
    const char *path = same_value(shape, value, back, g.a);
    if (path != NULL)
        fail_msg("%s, seed %llu: %s came back as something else", shape->name,
                 (unsigned long long)seed, path);
    buf_free(&b);
    arena_free(g.a);
}

/* ---- every structure of the model, reached from its operations ---- */

static const struct aws_operation *const operations[] = {
    &gl_create_game_session_operation,         &gl_describe_game_session_placement_operation,
    &gl_describe_game_sessions_operation,      &gl_start_game_session_placement_operation,
    &gl_stop_game_session_placement_operation, &gl_terminate_game_session_operation,
};

struct found {
    const struct codec_shape *shapes[256];
    size_t n;
};

static void find(struct found *found, const struct codec_shape *shape) {
    if (shape == NULL)
        return;
    for (size_t i = 0; i < found->n; i++)
        if (found->shapes[i] == shape)
            return;
    assert_true(found->n < ARRAY_LEN(found->shapes));
    found->shapes[found->n++] = shape;
    for (size_t i = 0; i < shape->n_members; i++)
        find(found, shape->members[i].shape);
    find(found, shape->element);
}

static void round_trips(encode_fn *encode, decode_fn *decode) {
    const char *text = getenv("ROUND_TRIP_SEED");
    uint64_t seed = text == NULL ? 1 : strtoull(text, NULL, 10);
    struct found found = {.n = 0};
    for (size_t i = 0; i < ARRAY_LEN(operations); i++) {
        find(&found, operations[i]->input);
        find(&found, operations[i]->output);
    }
    for (size_t i = 0; i < operations[0]->service->n_errors; i++)
        find(&found, operations[0]->service->errors[i].shape);
    size_t structures = 0;
    for (size_t i = 0; i < found.n; i++) {
        bool is_structure = found.shapes[i]->kind == CODEC_STRUCT;
        structures += is_structure ? 1 : 0;
        for (uint64_t n = 0; is_structure && n < VALUES_PER_SHAPE; n++)
            round_trip(found.shapes[i], encode, decode, seed + n);
    }
    assert_true(structures > 20);
}

static void every_shape_round_trips_in_json(void **state) {
    (void)state;
    round_trips(json_encode, json_decode);
}

static void every_shape_round_trips_in_cbor(void **state) {
    (void)state;
    round_trips(cbor_encode, cbor_decode);
}

static void a_difference_is_noticed(void **state) {
    (void)state;
    struct arena *a = arena_new(4096);
    const struct gl_create_game_session_input one = {.alias_id = STR("a"),
                                                     .has_maximum_player_session_count = true};
    struct gl_create_game_session_input other = one;
    assert_null(same_value(&gl_create_game_session_input_shape, &one, &other, a));
    other.maximum_player_session_count = 1;
    assert_string_equal(same_value(&gl_create_game_session_input_shape, &one, &other, a),
                        "MaximumPlayerSessionCount");
    arena_free(a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_shape_round_trips_in_json),
        cmocka_unit_test(every_shape_round_trips_in_cbor),
        cmocka_unit_test(a_difference_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
