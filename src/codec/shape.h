// SPDX-License-Identifier: Apache-2.0
/*
 * What a generated C struct looks like, as data: one description serves every engine (JSON and
 * CBOR in and out, constraint validation, redacted logging). Generated code fills these tables;
 * nobody writes one by hand.
 *
 * How each kind lies in a struct, and what "absent" is:
 *   string, blob             struct str            .p == NULL
 *   document                 struct str, JSON text         .p == NULL
 *   big integer, decimal     struct str, "-12.5e400"       .p == NULL
 *   boolean                  bool                  has_x == false
 *   integer (also byte and short), long  int32_t, int64_t   has_x == false
 *   unsigned long            uint64_t              has_x == false
 *   float, double            float, double         has_x == false
 *   timestamp                int64_t, milliseconds since 1970 UTC   has_x == false
 *   enum                     enum, 0 is ..._UNSET  0
 *   structure, union         const struct *        NULL
 *   list                     struct { const T *v; size_t n; }       .v == NULL
 *   map                      struct { const struct { struct str key; T value; } *v; size_t n; }
 * A list or map that is present but empty has n == 0 and any v that is not NULL. In lists and maps
 * the elements lie as in a struct, without has_x; structures and unions lie in place, not as
 * pointers. Only in a sparse one, whose elements may be null, are those that have no "absent" of
 * their own (structures, unions, numbers, booleans, timestamps) pointers, NULL for null.
 */
#ifndef CODEC_SHAPE_H
#define CODEC_SHAPE_H

#include "base/str.h"
#include "codec/log_fields.h"

enum codec_kind {
    CODEC_STRUCT,
    CODEC_UNION,
    CODEC_LIST,
    CODEC_MAP,
    CODEC_STRING,
    CODEC_BLOB,
    CODEC_BOOLEAN,
    CODEC_INTEGER,
    CODEC_LONG,
    CODEC_ULONG,
    CODEC_FLOAT,
    CODEC_DOUBLE,
    CODEC_TIMESTAMP,
    CODEC_ENUM,
    CODEC_DOCUMENT,
    CODEC_BIG_INTEGER,
    CODEC_BIG_DECIMAL,
};

/* How JSON has a timestamp; CBOR has one way for all. */
enum codec_time_format {
    CODEC_TIME_EPOCH,     /* 1398796238.123 */
    CODEC_TIME_ISO8601,   /* "2014-04-29T18:30:38.123Z" */
    CODEC_TIME_HTTP_DATE, /* "Tue, 29 Apr 2014 18:30:38 GMT" */
};

struct codec_shape;

/* A regular expression of the model, compiled at its first use. */
struct codec_pattern {
    const char *text;
    /* If it asks for one or more characters of an ASCII class and no more ("^[a-z]+$"): a bit for
     * each character of the class. Else no bit is set. */
    uint64_t only[2];
    void *_Atomic compiled;
};

struct codec_member {
    struct str name; /* on the wire */
    size_t offset;
    size_t has_offset; /* of has_x, where `has` says that there is one */
    bool has;
    const struct codec_shape *shape;
    bool required;
    bool sensitive; /* never in a log; also set if the shape itself is sensitive */
    bool token;     /* a string that is a new UUID where the caller left it absent */
};

struct codec_shape {
    enum codec_kind kind;
    const char *name; /* in the model, for messages */
    size_t size;      /* of one element in a list, in bytes */

    const struct codec_member *members; /* structure, union: in the model's order */
    size_t n_members;
    codec_log_fields_fn *log_fields;    /* structure, union: what a log has of it first */
    bool has_token;                     /* structure: one of them is a token */
    const struct codec_shape *element;  /* list, map: of the value */
    size_t value_offset;                /* map: of the value in an entry */
    size_t stride;                      /* list, map: bytes from one element or entry to the next */
    bool sparse;                        /* list, map: null elements are kept */
    bool pointers;                      /* sparse list, map: the elements are pointers */
    enum codec_time_format time_format; /* timestamp */
    const struct str *names;            /* enum: on the wire; index 0 belongs to the value 1 */
    size_t n_names;

    /* Constraints: length of a string in code points, of a list or map in elements, or a value. */
    bool has_min;
    bool has_max;
    int64_t min;
    int64_t max;
    double real_min; /* instead of min and max: float, double */
    double real_max;
    struct codec_pattern *pattern; /* NULL for none; searched, so anchors are the pattern's own */
    bool sensitive;
};

/* An enum value's meaning in every generated enum. */
#define CODEC_ENUM_UNSET 0
/* A name that this model does not know; its number is n_names + 1. */
#define CODEC_ENUM_UNKNOWN(shape) ((int)(shape)->n_names + 1)

/* Longest nesting of structures and lists that any engine follows. */
#define CODEC_MAX_DEPTH 64

#endif
