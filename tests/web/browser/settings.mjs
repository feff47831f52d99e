// The place "Settings" in a real browser: profile, password, sign-ins, tokens, second factor, notifications, messages to
// browsers, webhooks. What leaves the server goes to a small real receiver on this machine.

import assert from "node:assert/strict";
import { createECDH, createHmac, randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import jsQR from "jsqr";
import { Faults, photograph } from "./harness.mjs";
import { ACCOUNT, Places, totp } from "./places.mjs";

let places;
let page;
let receiver;
const dialog = () => page.getByRole("dialog");
const button = (name, within = page) => within.getByRole("button", { name, exact: true });

/** Takes what webhooks and push send, and answers as it is told. */
class Receiver {
  status = 200;
  got = [];
  #waiting = [];

  static async start() {
    const receiver = new Receiver();
    receiver.http = createServer(async (request, response) => {
      const pieces = [];
      for await (const piece of request) pieces.push(piece);
      receiver.got.push({ path: request.url, headers: request.headers, body: Buffer.concat(pieces) });
      response.writeHead(receiver.status).end();
      receiver.#waiting.splice(0).forEach((go) => go());
    });
    await new Promise((resolve) => receiver.http.listen(0, "127.0.0.1", resolve));
    receiver.url = `http://127.0.0.1:${receiver.http.address().port}`;
    return receiver;
  }

  async next(path) {
    for (;;) {
      const at = this.got.findIndex((one) => one.path === path);
      if (at >= 0) return this.got.splice(at, 1)[0];
      await new Promise((resolve) => this.#waiting.push(resolve));
    }
  }
}

before(async () => {
  receiver = await Receiver.start();
  places = await Places.open({ DRIVE_NOTIFY_ALLOW_PRIVATE: "true" }, { permissions: ["clipboard-read", "clipboard-write", "notifications"] });
  ({ page } = places);
});

after(async () => {
  await places?.close();
  receiver?.http.close();
});

test("the profile tells who one is, and changes the theme", async () => {
  await places.go("settings");
  await places.heading("Profile").waitFor();
  const facts = page.locator("profile-page dl");
  await facts.getByText("Administrator").waitFor();
  assert.match(await facts.innerText(), /anna/);
  await photograph(page, "settings-profile");
  await places.check("profile");
  await page.locator("profile-page").getByLabel("Dark").check();
  assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), "dark");
  await page.locator("profile-page").getByLabel("System").check();
});

test("the language can be German, and goes back", async () => {
  await page.getByLabel("Language of this browser's pages").selectOption("de");
  await places.heading("Profil").waitFor();
  assert.equal(await page.evaluate(() => document.documentElement.lang), "de");
  await photograph(page, "settings-german");
  for (const [name, heading] of [["password", "Passwort"], ["sign-ins", "Anmeldungen"], ["tokens", "Zugangsschlüssel"], ["second-factor", "Zweiter Faktor"], ["notifications", "Benachrichtigungen"], ["webhooks", "Webhooks"]]) {
    await places.go(`settings/${name}`);
    await places.heading(heading).waitFor();
  }
  await places.go("settings/profile");
  await page.getByLabel("Sprache der Seiten in diesem Browser").selectOption("");
  await places.heading("Profile").waitFor();
});

test("every page is reached by keyboard, and is announced by its heading", async () => {
  await page.getByRole("link", { name: "Password" }).focus();
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.activeElement?.matches("password-page h2"));
});

test("a wrong password is told at its field, a right one changes it", async () => {
  await places.go("settings/password");
  const form = page.locator("password-page form");
  const change = async (now, next, again = next) => {
    await form.getByLabel("Current password").fill(now);
    await form.getByLabel("New password", { exact: true }).fill(next);
    await form.getByLabel("New password again").fill(again);
    await button("Change password").click();
  };
  await change(ACCOUNT.password, "a new long password", "another");
  await form.getByText("This is not the same as above.").waitFor();
  places.faults.forgive("403", "400");
  await change("wrong wrong", "a new long password");
  await form.locator(".field", { hasText: "Current password" }).getByText("The password is wrong.").waitFor();
  assert.equal(await form.getByLabel("Current password").getAttribute("aria-invalid"), "true");
  await photograph(page, "settings-password-wrong");
  await places.check("password");
  await change(ACCOUNT.password, "short");
  await form.locator(".field", { hasText: "8 to 256" }).getByText("must have 8 to 256 characters").waitFor();
  places.faults.forgive();
  await change(ACCOUNT.password, "a new long password");
  await page.locator("password-page .success", { hasText: "Your password was changed" }).waitFor();
  await places.ask("POST", "/api/auth/login", { name: "anna", password: "a new long password" }, null).then((answer) => (places.token = answer.accessToken));
  await change("a new long password", ACCOUNT.password);
  await page.waitForFunction(() => document.querySelector("password-page form").elements.newPassword.value === "");
  places.token = (await places.ask("POST", "/api/auth/login", ACCOUNT, null)).accessToken;
});

test("a device is signed out from here, and so are all others", async () => {
  const phone = await places.browser.newContext({ userAgent: "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile/15E148 Safari/604.1" });
  const other = await phone.newPage();
  await new Faults().watch(other);
  await other.goto(places.server.url);
  await places.signIn(ACCOUNT, other);
  await places.go("settings/sign-ins");
  const row = page.locator("sign-ins-page li", { hasText: "Safari on iPhone" });
  await row.waitFor();
  assert.match(await page.locator("sign-ins-page li").first().innerText(), /This device/);
  await photograph(page, "settings-sign-ins");
  await places.check("sign-ins");
  await row.getByRole("button", { name: "End: Safari on iPhone" }).click();
  await dialog().getByText("signed out at once").waitFor();
  await photograph(page, "settings-sign-in-end");
  await places.check("the question");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Cancel", "what is dangerous is not the first choice");
  await button("End", dialog()).click();
  await row.waitFor({ state: "detached" });
  await other.locator("sign-in").waitFor();
  await places.signIn(ACCOUNT, other);
  await button("End all others").click();
  await button("End all others", dialog()).click();
  await page.waitForFunction(() => document.querySelectorAll("sign-ins-page li").length === 1);
  await other.locator("sign-in").waitFor();
  await phone.close();
  places.token = (await places.ask("POST", "/api/auth/login", ACCOUNT, null)).accessToken;
});

test("a token is made, shown once, used and revoked", async () => {
  await places.go("settings/tokens");
  await places.heading("No access tokens").waitFor();
  await photograph(page, "settings-tokens-empty");
  await button("New token").click();
  places.faults.forgive("400");
  await button("Create", dialog()).click();
  await dialog().locator(".field", { hasText: "What it is for" }).getByText("must have 1 to 64 characters").waitFor();
  places.faults.forgive();
  await photograph(page, "settings-token-make");
  await places.check("new token");
  await dialog().getByLabel("Name").fill("Back-up of the attic");
  await dialog().getByLabel("See and steer tasks").check();
  await dialog().getByLabel("Ends after").selectOption("30");
  await page.keyboard.press("Enter");
  const secret = dialog().locator(".secret-box code");
  await secret.waitFor();
  const token = await secret.innerText();
  assert.match(token, /^drv_/);
  await photograph(page, "settings-token-shown");
  await button("Copy", dialog()).click();
  await dialog().getByText("Copied").first().waitFor();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), token);
  await button("Done", dialog()).click();
  assert.equal((await places.ask("GET", "/api/account", undefined, token)).scopes.join(), "files:read,tasks");
  const row = page.locator("tokens-page li", { hasText: "Back-up of the attic" });
  assert.match(await row.innerText(), /read files, tasks/);
  assert.ok(!(await page.locator("tokens-page").innerText()).includes(token));
  await photograph(page, "settings-tokens");
  await places.check("tokens");
  await button("Revoke Back-up of the attic").click();
  await button("Revoke", dialog()).click();
  await places.heading("No access tokens").waitFor();
  await assert.rejects(places.ask("GET", "/api/account", undefined, token), /401/);
});

let codes;

test("the second factor: its code can be read from the screen, recovery codes are shown once", async () => {
  await places.go("settings/second-factor");
  await button("Turn on").click();
  await dialog().getByLabel("Current password").fill(ACCOUNT.password);
  await page.keyboard.press("Enter");
  await page.locator("qr-code svg").waitFor();
  await photograph(page, "settings-second-factor");
  await places.check("second factor, QR code");
  const uri = await scanned(page.locator("qr-code"));
  assert.match(uri, /^otpauth:\/\/totp\/Drive:anna\?secret=[A-Z2-7]{32}&/);
  const secret = new URL(uri).searchParams.get("secret");
  await page.getByText("Enter it by hand").click();
  assert.equal((await page.locator("second-factor-page .secret-box code").innerText()).replaceAll(" ", ""), secret);
  places.faults.forgive("403");
  await page.getByLabel("Code", { exact: true }).fill("000000");
  await button("Confirm").click();
  await page.getByText("The code is wrong. Is the clock of the device right?").waitFor();
  places.faults.forgive();
  await page.getByLabel("Code", { exact: true }).fill(totp(secret));
  await button("Confirm").click();
  await page.locator("second-factor-page .codes li").first().waitFor();
  codes = await page.locator("second-factor-page .codes li").allInnerTexts();
  assert.equal(codes.length, 10);
  await photograph(page, "settings-codes");
  await places.check("recovery codes");
  const [download] = await Promise.all([page.waitForEvent("download"), button("Download").click()]);
  const text = await readFile(await download.path(), "utf8");
  assert.ok(codes.every((code) => text.includes(code)));
  await page.emulateMedia({ media: "print" });
  assert.ok(await page.locator("second-factor-page .codes").isVisible());
  assert.ok(await page.locator("side-bar").isHidden(), "only the codes are printed");
  await page.emulateMedia({ media: "screen" });
  await page.evaluate(() => (window.print = () => (window.printed = true)));
  await button("Print").click();
  assert.ok(await page.evaluate(() => window.printed));
  await button("I have kept them").click();
  await page.getByText("10 recovery codes left").waitFor();
  assert.equal(await page.locator(".codes").count(), 0, "and never again");
});

test("the second factor is taken away with both factors", async () => {
  await button("Turn off").click();
  await dialog().getByLabel("Current password").fill(ACCOUNT.password);
  await dialog().getByLabel("Code").fill(codes[0]);
  await photograph(page, "settings-second-factor-off");
  await button("Turn off", dialog()).click();
  await page.getByText("Whoever knows your password can sign in.").waitFor();
  assert.equal((await places.ask("GET", "/api/account/totp")).enabled, false);
});

/** A task that fails, so that there is something to tell. */
const fail = async (errorMessage) => {
  const { taskId } = await places.ask("POST", "/api/tasks", { type: "Custom", name: errorMessage, parameters: {} });
  await places.ask("POST", `/api/tasks/${taskId}/fail`, { errorMessage });
};

test("notifications come in live, are counted, read and removed", async () => {
  await fail("The attic did not answer");
  const bell = page.locator("notification-bell > button");
  await page.waitForFunction(() => document.querySelector("notification-bell > button").getAttribute("aria-label") === "Notifications: 1 unread");
  await bell.click();
  const panel = page.getByRole("dialog", { name: "Notifications" });
  const row = panel.locator("li", { hasText: "The attic did not answer" });
  await row.waitFor();
  await fail("The cellar did not answer either, and its name is long enough to need more than one line in this panel");
  await panel.locator("li", { hasText: "The cellar" }).waitFor();
  await photograph(page, "notifications");
  await places.check("notifications");
  await row.getByRole("button", { name: /^Mark as read/ }).click();
  await page.waitForFunction(() => document.querySelector("notification-bell > button").getAttribute("aria-label") === "Notifications: 1 unread");
  await panel.getByRole("button", { name: "Mark all as read" }).click();
  await page.waitForFunction(() => document.querySelector("notification-bell > button").getAttribute("aria-label") === "Notifications");
  await row.getByRole("button", { name: /^Remove/ }).click();
  await row.waitFor({ state: "detached" });
  assert.equal((await places.ask("GET", "/api/notifications")).length, 1);
  await page.keyboard.press("Escape");
  await page.waitForFunction(() => document.activeElement?.matches("notification-bell > button"));
});

test("what one is told can be chosen by event and way", async () => {
  await places.go("settings/notifications");
  const list = page.getByLabel("A task failed: In the list");
  await list.selectOption("never");
  await page.locator("live-region", { hasText: "Saved" }).waitFor();
  assert.equal((await places.ask("GET", "/api/notifications/preferences"))["task.failed"].stored, "never");
  await page.reload();
  assert.equal(await list.inputValue(), "never");
  await list.selectOption("always");
  await photograph(page, "settings-notifications");
  await places.check("notifications' settings");
});

test("this browser is told by push while the page is closed", async () => {
  // The subscription comes from a push service, which a machine without a network has not; the rest is real.
  const keys = createECDH("prime256v1");
  keys.generateKeys();
  const subscription = { endpoint: `${receiver.url}/push`, keys: { p256dh: keys.getPublicKey("base64url"), auth: randomBytes(16).toString("base64url") } };
  await page.evaluate((json) => {
    const made = { toJSON: () => json, unsubscribe: async () => ((PushManager.prototype.getSubscription = async () => null), true) };
    PushManager.prototype.getSubscription = async () => null;
    PushManager.prototype.subscribe = async (options) => {
      if (options.applicationServerKey.length !== 65) throw new Error("this is no key");
      PushManager.prototype.getSubscription = async () => made;
      return made;
    };
  }, subscription);
  await button("Tell this browser").click();
  const row = page.locator("notices-page li", { hasText: "This browser" });
  await row.waitFor();
  await photograph(page, "settings-push");
  await places.check("push");
  await button("Send a test").click();
  const sent = await receiver.next("/push");
  assert.equal(sent.headers["content-encoding"], "aes128gcm");
  assert.match(sent.headers.authorization, /^vapid t=/);
  assert.ok(await page.evaluate(async () => (await navigator.serviceWorker.getRegistration("/worker.js"))?.active !== null));
  await row.getByRole("button", { name: /^Remove/ }).click();
  await row.waitFor({ state: "detached" });
  assert.deepEqual(await places.ask("GET", "/api/push/subscriptions"), []);
  await button("Tell this browser").waitFor();
});

test("the worker shows what is pushed", async () => {
  const session = await places.context.newCDPSession(page);
  await session.send("ServiceWorker.enable");
  const registration = new Promise((resolve) => session.on("ServiceWorker.workerRegistrationUpdated", ({ registrations }) => registrations[0] && resolve(registrations[0].registrationId)));
  await session.send("ServiceWorker.disable");
  await session.send("ServiceWorker.enable");
  const data = JSON.stringify({ title: "Compress failed", body: "The disk is full.", url: "/#task=abc", tag: "t1" });
  await session.send("ServiceWorker.deliverPushMessage", { origin: places.server.url, registrationId: await registration, data });
  await page.waitForFunction(async () => (await (await navigator.serviceWorker.getRegistration("/worker.js")).getNotifications()).length === 1);
  const shown = await page.evaluate(async () => {
    const [notice] = await (await navigator.serviceWorker.getRegistration("/worker.js")).getNotifications();
    return [notice.title, notice.body, notice.data.url];
  });
  assert.deepEqual(shown, ["Compress failed", "The disk is full.", "/#task=abc"]);
});

test("a browser that refuses says what to do", async () => {
  await page.evaluate(() => (Notification.requestPermission = async () => "denied"));
  await button("Tell this browser").click();
  await page.getByText("The browser does not allow messages of this page.").waitFor();
});

test("a webhook is made, tested, changed, switched off and deleted", async () => {
  await places.go("settings/webhooks");
  await places.heading("No webhooks").waitFor();
  await button("New webhook").click();
  places.faults.forgive("400");
  await dialog().getByLabel("Address").fill("ftp://nowhere");
  await button("Create", dialog()).click();
  await dialog().locator("[aria-invalid]").waitFor();
  await photograph(page, "settings-webhook-make");
  await places.check("new webhook");
  places.faults.forgive();
  await dialog().getByLabel("Address").fill(`${receiver.url}/hook`);
  await button("Create", dialog()).click();
  const secret = await dialog().locator(".secret-box code").innerText();
  await button("Done", dialog()).click();
  await page.getByText("Nothing was sent yet.").waitFor();
  await button("Send a test").click();
  const first = await receiver.next("/hook");
  const signature = createHmac("sha256", secret).update(`${first.headers["x-drive-timestamp"]}.${first.body}`).digest("hex");
  assert.equal(first.headers["x-drive-signature"], `sha256=${signature}`, "the shown secret is the one that signs");
  const log = page.locator("delivery-log li");
  await log.getByText("Delivered").waitFor();
  receiver.status = 500;
  await button("Send a test").click();
  await receiver.next("/hook");
  const failing = log.filter({ hasText: "Waiting" }).filter({ hasText: "1 attempt" });
  await failing.getByText("Attempts", { exact: true }).click();
  await failing.getByText("It answered 500.").waitFor();
  receiver.status = 200;
  await photograph(page, "settings-webhook");
  await places.check("webhook");
  await page.getByLabel("A file was shared").uncheck();
  await button("Save").click();
  await page.locator("live-region", { hasText: "Saved" }).waitFor();
  const [made] = await places.ask("GET", "/api/webhooks");
  assert.deepEqual(made.events, ["task.failed", "task.completed"]);
  await button("Switch off").click();
  await button("Switch on").waitFor();
  places.faults.forgive("409");
  await button("Send a test").click();
  await page.getByText("The webhook is off; turn it on first.").waitFor();
  places.faults.forgive();
  await page.getByRole("link", { name: "All webhooks" }).click();
  await photograph(page, "settings-webhooks");
  await places.check("webhooks");
  await page.getByRole("link", { name: `${receiver.url}/hook` }).click();
  await button("Delete").click();
  await button("Delete", dialog()).click();
  await places.heading("No webhooks").waitFor();
});

test("a phone shows the pages' names first, and the way back", async () => {
  await page.setViewportSize({ width: 390, height: 844 });
  await places.go("settings");
  await page.getByRole("link", { name: "Access tokens" }).waitFor();
  assert.ok(await page.locator(".sheet").isHidden());
  await page.screenshot({ path: new URL("../artifacts/settings-phone.png", import.meta.url).pathname });
  await page.getByRole("link", { name: "Access tokens" }).click();
  await places.heading("Access tokens").waitFor();
  await page.locator("a.back").click();
  await page.getByRole("link", { name: "Webhooks" }).waitFor();
  await page.setViewportSize({ width: 1280, height: 800 });
});

test("the page showed no fault", () => assert.deepEqual(places.faults.list, []));

/** Reads the code as a phone does: from a picture of the screen. */
async function scanned(locator) {
  const png = await locator.screenshot();
  const { data, width, height } = await page.evaluate(async (src) => {
    const image = Object.assign(new Image(), { src });
    await image.decode();
    const canvas = Object.assign(document.createElement("canvas"), { width: image.width, height: image.height });
    const pen = canvas.getContext("2d");
    pen.drawImage(image, 0, 0);
    return { data: [...pen.getImageData(0, 0, image.width, image.height).data], width: image.width, height: image.height };
  }, `data:image/png;base64,${png.toString("base64")}`);
  return jsQR(Uint8ClampedArray.from(data), width, height)?.data;
}
