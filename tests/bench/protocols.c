// SPDX-License-Identifier: Apache-2.0
/*
 * One CreateGameSession and its answer, in JSON or CBOR, so many times:
 *
 *   protocols json|cbor request|answer COUNT
 *
 * protocols.py counts its instructions. Prints the bytes of the body.
 */
#include "base/obj.h"
#include "codec/cbor.h"
#include "codec/json.h"
#include "generated/gamelift.h"

#include <stdio.h>
#include <stdlib.h>

static const struct gl_game_property properties[] = {
    {.key = STR("clientVersion"), .value = STR("1.4.2")},
    {.key = STR("gameMode"), .value = STR("5v5-ranked")},
    {.key = STR("sessionSecret"), .value = STR("b6c5d0f2f0e94a1fa2f5")},
    {.key = STR("sessionId"), .value = STR("7c9a0bfc4e5e4f4f9c1f4f1f6f5e3a21")},
    {.key = STR("namespace"), .value = STR("studio-game")},
};

static const struct gl_create_game_session_input input = {
    .alias_id = STR("alias-5c3b2a19-0a4d-4e1c-9f57-6b1d2c3e4f50"),
    .has_maximum_player_session_count = true,
    .maximum_player_session_count = 10,
    .game_properties = {.v = properties, .n = ARRAY_LEN(properties)},
    .idempotency_token = STR("7c9a0bfc4e5e4f4f9c1f4f1f6f5e3a21"),
    .game_session_data = STR("{\"map\":\"harbour\",\"skill\":1540}"),
    .location = STR("us-east-1"),
};

static const struct gl_game_session session = {
    .game_session_id = STR("arn:aws:gamelift:us-east-1::gamesession/fleet-6f9e1a52-2c15-4f0b-9a3c-"
                           "0d4f2f1f8d11/gsess-2b0f6a6e-58a1-4c07-8b29-1e0a5f2f7c3d"),
    .fleet_id = STR("fleet-6f9e1a52-2c15-4f0b-9a3c-0d4f2f1f8d11"),
    .fleet_arn = STR("arn:aws:gamelift:us-east-1:123456789012:fleet/fleet-6f9e1a52-2c15-4f0b-9a3c-"
                     "0d4f2f1f8d11"),
    .has_creation_time = true,
    .creation_time = INT64_C(1767225600123),
    .has_maximum_player_session_count = true,
    .maximum_player_session_count = 10,
    .status = GL_GAME_SESSION_STATUS_ACTIVE,
    .game_properties = {.v = properties, .n = ARRAY_LEN(properties)},
    .ip_address = STR("203.0.113.7"),
    .dns_name = STR("ec2-203-0-113-7.compute-1.amazonaws.com"),
    .has_port = true,
    .port = 7777,
    .player_session_creation_policy = GL_PLAYER_SESSION_CREATION_POLICY_ACCEPT_ALL,
    .game_session_data = STR("{\"map\":\"harbour\",\"skill\":1540}"),
    .location = STR("us-east-1"),
};
static const struct gl_create_game_session_output output = {.game_session = &session};

static void encode(bool cbor, bool request, struct buf *out, struct arena *a) {
    const struct codec_shape *shape =
        request ? &gl_create_game_session_input_shape : &gl_create_game_session_output_shape;
    const void *value = request ? (const void *)&input : &output;
    AZ(cbor ? cbor_encode(out, shape, value, a) : json_encode(out, shape, value, a));
}

static void decode(bool cbor, struct str text, struct arena *a) {
    struct gl_create_game_session_output out = {.game_session = NULL};
    const struct codec_shape *shape = &gl_create_game_session_output_shape;
    AZ(cbor ? cbor_decode(text, shape, &out, a) : json_decode(text, shape, &out, a));
    ASSERT(out.game_session->port == 7777);
}

int main(int argc, char **argv) {
    if (argc != 4) {
        fprintf(stderr, "usage: %s json|cbor request|answer COUNT\n", argv[0]);
        return 2;
    }
    bool cbor = strcmp(argv[1], "cbor") == 0;
    bool request = strcmp(argv[2], "request") == 0;
    long count = strtol(argv[3], NULL, 10);
    struct arena *first = arena_new(ARENA_LIMIT_DEFAULT);
    struct buf body;
    buf_init(&body, 1 << 16);
    encode(cbor, request, &body, first);
    for (long i = 0; i < count; i++) {
        struct arena *a = arena_new(ARENA_LIMIT_DEFAULT);
        char memory[1024];
        struct buf out;
        buf_init_in(&out, memory, sizeof memory, 1 << 16);
        if (request)
            encode(cbor, request, &out, a);
        else
            decode(cbor, buf_str(&body), a);
        buf_free(&out);
        arena_free(a);
    }
    printf("%zu\n", body.n);
    buf_free(&body);
    arena_free(first);
    return 0;
}
