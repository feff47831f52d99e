// Whether a file of this device can still be read. One that was changed or removed meanwhile cannot.

import { Problem } from "./api.js";
import { t } from "./words.js";

export const unreadable = () =>
  new Problem({
    status: -1,
    code: "FILE_UNREADABLE",
    message: t("uploads.unreadable"),
  });

/** A changed file makes the browser's request fail as if the line were down; one byte tells the two apart. */
export async function assertReadable(blob) {
  try {
    await blob.slice(0, 1).arrayBuffer();
  } catch {
    throw unreadable();
  }
}
