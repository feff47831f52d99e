import { launch, Server } from "./harness.mjs";
const server = await Server.start();
const browser = await launch();
const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
page.on("console", (m) => m.type() === "error" && console.log("C", m.text(), m.location().url));
page.on("pageerror", (e) => console.log("E", e.stack));
await page.goto(server.setupUrl);
await page.fill("input[name=name]", "anna");
await page.fill("input[name=password]", "correct horse battery");
await page.click("sign-in button[type=submit]");
await page.waitForTimeout(800);
await page.screenshot({ path: "/tmp/F/1.png" });
await page.evaluate(async () => {
  for (const [f, n, b, t] of [["/Photos/2026", "harbour.png", "x", "image/png"], ["/", "notes.md", "# Hello", "text/markdown"], ["/", "a very long name that goes on and on until nobody reads it any more, and then some, to see how it is cut.txt", "hi", "text/plain"], ["/Documents", "tax.pdf", "%PDF", "application/pdf"], ["/", "data.csv", "a,b\n1,2", "text/csv"]])
    await fetch(`/api/files/upload/direct?${new URLSearchParams({ fileName: n, folder: f, contentType: t })}`, { method: "PUT", body: b, headers: { "content-type": "application/octet-stream" } });
});
await page.waitForTimeout(2500);
await page.screenshot({ path: "/tmp/F/2.png" });
await page.locator("file-row", { hasText: "notes.md" }).click({ button: "right" });
await page.waitForTimeout(600);
await page.screenshot({ path: "/tmp/F/3.png" });
await browser.close();
await server.remove();
