// Signing in: the second factor's code, the outside provider, and the addresses it comes back to.

import assert from "node:assert/strict";
import { test } from "node:test";
import { createApi } from "../../../assets/core/api.js";
import { Later } from "../../../assets/core/later.js";
import { Session } from "../../../assets/core/session.js";
import { Store } from "../../../assets/core/store.js";
import { parseRoute } from "../../../assets/elements/route.js";

/** A session whose requests are answered by `answer(path, body)`: [status, body]. */
function setUp(answer) {
  const asked = [];
  const fetch = async (path, { body }) => {
    asked.push([path, body === undefined ? undefined : JSON.parse(body)]);
    const [status, data] = answer(path, body && JSON.parse(body));
    return new Response(JSON.stringify(data), { status });
  };
  const store = new Store();
  const idle = { setAccount() {}, start() {}, seed() {}, drives: () => false };
  const memory = { all: async () => [] };
  const holds = { others: async () => new Set() };
  const sending = new Later(async () => ({ uploader: idle, observed: idle, memory, holds, left: { show() {}, openAll() {} } }));
  const api = createApi({ fetch });
  return { asked, store, session: new Session({ api, store, live: idle, sending }) };
}

test("the code of the second factor is sent where there is one", async () => {
  const problem = { code: "CODE_REQUIRED", message: "Send the code.", details: { field: "code" } };
  const { asked, store, session } = setUp((path, body) => {
    if (path !== "/api/auth/login") return [200, []];
    return body.code === "123456" ? [200, { account: { id: "a", name: "ada" } }] : [401, problem];
  });
  const refused = await session.signIn("ada", "secret").catch((error) => error);
  assert.deepEqual([refused.code, refused.details.field], ["CODE_REQUIRED", "code"]);
  assert.deepEqual(asked[0], ["/api/auth/login", { name: "ada", password: "secret" }]);
  await session.signIn("ada", "secret", "123456");
  assert.equal(asked[1][1].code, "123456");
  assert.equal(store.account.name, "ada");
});

test("the outside provider is told by its name, or not at all", async () => {
  const offered = setUp(() => [200, { enabled: true, label: "Example" }]);
  assert.equal(await offered.session.provider(), "Example");
  assert.deepEqual(offered.asked, [["/api/auth/oidc", undefined]]);
  const none = setUp(() => [200, { enabled: false, label: "" }]);
  assert.equal(await none.session.provider(), null);
});

test("the address says why signing in elsewhere failed, in known letters only", () => {
  assert.equal(parseRoute("#signin-error=UNREACHABLE").refusal, "UNREACHABLE");
  for (const other of ["", "#/files", "#setup=abc", "#signin-error=", "#signin-error=<b>", "#signin-error=a"]) {
    assert.equal(parseRoute(other).refusal, null, other);
  }
  assert.equal(parseRoute("#setup=abc").code, "abc");
});
