// SPDX-License-Identifier: Apache-2.0
/* Steps of TerminateGameSession's scripts. */
#ifndef UNIT_TERMINATE_SCRIPT_H
#define UNIT_TERMINATE_SCRIPT_H

#include "handler_fixture.h"

#define LOOKUP(...)                                                                                \
    { .op = AGS_LOOKUP, __VA_ARGS__ }
#define END(...)                                                                                   \
    { .op = "TerminateGameSession", __VA_ARGS__ }
#define LOOK_AT_SERVER(...)                                                                        \
    { .op = "DescribeGameSessions", __VA_ARGS__ }
#define LOOK(...)                                                                                  \
    { .op = "DescribeGameSessionPlacement", __VA_ARGS__ }
#define STOP(...)                                                                                  \
    { .op = "StopGameSessionPlacement", __VA_ARGS__ }
#define MISSING REFUSED("NotFoundException")
#define SERVED AGS_SERVER("AVAILABLE", ARN_OF("session-1"))
#define NO_SERVER AGS_SESSION("{\"StatusV2\":\"REQUESTED\"}")

static inline void assert_success(struct handler_fixture *f, const char *reason) {
    const struct dsm_response_terminate_game_session *resp = terminated(f);
    assert_string_equal(resp->session_id, "session-1");
    assert_string_equal(resp->namespace_, "studio-game");
    assert_true(resp->success);
    assert_string_equal(resp->reason, reason);
    assert_int_equal(f->svc.servers_left, 0);
    pass(f, 20);
}

#endif
