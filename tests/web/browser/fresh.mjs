// The client as it lies in assets/, before a running server, so that a change is seen without building anything: all
// requests go on to the server but those for pages and their parts. In the tests: DRIVE_ASSETS=1. By hand:
// node tests/web/browser/fresh.mjs 8080, with the port that the server listens at.

import { readFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { startProxy } from "./proxy.mjs";

const ASSETS = fileURLToPath(new URL("../../../assets/", import.meta.url));
const TYPES = {
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".webmanifest": "application/manifest+json",
};

/** Which file a path means; the server has the same pages. */
function fileOf(url) {
  const { pathname } = new URL(url, "http://drive");
  if (pathname === "/") return "index.html";
  if (["/worker.js", "/manifest.webmanifest"].includes(pathname)) return pathname.slice(1);
  if (/^\/s\/[^/]+$/.test(pathname)) return "share.html";
  return /^\/a\/[^/]+\/([\w./-]+)$/.exec(pathname)?.[1] ?? null;
}

/** @param {number} port of the server @param {number} [own] 0: a free one @returns {Promise<import("node:http").Server>} */
export async function serveFresh(port, own = 0) {
  const send = async (response, file, headers) => {
    const text = await readFile(path.join(ASSETS, path.normalize(file)));
    const ext = path.extname(file);
    const type = TYPES[ext] ?? "text/html; charset=utf-8";
    const body = /html|manifest/.test(type) ? text.toString().replaceAll("{{assets}}", "/a/fresh") : text;
    const kept = Object.entries(headers).filter(([name]) => !/^(content-|etag|cache-|transfer-)/.test(name) || name === "content-security-policy");
    // Packed as by the server, which leaves the comments out besides.
    const packing = /html|manifest|png/.test(type) ? {} : { "content-encoding": "gzip", vary: "accept-encoding" };
    // A browser that may not keep the icons reads them anew with each row.
    response.writeHead(200, { ...Object.fromEntries(kept), "content-type": type, "cache-control": ext === ".svg" ? "max-age=60" : "no-store", ...packing });
    response.end(packing.vary ? gzipSync(body, { level: 9 }) : body);
  };
  const answers = (request, response, answer) => {
    const file = fileOf(request.url);
    if (file === null) return false;
    answer.resume();
    send(response, file, answer.headers).catch(() => response.writeHead(404).end());
    return true;
  };
  return startProxy(port, { own, answers });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const server = await serveFresh(Number(process.argv[2]), Number(process.argv[3] ?? 0));
  console.log(`http://127.0.0.1:${server.address().port}`);
}
