// SPDX-License-Identifier: Apache-2.0
/*
 * How tests steer the stand-in, under /_sim/ on the same port; JSON in and out, no signature:
 *
 *   GET    /_sim/requests                    the last exchanges, oldest first
 *   DELETE /_sim/requests
 *   GET    /_sim/faults                      rules in force, with their hits
 *   POST   /_sim/faults                      a rule or a list of rules (faults.c: read_rule)
 *   DELETE /_sim/faults
 *   POST   /_sim/clock                       {"offset_ms": N}: this server's clock is that far off
 *   POST   /_sim/reset                       everything as at the start
 *   GET    /_sim/state                       fleets, sessions, placements
 *   POST   /_sim/sessions/<id>/status        {"status": "ERROR"}
 *   POST   /_sim/placements/<id>/status      {"status": "FAILED"}
 *   POST   /_sim/fleets/<id>                 {"status": "ACTIVE"}, or {"location": L, "capacity":
 * N}
 *
 * The last four belong to the stand-in GameLift (gamelift_control.c).
 *
 * AGS (ags_control.c):
 *
 *   GET    /_sim/ags                         settings, and calls counted by operation
 *   POST   /_sim/ags                         {"expires_in": S, "may_read": B, "may_update": B,
 *                                            "may_read_roles": B}
 *   GET    /_sim/ags/sessions                all of them, each with the reports it got
 *   DELETE /_sim/ags/sessions
 *   PUT    /_sim/ags/sessions/<ns>/<id>      a session; all members may be left out:
 *            {"status": "AVAILABLE",         StatusV2; REQUESTED if there is no server
 *             "deployment": ARN or null,     as are ip, port, region, source
 *             "server": "present",           or "null" or "absent", the default without the above
 *             "ds_information": "present",   or "null" or "absent"
 *             "active": true, "async": false, "timeout_s": 0,
 *             "client_version": V, "match_pool": P,
 *             "template_deployment": D}
 *   GET    /_sim/ags/sessions/<ns>/<id>
 *   DELETE /_sim/ags/sessions/<ns>/<id>
 *   POST   /_sim/ags/tokens                  a token: {"claims": {...}, "kid": K (empty: none),
 *                                            "published_key": true}; iat, exp, jti are added
 *   POST   /_sim/ags/tokens/expire           AGS takes all tokens so far for expired
 *   POST   /_sim/ags/tokens/revoke           {"token": T}, {"user": ID, "revoked_at_ms": N}, or {}
 *                                            for all tokens so far
 *   PUT    /_sim/ags/roles/<ns>/<id>         [{"resource": R, "action": N}]; ns "*": everywhere
 *   PUT    /_sim/ags/contexts/<ns>           {"type": "Game", "studio": NS}
 *   POST   /_sim/ags/keys                    a new key signs; {"forget": true} drops the others
 *
 * SQS (sqs_control.c); the events of placements come into the queue placement-events:
 *
 *   GET    /_sim/sqs                         settings and queues
 *   POST   /_sim/sqs                         {"form": "eventbridge", or "sns", "sns_raw", "nothing",
 *                                            "copies": N of each event, "delay_ms": N,
 *                                            "scatter_ms": N (out of order), "speed": API seconds in
 *                                            a real one, "failing_deletes": N entries to refuse}
 *   GET    /_sim/sqs/queues/<name>           its counters, and the messages in it
 *   PUT    /_sim/sqs/queues/<name>           {"visibility_s": S, "max_receive_count": N (0: never),
 *                                            "dead_letter": queue}; makes it if need be
 *   POST   /_sim/sqs/queues/<name>/messages  {"body": TEXT, "copies": N, "delay_ms": N}
 *   DELETE /_sim/sqs/queues/<name>/messages
 *
 * Temporary credentials (sts_control.c):
 *
 *   GET    /_sim/credentials                 what is in force and what was issued
 *   POST   /_sim/credentials                 {"lifetime_s": S (0: as asked), "role_arn": ARN,
 *                                            "external_id": X, "web_identity_token": T,
 *                                            "container_token": T, "instance_role": R,
 *                                            "instance_region": R, "imds_v1": B}
 *   POST   /_sim/credentials/expire          all that were issued so far have expired
 *   DELETE /_sim/credentials                 or are not known any more
 *   DELETE /_sim/credentials/imds-tokens     metadata tokens are not known any more
 */
#ifndef SIM_CONTROL_H
#define SIM_CONTROL_H

#include "sim/sim.h"

/* A path pattern; "*" stands for one segment, which the function gets; two in a row come as "a/b".
 */
typedef struct err *control_fn(struct sim_exchange *ex, struct str segment);
struct control_route {
    const char *method;
    const char *path;
    control_fn *fn; /* an error becomes {"error": ...}, status 404 for NOT_FOUND, else 400 */
};

/* Takes the request to its route; answers 404 or 405 if there is none. */
void control_dispatch(struct sim_exchange *ex, const struct control_route *routes, size_t n);

/* {"ok": true} */
void control_ok(struct sim_exchange *ex);

/* A service for all that is left under /_sim/; add it after the others. */
struct sim_service control_service(void);

#endif
