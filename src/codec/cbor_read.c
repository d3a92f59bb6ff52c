// SPDX-License-Identifier: Apache-2.0
#include "codec/cbor_read.h"

#include "codec/cbor_big.h"
#include "codec/cbor_tags.h"
#include "codec/number.h"

#include <math.h>

struct err *cbor_fail(struct cbor_decoder *d, const struct codec_path *path, const char *why) {
    struct str where = codec_path_str(d->arena, path);
    struct err *err = err_new(d->arena, RPC_INTERNAL, STR_FMT ": %s", STR_ARG(where), why);
    err->field = where;
    return err;
}

struct err *cbor_wrong_type(struct cbor_decoder *d, const struct codec_path *path,
                            const char *wanted) {
    static const char *const found[] = {
        [CBOR_UINT] = "an integer",
        [CBOR_NEGINT] = "an integer",
        [CBOR_BYTES] = "a byte string",
        [CBOR_TEXT] = "a string",
        [CBOR_BYTES_OPEN] = "a byte string",
        [CBOR_TEXT_OPEN] = "a string",
        [CBOR_ARRAY] = "an array",
        [CBOR_MAP] = "a map",
        [CBOR_ARRAY_OPEN] = "an array",
        [CBOR_MAP_OPEN] = "a map",
        [CBOR_TAG] = "a tag",
        [CBOR_FLOAT] = "a float",
        [CBOR_BOOL] = "a boolean",
        [CBOR_NULL] = "null",
        [CBOR_BREAK] = "a break",
    };
    struct str why = arena_printf(d->arena, "%s where %s belongs", found[d->token.kind], wanted);
    return cbor_fail(d, path, why.p);
}

struct err *cbor_read_next(struct cbor_decoder *d, const struct codec_path *path) {
    if (cbor_next(&d->reader, &d->token))
        return NULL;
    struct str why =
        arena_printf(d->arena, "not CBOR, at byte %zu of %zu", d->reader.at, d->reader.input.n);
    return cbor_fail(d, path, why.p);
}

/* ---- items ---- */

struct err *cbor_next_item(struct cbor_decoder *d, struct cbor_items *items,
                           const struct codec_path *path, bool *ret_more) {
    *ret_more = false;
    if (!items->open && items->left-- == 0)
        return NULL;
    struct err *err = cbor_read_next(d, path);
    if (err != NULL)
        return err;
    *ret_more = d->token.kind != CBOR_BREAK || !items->open;
    return NULL;
}

struct err *cbor_read_string(struct cbor_decoder *d, enum cbor_token_kind whole,
                             const struct codec_path *path, struct str *ret) {
    enum cbor_token_kind open = whole == CBOR_TEXT ? CBOR_TEXT_OPEN : CBOR_BYTES_OPEN;
    struct err *err = NULL;
    if (d->token.kind == whole) {
        *ret = arena_str(d->arena, d->token.text);
    } else if (d->token.kind == open) {
        struct buf chunks;
        buf_init(&chunks, d->reader.input.n);
        while ((err = cbor_read_next(d, path)) == NULL && d->token.kind == whole)
            buf_putstr(&chunks, d->token.text);
        *ret = arena_str(d->arena, buf_str(&chunks));
        buf_free(&chunks);
        if (err == NULL && d->token.kind != CBOR_BREAK)
            err = cbor_wrong_type(d, path, "a chunk of a string");
    } else {
        return cbor_wrong_type(d, path, whole == CBOR_TEXT ? "a string" : "a byte string");
    }
    if (err == NULL && whole == CBOR_TEXT && !str_is_utf8(*ret))
        return cbor_fail(d, path, "a string that is not UTF-8");
    return err;
}

struct err *cbor_skip(struct cbor_decoder *d, const struct codec_path *path) {
    struct str ignored;
    bool more;
    struct err *err = NULL;
    bool map = cbor_is_map(&d->token);
    if (d->depth == CODEC_MAX_DEPTH)
        return cbor_fail(d, path, "nested too deeply");
    if (d->token.kind == CBOR_BREAK)
        return cbor_wrong_type(d, path, "a value");
    if (d->token.kind == CBOR_TEXT_OPEN || d->token.kind == CBOR_BYTES_OPEN)
        return cbor_read_string(d, d->token.kind == CBOR_TEXT_OPEN ? CBOR_TEXT : CBOR_BYTES, path,
                                &ignored);
    d->depth++;
    if (d->token.kind == CBOR_TAG) {
        err = cbor_read_next(d, path);
        if (err == NULL)
            err = cbor_skip(d, path);
    } else if (map || cbor_is_array(&d->token)) {
        struct cbor_items items = cbor_items_of(&d->token);
        while ((err = cbor_next_item(d, &items, path, &more)) == NULL && more) {
            err = cbor_skip(d, path);
            if (err == NULL && map)
                err = cbor_read_next(d, path);
            if (err == NULL && map)
                err = cbor_skip(d, path);
            if (err != NULL)
                break;
        }
    }
    d->depth--;
    return err;
}

/* ---- numbers ---- */

struct err *cbor_read_int64(struct cbor_decoder *d, const struct codec_path *path, int64_t *ret) {
    const struct cbor_token *t = &d->token;
    if (t->kind != CBOR_UINT && t->kind != CBOR_NEGINT)
        return cbor_wrong_type(d, path, "an integer");
    if (t->n > INT64_MAX)
        return cbor_fail(d, path, "not a 64-bit integer");
    *ret = t->kind == CBOR_UINT ? (int64_t)t->n : -1 - (int64_t)t->n;
    return NULL;
}

struct err *cbor_read_real(struct cbor_decoder *d, const struct codec_path *path, double *ret) {
    const struct cbor_token *t = &d->token;
    if (t->kind == CBOR_FLOAT)
        *ret = t->real;
    else if (t->kind == CBOR_UINT)
        *ret = (double)t->n;
    else if (t->kind == CBOR_NEGINT)
        *ret = -1.0 - (double)t->n;
    else
        return cbor_wrong_type(d, path, "a number");
    return NULL;
}

/* ---- numbers of any size ---- */

struct err *cbor_read_big_integer(struct cbor_decoder *d, const struct codec_path *path,
                                  struct str *ret) {
    const struct cbor_token *t = &d->token;
    bool negative =
        t->kind == CBOR_NEGINT || (t->kind == CBOR_TAG && t->n == CBOR_TAG_NEGATIVE_BIG);
    char bytes[8] = "";
    struct str magnitude = str_n(bytes, sizeof bytes);
    if (t->kind == CBOR_TAG && (t->n == CBOR_TAG_BIG || t->n == CBOR_TAG_NEGATIVE_BIG)) {
        struct err *err = cbor_read_next(d, path);
        if (err == NULL)
            err = cbor_read_string(d, CBOR_BYTES, path, &magnitude);
        if (err != NULL)
            return err;
    } else if (t->kind == CBOR_UINT || t->kind == CBOR_NEGINT) {
        for (size_t i = 0; i < sizeof bytes; i++)
            bytes[i] = (char)(t->n >> (56 - 8 * i));
    } else {
        return cbor_wrong_type(d, path, "an integer");
    }
    if (!cbor_big_text(d->arena, magnitude, negative, ret))
        return cbor_fail(d, path, "number out of range");
    return NULL;
}

struct err *cbor_read_big_decimal(struct cbor_decoder *d, const struct codec_path *path,
                                  struct str *ret) {
    int64_t exponent = 0;
    struct str mantissa;
    char text[NUMBER_TEXT];
    if (d->token.kind == CBOR_FLOAT && isfinite(d->token.real)) {
        *ret = arena_str(d->arena, str_n(text, number_print_double(text, d->token.real)));
        return NULL;
    }
    if (d->token.kind != CBOR_TAG || d->token.n != CBOR_TAG_DECIMAL)
        return cbor_read_big_integer(d, path, ret);
    struct err *err = cbor_read_next(d, path);
    if (err == NULL && (d->token.kind != CBOR_ARRAY || d->token.n != 2))
        err = cbor_wrong_type(d, path, "an exponent and a mantissa");
    if (err == NULL)
        err = cbor_read_next(d, path);
    if (err == NULL)
        err = cbor_read_int64(d, path, &exponent);
    if (err == NULL)
        err = cbor_read_next(d, path);
    if (err == NULL)
        err = cbor_read_big_integer(d, path, &mantissa);
    if (err == NULL)
        *ret = cbor_big_join(d->arena, mantissa, exponent);
    return err;
}
