// SPDX-License-Identifier: Apache-2.0
/*
 * One look at one placement: ask GameLift what has become of it, ask AGS how it stands to the
 * session, do what is to be done (decide.h). Nothing is remembered from an earlier look, and each
 * step may be done twice without harm, so any replica can take any placement at any time.
 */
#ifndef PLACEMENTS_WORK_H
#define PLACEMENTS_WORK_H

#include "handlers/service.h"
#include "placements/decide.h"

/* Regions that stay free for calls: which ones events name is not ours to say. */
#define PLACEMENT_LEAVE_REGIONS (AWS_CLIENT_MAX_REGIONS / 2)

#define PLACEMENT_CALM_MS 30000   /* after which AGS's word is not an older one */
#define PLACEMENT_WATCH_MS 900000 /* AGS gives a request up after 600 s at most */

struct placement_policy {
    bool report_all;
    struct str_list namespaces; /* whose placements are ours; none: all */
    int64_t calm_ms;            /* 0: PLACEMENT_CALM_MS */
};

/* How a look ended. */
#define PLACEMENT_RESULTS(X)                                                                       \
    X(REPORTED_AVAILABLE, "reported_available") /* AGS has taken it */                             \
    X(REPORTED_FAILED, "reported_failed")       /* AGS has taken it */                             \
    X(REFUSED, "refused")                       /* AGS has refused for good */                     \
    X(ENDED, "ended")                           /* a game session that nobody wants */             \
    X(NOTHING, "nothing")                       /* there was nothing to do */                      \
    X(FOREIGN, "foreign")                       /* no placement of ours */                         \
    X(EARLY, "early")                           /* look again later */                             \
    X(TROUBLE, "failed")                        /* look again later: err says why */               \
    X(POISON, "poison")                         /* no event at all (of messages, not of looks) */  \
    X(ABANDONED, "abandoned")                   /* the service stops */

#define PLACEMENT_ENUM(name, text) PLACEMENT_##name,
enum placement_result { PLACEMENT_RESULTS(PLACEMENT_ENUM) PLACEMENT_N_RESULTS };
#undef PLACEMENT_ENUM
const char *placement_result_name(enum placement_result result);

/* True if the placement is dealt with: there is nothing to look at again. */
bool placement_is_dealt_with(enum placement_result result);

/*
 * Does an error of GameLift or AGS mean that other placements would fare no better just now? Not if
 * a region does not even answer that is not our own: an event may name one that does not exist.
 */
bool placement_is_upstream_down(const struct err *err, bool own_region);

struct placement_outcome {
    enum placement_result result;
    const struct err *err; /* TROUBLE, REFUSED, ABANDONED; else NULL */
    bool upstream_down;    /* TROUBLE: AWS or AGS cannot be reached, or fails whoever asks */
    struct str session_id; /* absent where it did not become known */
    struct str namespace;
};

/* In the context's arena. */
typedef void placement_look_fn(void *priv, const struct placement_outcome *outcome);

/*
 * region is where the placement's queue is. fn runs exactly once, from the loop, never before this
 * returns. Log lines carry the context's fields and the placement's.
 */
void placement_look(struct dsm_service *svc, const struct placement_policy *policy, struct ctx *ctx,
                    struct str region, struct str placement_id, placement_look_fn *fn, void *priv);

#endif
