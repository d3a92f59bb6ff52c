// SPDX-License-Identifier: Apache-2.0
#include "telemetry/trace_context.h"

#include "base/obj.h"

#define TRACEPARENT_SIZE 55 /* bytes of version 00 */
#define B3_PARTS 4
#define MAX_LIST_MEMBERS 64

/* Values as they came, before anything is believed. */
struct found {
    struct str traceparent;
    bool repeated; /* more than one traceparent: none can be trusted */
    struct str b3;
    struct str trace_id;
    struct str span_id;
    struct str sampled;
    struct str flags;
    bool tracestate;
    bool baggage;
};

/* ---- small parts ---- */

static bool is_hex(struct str s, bool upper) {
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (upper && c >= 'A' && c <= 'F')))
            return false;
    }
    return true;
}

static bool is_zero(struct str s) {
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] != '0')
            return false;
    return true;
}

static unsigned hex_value(char c) {
    return (unsigned)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
}

/* Right-aligned in `width` digits, lower case; the text is checked already. */
static void put_id(char *out, size_t width, struct str id) {
    memset(out, '0', width);
    for (size_t i = 0; i < id.n; i++) {
        char c = id.p[i];
        out[width - id.n + i] = c >= 'A' && c <= 'F' ? (char)(c | 0x20) : c;
    }
    out[width] = '\0';
}

static bool is_id(struct str s, size_t digits, bool upper) {
    return s.n == digits && is_hex(s, upper) && !is_zero(s);
}

/* ---- traceparent ---- */

static bool read_traceparent(struct str s, struct trace_context *ret) {
    if (s.n < TRACEPARENT_SIZE || s.p[2] != '-' || s.p[35] != '-' || s.p[52] != '-')
        return false;
    struct str version = str_sub(s, 0, 2);
    struct str trace_id = str_sub(s, 3, 35);
    struct str span_id = str_sub(s, 36, 52);
    struct str flags = str_sub(s, 53, 55);
    if (!is_hex(version, false) || str_eq(version, STR("ff")) || !is_hex(flags, false))
        return false;
    if (!is_id(trace_id, TRACE_ID_DIGITS, false) || !is_id(span_id, SPAN_ID_DIGITS, false))
        return false;
    /* What later versions append is theirs; version 00 has nothing more. */
    if (s.n > TRACEPARENT_SIZE && (str_eq(version, STR("00")) || s.p[TRACEPARENT_SIZE] != '-'))
        return false;
    unsigned bits = hex_value(flags.p[1]);
    put_id(ret->trace_id, TRACE_ID_DIGITS, trace_id);
    put_id(ret->span_id, SPAN_ID_DIGITS, span_id);
    ret->decision = (bits & 1) != 0 ? TRACE_SAMPLE : TRACE_DROP;
    ret->random_id = (bits & 2) != 0;
    return true;
}

/* ---- B3 ---- */

static bool read_b3_ids(struct str trace_id, struct str span_id, struct trace_context *ret) {
    if (!is_id(trace_id, TRACE_ID_DIGITS, true) && !is_id(trace_id, TRACE_ID_DIGITS / 2, true))
        return false;
    if (!is_id(span_id, SPAN_ID_DIGITS, true))
        return false;
    put_id(ret->trace_id, TRACE_ID_DIGITS, trace_id);
    put_id(ret->span_id, SPAN_ID_DIGITS, span_id);
    return true;
}

/* TRACE_UNDECIDED for what is none of 0, 1 and d. */
static enum trace_decision b3_decision(struct str s) {
    if (str_eq(s, STR("0")))
        return TRACE_DROP;
    if (str_eq(s, STR("1")))
        return TRACE_SAMPLE;
    return str_eq(s, STR("d")) ? TRACE_DEBUG : TRACE_UNDECIDED;
}

/* {trace}-{span}, with -{decision} and -{parent} after it or not; or the decision alone. */
static bool read_b3_single(struct str s, struct trace_context *ret) {
    struct str parts[B3_PARTS];
    struct trace_context made = {.decision = b3_decision(s)};
    size_t n = 0;
    if (str_empty(s))
        return false;
    if (made.decision != TRACE_UNDECIDED) {
        *ret = made;
        return true;
    }
    for (;;) {
        size_t dash = str_find(s, '-');
        if (n == B3_PARTS)
            return false;
        parts[n++] = str_sub(s, 0, dash);
        if (dash == s.n)
            break;
        s = str_from(s, dash + 1);
    }
    if (n < 2 || !read_b3_ids(parts[0], parts[1], &made))
        return false;
    if (n > 2) {
        made.decision = b3_decision(parts[2]);
        if (made.decision == TRACE_UNDECIDED)
            return false;
    }
    if (n > 3 && !(parts[3].n == SPAN_ID_DIGITS && is_hex(parts[3], true)))
        return false;
    *ret = made;
    return true;
}

static void read_b3_multi(const struct found *f, struct trace_context *ret) {
    if (str_eq(f->flags, STR("1")))
        ret->decision = TRACE_DEBUG;
    else if (str_eq(f->sampled, STR("1")) || str_eq_nocase(f->sampled, STR("true")))
        ret->decision = TRACE_SAMPLE;
    else if (str_eq(f->sampled, STR("0")) || str_eq_nocase(f->sampled, STR("false")))
        ret->decision = TRACE_DROP;
    /* Ids that are malformed or alone are no ids; a decision stands without them. */
    (void)read_b3_ids(f->trace_id, f->span_id, ret);
}

/* ---- lists: tracestate and baggage ---- */

struct member_list {
    struct str v[MAX_LIST_MEMBERS]; /* n == 0: taken out again */
    size_t n;
    size_t headers;   /* how many came */
    struct str first; /* as it came */
    bool overflow;
    bool invalid;
};

typedef bool member_valid_fn(struct str member);

/* The members of all headers of that name, empty ones left out. */
static void split_members(struct member_list *list, const struct rpc_metadata *metadata, size_t n,
                          struct str key, size_t max, member_valid_fn *valid) {
    *list = (struct member_list){.n = 0};
    for (size_t i = 0; i < n; i++) {
        struct str rest = metadata[i].value;
        if (!str_eq(metadata[i].key, key))
            continue;
        if (list->headers++ == 0)
            list->first = rest;
        while (!str_empty(rest) && !list->overflow) {
            size_t comma = str_find(rest, ',');
            struct str member = str_trim(str_sub(rest, 0, comma));
            rest = str_from(rest, comma + 1);
            if (str_empty(member))
                continue;
            if (!valid(member))
                list->invalid = true;
            else if (list->n == max)
                list->overflow = true;
            else
                list->v[list->n++] = member;
        }
    }
}

/* Length once joined by commas. */
static size_t joined_size(const struct member_list *list) {
    size_t size = 0;
    for (size_t i = 0; i < list->n; i++)
        if (list->v[i].n > 0)
            size += list->v[i].n + (size > 0 ? 1 : 0);
    return size;
}

static struct str join_members(struct arena *a, const struct member_list *list) {
    size_t size = joined_size(list);
    size_t at = 0;
    if (size == 0)
        return STR_NULL;
    /* As it came: the same members with nothing between them but commas. */
    if (list->headers == 1 && list->first.n == size)
        return list->first;
    char *text = arena_alloc(a, size);
    for (size_t i = 0; i < list->n; i++) {
        if (list->v[i].n == 0)
            continue;
        if (at > 0)
            text[at++] = ',';
        memcpy(text + at, list->v[i].p, list->v[i].n);
        at += list->v[i].n;
    }
    return str_n(text, size);
}

/* Takes out members longer than `longer`, the last first, until the rest fits. */
static void shrink(struct member_list *list, size_t max_size, size_t longer) {
    size_t size = joined_size(list);
    for (size_t i = list->n; i > 0 && size > max_size; i--)
        if (list->v[i - 1].n > longer) {
            list->v[i - 1] = STR_NULL;
            size = joined_size(list);
        }
}

#define TRACESTATE_MEMBERS 32
#define TRACESTATE_SIZE 512 /* bytes that everybody should pass on */
#define TRACESTATE_LONG 128 /* longer members go first when there is too much */
#define TRACESTATE_KEY 256
#define TRACESTATE_VALUE 256

static bool is_tracestate_member(struct str s) {
    size_t equals = str_find(s, '=');
    struct str value = str_from(s, equals + 1);
    if (equals == s.n || equals == 0 || equals > TRACESTATE_KEY || value.n == 0 ||
        value.n > TRACESTATE_VALUE)
        return false;
    for (size_t i = 0; i < equals; i++) {
        char c = s.p[i];
        bool alphanumeric = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (!alphanumeric && (i == 0 || (c != '_' && c != '-' && c != '*' && c != '/' && c != '@')))
            return false;
    }
    for (size_t i = 0; i < value.n; i++)
        if (value.p[i] < 0x20 || value.p[i] > 0x7E || value.p[i] == '=')
            return false;
    return true;
}

static struct str read_tracestate(struct arena *a, const struct rpc_metadata *metadata, size_t n) {
    struct member_list list;
    split_members(&list, metadata, n, STR("tracestate"), TRACESTATE_MEMBERS, is_tracestate_member);
    if (list.invalid || list.overflow)
        return STR_NULL;
    shrink(&list, TRACESTATE_SIZE, TRACESTATE_LONG);
    shrink(&list, TRACESTATE_SIZE, 0);
    return join_members(a, &list);
}

#define BAGGAGE_MEMBERS MAX_LIST_MEMBERS
#define BAGGAGE_SIZE 8192 /* bytes */

static bool is_baggage_member(struct str s) {
    size_t equals = str_find(s, '=');
    if (equals == s.n || equals == 0)
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < 0x20 || s.p[i] > 0x7E || s.p[i] == '"' || s.p[i] == '\\')
            return false;
    return true;
}

/* Members that are none, or too many, are left out; the others say what they say. */
static struct str read_baggage(struct arena *a, const struct rpc_metadata *metadata, size_t n) {
    struct member_list list;
    split_members(&list, metadata, n, STR("baggage"), BAGGAGE_MEMBERS, is_baggage_member);
    shrink(&list, BAGGAGE_SIZE, 0);
    return join_members(a, &list);
}

/* ---- reading ---- */

static void set_first(struct str *to, struct str value) {
    if (to->p == NULL)
        *to = value;
}

static void look_at(struct found *f, const struct rpc_metadata *m) {
    if (str_eq(m->key, STR("traceparent"))) {
        f->repeated = f->traceparent.p != NULL;
        set_first(&f->traceparent, m->value);
    } else if (str_eq(m->key, STR("b3"))) {
        set_first(&f->b3, m->value);
    } else if (str_eq(m->key, STR("x-b3-traceid"))) {
        set_first(&f->trace_id, m->value);
    } else if (str_eq(m->key, STR("x-b3-spanid"))) {
        set_first(&f->span_id, m->value);
    } else if (str_eq(m->key, STR("x-b3-sampled"))) {
        set_first(&f->sampled, m->value);
    } else if (str_eq(m->key, STR("x-b3-flags"))) {
        set_first(&f->flags, m->value);
    } else if (str_eq(m->key, STR("tracestate"))) {
        f->tracestate = true;
    } else if (str_eq(m->key, STR("baggage"))) {
        f->baggage = true;
    }
}

void trace_context_read(struct arena *a, const struct rpc_metadata *metadata, size_t n,
                        unsigned propagators, struct trace_context *ret) {
    struct found f = {.repeated = false};
    *ret = (struct trace_context){.decision = TRACE_UNDECIDED};
    for (size_t i = 0; i < n; i++)
        look_at(&f, &metadata[i]);
    if ((propagators & TRACE_TRACECONTEXT) != 0 && !f.repeated &&
        read_traceparent(f.traceparent, ret)) {
        if (f.tracestate)
            ret->tracestate = read_tracestate(a, metadata, n);
    } else if ((propagators & (TRACE_B3 | TRACE_B3MULTI)) != 0 && !read_b3_single(f.b3, ret)) {
        read_b3_multi(&f, ret);
    }
    if ((propagators & TRACE_BAGGAGE) != 0 && f.baggage)
        ret->baggage = read_baggage(a, metadata, n);
}

/* ---- writing ---- */

static size_t write_b3_multi(const struct trace_context *c, struct http_header *ret) {
    size_t n = 0;
    ret[n++] = (struct http_header){STR("x-b3-traceid"), str_n(c->trace_id, TRACE_ID_DIGITS)};
    ret[n++] = (struct http_header){STR("x-b3-spanid"), str_n(c->span_id, SPAN_ID_DIGITS)};
    if (c->decision == TRACE_DEBUG) /* implies sampled, which must not be said again */
        ret[n++] = (struct http_header){STR("x-b3-flags"), STR("1")};
    else if (c->decision != TRACE_UNDECIDED)
        ret[n++] = (struct http_header){STR("x-b3-sampled"),
                                        c->decision == TRACE_SAMPLE ? STR("1") : STR("0")};
    return n;
}

static struct str b3_single(const struct trace_context *c, struct arena *a) {
    static const struct str suffixes[] = {
        [TRACE_UNDECIDED] = STR_INIT(""),
        [TRACE_DROP] = STR_INIT("-0"),
        [TRACE_SAMPLE] = STR_INIT("-1"),
        [TRACE_DEBUG] = STR_INIT("-d"),
    };
    return ARENA_JOIN(a, str_n(c->trace_id, TRACE_ID_DIGITS), STR("-"),
                      str_n(c->span_id, SPAN_ID_DIGITS), suffixes[c->decision]);
}

static struct str traceparent(const struct trace_context *c, struct arena *a) {
    static const struct str flags[] = {STR_INIT("-00"), STR_INIT("-01"), STR_INIT("-02"),
                                       STR_INIT("-03")};
    bool sampled = c->decision == TRACE_SAMPLE || c->decision == TRACE_DEBUG;
    return ARENA_JOIN(a, STR("00-"), str_n(c->trace_id, TRACE_ID_DIGITS), STR("-"),
                      str_n(c->span_id, SPAN_ID_DIGITS),
                      flags[(sampled ? 1 : 0) + (c->random_id ? 2 : 0)]);
}

size_t trace_context_write(const struct trace_context *context, unsigned propagators,
                           struct arena *a, struct http_header ret[TRACE_CONTEXT_HEADERS]) {
    const struct trace_context *c = context;
    size_t n = 0;
    if (c->trace_id[0] != '\0') {
        if ((propagators & TRACE_B3MULTI) != 0)
            n += write_b3_multi(c, ret);
        if ((propagators & TRACE_B3) != 0)
            ret[n++] = (struct http_header){STR("b3"), b3_single(c, a)};
        if ((propagators & TRACE_TRACECONTEXT) != 0) {
            ret[n++] = (struct http_header){STR("traceparent"), traceparent(c, a)};
            if (c->tracestate.p != NULL)
                ret[n++] = (struct http_header){STR("tracestate"), c->tracestate};
        }
    }
    if ((propagators & TRACE_BAGGAGE) != 0 && c->baggage.p != NULL)
        ret[n++] = (struct http_header){STR("baggage"), c->baggage};
    ASSERT(n <= TRACE_CONTEXT_HEADERS);
    return n;
}
