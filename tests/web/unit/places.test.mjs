// What the places beyond files and tasks compute: QR codes, sizes, devices, plots; and their requests.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { adminCommands, auditFile } from "../../../assets/core/admin-commands.js";
import { deviceOf } from "../../../assets/core/device.js";
import { noticeCommands } from "../../../assets/core/notice-commands.js";
import { csv, marks, monthsBetween, together } from "../../../assets/core/plot.js";
import { bytesOfKey } from "../../../assets/core/push.js";
import { qr } from "../../../assets/core/qr.js";
import { parseSize, sizeText } from "../../../assets/core/size.js";
import { Store } from "../../../assets/core/store.js";
import { applyPacket } from "../../../assets/core/sync.js";
import { usageFile } from "../../../assets/core/usage-commands.js";

test("QR codes have the form of the standard", () => {
  const rows = qr("otpauth://totp/Drive:anna?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=Drive&algorithm=SHA1&digits=6&period=30");
  assert.equal((rows.length - 17) % 4, 0);
  assert.ok(rows.every((row) => row.length === rows.length && row.every((dark) => typeof dark === "boolean")));
  const finder = ["1111111", "1000001", "1011101", "1011101", "1011101", "1000001", "1111111"];
  const at = (x, y) => finder.map((_, dy) => rows[y + dy].slice(x, x + 7).map(Number).join(""));
  for (const [x, y] of [[0, 0], [rows.length - 7, 0], [0, rows.length - 7]]) assert.deepEqual(at(x, y), finder);
});

test("QR codes stay what a reader has read", () => {
  // All 20 versions were read back by another decoder (jsQR); this keeps them as they were then.
  const texts = [1, 14, 26, 42, 62, 84, 106, 122, 152, 180, 213, 251, 287, 331, 362, 412, 450, 504, 560, 624, 666].map((length) => "Drive ".repeat(120).slice(0, length));
  assert.deepEqual(texts.map((text) => (qr(text).length - 17) / 4), [1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20]);
  const all = texts.map((text) => qr(text).map((row) => row.map(Number).join("")).join("\n")).join("\n\n");
  assert.equal(createHash("sha256").update(all).digest("hex"), "ba756e98c348fd60b2775fcbcb80b88ca0612fa528f1827e8718a43508dea173");
  assert.throws(() => qr("x".repeat(667)), RangeError);
});

test("sizes are read as people write them, and come back", () => {
  const read = { "500 MB": 500e6, "1,5 TB": 1.5e12, "2GiB": 2 * 1024 ** 3, "10g": 10e9, 123: 123, "0": 0, "4 bytes": 4 };
  for (const [text, size] of Object.entries(read)) assert.equal(parseSize(text), size, text);
  for (const text of ["", "much", "-1 MB", "1 XB", "1.2.3 GB", "99999999 PB"]) assert.equal(parseSize(text), null, text);
  for (const size of [0, 1, 999, 1000, 1.5e9, 2e12, 1024 ** 3, 123_456_789]) assert.equal(parseSize(sizeText(size)), size);
  assert.equal(sizeText(1.5e9), "1.5 GB");
});

test("devices are named after their browser and system", () => {
  const safari = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile/15E148 Safari/604.1";
  const edge = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/130.0.0.0 Safari/537.36 Edg/130.0.0.0";
  assert.deepEqual(deviceOf(safari), { program: "Safari", system: "iPhone" });
  assert.deepEqual(deviceOf(edge), { program: "Edge", system: "Windows" });
  assert.deepEqual(deviceOf("curl/8.5.0"), { program: "curl", system: null });
  assert.deepEqual(deviceOf(null), { program: null, system: null });
});

test("an axis has round marks that reach the greatest value", () => {
  assert.deepEqual(marks(26e6), [0, 1e7, 2e7, 3e7]);
  assert.deepEqual(marks(0), [0]);
  for (const max of [1, 7, 99, 1001, 3.3e12]) {
    const all = marks(max);
    assert.ok(all.at(-1) >= max && all.at(-2) < max && all.length <= 7, `${max}: ${all}`);
  }
});

test("months in between are there, though nothing came", () => {
  assert.deepEqual(monthsBetween(["2026-02", "2025-11"]), ["2025-11", "2025-12", "2026-01", "2026-02"]);
  assert.deepEqual(monthsBetween(["", "x"]), []);
});

test("the usage of several accounts adds up", () => {
  const row = (more) => ({ files: 1, bytes: 10, charged: 5, ...more });
  const one = { used: 10, reserved: 1, trash: 2, byPool: [row({ pool: "a", poolId: "1" })], byType: [row({ type: "image" })], byMonth: [row({ month: "2026-02" })], uploadsByDay: [{ day: "2026-02-03", uploads: 1, bytes: 6, seconds: 2 }] };
  const sum = together([one, { ...one, byMonth: [row({ month: "2026-01" })] }]);
  assert.deepEqual([sum.used, sum.reserved, sum.trash], [20, 2, 4]);
  assert.deepEqual(sum.byType, [{ type: "image", files: 2, bytes: 20, charged: 10 }]);
  assert.deepEqual(sum.byMonth.map(({ month }) => month), ["2026-01", "2026-02"]);
  assert.deepEqual(sum.uploadsByDay, [{ day: "2026-02-03", uploads: 2, bytes: 12, seconds: 4 }]);
});

test("tables become CSV that no spreadsheet runs", () => {
  assert.equal(csv([["a", 1], ['say "no"', -2], ["=SUM(A1)", "x,y"]]), 'a,1\r\n"say ""no""",-2\r\n\'=SUM(A1),"x,y"\r\n');
});

test("keys are read from base64url", () => {
  assert.deepEqual([...bytesOfKey("-_8B")], [251, 255, 1]);
});

/** An api that answers as it is told, and remembers what it was asked. */
function fakeApi(answers) {
  const asked = [];
  const call = async (method, path, { query, body } = {}) => {
    asked.push([method, path, query ?? body]);
    const { headers = {}, ...answer } = answers[`${method} ${path}`] ?? { data: null };
    return { ...answer, headers: new Headers(headers) };
  };
  return { call, asked };
}

test("what is unread is counted by answers and by events", async () => {
  const store = new Store();
  const api = fakeApi({
    "GET /api/notifications": { data: [{ id: "a" }], headers: { "x-unread": "3", "x-next-cursor": "9" } },
    "POST /api/notifications/read": { data: { unread: 2 } },
  });
  const commands = noticeCommands({ api, store });
  assert.deepEqual(await commands["load-notices"]({}), { items: [{ id: "a" }], next: "9" });
  assert.equal(store.unread, 3);
  await commands["read-notices"]({ ids: ["a"] });
  assert.equal(store.unread, 2);
  assert.deepEqual(api.asked.at(-1), ["POST", "/api/notifications/read", { ids: ["a"] }]);
  const told = { id: "b", event: "task.failed", title: "Failed", unread: 3 };
  const nobody = { handleEvent: () => false };
  applyPacket({ type: "notification", data: told }, { store, uploader: nobody, observed: nobody, onReset() {} });
  assert.equal(store.unread, 3);
  assert.equal(store.notice, told);
  store.forgetAccount();
  assert.deepEqual([store.unread, store.notice], [0, null], "the next account has its own");
});

test("an answer about what is unread does not undo a notification that came meanwhile", async () => {
  const store = new Store();
  let answer;
  const commands = noticeCommands({ api: { call: () => new Promise((resolve) => (answer = resolve)) }, store });
  const asked = commands["count-notices"]();
  const nobody = { handleEvent: () => false };
  applyPacket({ type: "notification", data: { id: "a", title: "Failed", unread: 1 } }, { store, uploader: nobody, observed: nobody, onReset() {} });
  answer({ data: { unread: 0 } });
  await asked;
  assert.equal(store.unread, 1);
});

test("a filter that was left empty is not sent", async () => {
  const api = fakeApi({ "GET /api/audit": { data: [] } });
  await adminCommands({ api })["load-audit"]({ account: "", action: "file.read", after: null });
  assert.deepEqual(api.asked[0][2], { action: "file.read", limit: 100 });
  assert.equal(auditFile({ action: "file.read", outcome: "" }), "/api/audit?action=file.read&format=ndjson");
  assert.equal(usageFile(""), "/api/usage?format=csv");
  assert.equal(usageFile("all"), "/api/usage?format=csv&account=all");
});
