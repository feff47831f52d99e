// Numbers and dates as people read them.

import "./english.mjs";

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  ago,
  bytes,
  bytesOf,
  clock,
  exactTime,
  exactBytes,
  folderParts,
  folderWords,
  kindOf,
  percent,
  rate,
  timeLeft,
} from "../../../assets/core/format.js";
import { folderHref, parseRoute, searchHref } from "../../../assets/elements/route.js";

test("a moment that there never was is no moment, and no fault", () => {
  assert.equal(exactTime("2024-13-45T99:00:00"), "");
  assert.match(exactTime("2026-03-03T14:05:00"), /3 March 2026 at 14:05/);
});

test("how long something plays", () => {
  const cases = [[400, "0:00"], [59_600, "1:00"], [185_000, "3:05"], [3_729_000, "1:02:09"], [36_000_000, "10:00:00"]];
  for (const [ms, text] of cases) assert.equal(clock(ms), text);
});

test("sizes have two digits while that says more", () => {
  const cases = [
    [0, "0 bytes"],
    [1, "1 byte"],
    [999, "999 bytes"],
    [1000, "1.0 kB"],
    [9949, "9.9 kB"],
    [9950, "10 kB"],
    [41_400_000, "41 MB"],
    [999_499, "999 kB"],
    [999_500, "1.0 MB"],
    [4_123_456, "4.1 MB"],
    [6_100_000_000, "6.1 GB"],
    [3.2e12, "3.2 TB"],
    [9e18, "9000 PB"],
  ];
  for (const [number, text] of cases) assert.equal(bytes(number), text);
  assert.equal(exactBytes(4_123_456), "4,123,456 bytes");
  assert.equal(rate(41_000_000.4), "41 MB/s");
});

test("a part of a size shares its unit", () => {
  assert.equal(bytesOf(212e6, 512e6), "212 of 512 MB");
  assert.equal(bytesOf(900e3, 512e6), "900 kB of 512 MB");
  assert.equal(bytesOf(0, 512e6), "0 of 512 MB");
  assert.equal(bytesOf(12, 999), "12 of 999 bytes");
});

test("the time left is rounded coarsely and never too short", () => {
  const cases = [
    [0, "5 s left"],
    [7, "10 s left"],
    [55, "55 s left"],
    [59, "1 min left"],
    [61, "2 min left"],
    [3599, "1 h left"],
    [3601, "1 h 1 min left"],
    [7200, "2 h left"],
    [36_001, "10 h left"],
    [200_000, "2 days left"],
  ];
  for (const [seconds, text] of cases) assert.equal(timeLeft(seconds), text);
});

test("dates near now are relative, others have as much as is needed", () => {
  const now = new Date(2026, 2, 14, 15, 0);
  const cases = [
    [new Date(2026, 2, 14, 14, 59, 40), "just now"],
    [new Date(2026, 2, 14, 15, 0, 30), "just now"], // a clock that is ahead
    [new Date(2026, 2, 14, 14, 55), "5 min ago"],
    [new Date(2026, 2, 14, 13, 0), "2 h ago"],
    [new Date(2026, 2, 13, 23, 0), "yesterday"],
    [new Date(2026, 2, 13, 1, 0), "yesterday"],
    [new Date(2026, 2, 11, 1, 0), "3 days ago"],
    [new Date(2026, 2, 3, 1, 0), "3 Mar"],
    [new Date(2024, 2, 3, 1, 0), "3 Mar 2024"],
  ];
  for (const [when, text] of cases) assert.equal(ago(when, now), text);
});

test("per cent says 100 only at the end", () => {
  assert.equal(percent(0.999), "99 %");
  assert.equal(percent(1), "100 %");
  assert.equal(percent(0), "0 %");
});

test("kinds of files", () => {
  assert.equal(kindOf("image/jpeg").word, "Image");
  assert.equal(kindOf("application/zip").word, "Archive");
  assert.equal(kindOf("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet").word, "Document");
  assert.equal(kindOf("text/html").word, "Code");
  assert.equal(kindOf("text/plain").word, "Text");
  assert.equal(kindOf("application/octet-stream").word, "File");
  assert.equal(kindOf(undefined).word, "File");
});

test("folders and addresses are the same both ways", () => {
  assert.deepEqual(folderParts("/Photos/2026"), ["Photos", "2026"]);
  assert.equal(folderWords("/"), "");
  for (const folder of ["/", "/Photos/2026", "/100 %/a?b#c/ü"]) {
    assert.equal(parseRoute(folderHref(folder)).folder, folder);
  }
  const used = { view: "files", folder: "/", q: "", rest: [], code: "ab-C_1", refusal: null };
  assert.deepEqual(parseRoute("#setup=ab-C_1"), used);
  assert.equal(parseRoute("#/tasks").view, "tasks");
  assert.equal(parseRoute("").view, "files");
  assert.equal(parseRoute("#/files/100%").folder, "/100%");
  for (const q of ["boats", "a&b=c?", "100 % Ärger"]) {
    const { folder, q: found } = parseRoute(searchHref("/Photos/a?b", q));
    assert.deepEqual([folder, found], ["/Photos/a?b", q]);
  }
  assert.equal(searchHref("/Photos", ""), "#/files/Photos");
});
