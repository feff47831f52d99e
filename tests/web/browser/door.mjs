// The door in a real browser: the second factor, and signing in at an outside provider, which is a small real one.

import assert from "node:assert/strict";
import { createHash, createHmac, generateKeyPairSync, randomUUID, sign } from "node:crypto";
import { createServer } from "node:http";
import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { parse } from "acorn";
import { ACCOUNT, photograph, World } from "./harness.mjs";

const CLIENT = "drive";

let provider;
let page;
const world = new World();
const { faults } = world;

/** An OpenID Connect provider that signs in whoever comes, or refuses with `denies`. */
class Provider {
  denies = null;
  #codes = new Map();
  #keys = generateKeyPairSync("ec", { namedCurve: "P-256" });

  static async start() {
    const provider = new Provider();
    provider.http = createServer((request, response) => provider.#answer(request, response));
    await new Promise((resolve) => provider.http.listen(0, "127.0.0.1", resolve));
    provider.issuer = `http://127.0.0.1:${provider.http.address().port}`;
    return provider;
  }

  async #answer(request, response) {
    const url = new URL(request.url, this.issuer);
    const asked = Object.fromEntries(url.searchParams);
    const json = (body) => response.setHeader("Content-Type", "application/json").end(JSON.stringify(body));
    if (url.pathname === "/.well-known/openid-configuration") {
      const at = (path) => this.issuer + path;
      json({
        issuer: this.issuer,
        authorization_endpoint: at("/in"),
        token_endpoint: at("/token"),
        jwks_uri: at("/keys"),
      });
    } else if (url.pathname === "/keys") {
      json({ keys: [this.#keys.publicKey.export({ format: "jwk" })] });
    } else if (url.pathname === "/in") {
      const code = randomUUID();
      this.#codes.set(code, asked);
      const back = new URL(asked.redirect_uri);
      back.searchParams.set("state", asked.state);
      if (this.denies) back.searchParams.set("error", this.denies);
      else back.searchParams.set("code", code);
      response.writeHead(302, { location: back.href }).end();
    } else {
      let body = "";
      for await (const piece of request) body += piece;
      const { code, code_verifier: verifier } = Object.fromEntries(new URLSearchParams(body));
      const begun = this.#codes.get(code);
      assert.equal(createHash("sha256").update(verifier).digest("base64url"), begun.code_challenge);
      json({ id_token: this.#token(begun.nonce) });
    }
  }

  #token(nonce) {
    const now = Math.floor(Date.now() / 1000);
    const claims = { iss: this.issuer, aud: CLIENT, sub: "7", preferred_username: "grace", nonce };
    const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const message = `${part({ alg: "ES256" })}.${part({ ...claims, iat: now, exp: now + 60 })}`;
    const key = { key: this.#keys.privateKey, dsaEncoding: "ieee-p1363" };
    return `${message}.${sign("sha256", Buffer.from(message), key).toString("base64url")}`;
  }
}

/** The code of this moment (RFC 6238). @param {string} secret in base 32 */
function totp(secret) {
  const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  const bits = [...secret].map((letter) => letters.indexOf(letter).toString(2).padStart(5, "0")).join("");
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => Number.parseInt(byte, 2)));
  const step = Buffer.alloc(8);
  step.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000)));
  const tag = createHmac("sha1", key).update(step).digest();
  const number = tag.readUInt32BE(tag[19] & 15) & 0x7fffffff;
  return String(number % 1_000_000).padStart(6, "0");
}

before(async () => {
  provider = await Provider.start();
  const settings = {
    DRIVE_OIDC_ISSUER: provider.issuer,
    DRIVE_OIDC_CLIENT_ID: CLIENT,
    DRIVE_OIDC_LABEL: "Example",
    DRIVE_OIDC_ALLOW_PRIVATE: "true",
  };
  ({ page } = await world.open({ settings, isSetUp: false }));
  faults.forgive("401"); // asking who is signed in, before anybody is; and the request for the code
});

after(async () => {
  await world.close();
  provider?.http.close();
});

const post = (path, body) =>
  page.evaluate(
    async ([path, body]) => {
      const headers = { "Content-Type": "application/json" };
      const answer = await fetch(path, { method: "POST", headers, body: JSON.stringify(body) });
      return answer.ok ? answer.json().catch(() => null) : Promise.reject(new Error(await answer.text()));
    },
    [path, body],
  );

const elsewhere = () => page.getByRole("link", { name: "Sign in with Example" });

test("every icon that an installed page may get is as large as it says", async () => {
  await page.goto(world.server.url);
  const icons = await page.evaluate(async () => {
    const { icons: named } = await (await fetch(document.querySelector("link[rel=manifest]").href)).json();
    const touch = document.querySelector("link[rel=apple-touch-icon]").href;
    const look = async ({ src, sizes, type, purpose }) => {
      const answer = await fetch(src);
      const image = Object.assign(new Image(), { src });
      await image.decode();
      const size = sizes === "any" ? sizes : `${image.naturalWidth}x${image.naturalHeight}`;
      return { size, type: answer.headers.get("content-type"), wanted: [sizes, type].join(), purpose };
    };
    return Promise.all([...named, { src: touch, sizes: "180x180", type: "image/png", purpose: "touch" }].map(look));
  });
  for (const { size, type, wanted } of icons) assert.equal([size, type].join(), wanted);
  assert.deepEqual(icons.map(({ size, purpose }) => `${purpose} ${size}`), ["any any", "any 192x192", "any 512x512", "maskable 512x512", "touch 180x180"]);
});

/** Of a program all that means something: not where it stands. */
const meaning = (text) => JSON.stringify(parse(text, { ecmaVersion: "latest", sourceType: "module" }), (key, value) => (["start", "end"].includes(key) ? undefined : typeof value === "bigint" ? `${value}n` : value));
const withoutComments = (css) => css.replace(/\/\*.*?\*\//gs, "").replace(/\s+/g, " ").trim();

test("scripts and styles come without their comments, and mean the same", async () => {
  const folder = fileURLToPath(new URL("../../../assets/", import.meta.url));
  const base = /\/a\/[^/"]+\//.exec(await (await fetch(world.server.url)).text())[0];
  let [sent, all] = [0, 0];
  for (const name of await readdir(folder, { recursive: true })) {
    if (!/\.(js|css)$/.test(name) || name === "worker.js") continue; // the worker has no part of its own
    const source = await readFile(path.join(folder, name), "utf8");
    const answer = await fetch(world.server.url + base + name);
    const text = await answer.text();
    assert.equal(answer.headers.get("content-encoding"), "gzip", name);
    const [got, wanted] = name.endsWith(".js") ? [meaning(text), meaning(source)] : [withoutComments(text), withoutComments(source)];
    assert.ok(got === wanted, `${name} is another program than its source`);
    sent += text.length;
    all += source.length;
  }
  if (!world.server.fresh) assert.ok(sent < all * 0.95, `${sent} of ${all} characters are sent`);
});

test("the door", async (t) => {
  let codes;
  await t.test("sets up, without a button that leads elsewhere", async () => {
    await page.goto(world.server.setupUrl);
    await page.getByRole("heading", { name: "Welcome to Drive" }).waitFor();
    assert.equal(await elsewhere().count(), 0);
    await world.enter();
    await page.getByRole("heading", { name: "No files yet" }).waitFor();
    const { secret } = await post("/api/account/totp", { currentPassword: ACCOUNT.password });
    codes = (await post("/api/account/totp/confirm", { code: totp(secret) })).recoveryCodes;
    await post("/api/auth/logout");
  });
  await t.test("asks for the code of the second factor", async () => {
    await page.goto(world.server.url);
    await elsewhere().waitFor();
    assert.ok(await page.locator("input[name=code]").isHidden());
    await page.fill("input[name=name]", ACCOUNT.name);
    await page.fill("input[name=password]", ACCOUNT.password);
    await page.click("sign-in button[type=submit]");
    await page.locator("input[name=code]:focus").waitFor();
    assert.ok(await page.locator("sign-in .error").isHidden(), "nothing went wrong yet");
    await photograph(page, "code");
    await page.fill("input[name=code]", "000000");
    await page.keyboard.press("Enter");
    await page.locator("sign-in .error", { hasText: "code is wrong" }).waitFor();
    await page.fill("input[name=code]", codes[0]);
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "No files yet" }).waitFor();
    await post("/api/auth/logout");
  });
  await t.test("leads to the provider and back", async () => {
    await page.goto(world.server.url);
    await elsewhere().click();
    await page.getByRole("heading", { name: "No files yet" }).waitFor();
    const account = await page.evaluate(async () => (await fetch("/api/account")).json());
    assert.equal(account.name, "grace");
    await post("/api/auth/logout");
  });
  await t.test("says why it did not work", async () => {
    provider.denies = "access_denied";
    await page.goto(world.server.url);
    await elsewhere().click();
    await page.locator("sign-in .error", { hasText: "Signing in there did not work" }).waitFor();
    await photograph(page, "refused");
    provider.denies = null;
    await elsewhere().click();
    await page.getByRole("heading", { name: "No files yet" }).waitFor();
    assert.ok(!page.url().includes("signin-error"), "the error is gone from the address");
  });
  assert.deepEqual(faults.list, [], "faults on the page");
});
