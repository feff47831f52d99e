// Changes that are shown before the server has made them: each answer that was asked for before a change was made is shown
// as if it knew of it. Answers that were asked for later are right by themselves.

export class Pending {
  #clock = 0;
  /** @type {Map<string, {fields: object | null, until: number, list: string}[]>} by the row's key */
  #changes = new Map();

  get isEmpty() {
    return this.#changes.size === 0;
  }

  /** The moment of a question to the server, to be kept with its answer. */
  now() {
    return ++this.#clock;
  }

  /**
   * @param {string[]} keys @param {object | null} fields what is new, null for rows that go away
   * @param {string} [list] the list that they go away from
   * @returns {{settle: () => void, undo: (some?: string[]) => void}} when it is made, or is not made after all
   */
  begin(keys, fields, list) {
    const change = { fields, until: Infinity, list };
    for (const key of keys) this.#changes.set(key, [...(this.#changes.get(key) ?? []), change]);
    const undo = (some = keys) => {
      for (const key of some) {
        const left = (this.#changes.get(key) ?? []).filter((one) => one !== change);
        if (left.length > 0) this.#changes.set(key, left);
        else this.#changes.delete(key);
      }
    };
    return { settle: () => (change.until = this.now()), undo };
  }

  /** A row of an answer as it is shown: null when it goes away. @param {number} asked when */
  shown(key, row, asked) {
    let now = row;
    for (const { fields, until } of this.#changes.get(key) ?? []) {
      if (asked > until) continue;
      if (fields === null) return null;
      now = { ...now, ...fields };
    }
    return now;
  }

  /** How many rows go away from a list. */
  countGone(list, asked) {
    let count = 0;
    for (const changes of this.#changes.values()) if (changes.some((one) => one.fields === null && one.list === list && asked <= one.until)) count++;
    return count;
  }

  /** All answers that are shown were asked for after this. */
  forget(asked) {
    for (const [key, changes] of this.#changes) if (changes.every(({ until }) => until < asked)) this.#changes.delete(key);
  }
}
