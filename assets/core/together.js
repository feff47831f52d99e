// The same for many things, in their order, a few at a time.

/** Requests that are under way together. */
const AT_ONCE = 4;

/** @param {T[]} items @param {(item: T) => Promise<unknown>} work @template T */
export async function together(items, work) {
  const line = items.values();
  const worker = async () => {
    for (const item of line) await work(item);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}
