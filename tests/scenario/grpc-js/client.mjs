// SPDX-License-Identifier: Apache-2.0
// Calls session-dsm with @grpc/grpc-js as it is. On demand, because it needs npm; see
// stock_clients.py, which starts the service:
//
//   node client.mjs HOST:PORT PATH/TO/idl
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import path from "node:path";

// Found from where npm has put them, which need not be beside this file.
const require = createRequire(path.join(process.env.NODE_CLIENT_MODULES ?? import.meta.dirname, "x"));
const grpc = require("@grpc/grpc-js");
const loader = require("@grpc/proto-loader");

const [target, idl] = process.argv.slice(2);
const plain = grpc.credentials.createInsecure();

function load(file) {
    const made = loader.loadSync(path.join(idl, file), { keepCase: true, enums: String });
    return grpc.loadPackageDefinition(made);
}

function call(client, method, request, options = {}) {
    return new Promise((resolve, reject) => {
        const deadline = Date.now() + (options.ms ?? 20000);
        const answer = client[method](request, options.metadata ?? new grpc.Metadata(), { deadline },
            (error, response) => error ? reject(error) : resolve(response));
        options.started?.(answer);
    });
}

const fails = (promise, code) => promise.then(
    (answer) => assert.fail(`it succeeded: ${JSON.stringify(answer)}`),
    (error) => { assert.equal(error.code, code, error.message); return error; });

const { SessionDsm } = load("session-dsm.proto").accelbyte.session.sessiondsm;
const { Health } = load("health.proto").grpc.health.v1;
const dsm = new SessionDsm(target, plain);
const health = new Health(target, plain);
const good = {
    namespace: "studio-game", deployment: "alias-demo", requested_region: ["us-east-1"],
    maximum_player: 4,
};

assert.equal((await call(health, "Check", { service: "" })).status, "SERVING");

const made = await call(dsm, "CreateGameSession", { ...good, session_id: "node-1" });
assert.equal(made.status, "READY");
assert.equal(made.session_id, "node-1");
assert.ok(made.ip && made.port > 0);

const refused = await fails(
    call(dsm, "CreateGameSession", { ...good, session_id: "node-2", maximum_player: 0 }),
    grpc.status.INVALID_ARGUMENT);
assert.match(refused.details, /maximum_player/);


const many = await Promise.all(Array.from({ length: 200 }, (_, i) =>
    call(dsm, "CreateGameSession", { ...good, session_id: `node-many-${i}` })));
assert.equal(new Set(many.map((answer) => answer.server_id)).size, 200);

await fails(call(dsm, "CreateGameSession", { ...good, session_id: "node-cancel" },
    { started: (running) => running.cancel() }), grpc.status.CANCELLED);

const watch = health.Watch({ service: "" });
const first = await new Promise((resolve, reject) => {
    watch.on("data", resolve);
    watch.on("error", reject);
});
assert.equal(first.status, "SERVING");
watch.removeAllListeners("error");
watch.on("error", () => undefined);
watch.cancel();
dsm.close();
health.close();
console.log("ok");
