// Makes the pictures of the README, in tests/web/pictures/: files in light, usage in dark, a phone. Not part of tests/run.
// `node browser/pictures.mjs`, see harness.mjs.

import { mkdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { slowDown, World } from "./harness.mjs";

const HERE = fileURLToPath(new URL("../pictures/", import.meta.url));
const MB = 1_000_000;
const PHOTOS = ["harbour at dawn.jpg", "harbour at noon.jpg", "lighthouse.jpg", "dunes from the old road.jpg", "two boats.jpg"];

const world = await new World().open({ settings: { DRIVE_LIMITS_ENABLED: "false", DRIVE_ACCOUNTS_DEFAULT_QUOTA_BYTES: String(400 * MB) } });
const { page, server } = world;
const shoot = (on, name) => on.screenshot({ path: `${HERE}${name}.png` });

async function fill() {
  const bytes = (size) => Buffer.alloc(size, "drive");
  const files = [];
  for (const [at, name] of PHOTOS.entries()) files.push(await server.put(name, "/Photos/2026", bytes((3 + at / 3) * MB), "image/jpeg"));
  await server.put("crossing.mp4", "/Photos/2026", bytes(14 * MB), "video/mp4");
  await server.put("timetable.csv", "/Photos/2026", bytes(24_000), "text/csv");
  for (const folder of ["Boats", "Evenings"]) await server.put("one.jpg", `/Photos/2026/${folder}`, bytes(2.5 * MB), "image/jpeg");
  await server.put("letters.pdf", "/Letters", bytes(5 * MB), "application/pdf");
  await server.put("songs.flac", "/Music", bytes(9 * MB), "audio/flac");
  const old = await server.put("draft.txt", "/Letters", bytes(2 * MB));
  await server.ask("DELETE", `/api/files/${old.id}`);
  await server.ask("POST", "/api/tasks", { type: "FileCompress", parameters: { fileIds: files.map(({ id }) => id), outputFileName: "harbour.zip", targetFolder: "/Photos" } });
  const made = (name) => server.ask("POST", "/api/tasks", { type: "Custom", name });
  const { taskId } = await made("Back-up of the attic");
  await server.ask("POST", `/api/tasks/${taskId}/progress`, { progress: 62, statusMessage: "part 3 of 4" });
  const failed = await made("Copy to the old disk");
  await server.ask("POST", `/api/tasks/${failed.taskId}/fail`, { errorMessage: "The disk is full." });
}

try {
  await mkdir(HERE, { recursive: true });
  await fill();
  await world.signIn();

  await page.emulateMedia({ colorScheme: "dark" });
  await world.go("#/usage");
  await page.locator("usage-plot[data-plot=month] svg.drawing").waitFor();
  await shoot(page, "usage");

  const phone = await world.newPage({ viewport: { width: 390, height: 780 }, hasTouch: true, isMobile: true });
  await world.signIn(phone);
  await world.go("#/tasks", phone);
  await phone.locator("task-card[data-status=Failed]").waitFor();
  await shoot(phone, "phone");

  await page.emulateMedia({ colorScheme: "light" });
  await world.go("#/files/Photos/2026");
  await page.locator('file-row[data-name="two boats.jpg"]').waitFor();
  for (const name of ["harbour at dawn.jpg", "lighthouse.jpg"]) await page.locator(`file-row[data-name="${name}"] .pick`).click();
  await slowDown(page, 6 * MB);
  await page.setInputFiles("input[data-role=upload]", [await server.file("evening walk.mp4", 60 * MB), await server.file("the old bridge.mov", 40 * MB)]);
  await page.locator("upload-row[data-state=sending]", { hasText: "left" }).first().waitFor();
  await page.mouse.move(700, 620);
  await shoot(page, "files");
} finally {
  await world.close();
}
