// What Drive tells, in a real browser: the bell, what one chooses to be told, messages to browsers, webhooks. What leaves
// the server goes to a small real receiver on this machine.

import assert from "node:assert/strict";
import { createECDH, createHmac, randomBytes } from "node:crypto";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { photograph, until } from "./harness.mjs";
import { Places } from "./places.mjs";

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
  places = await Places.open({ DRIVE_NOTIFY_ALLOW_PRIVATE: "true" }, { permissions: ["notifications"] });
  ({ page } = places);
});

after(async () => {
  await places?.close();
  receiver?.http.close();
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
  await Promise.all([page.waitForResponse((answer) => answer.request().method() === "DELETE"), row.getByRole("button", { name: /^Remove/ }).click()]);
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
  await page.route("**/api/notifications/preferences", (route) => (route.request().method() === "PUT" ? route.abort() : route.continue()));
  places.faults.forgive("ERR_FAILED");
  await list.selectOption("always");
  await page.getByText("The server could not be reached.").waitFor();
  assert.equal(await list.inputValue(), "never", "what was not taken does not stand");
  await page.unroute("**/api/notifications/preferences");
  places.faults.forgive();
  await list.selectOption("always");
  await page.locator("live-region", { hasText: "Saved" }).waitFor();
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
  const { taskId } = await places.ask("POST", "/api/tasks", { type: "Custom", name: "Pack the attic" });
  const url = `/#task=${taskId}`;
  const data = JSON.stringify({ title: "Compress failed", body: "The disk is full.", url, tag: "t1" });
  await session.send("ServiceWorker.deliverPushMessage", { origin: places.server.url, registrationId: await registration, data });
  const count = () => page.evaluate(async () => (await (await navigator.serviceWorker.getRegistration("/worker.js")).getNotifications()).length);
  await until(async () => (await count()) === 1, "it is told");
  const shown = await page.evaluate(async () => {
    const [notice] = await (await navigator.serviceWorker.getRegistration("/worker.js")).getNotifications();
    return [notice.title, notice.body, notice.data.url];
  });
  assert.deepEqual(shown, ["Compress failed", "The disk is full.", url]);
  const [worker] = places.context.serviceWorkers();
  await worker.evaluate(async () => {
    const [notification] = await self.registration.getNotifications();
    self.dispatchEvent(new NotificationEvent("notificationclick", { notification }));
  });
  await dialog().getByRole("heading", { name: "Pack the attic" }).waitFor();
  await page.keyboard.press("Escape");
  await places.go("settings/notifications");
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
  await page.locator(".state-line", { hasText: "The last one did not arrive" }).waitFor();
  receiver.status = 200;
  await photograph(page, "settings-webhook");
  await places.check("webhook");
  await page.getByLabel("A file was shared").uncheck();
  await page.getByLabel("Address").fill(`${receiver.url}/other`);
  await button("Save").click();
  await places.heading(`${receiver.url}/other`).waitFor();
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
  await page.getByRole("link", { name: `${receiver.url}/other` }).click();
  await button("Delete").click();
  await button("Delete", dialog()).click();
  await places.heading("No webhooks").waitFor();
});

test("the page showed no fault", () => assert.deepEqual(places.faults.list, []));
