// Which chunks of an upload are stored, on their way, or still to be sent. Pure book-keeping, in bytes and indexes.

export class ChunkPlan {
  /** @type {number[]} ascending; lowest first lets the server hash along behind the sender */
  #missing;
  /** Bytes of each chunk in flight that have left. @type {Map<number, number>} */
  #flying = new Map();
  #durable = 0;

  /** @param {{size: number, chunkSize: number, chunksCount: number, uploadedChunks: number[]}} facts sizes in bytes */
  constructor({ size, chunkSize, chunksCount, uploadedChunks }) {
    this.size = size;
    this.chunkSize = chunkSize;
    this.chunksCount = chunksCount;
    const stored = new Set(uploadedChunks);
    this.#missing = Array.from({ length: chunksCount }, (_, index) => index).filter((index) => !stored.has(index));
    for (const index of stored) this.#durable += this.lengthOf(index);
  }

  get durable() {
    return this.#durable;
  }

  get sent() {
    let sent = this.#durable;
    for (const bytes of this.#flying.values()) sent += bytes;
    return Math.min(sent, this.size);
  }

  get isComplete() {
    return this.#missing.length === 0 && this.#flying.size === 0;
  }

  /** The byte range of a chunk, end exclusive. */
  range(index) {
    const start = index * this.chunkSize;
    return [start, Math.min(start + this.chunkSize, this.size)];
  }

  lengthOf(index) {
    const [start, end] = this.range(index);
    return end - start;
  }

  /** Takes the next chunk to send; undefined when none is left to begin. */
  take() {
    const index = this.#missing.shift();
    if (index !== undefined) this.#flying.set(index, 0);
    return index;
  }

  progress(index, bytes) {
    if (this.#flying.has(index)) this.#flying.set(index, Math.min(bytes, this.lengthOf(index)));
  }

  stored(index) {
    if (this.#flying.delete(index)) this.#durable += this.lengthOf(index);
  }

  /** Whatever was on its way did not arrive. */
  dropFlying() {
    for (const index of this.#flying.keys()) this.#missing.push(index);
    this.#flying.clear();
    this.#missing.sort((a, b) => a - b);
  }

  /** The server says that these are not there after all. */
  require(indexes) {
    for (const index of indexes) {
      if (this.#missing.includes(index) || this.#flying.has(index)) continue;
      this.#missing.push(index);
      this.#durable -= this.lengthOf(index);
    }
    this.#missing.sort((a, b) => a - b);
  }
}
