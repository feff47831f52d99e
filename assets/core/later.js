// Something that is made when it is first needed, and once.

/** @template T */
export class Later {
  /** What was made; null until then. @type {T | null} */
  now = null;
  #make;
  #making = null;

  /** @param {() => Promise<T>} make asked again where it failed */
  constructor(make) {
    this.#make = make;
  }

  /** @returns {Promise<T>} */
  get() {
    this.#making ??= this.#make().then(
      (made) => (this.now = made),
      (problem) => {
        this.#making = null;
        throw problem;
      },
    );
    return this.#making;
  }
}
