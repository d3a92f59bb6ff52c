// SPDX-License-Identifier: Apache-2.0
#include "placements/decide.h"

#include "handlers/end_session.h"

#define NAME(name) #name,

const char *placement_ags_view_name(enum placement_ags_view view) {
    static const char *const names[] = {PLACEMENT_AGS_VIEWS(NAME)};
    return names[view];
}

const char *placement_action_name(enum placement_action action) {
    static const char *const names[] = {PLACEMENT_ACTIONS(NAME)};
    return names[action];
}

const char *placement_step_name(enum placement_step step) {
    static const char *const names[] = {PLACEMENT_STEPS(NAME)};
    return names[step];
}

bool placement_has_ended(enum gl_game_session_placement_state state) {
    switch (state) {
    case GL_GAME_SESSION_PLACEMENT_STATE_FULFILLED:
    case GL_GAME_SESSION_PLACEMENT_STATE_CANCELLED:
    case GL_GAME_SESSION_PLACEMENT_STATE_TIMED_OUT:
    case GL_GAME_SESSION_PLACEMENT_STATE_FAILED:
        return true;
    default: /* a state that is new to us may still become one of these */
        return false;
    }
}

static enum placement_action decide_with_server(const struct placement_facts *f) {
    if (f->ags == PLACEMENT_HAS_OURS)
        return PLACEMENT_SETTLED;
    /* A later placement was asked for because this one's server was found dead. */
    if (f->newer)
        return PLACEMENT_END_SESSION;
    if (f->ags != PLACEMENT_WAITS)
        return f->calm ? PLACEMENT_END_SESSION : PLACEMENT_LOOK_AGAIN;
    if (f->report_all)
        return PLACEMENT_REPORT_AVAILABLE;
    /* The game server will report itself; until it has, AGS may give the session up. */
    return f->watched ? PLACEMENT_SETTLED : PLACEMENT_LOOK_AGAIN;
}

static enum placement_action decide_without_server(const struct placement_facts *f) {
    if (f->newer || f->ags == PLACEMENT_GONE)
        return PLACEMENT_SETTLED;
    if (f->ags == PLACEMENT_WAITS)
        return PLACEMENT_REPORT_FAILED;
    return f->calm ? PLACEMENT_SETTLED : PLACEMENT_LOOK_AGAIN;
}

enum placement_action placement_decide(const struct placement_facts *facts) {
    if (!placement_has_ended(facts->state))
        return PLACEMENT_LOOK_AGAIN;
    return facts->state == GL_GAME_SESSION_PLACEMENT_STATE_FULFILLED ? decide_with_server(facts)
                                                                     : decide_without_server(facts);
}

/* ---- what AGS says ---- */

static enum placement_ags_view view_of_server(const struct ags_game_server *server, struct str arn,
                                              struct str *ret_other) {
    struct str deployment = server == NULL ? STR_NULL : server->deployment;
    if (!is_game_session_arn(deployment) || str_eq(deployment, arn))
        return PLACEMENT_HAS_OURS;
    *ret_other = deployment;
    return PLACEMENT_HAS_ANOTHER;
}

/* The older member of the two, for an AGS that does not have the newer one. */
static enum placement_ags_view view_of_old_status(const struct ags_ds_information_response *ds,
                                                  struct str arn, struct str *ret_other) {
    switch (ds->status) {
    case AGS_DS_INFORMATION_RESPONSE_STATUS_AVAILABLE:
        return view_of_server(ds->server, arn, ret_other);
    case AGS_DS_INFORMATION_RESPONSE_STATUS_DS_ERROR:
    case AGS_DS_INFORMATION_RESPONSE_STATUS_FAILED_TO_REQUEST:
        return PLACEMENT_GAVE_UP;
    default:
        return PLACEMENT_WAITS;
    }
}

enum placement_ags_view placement_view(const struct ags_game_session_response *session,
                                       const struct gl_game_session_placement *placement,
                                       struct str *ret_other) {
    struct str arn = placement->game_session_arn;
    if (session == NULL || (session->has_is_active && !session->is_active))
        return PLACEMENT_GONE;
    if (session->ds_information == NULL)
        return PLACEMENT_WAITS;
    switch (session->ds_information->status_v2) {
    case AGS_DS_INFORMATION_RESPONSE_STATUS_V2_AVAILABLE:
        return view_of_server(session->ds_information->server, arn, ret_other);
    case AGS_DS_INFORMATION_RESPONSE_STATUS_V2_DS_CANCELLED:
    case AGS_DS_INFORMATION_RESPONSE_STATUS_V2_DS_ERROR:
    case AGS_DS_INFORMATION_RESPONSE_STATUS_V2_ENDED:
    case AGS_DS_INFORMATION_RESPONSE_STATUS_V2_FAILED_TO_REQUEST:
        return PLACEMENT_GAVE_UP;
    case AGS_DS_INFORMATION_RESPONSE_STATUS_V2_UNSET:
        return view_of_old_status(session->ds_information, arn, ret_other);
    default:
        return PLACEMENT_WAITS;
    }
}
