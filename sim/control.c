// SPDX-License-Identifier: Apache-2.0
#include "sim/control.h"

#include "base/obj.h"
#include "sim/json.h"

#define MAX_ANSWER ((size_t)256 << 20) /* bytes */
#define MAX_CLOCK_OFFSET_MS ((int64_t)10 * 365 * 86400 * 1000)

/* Path segments in the text: "a/b" has two. */
static size_t count_segments(struct str text) {
    size_t n = 1;
    for (size_t i = 0; i < text.n; i++)
        n += text.p[i] == '/' ? 1 : 0;
    return n;
}

/* True if the path has the pattern's form; ret_segment is what stood for "*" or "*" "/" "*". */
static bool path_fits(struct str path, struct str pattern, struct str *ret_segment) {
    size_t star = str_find(pattern, '*');
    if (star == pattern.n)
        return str_eq(path, pattern);
    struct str head = str_sub(pattern, 0, star);
    struct str tail = str_from(pattern, star + 1);
    size_t wanted = 1;
    if (str_starts(tail, STR("/*"))) {
        tail = str_from(tail, 2);
        wanted = 2;
    }
    if (path.n <= head.n + tail.n || !str_starts(path, head) || !str_ends(path, tail))
        return false;
    struct str segment = str_sub(path, head.n, path.n - tail.n);
    if (count_segments(segment) != wanted || segment.p[0] == '/' || segment.p[segment.n - 1] == '/')
        return false;
    *ret_segment = segment;
    return true;
}

static void reply_error(struct sim_exchange *ex, int status, struct str message) {
    struct buf body;
    buf_init(&body, SIM_MAX_BODY);
    buf_putc(&body, '{');
    sim_json_str(&body, "error", message);
    buf_putc(&body, '}');
    sim_reply_text(ex, status, "application/json", buf_str(&body));
    buf_free(&body);
}

void control_dispatch(struct sim_exchange *ex, const struct control_route *routes, size_t n) {
    bool path_known = false;
    struct str segment = STR_NULL;
    for (size_t i = 0; i < n; i++) {
        if (!path_fits(ex->req.path, str_c(routes[i].path), &segment))
            continue;
        path_known = true;
        if (!str_eq(ex->req.method, str_c(routes[i].method)))
            continue;
        struct err *err = routes[i].fn(ex, segment);
        if (err != NULL)
            reply_error(ex, err->code == RPC_NOT_FOUND ? 404 : 400, err->msg);
        return;
    }
    if (path_known)
        reply_error(ex, 405, STR("the path does not take this method"));
    else
        reply_error(ex, 404, STR("no such path"));
}

void control_ok(struct sim_exchange *ex) {
    sim_reply_text(ex, 200, "application/json", STR("{\"ok\": true}"));
}

static struct err *get_requests(struct sim_exchange *ex, struct str segment) {
    (void)segment;
    struct buf body;
    buf_init(&body, MAX_ANSWER);
    journal_json(&ex->sim->journal, &body);
    sim_reply_text(ex, 200, "application/json", buf_str(&body));
    buf_free(&body);
    return NULL;
}

static struct err *delete_requests(struct sim_exchange *ex, struct str segment) {
    (void)segment;
    journal_clear(&ex->sim->journal);
    control_ok(ex);
    return NULL;
}

static struct err *get_faults(struct sim_exchange *ex, struct str segment) {
    (void)segment;
    struct buf body;
    buf_init(&body, MAX_ANSWER);
    faults_json(&ex->sim->faults, &body);
    sim_reply_text(ex, 200, "application/json", buf_str(&body));
    buf_free(&body);
    return NULL;
}

static struct err *post_faults(struct sim_exchange *ex, struct str segment) {
    struct err *err = faults_add_json(&ex->sim->faults, ex->req.body, ex->arena);
    return err != NULL ? err : get_faults(ex, segment);
}

static struct err *delete_faults(struct sim_exchange *ex, struct str segment) {
    (void)segment;
    faults_clear(&ex->sim->faults);
    control_ok(ex);
    return NULL;
}

static struct err *post_clock(struct sim_exchange *ex, struct str segment) {
    (void)segment;
    yajl_val tree = NULL;
    int64_t offset = 0;
    const struct sim_json_field fields[] = {
        {.name = "offset_ms",
         .kind = SIM_JSON_INT,
         .ret = &offset,
         .min = -MAX_CLOCK_OFFSET_MS,
         .max = MAX_CLOCK_OFFSET_MS,
         .required = true},
    };
    struct err *err = sim_json_parse(ex->req.body, ex->arena, &tree);
    if (err == NULL)
        err = sim_json_read(tree, "clock", fields, ARRAY_LEN(fields), ex->arena);
    if (err != NULL)
        return err;
    ex->sim->clock_offset_ms = offset;
    control_ok(ex);
    return NULL;
}

static struct err *post_reset(struct sim_exchange *ex, struct str segment) {
    (void)segment;
    sim_reset(ex->sim);
    control_ok(ex);
    return NULL;
}

static const struct control_route routes[] = {
    {.method = "GET", .path = "/_sim/requests", .fn = get_requests},
    {.method = "DELETE", .path = "/_sim/requests", .fn = delete_requests},
    {.method = "GET", .path = "/_sim/faults", .fn = get_faults},
    {.method = "POST", .path = "/_sim/faults", .fn = post_faults},
    {.method = "DELETE", .path = "/_sim/faults", .fn = delete_faults},
    {.method = "POST", .path = "/_sim/clock", .fn = post_clock},
    {.method = "POST", .path = "/_sim/reset", .fn = post_reset},
};

static void handle(struct sim_exchange *ex) {
    control_dispatch(ex, routes, ARRAY_LEN(routes));
}

static bool matches(const struct sim_request *req) {
    return str_starts(req->path, STR("/_sim/"));
}

struct sim_service control_service(void) {
    return (struct sim_service){.name = "control", .matches = matches, .handle = handle};
}
