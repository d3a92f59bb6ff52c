// SPDX-License-Identifier: Apache-2.0
/* DescribeGameSessions: which sessions, and which page of them. */
#include "base/obj.h"
#include "sim/gamelift.h"

#include <inttypes.h>

#define PAGE_DEFAULT 20
#define PAGE_MAX 100
#define TOKEN_PREFIX "after-"

struct filter {
    const struct gamelift_fleet *fleet;
    struct str location;                /* absent: any */
    enum gl_game_session_status status; /* UNSET: any */
    uint64_t after;                     /* sequence number of the last one of the page before */
    size_t limit;
};

static struct err *read_status(struct str name, struct arena *a, enum gl_game_session_status *ret) {
    const struct codec_shape *shape = &gl_game_session_status_shape;
    if (name.p == NULL)
        return NULL;
    for (size_t i = 0; i < shape->n_names; i++) {
        if (str_eq(shape->names[i], name)) {
            *ret = (enum gl_game_session_status)(i + 1);
            return NULL;
        }
    }
    return gamelift_refuse(a, "InvalidRequestException",
                           "StatusFilter must be a game session status.");
}

static struct err *read_token(struct str token, struct arena *a, uint64_t *ret) {
    int64_t after;
    if (token.p == NULL)
        return NULL;
    if (!str_starts(token, STR(TOKEN_PREFIX)) ||
        !str_to_int64(str_from(token, sizeof TOKEN_PREFIX - 1), &after) || after < 0)
        return gamelift_refuse(a, "InvalidRequestException", "NextToken is not valid.");
    *ret = (uint64_t)after;
    return NULL;
}

static bool fits(const struct gamelift_session *s, const struct filter *f) {
    return s->fleet == f->fleet && s->seq > f->after &&
           (f->location.p == NULL || str_eq(f->location, s->location->name)) &&
           (f->status == GL_GAME_SESSION_STATUS_UNSET || f->status == s->view.status);
}

static void fill_page(const struct gamelift *gl, const struct filter *f, struct arena *a,
                      struct gl_describe_game_sessions_output *out) {
    struct gl_game_session *v = arena_array(a, f->limit, sizeof *v);
    uint64_t last = 0;
    out->game_sessions.v = v;
    for (struct list *l = gl->sessions.next; l != &gl->sessions; l = l->next) {
        const struct gamelift_session *s = CONTAINER_OF(l, struct gamelift_session, node);
        if (!fits(s, f))
            continue;
        if (out->game_sessions.n == f->limit) {
            out->next_token = arena_printf(a, TOKEN_PREFIX "%" PRIu64, last);
            return;
        }
        v[out->game_sessions.n++] = gamelift_session_view(s);
        last = s->seq;
    }
}

static struct err *describe_one(struct gamelift *gl, struct str region, struct str arn,
                                struct arena *a, struct gl_describe_game_sessions_output *out) {
    const struct gamelift_session *s = gamelift_session_by_arn(gl, region, arn);
    if (s == NULL)
        return gamelift_refuse(a, "NotFoundException", "Game session " STR_FMT " was not found.",
                               STR_ARG(arn));
    struct gl_game_session *view = ARENA_NEW(a, struct gl_game_session);
    *view = gamelift_session_view(s);
    out->game_sessions.v = view;
    out->game_sessions.n = 1;
    return NULL;
}

struct err *gamelift_describe_sessions(struct gamelift *gl, struct str region, const void *input,
                                       struct arena *a, void *ret_out) {
    const struct gl_describe_game_sessions_input *in = input;
    struct gl_describe_game_sessions_output *out = ret_out;
    if ((in->fleet_id.p != NULL) + (in->alias_id.p != NULL) + (in->game_session_id.p != NULL) != 1)
        return gamelift_refuse(a, "InvalidRequestException",
                               "Exactly one of FleetId, AliasId and GameSessionId must be given.");
    if (in->game_session_id.p != NULL)
        return describe_one(gl, region, in->game_session_id, a, out);
    struct gamelift_fleet *fleet = NULL;
    struct filter f = {.location = in->location, .limit = PAGE_DEFAULT};
    struct err *err = gamelift_resolve_fleet(gl, region, in->fleet_id, in->alias_id, a, &fleet);
    if (err == NULL)
        err = read_status(in->status_filter, a, &f.status);
    if (err == NULL)
        err = read_token(in->next_token, a, &f.after);
    if (err != NULL)
        return err;
    f.fleet = fleet;
    if (in->has_limit)
        f.limit = in->limit < PAGE_MAX ? (size_t)in->limit : PAGE_MAX;
    fill_page(gl, &f, a, out);
    return NULL;
}
