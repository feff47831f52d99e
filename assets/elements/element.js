// What every element of Drive shares: built once, updated at most once a frame, listeners that end with it; and the
// event by which elements say what the person wants. Elements read the store and properties, and never act themselves.

/** A wish, bubbling up to the page: `action` names it, `detail` says of what. Who fulfils it may leave an `answer`. */
export class ActionEvent extends Event {
  /** @type {Promise<void> | undefined} */
  answer;

  /** @param {string} action @param {object} [detail] */
  constructor(action, detail = {}) {
    super("drive-action", { bubbles: true });
    this.action = action;
    this.detail = detail;
  }
}

export class DriveElement extends HTMLElement {
  #life = null;
  #isBuilt = false;
  #frame = 0;
  #timer = 0;
  #updatedAt = -Infinity;
  /** Attributes that it has set on the root. @type {Set<string>} */
  #marks = new Set();
  /** Milliseconds between updates at the least, for what sums up thousands of things. */
  paceMs = 0;

  connectedCallback() {
    if (!this.isConnected) return; // whatever holds it took it out again when it came in itself
    this.#life = null;
    if (!this.#isBuilt) {
      this.#isBuilt = true;
      this.build();
    }
    this.connected();
    this.update();
  }

  disconnectedCallback() {
    this.#life?.abort();
    cancelAnimationFrame(this.#frame);
    clearTimeout(this.#timer);
    this.#frame = this.#timer = 0;
    for (const name of this.#marks) document.documentElement.removeAttribute(name);
    this.#marks.clear();
  }

  /**
   * Tells the page what stands there, by an attribute on its root until it leaves, for what makes room for it. `:has()`
   * would tell it too, and draw the whole page anew with each row that comes.
   */
  markPage(name, isThere) {
    this.#marks.add(name);
    document.documentElement.toggleAttribute(name, isThere);
  }

  /** Makes the children, once. */
  build() {}

  /** Starts listening, each time it enters the page. */
  connected() {}

  /** Shows the present state. */
  update() {}

  /** Many changes in one frame, or within the pace, give one update. */
  requestUpdate() {
    if (this.#frame !== 0 || this.#timer !== 0 || !this.isConnected || !this.#isBuilt) return;
    const wait = this.#updatedAt + this.paceMs - performance.now();
    if (wait > 0) this.#timer = setTimeout(() => this.#inFrame(), wait);
    else this.#inFrame();
  }

  #inFrame() {
    this.#timer = 0;
    this.#frame = requestAnimationFrame((now) => {
      this.#frame = 0;
      this.#updatedAt = now;
      this.update();
    });
  }

  /** Listens until the element leaves the page. */
  listen(target, types, listener, options = {}) {
    this.#life ??= new AbortController(); // most rows of a list listen to nothing
    for (const type of types.split(" "))
      target.addEventListener(type, listener, { ...options, signal: this.#life.signal });
  }

  /** @returns {Promise<void> | undefined} settles when it is done, where that can be told */
  act(action, detail) {
    const event = new ActionEvent(action, detail);
    this.dispatchEvent(event);
    return event.answer;
  }
}
