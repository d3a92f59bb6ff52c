// SPDX-License-Identifier: Apache-2.0
#include "codec/cbor_token.h"

#include <cbor.h>

static void set(void *ctx, enum cbor_token_kind kind, uint64_t n) {
    struct cbor_token *t = ctx;
    t->kind = kind;
    t->n = n;
}

static void set_text(void *ctx, enum cbor_token_kind kind, cbor_data p, size_t n) {
    struct cbor_token *t = ctx;
    t->kind = kind;
    t->text = n == 0 ? STR("") : str_n((const char *)p, n);
}

static void set_real(void *ctx, double value) {
    struct cbor_token *t = ctx;
    t->kind = CBOR_FLOAT;
    t->real = value;
}

static void on_uint8(void *ctx, uint8_t n) {
    set(ctx, CBOR_UINT, n);
}

static void on_uint16(void *ctx, uint16_t n) {
    set(ctx, CBOR_UINT, n);
}

static void on_uint32(void *ctx, uint32_t n) {
    set(ctx, CBOR_UINT, n);
}

static void on_uint64(void *ctx, uint64_t n) {
    set(ctx, CBOR_UINT, n);
}

static void on_negint8(void *ctx, uint8_t n) {
    set(ctx, CBOR_NEGINT, n);
}

static void on_negint16(void *ctx, uint16_t n) {
    set(ctx, CBOR_NEGINT, n);
}

static void on_negint32(void *ctx, uint32_t n) {
    set(ctx, CBOR_NEGINT, n);
}

static void on_negint64(void *ctx, uint64_t n) {
    set(ctx, CBOR_NEGINT, n);
}

static void on_bytes_open(void *ctx) {
    set(ctx, CBOR_BYTES_OPEN, 0);
}

static void on_bytes(void *ctx, cbor_data p, size_t n) {
    set_text(ctx, CBOR_BYTES, p, n);
}

static void on_text(void *ctx, cbor_data p, size_t n) {
    set_text(ctx, CBOR_TEXT, p, n);
}

static void on_text_open(void *ctx) {
    set(ctx, CBOR_TEXT_OPEN, 0);
}

static void on_array_open(void *ctx) {
    set(ctx, CBOR_ARRAY_OPEN, 0);
}

static void on_array(void *ctx, size_t n) {
    set(ctx, CBOR_ARRAY, n);
}

static void on_map_open(void *ctx) {
    set(ctx, CBOR_MAP_OPEN, 0);
}

static void on_map(void *ctx, size_t n) {
    set(ctx, CBOR_MAP, n);
}

static void on_tag(void *ctx, uint64_t n) {
    set(ctx, CBOR_TAG, n);
}

static void on_float(void *ctx, float value) {
    set_real(ctx, (double)value);
}

static void on_double(void *ctx, double value) {
    set_real(ctx, value);
}

static void on_null(void *ctx) {
    set(ctx, CBOR_NULL, 0);
}

static void on_bool(void *ctx, bool value) {
    set(ctx, CBOR_BOOL, value);
}

static void on_break(void *ctx) {
    set(ctx, CBOR_BREAK, 0);
}

static const struct cbor_callbacks callbacks = {
    .uint8 = on_uint8,
    .uint16 = on_uint16,
    .uint32 = on_uint32,
    .uint64 = on_uint64,
    .negint64 = on_negint64,
    .negint32 = on_negint32,
    .negint16 = on_negint16,
    .negint8 = on_negint8,
    .byte_string_start = on_bytes_open,
    .byte_string = on_bytes,
    .string = on_text,
    .string_start = on_text_open,
    .indef_array_start = on_array_open,
    .array_start = on_array,
    .indef_map_start = on_map_open,
    .map_start = on_map,
    .tag = on_tag,
    .float2 = on_float,
    .float4 = on_float,
    .float8 = on_double,
    .undefined = on_null,
    .null = on_null,
    .boolean = on_bool,
    .indef_break = on_break,
};

bool cbor_next(struct cbor_reader *r, struct cbor_token *ret) {
    struct str rest = str_from(r->input, r->at);
    if (rest.n == 0)
        return false;
    struct cbor_decoder_result done =
        cbor_stream_decode((cbor_data)rest.p, rest.n, &callbacks, ret);
    if (done.status != CBOR_DECODER_FINISHED)
        return false;
    r->at += done.read;
    return true;
}
