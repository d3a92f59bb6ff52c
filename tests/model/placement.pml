// SPDX-License-Identifier: Apache-2.0
/*
 * The protocol by which AGS hears of placements, checked exhaustively for one session, two
 * placements, two replicas, three messages and one fault: tests/model/check runs it with spin.
 *
 * GameLift places, or fails to, and says so once or twice. SQS gives a message to a replica, and
 * again when the replica has died, or has not deleted it in time. AGS asks for a server, may
 * give up, ask again, or delete the session, at any time. A game server may report itself, and may
 * die. A replica may be killed between any two of its steps.
 *
 * Names of states, views, actions and steps are those of src/placements/decide.h and of GameLift;
 * tests/model/names.py compares them. CANCELLED and TIMED_OUT are to the code what FAILED is.
 *
 * What is assumed is listed, with the same names, in docs/placements.md. Each of these drops one
 * assumption, and tests/model/check shows that something then goes wrong:
 *   EVENT_LOST          GameLift's event gets into the queue
 *   NEVER_CALM          AGS stores our answer before 30 s after the placement's end
 *   STORED_OVER_REPORT  storing our answer leaves a report that was quicker as it is
 *   LATE_REPORT         nobody gives up and asks again between FIND_NEWER and the report
 *   DIES_AT_ONCE        a server that AGS was told of lives until our answer is stored
 */
#ifndef ALL
#define ALL 1 /* PLACEMENT_REPORT=all; 0: failures */
#endif
#ifndef FAULTS
#define FAULTS 1 /* killed replicas, second messages, lost answers, messages that came too early */
#endif
#ifndef ASKS
#define ASKS 2 /* how often AGS asks for a server */
#endif
#ifndef REPLICAS
#define REPLICAS 2
#endif
#define PLACEMENTS 2
#define MESSAGES 3 /* one for each placement, and a second one for any of them */
#define NOBODY 9
#define NO_MESSAGES (!exists[0] && !exists[1] && !exists[2])

/* GameLift's states of a placement; NONE: never asked for. */
mtype = { NONE, PENDING, FULFILLED, FAILED };
/* How AGS stands to a placement's session. */
mtype = { GONE, WAITS, HAS_OURS, HAS_ANOTHER, GAVE_UP };
/* What is to be done. */
mtype = { LOOK_AGAIN, REPORT_AVAILABLE, REPORT_FAILED, END_SESSION, SETTLED };
/* What a replica does; each step has a label do_STEP. */
mtype = { RECEIVE, DESCRIBE, ASK_AGS, FIND_SERVER, FIND_NEWER, REPORT, END, DELETE, RELEASE };
/* What AGS has stored. */
mtype = { REQUESTED, AVAILABLE, FAILED_TO_REQUEST, DELETED };

mtype state[PLACEMENTS] = NONE;
bool alive[PLACEMENTS];          /* its server */
mtype ags = FAILED_TO_REQUEST;   /* also before the first request: the oldest word there can be */
byte whom;                       /* AVAILABLE: whose server */
bool asking;                     /* our answer is not yet stored at AGS */
byte current;                    /* the placement that AGS was last answered for */

bool exists[MESSAGES];
bool visible[MESSAGES];
byte about[MESSAGES];
byte holder[MESSAGES] = NOBODY;
/*
 * Of these any: a replica is killed; a living one is too slow for its message; the answer to a
 * report is lost, or AGS fails to take it; there is a second message about the same end.
 */
byte faults = FAULTS;

inline send(which, what) {
    exists[which] = true; visible[which] = true; about[which] = what; holder[which] = NOBODY
}

inline place(n) {
    if
    :: state[n] = FULFILLED; alive[n] = true
    :: state[n] = FAILED
    fi;
#ifdef EVENT_LOST
    if :: send(n, n) :: skip fi;
#else
    send(n, n);
#endif
    if
    :: faults > 0 && !exists[2] -> faults--; send(2, n)
    :: skip
    fi
}

active proctype gamelift() {
    do
    :: atomic { state[0] == PENDING -> place(0) }
    :: atomic { state[1] == PENDING -> place(1) }
    :: timeout -> break /* nothing will come any more */
    od
}

/* The queue gives messages to others again. */
active proctype sqs() {
    byte m;
    do
    :: atomic { exists[0] && !visible[0] && holder[0] == NOBODY -> visible[0] = true }
    :: atomic { exists[1] && !visible[1] && holder[1] == NOBODY -> visible[1] = true }
    :: atomic { exists[2] && !visible[2] && holder[2] == NOBODY -> visible[2] = true }
    :: atomic { faults > 0 && exists[0] && !visible[0] -> faults--; visible[0] = true }
    :: atomic { faults > 0 && exists[2] && !visible[2] -> faults--; visible[2] = true }
    :: timeout -> break
    od
}

/*
 * CreateGameSessionAsync: the session's series of ids, as the handler goes through it. At its end
 * the call fails, which AGS stores as it stores a failed placement.
 */
inline order() {
    asking = true;
    if
    :: state[0] == NONE -> state[0] = PENDING; current = 0
    :: state[0] == PENDING || (state[0] == FULFILLED && alive[0]) -> current = 0
    :: (state[0] == FAILED || (state[0] == FULFILLED && !alive[0])) && state[1] == NONE ->
        state[1] = PENDING; current = 1
    :: (state[0] == FAILED || (state[0] == FULFILLED && !alive[0])) &&
       (state[1] == PENDING || (state[1] == FULFILLED && alive[1])) -> current = 1
    :: else -> asking = false; ags = FAILED_TO_REQUEST
    fi
}

active proctype accelbyte() {
    byte asks = ASKS;
    do
    :: atomic { asks > 0 && ags != DELETED && !asking &&
                (ags == FAILED_TO_REQUEST || (ags == AVAILABLE && !alive[whom])) ->
                asks--; order() }
    :: atomic { asking -> asking = false;
                /* A report that was quicker stays, even if its server has died since. */
                if
#ifndef STORED_OVER_REPORT
                :: ags == AVAILABLE && whom == current -> skip
#endif
                :: ags == DELETED -> skip
                :: else -> ags = REQUESTED
                fi }
    :: atomic { ags == REQUESTED && !asking -> ags = FAILED_TO_REQUEST } /* gives up */
    :: atomic { ags != DELETED && !asking ->
                /* TerminateGameSession ends what AGS knows of; the rest of the call is lost. */
                if
                :: ags == AVAILABLE -> alive[whom] = false
                :: else -> skip
                fi;
                ags = DELETED }
    /* It may also wait for ever, but not for a server that reports itself: then it gives up. */
    :: atomic { !asking && (ALL || ags != REQUESTED ||
                            (state[current] != PENDING && !alive[current])) -> break }
    od
}

active proctype game_server() {
    do
    :: atomic { !ALL && ags == REQUESTED && state[current] == FULFILLED && alive[current] ->
                ags = AVAILABLE; whom = current }
#ifdef DIES_AT_ONCE
    :: atomic { ags == AVAILABLE && alive[whom] -> alive[whom] = false; break }
#else
    :: atomic { ags == AVAILABLE && alive[whom] && !asking -> alive[whom] = false; break }
#endif
    :: break
    od
}

/* SIGKILL, as one of the ways that a step may go. */
#define CRASH atomic { faults > 0 -> faults--; holder[m] = NOBODY; goto start }

inline decide() {
    action = LOOK_AGAIN;
    if
    :: st == FULFILLED && view == HAS_OURS -> action = SETTLED
    :: st == FULFILLED && view != HAS_OURS && newer -> action = END_SESSION
    :: st == FULFILLED && view != HAS_OURS && !newer && view != WAITS ->
        if :: calm -> action = END_SESSION :: else -> skip fi
    :: st == FULFILLED && view == WAITS && !newer ->
        if :: ALL -> action = REPORT_AVAILABLE :: else -> skip fi
    :: st == FAILED && (newer || view == GONE) -> action = SETTLED
    :: st == FAILED && !newer && view == WAITS -> action = REPORT_FAILED
    :: st == FAILED && !newer && view != WAITS && view != GONE ->
        if :: calm -> action = SETTLED :: else -> skip fi
    fi
}

inline ask() {
#ifdef NEVER_CALM
    calm = true;
#elif defined(ALWAYS_UNSURE)
    calm = false;
#else
    calm = !asking;
#endif
    if
    :: ags == DELETED -> view = GONE
    :: ags == REQUESTED -> view = WAITS
    :: ags == FAILED_TO_REQUEST -> view = GAVE_UP
    :: ags == AVAILABLE -> if :: whom == p -> view = HAS_OURS :: else -> view = HAS_ANOTHER fi
    fi
}

/* UpdateDSInformation. AGS takes it, or has no such session. */
inline put() {
    if
    :: ags == DELETED -> refused = true
    :: ags != DELETED && action == REPORT_AVAILABLE ->
        assert(state[p] == FULFILLED); /* none is reported with a server that is not its own */
        ags = AVAILABLE; whom = p
    :: ags != DELETED && action == REPORT_FAILED ->
#ifndef LATE_REPORT
        assert(ags != REQUESTED || p == current); /* nor for another request */
#endif
        ags = FAILED_TO_REQUEST
    fi
}

active [REPLICAS] proctype replica() {
    byte m; byte p; byte me = _pid;
    mtype st; mtype view; mtype action;
    bool calm; bool newer; bool refused;
start:
    atomic { st = NONE; view = GONE; action = LOOK_AGAIN; calm = false; newer = false;
             refused = false; m = 0; p = 0 };
end_do_RECEIVE: /* and do_DESCRIBE, because what has ended stays as it is */
    atomic {
        if
        :: exists[0] && visible[0] -> m = 0
        :: exists[1] && visible[1] -> m = 1
        :: exists[2] && visible[2] -> m = 2
        fi;
        visible[m] = false; holder[m] = me; p = about[m]; st = state[p]
#ifdef DELETE_BEFORE_REPORT
        ; exists[m] = false
#endif
    };
do_ASK_AGS:
    if
    :: CRASH
    :: atomic { ask(); if :: st == FULFILLED && (view == WAITS || view == HAS_ANOTHER) -> skip
                          :: else -> goto decided fi }
    fi;
do_FIND_SERVER:
    if
    :: CRASH
    :: atomic {
        if
        :: view == HAS_ANOTHER && !alive[1 - p] -> view = WAITS
        :: else -> skip
        fi;
        if
        :: view == WAITS && !alive[p] -> st = FAILED
        :: else -> skip
        fi;
decided:
        newer = false; decide();
        if
        :: action == END_SESSION -> goto do_END
        :: action == SETTLED -> goto do_DELETE
        :: action == LOOK_AGAIN -> goto do_RELEASE
        :: else -> skip
        fi
    }
    fi;
do_FIND_NEWER:
    if
    :: CRASH
    :: atomic {
#ifndef NO_FIND_NEWER
        newer = (p == 0 && state[1] != NONE);
#endif
        decide();
        if
        :: action == END_SESSION -> goto do_END
        :: action == SETTLED -> goto do_DELETE
        :: action == LOOK_AGAIN -> goto do_RELEASE
        :: else -> skip
        fi;
#ifdef LATE_REPORT
    }
    fi;
do_REPORT:
    if
    :: CRASH
    :: atomic {
#endif
        put();
        if
        :: faults > 0 -> faults--; goto do_RELEASE /* the answer did not come */
        :: refused && st == FULFILLED -> goto do_END
#ifndef DELETE_AFTER_DEAD_SERVER
        /* The server has died: AGS may be asking again already, so there is another look. */
        :: !refused && st == FAILED && state[p] == FULFILLED -> goto do_RELEASE
#endif
        :: else -> goto do_DELETE
        fi
    }
    fi;
do_END:
    if
    :: CRASH
    :: atomic { alive[p] = false; st = FAILED; refused = false;
#ifndef NO_SECOND_LOOK
                goto do_ASK_AGS
#endif
       }
    fi;
do_DELETE:
    if
    :: CRASH
    :: atomic { exists[m] = false; visible[m] = false; holder[m] = NOBODY; goto start }
    fi;
do_RELEASE:
    atomic {
        if
        :: exists[m] && holder[m] == me -> visible[m] = true; holder[m] = NOBODY
        :: else -> skip
        fi;
        goto start
    }
}

/* Once nothing more happens. */
active proctype at_the_end() {
end_wait:
    timeout ->
    assert(NO_MESSAGES);
    /* Every placement's end got to AGS: it does not wait for one that has ended. */
    assert(ags != REQUESTED || state[current] == NONE || state[current] == PENDING);
    /* No server runs that AGS has given up. */
    assert(!alive[0] || (ags == AVAILABLE && whom == 0));
    assert(!alive[1] || (ags == AVAILABLE && whom == 1))
}

/* Nothing goes round for ever: in the end every message is dealt with. Processes are scheduled fairly. */
#ifdef LIVENESS
ltl settled { <>[] NO_MESSAGES }
#endif
