// What is made when it is first needed.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Later } from "../../../assets/core/later.js";

test("it is made once, however many ask", async () => {
  let made = 0;
  const later = new Later(async () => ++made);
  assert.equal(later.now, null);
  assert.deepEqual(await Promise.all([later.get(), later.get()]), [1, 1]);
  assert.equal(later.now, 1);
  assert.equal(await later.get(), 1);
});

test("where it failed, it is tried again", async () => {
  let tries = 0;
  const later = new Later(async () => {
    if (++tries === 1) throw new Error("offline");
    return "made";
  });
  await assert.rejects(later.get(), /offline/);
  assert.equal(later.now, null);
  assert.equal(await later.get(), "made");
});
