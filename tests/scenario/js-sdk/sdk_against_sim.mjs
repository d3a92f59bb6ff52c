// SPDX-License-Identifier: Apache-2.0
// Drives gamelift-sim with @aws-sdk/client-gamelift as it is. On demand, because it needs npm:
//
//   npm install && node sdk_against_sim.mjs PATH/TO/gamelift-sim
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { once } from "node:events";
import {
    GameLiftClient,
    CreateGameSessionCommand,
    DescribeGameSessionPlacementCommand,
    DescribeGameSessionsCommand,
    StartGameSessionPlacementCommand,
    StopGameSessionPlacementCommand,
    TerminateGameSessionCommand,
} from "@aws-sdk/client-gamelift";

const KEYS = {
    accessKeyId: "AKIDEXAMPLE",
    secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
};
const FLEET = "fleet-demo";
let url;

function client(credentials = KEYS, maxAttempts = 1) {
    return new GameLiftClient({ region: "us-east-1", endpoint: url, credentials, maxAttempts });
}

const send = (command, from = client()) => from.send(command);
const create = (more) =>
    send(new CreateGameSessionCommand({ FleetId: FLEET, MaximumPlayerSessionCount: 4, ...more }));
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

async function refused(name, promise) {
    await assert.rejects(promise, (e) => {
        assert.equal(e.name, name);
        assert.ok(e.message && e.$metadata.requestId, "message and request id");
        return true;
    });
}

async function control(method, path, body) {
    const answer = await fetch(`${url}/_sim/${path}`, { method, body: body && JSON.stringify(body) });
    assert.equal(answer.status, 200);
    return answer.json();
}

const tests = {
    async create_describe_and_terminate() {
        const { GameSession: s } = await create({
            Location: "eu-central-1",
            Name: "ü世🎮/",
            IdempotencyToken: "js-1",
            GameProperties: [{ Key: "gameMode", Value: "duel" }],
        });
        assert.equal(s.GameSessionId,
            "arn:aws:gamelift:us-east-1::gamesession/fleet-demo/eu-central-1/js-1");
        assert.equal(s.Name, "ü世🎮/");
        assert.ok(s.CreationTime instanceof Date && Math.abs(s.CreationTime - Date.now()) < 5000);
        await pause(400);
        const found = await send(new DescribeGameSessionsCommand({ GameSessionId: s.GameSessionId }));
        assert.equal(found.GameSessions[0].Status, "ACTIVE");
        const ended = await send(new TerminateGameSessionCommand({
            GameSessionId: s.GameSessionId, TerminationMode: "FORCE_TERMINATE" }));
        assert.equal(ended.GameSession.StatusReason, "FORCE_TERMINATED");
    },

    async placements_run_their_course() {
        const start = (id, more) => send(new StartGameSessionPlacementCommand({
            PlacementId: id, GameSessionQueueName: "demo-queue", MaximumPlayerSessionCount: 2, ...more }));
        const latency = { PlayerId: "p", RegionIdentifier: "us-east-1", LatencyInMilliseconds: 12.5 };
        const { GameSessionPlacement: p } = await start("js-p1", { PlayerLatencies: [latency] });
        assert.equal(p.Status, "PENDING");
        await pause(500);
        const now = await send(new DescribeGameSessionPlacementCommand({ PlacementId: "js-p1" }));
        assert.equal(now.GameSessionPlacement.Status, "FULFILLED");
        assert.equal(now.GameSessionPlacement.GameSessionRegion, "us-east-1");
        assert.equal(now.GameSessionPlacement.PlayerLatencies[0].LatencyInMilliseconds, 12.5);
        await start("js-p2", { PriorityConfigurationOverride: {
            LocationOrder: ["us-west-2"], PlacementFallbackStrategy: "NONE" } });
        const stopped = await send(new StopGameSessionPlacementCommand({ PlacementId: "js-p2" }));
        assert.equal(stopped.GameSessionPlacement.Status, "CANCELLED");
    },

    async errors_carry_their_names() {
        await refused("FleetCapacityExceededException", create({ Location: "us-west-2" }));
        await refused("InvalidRequestException", create({ MaximumPlayerSessionCount: undefined }));
        await refused("InvalidRequestException", create({ MaximumPlayerSessionCount: -1 }));
        await refused("SerializationException", create({ MaximumPlayerSessionCount: "four" }));
        await refused("NotFoundException", create({ FleetId: "fleet-none" }));
        await create({ IdempotencyToken: "js-2", Name: "a" });
        await refused("IdempotentParameterMismatchException",
            create({ IdempotencyToken: "js-2", Name: "b" }));
    },

    async wrong_keys_are_refused() {
        const ask = (keys) => send(new CreateGameSessionCommand(
            { FleetId: FLEET, MaximumPlayerSessionCount: 1 }), client(keys));
        await refused("InvalidSignatureException", ask({ ...KEYS, secretAccessKey: "x" }));
        await refused("UnrecognizedClientException", ask({ ...KEYS, accessKeyId: "AKIDOTHER" }));
        await refused("UnrecognizedClientException", ask({ ...KEYS, sessionToken: "UNASKED" }));
    },

    async retries_meet_the_same_session() {
        await control("POST", "faults", { kind: "reset", when: "after", count: 1 });
        const { GameSession: s } = await send(new CreateGameSessionCommand({
            FleetId: FLEET, MaximumPlayerSessionCount: 1, IdempotencyToken: "js-3" }), client(KEYS, 3));
        assert.ok(s.GameSessionId.endsWith("/js-3"));
        const state = await control("GET", "state");
        assert.equal(state.sessions.filter((x) => x.GameSessionId.endsWith("/js-3")).length, 1);
    },

    async a_clock_that_is_off_is_corrected() {
        await control("POST", "clock", { offset_ms: 3600000 });
        const patient = client(KEYS, 3);
        const { GameSession: s } = await send(new CreateGameSessionCommand({
            FleetId: FLEET, MaximumPlayerSessionCount: 1 }), patient);
        assert.ok(s.GameSessionId);
    },
};

const binary = process.argv[2] ?? "../../../build/sim/gamelift-sim";
const env = Object.fromEntries(Object.entries(process.env).filter(([k]) => !k.startsWith("AWS_")));
const sim = spawn(binary, [], { env, stdio: ["ignore", "pipe", "inherit"] });
for await (const line of createInterface({ input: sim.stdout })) {
    url = line.replace("listening on ", "");
    break;
}
let failed = 0;
for (const [name, test] of Object.entries(tests)) {
    await control("POST", "reset");
    try {
        await test();
        console.log(`ok      ${name}`);
    } catch (e) {
        failed++;
        console.log(`FAILED  ${name}\n`, e);
    }
}
console.log(`${Object.keys(tests).length - failed} passed, ${failed} failed`);
sim.kill("SIGTERM");
const [status] = await once(sim, "exit");
process.exit(failed > 0 || status !== 0 ? 1 : 0);
