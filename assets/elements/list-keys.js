// What keys mean in a list of rows: arrows, Home, End and the page keys walk through the names, with Shift they select;
// Space selects the one; letters go to the next name that begins with them.

/** Letters that follow each other sooner are one word. */
const WORD_MS = 800;

export class ListKeys {
  #word = "";
  #typedAt = -Infinity;
  #means;

  /** @param {{pick: Function, open: (item: object) => void, go: (index: number) => void, begin: (index: number) => void, page: () => number, columns: () => number, total: () => number, at: (index: number) => object | undefined}} means */
  constructor(means) {
    this.#means = means;
  }

  /** @param {KeyboardEvent} event @param {number} index of the row with the focus */
  onKey(event, index) {
    const { key, shiftKey } = event;
    if (key === " " && !event.altKey && !this.#isTyping(event)) {
      event.preventDefault();
      return this.#means.pick(index, shiftKey);
    }
    const item = this.#means.at(index);
    if (key === "Enter" && item && event.target.matches(".open:not([href])")) return this.#means.open(item); // a link does it itself
    const step = this.#stepOf(event);
    if (step !== undefined) return this.#walk(event, index, step);
    if (key.length === 1 && !event.ctrlKey && !event.metaKey && !event.altKey && !"/?".includes(key)) this.#type(event, index);
  }

  #isTyping = ({ timeStamp }) => this.#word !== "" && timeStamp - this.#typedAt < WORD_MS;

  #stepOf({ key, altKey, ctrlKey, metaKey }) {
    if (altKey || ctrlKey || metaKey) return undefined;
    const columns = this.#means.columns();
    const page = this.#means.page();
    const sideways = columns > 1 ? { ArrowRight: 1, ArrowLeft: -1 } : {};
    return { ArrowDown: columns, ArrowUp: -columns, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity, ...sideways }[key];
  }

  #walk(event, index, step) {
    event.preventDefault();
    this.#word = "";
    const next = Math.max(0, Math.min(this.#means.total() - 1, index + step));
    if (event.shiftKey) this.#means.begin(index);
    this.#means.go(next);
    if (event.shiftKey) this.#means.pick(next, true);
  }

  /** The same letter again goes on to the next. */
  #type(event, index) {
    const letter = event.key.toLocaleLowerCase();
    this.#word = this.#isTyping(event) && this.#word !== letter ? this.#word + letter : letter;
    this.#typedAt = event.timeStamp;
    const total = this.#means.total();
    const from = this.#word.length > 1 ? index : index + 1;
    for (let step = 0; step < total; step++) {
      const at = (from + step) % total;
      if (!this.#means.at(at)?.name.toLocaleLowerCase().startsWith(this.#word)) continue;
      event.preventDefault();
      return this.#means.go(at);
    }
  }
}
