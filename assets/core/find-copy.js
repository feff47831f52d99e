// Whether this account stores a file's bytes already. The server can be asked for a list by size only, so the size is
// looked for by halving; nothing is made at the server for the question.

const SAME_SIZE = 50;

/**
 * Asks the server again for an upload that is under way, now that its hash is known.
 * @param {object} transport files, createUpload, cancelUpload
 * @param {{wish: {fileSize: number, hash: string}, taskId: string}} upload what was asked for, and what it became
 * @returns {Promise<object | null>} the stored file that makes the rest unnecessary
 */
export async function takeCopy(transport, { wish, taskId }, signal) {
  if ((await findCopy(transport.files, { size: wish.fileSize, hash: wish.hash })) === null || signal.aborted) return null;
  const answer = await transport.createUpload(wish, signal);
  if (answer.fileExists) return answer.file;
  if (answer.taskId !== taskId) await transport.cancelUpload(answer.taskId); // the copy went meanwhile
  return null;
}

/**
 * @param {(query: object) => Promise<{items: object[], total: number}>} files
 * @param {{size: number, hash: string}} wanted `hash` in hexadecimal
 * @returns {Promise<object | null>} a stored file of these bytes
 */
export async function findCopy(files, { size, hash }) {
  const ask = (offset, limit) => files({ sortBy: "size", sortDescending: true, offset, limit });
  let [low, high] = [0, (await ask(0, 1)).total];
  while (low < high) {
    const middle = (low + high) >> 1;
    const [file] = (await ask(middle, 1)).items;
    if (file !== undefined && file.size > size) low = middle + 1;
    else high = middle;
  }
  const { items } = await ask(low, SAME_SIZE);
  return items.find((file) => file.size === size && file.hash === `sha256:${hash}`) ?? null;
}
