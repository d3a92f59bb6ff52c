// SPDX-License-Identifier: Apache-2.0
/* Stage 1 of SigV4: the canonical request. */
#include "aws/sigv4.h"
#include "base/obj.h"

/*
 * Headers that proxies and HTTP libraries add, change or drop. What botocore and the JavaScript SDK
 * leave out, together; a signature over one of them would break on the way.
 */
static const struct str never_signed[] = {
    STR_INIT("authorization"),
    STR_INIT("cache-control"),
    STR_INIT("connection"),
    STR_INIT("expect"),
    STR_INIT("from"),
    STR_INIT("keep-alive"),
    STR_INIT("max-forwards"),
    STR_INIT("pragma"),
    STR_INIT("referer"),
    STR_INIT("te"),
    STR_INIT("trailer"),
    STR_INIT("transfer-encoding"),
    STR_INIT("upgrade"),
    STR_INIT("user-agent"),
    STR_INIT("x-amzn-trace-id"),
};
static const struct str never_signed_prefix[] = {STR_INIT("proxy-"), STR_INIT("sec-")};

/* RFC 9110 5.6.2: the bytes of a method or a header name. */
static const bool token_byte[256] = {
    ['0' ... '9'] = true, ['A' ... 'Z'] = true, ['a' ... 'z'] = true, ['!'] = true,  ['#'] = true,
    ['$'] = true,         ['%'] = true,         ['&'] = true,         ['\''] = true, ['*'] = true,
    ['+'] = true,         ['-'] = true,         ['.'] = true,         ['^'] = true,  ['_'] = true,
    ['`'] = true,         ['|'] = true,         ['~'] = true,
};

/* RFC 3986 2.3: the bytes that are never percent-encoded. */
static const bool unreserved[256] = {
    ['0' ... '9'] = true, ['A' ... 'Z'] = true, ['a' ... 'z'] = true, ['-'] = true,
    ['.'] = true,         ['_'] = true,         ['~'] = true,
};

static char lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool is_token(struct str s) {
    for (size_t i = 0; i < s.n; i++)
        if (!token_byte[(unsigned char)s.p[i]])
            return false;
    return s.n > 0;
}

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* ---- path ---- */

static void put_encoded_byte(struct buf *out, unsigned char c) {
    static const char digits[] = "0123456789ABCDEF";
    if (unreserved[c])
        buf_putc(out, (char)c);
    else
        buf_put(out, (char[]){'%', digits[c >> 4], digits[c & 15]}, 3);
}

static void put_segment(struct buf *out, struct str segment, bool encode) {
    if (!encode) {
        buf_putstr(out, segment);
        return;
    }
    for (size_t i = 0; i < segment.n; i++)
        put_encoded_byte(out, (unsigned char)segment.p[i]);
}

/* Takes the last "/segment" back; nothing is taken from before `start`. */
static void drop_segment(struct buf *out, size_t start) {
    while (out->n > start)
        if (out->p[--out->n] == '/')
            return;
}

static void put_normalized_path(struct buf *out, struct str path, bool encode) {
    size_t start = out->n;
    for (size_t at = 0; at < path.n;) {
        struct str rest = str_from(path, at);
        struct str segment = str_sub(rest, 0, str_find(rest, '/'));
        at += segment.n + 1;
        if (segment.n == 0 || str_eq(segment, STR(".")))
            continue;
        if (str_eq(segment, STR(".."))) {
            drop_segment(out, start);
            continue;
        }
        buf_putc(out, '/');
        put_segment(out, segment, encode);
    }
    if (out->n == start || path.p[path.n - 1] == '/')
        buf_putc(out, '/');
}

void sigv4_normalize_path(struct buf *out, struct str path) {
    put_normalized_path(out, path, false);
}

static void put_path(struct buf *out, struct str path, enum sigv4_path mode) {
    if (path.n == 0) {
        buf_putc(out, '/');
        return;
    }
    switch (mode) {
    case SIGV4_PATH_NORMALIZE:
        put_normalized_path(out, path, true);
        break;
    case SIGV4_PATH_ENCODE:
        for (size_t i = 0; i < path.n; i++)
            if (path.p[i] == '/')
                buf_putc(out, '/');
            else
                put_encoded_byte(out, (unsigned char)path.p[i]);
        break;
    case SIGV4_PATH_VERBATIM:
        /* Bytes no request line can carry would let a path pass for other lines of this text. */
        for (size_t i = 0; i < path.n; i++)
            if ((unsigned char)path.p[i] <= ' ')
                out->failed = true;
        buf_putstr(out, path);
        break;
    }
}

/* ---- query ---- */

struct param {
    struct str key;
    struct str value;
};

static int hex_digit(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    c = lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte at *at with %XX undone; a '%' without two digits stands for itself. */
static unsigned char next_decoded(struct str s, size_t *at) {
    char c = s.p[(*at)++];
    if (c != '%' || s.n - *at < 2)
        return (unsigned char)c;
    int high = hex_digit(s.p[*at]);
    int low = hex_digit(s.p[*at + 1]);
    if (high < 0 || low < 0)
        return (unsigned char)c;
    *at += 2;
    return (unsigned char)(high << 4 | low);
}

/* Decoded first, so that what the sender had encoded is not encoded twice. */
static void put_query_part(struct buf *out, struct str s) {
    for (size_t i = 0; i < s.n;)
        put_encoded_byte(out, next_decoded(s, &i));
}

/*
 * Byte order of the encoded texts without making them: every escape starts with '%', which sorts
 * before all unreserved bytes, and two escapes sort like the bytes they stand for.
 */
static int encoded_cmp(struct str a, struct str b) {
    size_t i = 0;
    size_t j = 0;
    while (i < a.n && j < b.n) {
        unsigned char x = next_decoded(a, &i);
        unsigned char y = next_decoded(b, &j);
        if (x != y)
            return (unreserved[x] ? 256 + x : x) - (unreserved[y] ? 256 + y : y);
    }
    return (i < a.n) - (j < b.n);
}

static bool param_before(const struct param *a, const struct param *b) {
    int c = encoded_cmp(a->key, b->key);
    return c != 0 ? c < 0 : encoded_cmp(a->value, b->value) < 0;
}

static void put_query(struct buf *out, struct str query) {
    struct param params[SIGV4_MAX_PARAMS];
    size_t n = 0;
    for (size_t at = 0; at < query.n;) {
        struct str rest = str_from(query, at);
        struct str part = str_sub(rest, 0, str_find(rest, '&'));
        at += part.n + 1;
        if (part.n == 0)
            continue;
        if (n == ARRAY_LEN(params)) {
            out->failed = true;
            return;
        }
        size_t eq = str_find(part, '=');
        struct param p = {.key = str_sub(part, 0, eq), .value = str_from(part, eq + 1)};
        size_t i = n++;
        for (; i > 0 && param_before(&p, &params[i - 1]); i--)
            params[i] = params[i - 1];
        params[i] = p;
    }
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            buf_putc(out, '&');
        put_query_part(out, params[i].key);
        buf_putc(out, '=');
        put_query_part(out, params[i].value);
    }
}

/* ---- headers ---- */

struct selection {
    const struct http_header *v[SIGV4_MAX_HEADERS]; /* by name, equal names in order of arrival */
    size_t n;
};

static int name_cmp(struct str a, struct str b) {
    for (size_t i = 0; i < a.n && i < b.n; i++) {
        unsigned char x = (unsigned char)lower(a.p[i]);
        unsigned char y = (unsigned char)lower(b.p[i]);
        if (x != y)
            return x - y;
    }
    return (a.n > b.n) - (a.n < b.n);
}

static bool in_list(struct str list, struct str name) {
    for (size_t at = 0; at < list.n;) {
        struct str rest = str_from(list, at);
        struct str item = str_sub(rest, 0, str_find(rest, ';'));
        if (str_eq_nocase(item, name))
            return true;
        at += item.n + 1;
    }
    return false;
}

static bool may_be_signed(struct str name) {
    for (size_t i = 0; i < ARRAY_LEN(never_signed); i++)
        if (name.n == never_signed[i].n && str_eq_nocase(name, never_signed[i]))
            return false;
    for (size_t i = 0; i < ARRAY_LEN(never_signed_prefix); i++)
        if (str_eq_nocase(str_sub(name, 0, never_signed_prefix[i].n), never_signed_prefix[i]))
            return false;
    return true;
}

/* False if the request cannot be signed. */
static bool select_headers(const struct sigv4_request *req, struct selection *ret) {
    bool has_host = false;
    ret->n = 0;
    for (size_t h = 0; h < req->n_headers; h++) {
        const struct http_header *header = &req->headers[h];
        bool wanted = req->signed_headers.p == NULL ? may_be_signed(header->name)
                                                    : in_list(req->signed_headers, header->name);
        if (!wanted)
            continue;
        if (ret->n == ARRAY_LEN(ret->v) || !is_token(header->name))
            return false;
        has_host = has_host || str_eq_nocase(header->name, STR("host"));
        /* Names alone decide: a sort by "name:value" puts x-amz-foo-bar before x-amz-foo. */
        size_t i = ret->n++;
        for (; i > 0 && name_cmp(header->name, ret->v[i - 1]->name) < 0; i--)
            ret->v[i] = ret->v[i - 1];
        ret->v[i] = header;
    }
    return has_host;
}

static void put_lower(struct buf *out, struct str s) {
    char part[64];
    while (s.n > 0) {
        size_t n = s.n < sizeof part ? s.n : sizeof part;
        for (size_t i = 0; i < n; i++)
            part[i] = lower(s.p[i]);
        buf_put(out, part, n);
        s = str_from(s, n);
    }
}

/* Blanks at both ends removed, runs of them, line folds included, made one space. */
static void put_header_value(struct buf *out, struct str value) {
    bool first = true;
    for (size_t i = 0; i < value.n;) {
        size_t start = i;
        while (i < value.n && !is_blank(value.p[i]))
            i++;
        if (i > start) {
            if (!first)
                buf_putc(out, ' ');
            buf_put(out, value.p + start, i - start);
            first = false;
        }
        while (i < value.n && is_blank(value.p[i]))
            i++;
    }
}

static bool repeats(const struct selection *s, size_t i) {
    return i > 0 && str_eq_nocase(s->v[i]->name, s->v[i - 1]->name);
}

static void put_headers(struct buf *out, const struct selection *s) {
    for (size_t i = 0; i < s->n; i++) {
        if (repeats(s, i)) {
            buf_putc(out, ',');
        } else {
            if (i > 0)
                buf_putc(out, '\n');
            put_lower(out, s->v[i]->name);
            buf_putc(out, ':');
        }
        put_header_value(out, s->v[i]->value);
    }
    buf_putc(out, '\n');
}

static void put_names(struct buf *out, const struct selection *s) {
    for (size_t i = 0; i < s->n; i++) {
        if (repeats(s, i))
            continue;
        if (i > 0)
            buf_putc(out, ';');
        put_lower(out, s->v[i]->name);
    }
}

/* ---- all of it ---- */

void sigv4_canonical_request(struct buf *out, const struct sigv4_request *req) {
    struct selection headers;
    if (!is_token(req->method) || !is_token(req->payload_hash) || !select_headers(req, &headers)) {
        out->failed = true;
        return;
    }
    buf_putstr(out, req->method);
    buf_putc(out, '\n');
    put_path(out, req->path, req->path_mode);
    buf_putc(out, '\n');
    put_query(out, req->query);
    buf_putc(out, '\n');
    put_headers(out, &headers);
    buf_putc(out, '\n');
    size_t names = out->n;
    put_names(out, &headers);
    /* Missing, repeated, unsorted or upper-case names in a peer's list all show up here. */
    if (req->signed_headers.p != NULL &&
        !str_eq(str_from(buf_str(out), names), req->signed_headers))
        out->failed = true;
    buf_putc(out, '\n');
    buf_putstr(out, req->payload_hash);
}

struct str sigv4_signed_headers(const struct buf *canonical) {
    if (canonical->failed || canonical->n == 0)
        return STR("");
    size_t end = canonical->n;
    while (end > 0 && canonical->p[end - 1] != '\n')
        end--;
    if (end == 0)
        return STR("");
    size_t start = --end;
    while (start > 0 && canonical->p[start - 1] != '\n')
        start--;
    return str_n(canonical->p + start, end - start);
}
