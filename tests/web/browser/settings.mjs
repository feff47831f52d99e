// The place "Settings" in a real browser: profile, password, sign-ins, tokens, second factor. What Drive tells is in
// notices.mjs.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import jsQR from "jsqr";
import { ACCOUNT, photograph } from "./harness.mjs";
import { Places, totp } from "./places.mjs";

let places;
let page;
const dialog = () => page.getByRole("dialog");
const button = (name, within = page) => within.getByRole("button", { name, exact: true });

before(async () => {
  places = await Places.open({}, { permissions: ["clipboard-read", "clipboard-write"] });
  ({ page } = places);
});

after(() => places?.close());

test("the profile tells who one is, and changes the theme", async () => {
  await places.go("settings/profile");
  await places.heading("Profile").waitFor();
  const facts = page.locator("profile-page dl");
  await facts.getByText("Administrator").waitFor();
  assert.match(await facts.innerText(), /anna/);
  await photograph(page, "settings-profile");
  await places.check("profile");
  await page.locator("profile-page").getByLabel("Dark").check();
  assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), "dark");
  // The menu of the account knows it with the next frame.
  await page.waitForFunction(() => document.querySelector("account-menu input:checked")?.value === "dark");
  await page.locator("profile-page").getByLabel("System").check();
});

test("the language can be German, and goes back", async () => {
  await page.getByLabel("Language of this browser's pages").selectOption("de");
  await places.heading("Profil").waitFor();
  assert.equal(await page.evaluate(() => document.documentElement.lang), "de");
  await photograph(page, "settings-german");
  for (const [name, heading] of [["password", "Passwort"], ["sign-ins", "Anmeldungen"], ["tokens", "Zugriffsschlüssel"], ["second-factor", "Zweiter Faktor"], ["notifications", "Benachrichtigungen"], ["webhooks", "Webhooks"]]) {
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
  await places.ask("POST", "/api/auth/login", { name: "anna", password: "a new long password" }, null).then((answer) => (places.server.token = answer.accessToken));
  await change("a new long password", ACCOUNT.password);
  await page.waitForFunction(() => document.querySelector("password-page form").elements.newPassword.value === "");
  places.server.token = (await places.ask("POST", "/api/auth/login", ACCOUNT, null)).accessToken;
});

test("a device is signed out from here, and so are all others", async () => {
  const other = await places.newPage({ userAgent: "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile/15E148 Safari/604.1" });
  await places.signIn(other);
  await places.go("settings/sign-ins");
  const row = page.locator("sign-ins-page li", { hasText: "Safari on iPhone" });
  await row.waitFor();
  assert.match(await page.locator("sign-ins-page li").first().innerText(), /This device/);
  await photograph(page, "settings-sign-ins");
  await places.check("sign-ins");
  places.faults.forgive("401", "WebSocket"); // what the browser itself says when its sign-in is gone
  await row.getByRole("button", { name: "End: Safari on iPhone" }).click();
  await dialog().getByText("signed out at once").waitFor();
  await photograph(page, "settings-sign-in-end");
  await places.check("the question");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Cancel", "what is dangerous is not the first choice");
  await button("End", dialog()).click();
  await row.waitFor({ state: "detached" });
  await other.locator("sign-in").waitFor();
  await places.enter(other);
  await button("End all others").click();
  await button("End all others", dialog()).click();
  await page.waitForFunction(() => document.querySelectorAll("sign-ins-page li").length === 1);
  await other.locator("sign-in").waitFor();
  places.faults.forgive();
  await other.context().close();
  places.server.token = (await places.ask("POST", "/api/auth/login", ACCOUNT, null)).accessToken;
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

test("a phone shows the pages' names first, and the way back", async () => {
  await page.setViewportSize({ width: 390, height: 844 });
  await places.go("settings");
  await page.getByRole("link", { name: "Access tokens" }).waitFor();
  assert.ok(await page.locator("settings-view > .sheet").isHidden());
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
