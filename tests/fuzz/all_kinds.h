// SPDX-License-Identifier: Apache-2.0
/* A shape with a member of each kind that a model can have, as GameLift's has only some of them. */
#ifndef FUZZ_ALL_KINDS_H
#define FUZZ_ALL_KINDS_H

#include "codec/shape.h"

#include <stddef.h>

struct all_kinds {
    struct str text;
    struct str blob;
    struct str document;
    struct str big_integer;
    struct str big_decimal;
    bool has_boolean;
    bool boolean;
    bool has_integer;
    int32_t integer;
    bool has_long;
    int64_t long_;
    bool has_ulong;
    uint64_t ulong_;
    bool has_float;
    float float_;
    bool has_double;
    double double_;
    bool has_epoch;
    int64_t epoch;
    bool has_iso8601;
    int64_t iso8601;
    bool has_http_date;
    int64_t http_date;
    int enum_;
    const struct all_kinds *inner;
    const struct all_kinds *choice;
    struct {
        const struct all_kinds *v;
        size_t n;
    } list;
    struct {
        const struct str *v;
        size_t n;
    } sparse;
    struct {
        const int64_t *const *v;
        size_t n;
    } pointers;
    struct all_kinds_map {
        const struct all_kinds_entry *v;
        size_t n;
    } map;
};

struct all_kinds_entry {
    struct str key;
    double value;
};

static const struct codec_shape all_kinds_shape;
static const struct codec_shape all_kinds_choice;

#define SCALAR(name_, kind_, type_)                                                                \
    static const struct codec_shape name_##_shape = {                                              \
        .kind = (kind_), .name = #name_, .size = sizeof(type_)}
SCALAR(text, CODEC_STRING, struct str);
SCALAR(blob, CODEC_BLOB, struct str);
SCALAR(document, CODEC_DOCUMENT, struct str);
SCALAR(big_integer, CODEC_BIG_INTEGER, struct str);
SCALAR(big_decimal, CODEC_BIG_DECIMAL, struct str);
SCALAR(boolean, CODEC_BOOLEAN, bool);
SCALAR(integer, CODEC_INTEGER, int32_t);
SCALAR(long_, CODEC_LONG, int64_t);
SCALAR(ulong_, CODEC_ULONG, uint64_t);
SCALAR(float_, CODEC_FLOAT, float);
SCALAR(double_, CODEC_DOUBLE, double);
SCALAR(epoch, CODEC_TIMESTAMP, int64_t);
#undef SCALAR

static const struct codec_shape iso8601_shape = {.kind = CODEC_TIMESTAMP,
                                                 .name = "iso8601",
                                                 .size = sizeof(int64_t),
                                                 .time_format = CODEC_TIME_ISO8601};
static const struct codec_shape http_date_shape = {.kind = CODEC_TIMESTAMP,
                                                   .name = "http_date",
                                                   .size = sizeof(int64_t),
                                                   .time_format = CODEC_TIME_HTTP_DATE};
static const struct str enum_names[] = {STR_INIT("ONE"), STR_INIT("TWO")};
static const struct codec_shape enum_shape = {
    .kind = CODEC_ENUM, .name = "enum", .size = sizeof(int), .names = enum_names, .n_names = 2};
static const struct codec_shape list_shape = {.kind = CODEC_LIST,
                                              .name = "list",
                                              .element = &all_kinds_shape,
                                              .stride = sizeof(struct all_kinds)};
static const struct codec_shape sparse_shape = {.kind = CODEC_LIST,
                                                .name = "sparse",
                                                .element = &text_shape,
                                                .stride = sizeof(struct str),
                                                .sparse = true};
static const struct codec_shape pointers_shape = {.kind = CODEC_LIST,
                                                  .name = "pointers",
                                                  .element = &long__shape,
                                                  .stride = sizeof(int64_t *),
                                                  .sparse = true,
                                                  .pointers = true};
static const struct codec_shape map_shape = {.kind = CODEC_MAP,
                                             .name = "map",
                                             .element = &double__shape,
                                             .stride = sizeof(struct all_kinds_entry),
                                             .value_offset =
                                                 offsetof(struct all_kinds_entry, value)};

#define PLAIN(wire, field, shape_)                                                                 \
    { .name = STR_INIT(wire), .offset = offsetof(struct all_kinds, field), .shape = &(shape_) }
#define WITH_HAS(wire, field, has_field, shape_)                                                   \
    {                                                                                              \
        .name = STR_INIT(wire), .offset = offsetof(struct all_kinds, field), .has = true,          \
        .has_offset = offsetof(struct all_kinds, has_field), .shape = &(shape_)                    \
    }
static const struct codec_member all_kinds_members[] = {
    PLAIN("t", text, text_shape),
    PLAIN("b", blob, blob_shape),
    PLAIN("d", document, document_shape),
    PLAIN("bi", big_integer, big_integer_shape),
    PLAIN("bd", big_decimal, big_decimal_shape),
    WITH_HAS("bo", boolean, has_boolean, boolean_shape),
    WITH_HAS("i", integer, has_integer, integer_shape),
    WITH_HAS("l", long_, has_long, long__shape),
    WITH_HAS("u", ulong_, has_ulong, ulong__shape),
    WITH_HAS("f", float_, has_float, float__shape),
    WITH_HAS("do", double_, has_double, double__shape),
    WITH_HAS("te", epoch, has_epoch, epoch_shape),
    WITH_HAS("ti", iso8601, has_iso8601, iso8601_shape),
    WITH_HAS("th", http_date, has_http_date, http_date_shape),
    PLAIN("e", enum_, enum_shape),
    PLAIN("in", inner, all_kinds_shape),
    PLAIN("ch", choice, all_kinds_choice),
    PLAIN("li", list, list_shape),
    PLAIN("sp", sparse, sparse_shape),
    PLAIN("po", pointers, pointers_shape),
    PLAIN("ma", map, map_shape),
};
#undef PLAIN
#undef WITH_HAS

static void all_kinds_log(struct buf *out, const char *type, const void *value) {
    (void)out;
    (void)type;
    (void)value;
}

static const struct codec_shape all_kinds_shape = {
    .kind = CODEC_STRUCT,
    .name = "AllKinds",
    .size = sizeof(struct all_kinds),
    .members = all_kinds_members,
    .n_members = sizeof all_kinds_members / sizeof all_kinds_members[0],
    .log_fields = all_kinds_log,
};

static const struct codec_shape all_kinds_choice = {
    .kind = CODEC_UNION,
    .name = "Choice",
    .size = sizeof(struct all_kinds),
    .members = all_kinds_members,
    .n_members = sizeof all_kinds_members / sizeof all_kinds_members[0],
    .log_fields = all_kinds_log,
};

#endif
