// SPDX-License-Identifier: Apache-2.0
#include "placements/report.h"

/*
 * AGS wants every member, also of a failure, where there is no server to speak of. These values
 * are those of AccelByte's own Lambda for the same events.
 */
#define NO_ADDRESS "127.0.0.1"
#define NO_PORT 7777

static const char *failure_of(enum gl_game_session_placement_state state) {
    switch (state) {
    case GL_GAME_SESSION_PLACEMENT_STATE_CANCELLED:
        return "PlacementCancelled";
    case GL_GAME_SESSION_PLACEMENT_STATE_TIMED_OUT:
        return "PlacementTimedOut";
    default:
        return "PlacementFailed";
    }
}

static const char *description_of(enum gl_game_session_placement_state state) {
    switch (state) {
    case GL_GAME_SESSION_PLACEMENT_STATE_CANCELLED:
        return "the game session placement was cancelled";
    case GL_GAME_SESSION_PLACEMENT_STATE_TIMED_OUT:
        return "the GameLift queue found no server in its time";
    default:
        return "the GameLift queue could not place the game session";
    }
}

/*
 * Players of a fleet with TLS must connect by name: the certificate has it. Such fleets' names are
 * told apart by their domain.
 * https://docs.aws.amazon.com/gamelift/latest/apireference/API_GameSession.html (DnsName)
 */
static struct str address_of(const struct gl_game_session_placement *p) {
    bool tls = str_ends(p->dns_name, STR(".amazongamelift.com")) ||
               str_ends(p->dns_name, STR(".amazongamelift.com.cn"));
    return tls || str_empty(p->ip_address) ? p->dns_name : p->ip_address;
}

static void say_available(struct ags_update_gamesession_ds_information_request *body,
                          struct str region, const struct gl_game_session_placement *p) {
    struct str where = str_empty(p->game_session_region) ? region : p->game_session_region;
    body->status = AGS_UPDATE_GAMESESSION_DS_INFORMATION_REQUEST_STATUS_AVAILABLE;
    body->ip = address_of(p);
    body->port = p->port;
    body->deployment = body->server_id = p->game_session_arn;
    body->region = body->created_region = where;
    body->description = STR("placed by the GameLift queue");
}

static void say_failed(struct ags_update_gamesession_ds_information_request *body,
                       const struct placement_report *r) {
    body->status = AGS_UPDATE_GAMESESSION_DS_INFORMATION_REQUEST_STATUS_FAILED_TO_REQUEST;
    body->ip = STR(NO_ADDRESS);
    body->port = NO_PORT;
    body->deployment = str_c(failure_of(r->state));
    body->server_id = r->placement->placement_id;
    body->region = body->created_region = r->region;
    body->description =
        r->placement->status == r->state
            ? str_c(description_of(r->state))
            : STR("the GameLift queue placed a game session, which has ended already");
}

void placement_report(struct ags_client *ags, struct ctx *ctx,
                      const struct placement_report *report, ags_admin_update_ds_information_fn *fn,
                      void *priv) {
    struct ags_update_gamesession_ds_information_request body = {
        .has_port = true,
        .source = STR("Gamelift"),
    };
    if (report->state == GL_GAME_SESSION_PLACEMENT_STATE_FULFILLED)
        say_available(&body, report->region, report->placement);
    else
        say_failed(&body, report);
    const struct ags_admin_update_ds_information_input in = {
        .body = &body,
        .namespace = report->namespace,
        .session_id = report->session_id,
    };
    ags_admin_update_ds_information(ags, ctx, &in, fn, priv);
}
