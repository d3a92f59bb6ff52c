// SPDX-License-Identifier: Apache-2.0
/*
 * What there is before the first request: fleets, locations, aliases, queues and how long things
 * take, read from a JSON file or the built-in example (gamelift-sim --print-world). The format,
 * with what a member is when it is left out; a member that is not here is an error:
 *
 *   {"home_region": "us-east-1",             required; default region of all below
 *    "account": "123456789012",
 *    "activation_ms": 200,                   ACTIVATING to ACTIVE
 *    "termination_ms": 200,                  TERMINATING to TERMINATED
 *    "placement_ms": 300,                    until a placement looks for a server
 *    "max_sessions": 20000,                  kept, ended ones included; the same for placements
 *    "address_after_activation": false,      true: no address while ACTIVATING
 *    "fleets": [{"id": "fleet-x",            required, as are locations and their names
 *                "region": home_region, "status": "ACTIVE", "anywhere": false,
 *                "locations": [{"name": "us-west-2", "capacity": 10}]}],
 *    "aliases": [{"id": "alias-x", "region": home_region,
 *                 "fleet": "fleet-x"}],      or "terminal": "message"
 *    "queues": [{"name": "q", "region": home_region,
 *                "destinations": ["alias-x", "fleet-y"],
 *                "locations": [],            tried before the destinations' own order
 *                "timeout_ms": 600000}]}
 */
#ifndef SIM_GAMELIFT_WORLD_H
#define SIM_GAMELIFT_WORLD_H

#include "base/err.h"

struct gamelift_location {
    struct str name;
    int64_t capacity; /* servers */
    int64_t in_use;
};

struct gamelift_fleet {
    struct str id;
    struct str arn;
    struct str region; /* home region: where the API answers for it */
    struct str status; /* "ACTIVE", or any other of GameLift's fleet states */
    bool anywhere;     /* sessions must name a location; no forced end */
    struct gamelift_location *locations;
    size_t n_locations;
    struct str first_status; /* what a reset goes back to */
    int64_t *first_capacities;
};

struct gamelift_alias {
    struct str id;
    struct str arn;
    struct str region;
    struct gamelift_fleet *fleet;
    struct str terminal; /* the message of a terminal alias; else absent */
};

struct gamelift_queue {
    struct str name;
    struct str arn;
    struct str region;
    struct gamelift_fleet **fleets; /* destinations in order */
    size_t n_fleets;
    struct str *order; /* locations tried before the rest */
    size_t n_order;
    int64_t timeout_ms;
};

struct gamelift_world {
    struct str home_region;
    struct str account;
    int64_t activation_ms;  /* ACTIVATING to ACTIVE */
    int64_t termination_ms; /* TERMINATING to TERMINATED */
    int64_t placement_ms;   /* until a placement looks for a server */
    int64_t
        max_sessions; /* that the stand-in keeps, ended ones included; the same for placements */
    bool address_after_activation; /* no address while ACTIVATING */
    struct gamelift_fleet *fleets;
    size_t n_fleets;
    struct gamelift_alias *aliases;
    size_t n_aliases;
    struct gamelift_queue *queues;
    size_t n_queues;
};

/* The example world, as JSON. */
extern const char gamelift_world_example[];

/* The world lives in the arena. INVALID_ARGUMENT naming the member at fault. */
struct err *gamelift_world_read(struct str json, struct arena *a,
                                struct gamelift_world **ret) MUST_CHECK;

/* Capacities and states as they were read. */
void gamelift_world_reset(struct gamelift_world *world);

/* NULL if there is none. Names only, no ARNs. */
struct gamelift_fleet *gamelift_world_fleet(const struct gamelift_world *world, struct str id);
struct gamelift_alias *gamelift_world_alias(const struct gamelift_world *world, struct str id);
struct gamelift_location *gamelift_fleet_location(const struct gamelift_fleet *fleet,
                                                  struct str name);

/* Some fleet has a location of that name. */
bool gamelift_world_has_location(const struct gamelift_world *world, struct str name);

/* "aws", "aws-cn", "aws-us-gov" */
struct str gamelift_partition(struct str region);

#endif
