// SPDX-License-Identifier: Apache-2.0
/*
 * What is to be done about a placement, as a function of what GameLift and AGS say of it. Pure; the
 * names are those of the protocol's model, tests/model/placement.pml, and a test compares them.
 */
#ifndef PLACEMENTS_DECIDE_H
#define PLACEMENTS_DECIDE_H

#include "base/obj.h"
#include "generated/ags.h"
#include "generated/gamelift.h"

/* How AGS stands to a placement's session. */
#define PLACEMENT_AGS_VIEWS(X)                                                                     \
    X(GONE)        /* the session is unknown, or not active any more */                            \
    X(WAITS)       /* it waits for a server */                                                     \
    X(HAS_OURS)    /* the placement's server is the session's */                                   \
    X(HAS_ANOTHER) /* another server is, and that one lives */                                     \
    X(GAVE_UP)     /* the request for a server has failed, or the server has ended */

/* What is to be done. */
#define PLACEMENT_ACTIONS(X)                                                                       \
    X(LOOK_AGAIN)       /* later: nothing is certain yet */                                        \
    X(REPORT_AVAILABLE) /* tell AGS of the server */                                               \
    X(REPORT_FAILED)    /* tell AGS that there is none */                                          \
    X(END_SESSION)      /* nobody wants the server: end its game session */                        \
    X(SETTLED)          /* nothing more */

/* What a replica does with a message, in the order of time. */
#define PLACEMENT_STEPS(X)                                                                         \
    X(RECEIVE)     /* take the message from the queue */                                           \
    X(DESCRIBE)    /* ask GameLift for the placement */                                            \
    X(ASK_AGS)     /* ask AGS for the session */                                                   \
    X(FIND_SERVER) /* ask GameLift whether a server lives: the placement's, or AGS's other one */  \
    X(FIND_NEWER)  /* ask GameLift for the session's next placement */                             \
    X(REPORT)      /* tell AGS */                                                                  \
    X(END)         /* end the game session */                                                      \
    X(DELETE)      /* take the message out of the queue: it is dealt with */                       \
    X(RELEASE)     /* give the message back to the queue */

#define PLACEMENT_ENUM(name) PLACEMENT_##name,
enum placement_ags_view { PLACEMENT_AGS_VIEWS(PLACEMENT_ENUM) PLACEMENT_N_AGS_VIEWS };
enum placement_action { PLACEMENT_ACTIONS(PLACEMENT_ENUM) PLACEMENT_N_ACTIONS };
enum placement_step { PLACEMENT_STEPS(PLACEMENT_ENUM) PLACEMENT_N_STEPS };
#undef PLACEMENT_ENUM

const char *placement_ags_view_name(enum placement_ags_view view);
const char *placement_action_name(enum placement_action action);
const char *placement_step_name(enum placement_step step);

struct placement_facts {
    enum gl_game_session_placement_state state;
    enum placement_ags_view ags;
    bool newer;      /* the session has a later placement */
    bool calm;       /* it ended so long ago that AGS's word is not an older one */
    bool watched;    /* it ended so long ago that AGS must have had its own time-out */
    bool report_all; /* false: game servers report themselves; AGS hears of failures only */
};

/*
 * The word of AGS can be older than the placement: the event may come before AGS has our answer to
 * its request. So nothing is ended or dropped for what AGS says until there is calm.
 */
enum placement_action placement_decide(const struct placement_facts *facts);

/* True once GameLift does nothing more for the placement. */
bool placement_has_ended(enum gl_game_session_placement_state state);

/*
 * How AGS stands to the session of a placement. An AVAILABLE server is ours by the ARN in its
 * deployment; where that is no ARN (a game server may call itself what it likes), it is taken for
 * ours. For another ARN ret_other is set to it: whether that server lives is still to be found out.
 * session is NULL where AGS has none.
 */
enum placement_ags_view placement_view(const struct ags_game_session_response *session,
                                       const struct gl_game_session_placement *placement,
                                       struct str *ret_other);

#endif
