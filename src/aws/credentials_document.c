// SPDX-License-Identifier: Apache-2.0
#include "aws/credentials_document.h"

#include "aws/credentials_source.h"
#include "base/obj.h"
#include "codec/json.h"
#include "codec/texts.h"

#include <time.h>

#define SHOWN_MESSAGE 512 /* bytes of a foreign text kept */

/* ---- time ---- */

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* n digits off the front, between min and max. */
static bool take_number(struct str *s, size_t n, int min, int max, int *ret) {
    int value = 0;
    if (s->n < n)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (!is_digit(s->p[i]))
            return false;
        value = value * 10 + (s->p[i] - '0');
    }
    *s = str_from(*s, n);
    *ret = value;
    return value >= min && value <= max;
}

static bool take_char(struct str *s, const char *any_of) {
    if (s->n == 0 || strchr(any_of, s->p[0]) == NULL || s->p[0] == '\0')
        return false;
    *s = str_from(*s, 1);
    return true;
}

/* Milliseconds of ".123456"; 0 without a fraction. */
static bool take_fraction(struct str *s, int *ret_ms) {
    int ms = 0;
    int weight = 100;
    *ret_ms = 0;
    if (!take_char(s, ".,"))
        return true;
    if (s->n == 0 || !is_digit(s->p[0]))
        return false;
    for (; s->n > 0 && is_digit(s->p[0]); *s = str_from(*s, 1)) {
        ms += weight * (s->p[0] - '0');
        weight /= 10;
    }
    *ret_ms = ms;
    return true;
}

/* Minutes east of UTC. */
static bool take_zone(struct str *s, int *ret_minutes) {
    int hours, minutes = 0;
    *ret_minutes = 0;
    if (s->n == 0 || take_char(s, "Zz"))
        return s->n == 0;
    int sign = s->p[0] == '-' ? -1 : 1;
    if (!take_char(s, "+-") || !take_number(s, 2, 0, 23, &hours))
        return false;
    if (s->n > 0) {
        (void)take_char(s, ":");
        if (!take_number(s, 2, 0, 59, &minutes))
            return false;
    }
    *ret_minutes = sign * (hours * 60 + minutes);
    return s->n == 0;
}

bool aws_expiry_parse(struct str text, int64_t *ret_ms) {
    int year, month, day, hour, minute, second, ms, zone;
    if (!take_number(&text, 4, 1970, 9999, &year) || !take_char(&text, "-") ||
        !take_number(&text, 2, 1, 12, &month) || !take_char(&text, "-") ||
        !take_number(&text, 2, 1, 31, &day) || !take_char(&text, "Tt ") ||
        !take_number(&text, 2, 0, 23, &hour) || !take_char(&text, ":") ||
        !take_number(&text, 2, 0, 59, &minute) || !take_char(&text, ":") ||
        !take_number(&text, 2, 0, 60, &second) || !take_fraction(&text, &ms) ||
        !take_zone(&text, &zone))
        return false;
    struct tm tm = {
        .tm_year = year - 1900,
        .tm_mon = month - 1,
        .tm_mday = day,
        .tm_hour = hour,
        .tm_min = minute,
        .tm_sec = second,
    };
    time_t seconds = timegm(&tm);
    if (tm.tm_mon != month - 1 && second < 60)
        return false; /* a 31st in a month that has none */
    *ret_ms = ((int64_t)seconds - (int64_t)zone * 60) * 1000 + ms;
    return true;
}

/* ---- the document ---- */

struct document {
    int32_t version;
    bool has_version;
    struct str code;
    struct str message;
    struct str access_key_id;
    struct str secret_access_key;
    struct str token;
    struct str session_token;
    struct str expiration;
};

static const struct codec_shape integer_shape = {
    .kind = CODEC_INTEGER,
    .name = "Integer",
    .size = sizeof(int32_t),
};

static const struct codec_member document_members[] = {
    {.name = STR_INIT("Version"),
     .offset = offsetof(struct document, version),
     .has_offset = offsetof(struct document, has_version),
     .has = true,
     .shape = &integer_shape},
    CODEC_TEXT(struct document, "Code", code),
    CODEC_TEXT(struct document, "Message", message),
    CODEC_TEXT(struct document, "AccessKeyId", access_key_id),
    CODEC_TEXT(struct document, "SecretAccessKey", secret_access_key),
    CODEC_TEXT(struct document, "Token", token),
    CODEC_TEXT(struct document, "SessionToken", session_token),
    CODEC_TEXT(struct document, "Expiration", expiration),
};

static const struct codec_shape document_shape = {
    .kind = CODEC_STRUCT,
    .name = "Credentials",
    .size = sizeof(struct document),
    .members = document_members,
    .n_members = ARRAY_LEN(document_members),
};

static struct str bounded(struct str s) {
    return str_utf8_cut(s, SHOWN_MESSAGE);
}

/* A code goes into messages, so it must look like a name. */
static struct str checked_code(struct str code) {
    if (code.n == 0 || code.n > 100)
        return STR_NULL;
    for (size_t i = 0; i < code.n; i++) {
        char c = code.p[i];
        if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || is_digit(c) || c == '.' ||
              c == '_' || c == '-'))
            return STR_NULL;
    }
    return code;
}

static struct err *incomplete(struct arena *a, const char *what) {
    return err_new(a, RPC_INTERNAL, "the answer %s", what);
}

static struct err *check(struct arena *a, const struct document *d,
                         const struct aws_document_rules *rules, struct str token,
                         int64_t *ret_expiry_ms) {
    *ret_expiry_ms = AWS_CREDENTIALS_NEVER;
    if (rules->version && (!d->has_version || d->version != 1))
        return incomplete(a, "has no \"Version\": 1");
    if (!rules->version && !str_empty(d->code) && !str_eq(d->code, STR("Success"))) {
        struct str code = checked_code(d->code);
        struct err *err = err_new(a, RPC_INTERNAL, "the answer is a refusal, " STR_FMT,
                                  STR_ARG(code.p == NULL ? STR("without a valid code") : code));
        err->origin = ERR_UPSTREAM;
        err->type = code;
        err->detail = bounded(d->message);
        return err;
    }
    if (str_empty(d->access_key_id))
        return incomplete(a, "has no AccessKeyId");
    if (str_empty(d->secret_access_key))
        return incomplete(a, "has no SecretAccessKey");
    if (rules->needs_token && str_empty(token))
        return incomplete(a, "has no Token");
    if (rules->needs_expiry && str_empty(d->expiration))
        return incomplete(a, "has no Expiration");
    if (!str_empty(d->expiration) && !aws_expiry_parse(d->expiration, ret_expiry_ms))
        return incomplete(a, "has an Expiration that is no ISO 8601 time");
    return NULL;
}

struct err *aws_document_parse(struct arena *a, struct str json,
                               const struct aws_document_rules *rules,
                               struct aws_credentials *ret) {
    static const char *const names[2][3] = {
        {"AccessKeyId", "SecretAccessKey", "Token"},
        {"AccessKeyId", "SecretAccessKey", "SessionToken"},
    };
    struct document d = {.has_version = false};
    int64_t expiry_ms;
    struct err *err = json_decode(json, &document_shape, &d, a);
    struct str token = rules->session_token ? d.session_token : d.token;
    if (err == NULL)
        err = check(a, &d, rules, token, &expiry_ms);
    if (err == NULL)
        err = aws_credentials_init(ret, a, names[rules->session_token], d.access_key_id,
                                   d.secret_access_key, token, expiry_ms);
    aws_wipe(d.secret_access_key);
    aws_wipe(d.token);
    aws_wipe(d.session_token);
    return err;
}

/* ---- an error's body ---- */

struct fault {
    struct str code[2];
    struct str message[2];
};

static const struct codec_member fault_members[] = {
    CODEC_TEXT(struct fault, "code", code[0]),
    CODEC_TEXT(struct fault, "Code", code[1]),
    CODEC_TEXT(struct fault, "message", message[0]),
    CODEC_TEXT(struct fault, "Message", message[1]),
};

static const struct codec_shape fault_shape = {
    .kind = CODEC_STRUCT,
    .name = "Error",
    .size = sizeof(struct fault),
    .members = fault_members,
    .n_members = ARRAY_LEN(fault_members),
};

void aws_document_fault(struct arena *a, struct str json, struct str *ret_code,
                        struct str *ret_message) {
    struct fault f = {.code = {STR_NULL, STR_NULL}};
    /* What is no JSON says nothing. */
    if (json_decode(json, &fault_shape, &f, a) != NULL)
        f = (struct fault){.code = {STR_NULL, STR_NULL}};
    *ret_code = checked_code(f.code[0].p != NULL ? f.code[0] : f.code[1]);
    *ret_message = bounded(f.message[0].p != NULL ? f.message[0] : f.message[1]);
}
