// The place "Administration" in a real browser: accounts and what is done to them, pools, everybody's tasks, the audit
// log, health; and that nobody else gets there.

import assert from "node:assert/strict";
import { createHmac, randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { ACCOUNT, photograph, until } from "./harness.mjs";
import { Places, totp } from "./places.mjs";

const ISSUER = { iss: "https://id.example/realms/home", aud: "drive", secret: randomBytes(48).toString("hex") };
const BEN = { name: "ben", password: "a quiet evening" };

let places;
let page;
let pool;
const dialog = () => page.getByRole("dialog");
const button = (name, within = page) => within.getByRole("button", { name, exact: true });
const said = (text) => page.locator("live-region", { hasText: text }).waitFor();

/** Signs in beside the page. */
const tokenOf = async (who) => (await places.ask("POST", "/api/auth/login", who, null)).accessToken;

/** What the issuer gives somebody. @param {string} sub */
function vouched(sub) {
  const now = Math.floor(Date.now() / 1000);
  const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const words = `${part({ alg: "HS256", typ: "JWT" })}.${part({ iss: ISSUER.iss, aud: ISSUER.aud, sub, preferred_username: "ben.outside", iat: now, exp: now + 600 })}`;
  return `${words}.${createHmac("sha256", ISSUER.secret).update(words).digest("base64url")}`;
}

before(async () => {
  pool = await mkdtemp(path.join(tmpdir(), "drive-page-pool-"));
  const key = path.join(pool, "..", `${path.basename(pool)}.key`);
  await writeFile(key, ISSUER.secret, { mode: 0o600 });
  const outside = { DRIVE_AUTH_JWT_ISSUER: ISSUER.iss, DRIVE_AUTH_JWT_AUDIENCE: ISSUER.aud, DRIVE_AUTH_JWT_ALGORITHM: "HS256", DRIVE_AUTH_JWT_KEY_FILE: key };
  places = await Places.open({ ...outside, DRIVE_POOL2_NAME: "cold storage", DRIVE_POOL2_PATH: pool, DRIVE_POOL2_MAX_FILE_SIZE: "5000000000", DRIVE_POOL2_ACCEPT_TYPES: "image/*,video/*", DRIVE_POOL2_QUOTA_MULTIPLIER: "0.5" });
  ({ page } = places);
});

after(async () => {
  await places?.close();
  await rm(pool, { recursive: true, force: true });
  await rm(`${pool}.key`, { force: true });
});

test("an account is made; what is wrong is told at its field", async () => {
  await places.go("admin/accounts");
  await page.getByRole("row", { name: /anna/ }).waitFor();
  await button("New account").click();
  await dialog().getByLabel("Name").fill("ben or not");
  await dialog().getByLabel("Password").fill(BEN.password);
  await dialog().getByLabel("Quota").fill("much");
  await button("Create", dialog()).click();
  await dialog().locator(".field", { hasText: "Quota" }).getByText("This is no size.").waitFor();
  places.faults.forgive("400", "409");
  await dialog().getByLabel("Quota").fill("1.5 GB");
  await button("Create", dialog()).click();
  await dialog().locator(".field", { hasText: "Letters, digits" }).getByText("must be 1 to 64 letters").waitFor();
  await photograph(page, "admin-account-make");
  await places.check("new account");
  await dialog().getByLabel("Name").fill("anna");
  await button("Create", dialog()).click();
  await dialog().locator(".field", { hasText: "Letters, digits" }).locator(".field-error", { hasText: /exists|taken/ }).waitFor();
  places.faults.forgive();
  await dialog().getByLabel("Name").fill(BEN.name);
  await page.keyboard.press("Enter");
  await page.getByRole("row", { name: /ben.*User.*1\.5 GB/ }).waitFor();
  for (const name of ["a-very-long-name.of.somebody@an-even-longer-organisation.example", "cleo"]) await places.ask("POST", "/api/accounts", { name, password: "yes yes yes", role: "guest" });
  await page.reload();
  await page.getByRole("row", { name: /cleo/ }).waitFor();
  await photograph(page, "admin-accounts");
  await places.check("accounts");
});

const open = async (name) => {
  await places.go("admin/accounts");
  await page.getByRole("link", { name, exact: true }).click();
  await page.locator("account-card h3", { hasText: name }).first().waitFor();
};

test("role and quota change, and the quota can be taken away", async () => {
  await open("ben");
  await photograph(page, "admin-account");
  await places.check("one account");
  await page.getByLabel("Role").selectOption("guest");
  await page.getByLabel("Quota").fill("");
  await button("Save").click();
  await said("Saved");
  const ben = (await places.ask("GET", "/api/accounts")).find(({ name }) => name === "ben");
  assert.deepEqual([ben.role, ben.quotaBytes], ["guest", null]);
  await page.getByLabel("Role").selectOption("user");
  await page.getByLabel("Quota").fill("2 GB");
  await button("Save").click();
  await page.getByText("Limit: 2.0 GB.").waitFor();
});

test("room is given for a while, and ended", async () => {
  await button("Give more room").click();
  await dialog().getByLabel("How much more").fill("0");
  await button("Give", dialog()).click();
  const wrong = dialog().locator(".field", { hasText: "Such as 10 GB" }).getByText("This is no size.");
  await wrong.waitFor();
  await dialog().getByLabel("How much more").fill("500 MB");
  assert.ok(await wrong.isHidden(), "what is mended is not wrong any more");
  const until = await dialog().getByLabel("Until").inputValue();
  await dialog().getByLabel("Until").fill("");
  await button("Give", dialog()).click();
  await dialog().getByText("This is no day.").waitFor();
  await dialog().getByLabel("Until").fill(until);
  await dialog().getByLabel("Reason").fill("films of the wedding");
  await photograph(page, "admin-grant");
  await places.check("a grant");
  await button("Give", dialog()).click();
  await page.getByText("Limit: 2.5 GB.").waitFor();
  await page.reload();
  await page.getByText("films of the wedding").waitFor();
  assert.equal(await page.getByLabel("Quota").inputValue(), "2 GB", "the quota itself is without the grant");
  await photograph(page, "admin-account-grant");
  await button("End 500 MB").click();
  await dialog().getByText("uploads may be refused").waitFor();
  await button("End", dialog()).click();
  await page.getByText("Limit: 2.0 GB.").waitFor();
});

test("a new password ends all sign-ins", async () => {
  const before = await tokenOf(BEN);
  BEN.password = "another quiet evening";
  await button("Set new password").click();
  await dialog().getByText("All sign-ins of the account end at once").waitFor();
  await dialog().getByLabel("New password").fill(BEN.password);
  await button("Set new password", dialog()).click();
  await said("ben has a new password.");
  await assert.rejects(places.ask("GET", "/api/account", undefined, before), /401/);
  assert.ok(await tokenOf(BEN));
});

test("the second factor is taken away from somebody who lost it", async () => {
  const token = await tokenOf(BEN);
  const { secret } = await places.ask("POST", "/api/account/totp", { currentPassword: BEN.password }, token);
  await places.ask("POST", "/api/account/totp/confirm", { code: totp(secret) }, token);
  await page.reload();
  await button("Take second factor away").click();
  await photograph(page, "admin-take-factor");
  await places.check("the question");
  await button("Take second factor away", dialog()).click();
  await said("ben signs in without a second factor now.");
  assert.ok(await tokenOf(BEN));
  assert.ok(await button("Take second factor away").isHidden());
});

test("an outside identity is linked, signs in to the account, and is unlinked", async () => {
  const card = page.locator("account-identities");
  await card.getByText("None.").waitFor();
  await button("Link an identity").click();
  await dialog().getByLabel("Issuer").fill("https://elsewhere.example");
  await dialog().getByLabel("Subject").fill("4711");
  places.faults.forgive("400");
  await button("Link", dialog()).click();
  await dialog().locator(".field", { hasText: "As the issuer calls itself" }).getByText(ISSUER.iss).last().waitFor();
  await dialog().getByLabel("Issuer").fill(ISSUER.iss);
  await dialog().getByLabel("Subject").fill("");
  await button("Link", dialog()).click();
  await dialog().locator(".field", { hasText: "What tells people apart" }).getByText("This must have 1 to 512 bytes.").waitFor();
  places.faults.forgive();
  await dialog().getByLabel("Subject").fill("4711");
  await photograph(page, "admin-link");
  await places.check("an identity");
  await button("Link", dialog()).click();
  await said("The identity signs in to ben now");
  await card.getByText("4711").waitFor();
  assert.equal((await places.ask("GET", "/api/account", undefined, vouched("4711"))).name, "ben");
  await page.reload();
  await card.getByText(ISSUER.iss).waitFor();
  await button("Link an identity").click();
  assert.equal(await dialog().getByLabel("Issuer").inputValue(), ISSUER.iss, "the next one is most likely of the same issuer");
  await dialog().getByLabel("Subject").fill("4711");
  places.faults.forgive("409");
  await button("Link", dialog()).click();
  await dialog().locator(".field-error", { hasText: "This identity signs in to an account already" }).waitFor();
  places.faults.forgive();
  await page.keyboard.press("Escape");
  await photograph(page, "admin-identities");
  await places.check("an account with an identity");
  await button("Unlink 4711").click();
  await dialog().getByText("all sign-ins of the account end now").waitFor();
  await button("Unlink", dialog()).click();
  await card.getByText("None.").waitFor();
  await page.waitForFunction(() => document.activeElement?.dataset.action === "link");
  assert.deepEqual(await places.ask("GET", `/api/accounts/${page.url().split("/").pop()}/identities`), []);
});

test("an account is disabled, which says what happens, and enabled again", async () => {
  const token = await tokenOf(BEN);
  await button("Disable account").click();
  await dialog().getByText("stop working at once").waitFor();
  await page.keyboard.press("Escape");
  assert.ok(await places.ask("GET", "/api/account", undefined, token), "nothing happens without a yes");
  await button("Disable account").click();
  await button("Disable account", dialog()).click();
  await said("ben is disabled.");
  await assert.rejects(places.ask("GET", "/api/account", undefined, token), /401/);
  await button("Enable account").click();
  await button("Enable account", dialog()).click();
  await said("ben is enabled.");
  assert.ok(await tokenOf(BEN));
});

test("the last administrator stays one", async () => {
  await open("anna");
  assert.ok(await button("Disable account").isHidden(), "nobody locks themselves out");
  places.faults.forgive("409", "400", "403");
  await page.getByLabel("Role").selectOption("user");
  await button("Save").click();
  await page.locator("account-card form .error, account-card form .field-error").filter({ hasText: /administrator/i }).waitFor();
  places.faults.forgive();
  assert.equal((await places.ask("GET", "/api/account")).role, "admin");
});

test("pools tell their room and what may be stored there", async () => {
  await places.go("admin/pools");
  const card = page.locator("pools-page .card", { hasText: "cold storage" });
  await card.getByText("image/*, video/*").waitFor();
  assert.match(await card.innerText(), /free of[\s\S]*Disk of this server[\s\S]*5\.0 GB/);
  await photograph(page, "admin-pools");
  await places.check("pools");
});

test("the tasks of everybody are listed and filtered", async () => {
  const token = await tokenOf(BEN);
  const make = async (name, owner) => (await places.ask("POST", "/api/tasks", { type: "Custom", name, parameters: {} }, owner)).taskId;
  await places.ask("POST", `/api/tasks/${await make("Back-up of ben", token)}/fail`, { errorMessage: "tar failed in part 3" }, token);
  await make("Back-up of anna", places.server.token);
  await places.go("admin/tasks");
  await page.getByText("Back-up of ben").waitFor();
  await page.getByText("Back-up of anna").waitFor();
  await page.getByText("tar failed in part 3").waitFor();
  for (const name of ["ben", "anna"]) await page.getByRole("row", { name: `Back-up of ${name}` }).getByRole("cell", { name, exact: true }).waitFor();
  await photograph(page, "admin-tasks");
  await places.check("tasks");
  await page.getByLabel("Account", { exact: true }).selectOption({ label: "ben" });
  await page.getByText("Back-up of anna").waitFor({ state: "detached" });
  await page.getByRole("row", { name: "Back-up of ben" }).getByRole("cell", { name: "ben", exact: true }).waitFor();
  await page.getByLabel("State").selectOption("Completed");
  await page.getByText("No tasks fit this filter.").waitFor();
});

test("the audit log is filtered, paged and exported", async () => {
  for (let at = 0; at < 120; at++) await places.ask("POST", "/api/folders", { path: `/f${at}` });
  await places.go("admin/audit");
  await page.getByRole("row", { name: /Made a folder/ }).first().waitFor();
  const rows = page.locator("audit-page tbody tr");
  assert.equal(await rows.count(), 100);
  await photograph(page, "admin-audit");
  await places.check("audit log");
  await page.getByLabel("Action").selectOption("folder.create");
  await page.waitForFunction(() => document.querySelector("audit-page a[download]").href.includes("action=folder.create"));
  await button("Show more").click();
  await page.waitForFunction(() => document.querySelectorAll("audit-page tbody tr").length === 120);
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name: "Export as NDJSON" }).click()]);
  const lines = (await readFile(await download.path(), "utf8")).trim().split("\n").map((line) => JSON.parse(line));
  assert.equal(lines.length, 120);
  assert.ok(lines.every(({ action }) => action === "folder.create"));
  await page.getByLabel("Action").selectOption("account.change");
  await page.getByLabel("Outcome").selectOption("ok");
  await page.getByRole("row", { name: /Changed an account/ }).first().waitFor();
  await page.getByLabel("From").fill("2090-01-01");
  await page.getByText("Nothing fits this filter.").waitFor();
  assert.match(page.url(), /audit\?action=account\.change&outcome=ok&after=2090-01-01$/);
  await page.reload();
  await page.getByText("Nothing fits this filter.").waitFor();
  assert.equal(await page.getByLabel("From").inputValue(), "2090-01-01");
  await page.getByLabel("From").evaluate((field) => {
    field.type = "text"; // as typed where the browser lets a year have five digits
    field.value = "12026-01-01";
    field.dispatchEvent(new Event("change", { bubbles: true }));
  });
  await page.getByText("This is no day.").waitFor();
});

test("health is told, also when it is not well", async () => {
  await places.go("admin/health");
  await page.getByText("Everything works.").waitFor();
  await page.getByRole("row", { name: /Archives and conversions/ }).waitFor();
  await photograph(page, "admin-health");
  await places.check("health");
  const body = JSON.stringify({ status: "unhealthy", version: "1", database: { status: "healthy", writeQueue: 3 }, pools: [{ name: "cold storage", status: "unhealthy", freeBytes: null, totalBytes: null }], queues: {}, uploads: { active: 0 }, websocket: { connections: 1 } });
  await page.route("**/health/uploads", (route) => route.fulfill({ status: 503, contentType: "application/json", body }));
  places.faults.forgive("503");
  await page.reload();
  await page.getByText("A pool or the database cannot be reached.").waitFor();
  await page.getByRole("row", { name: /cold storage.*Unhealthy/ }).waitFor();
  await photograph(page, "admin-unhealthy");
  await page.unroute("**/health/uploads");
  places.faults.forgive();
});

test("a page that cannot be loaded says so, and is tried again", async () => {
  await page.route("**/api/pools", (route) => route.abort());
  places.faults.forgive("ERR_FAILED");
  await places.go("admin/pools");
  await page.reload();
  await page.getByText("The server could not be reached.").waitFor();
  await page.unroute("**/api/pools");
  await button("Try again").click();
  await page.locator("pools-page .card").first().waitFor();
  places.faults.forgive();
});

test("others do not get here", async () => {
  const other = await places.newPage();
  places.faults.forgive("401");
  await other.goto(`${places.server.url}/#/admin/accounts`);
  await places.enter(other, BEN);
  places.faults.forgive();
  assert.equal(await other.getByRole("link", { name: "Administration" }).count(), 0);
  await other.getByRole("heading", { name: "No files yet" }).waitFor();
  assert.equal(await other.locator("admin-view").count(), 0);
  await other.context().close();
});

test("a page never goes on in another's name", async () => {
  const first = await places.newPage();
  const second = await first.context().newPage();
  places.faults.forgive("401");
  await first.goto(`${places.server.url}/#/files`);
  await places.enter(first, BEN);
  await second.goto(`${places.server.url}/#/files`);
  const shows = (tab, name) => tab.getByRole("button", { name: `Account of ${name}` }).waitFor();
  await shows(second, BEN.name);
  await button("Account of ben", second).click();
  await second.getByRole("menuitem", { name: "Sign out" }).or(button("Sign out", second)).click();
  await first.locator("sign-in").waitFor();
  await places.enter(second);
  await shows(first, ACCOUNT.name); // it follows, with nothing left of before
  // Signed in as somebody else behind the page's back: what it does next is refused, not done in the other's name.
  const body = JSON.stringify(BEN);
  await second.evaluate((body) => fetch("/api/auth/login", { method: "POST", headers: { "Content-Type": "application/json" }, body }), body);
  await first.locator("input[data-role=upload]").setInputFiles({ name: "of anna.txt", mimeType: "text/plain", buffer: Buffer.from("hers") });
  await first.locator("sign-in").waitFor();
  for (const token of [await tokenOf(BEN), await tokenOf(ACCOUNT)]) {
    assert.deepEqual(await places.ask("GET", "/api/files?q=anna", undefined, token), []);
  }
  await places.enter(first);
  await until(async () => (await places.ask("GET", "/api/files?q=anna")).length === 1, "it is sent in her own name");
  places.faults.forgive();
  await first.context().close();
});

test("German says it all too", async () => {
  await page.evaluate(() => localStorage.setItem("drive-language", "de"));
  for (const [place, heading] of [["accounts", "Konten"], ["pools", "Speicherorte"], ["tasks", "Aufgaben"], ["audit", "Protokoll"], ["health", "Zustand"]]) {
    await places.go(`admin/${place}`);
    await page.reload();
    await places.heading(heading).first().waitFor();
  }
  await page.getByText("Alles funktioniert.").waitFor();
  await photograph(page, "admin-german");
});

test("the page showed no fault", () => assert.deepEqual(places.faults.list, []));
