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
 */
#ifndef SIM_CONTROL_H
#define SIM_CONTROL_H

#include "sim/sim.h"

/* A path pattern; "*" stands for one segment, which the function gets; two in a row come as "a/b". */
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
