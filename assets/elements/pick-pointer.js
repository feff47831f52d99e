// What pointers mean on rows: a click opens, on the box or with Ctrl it selects, with Shift up to there; a long press
// selects on touch; a right click asks for the menu; dragging carries rows to a folder.

const LONG_PRESS_MS = 450;
const SLIP_PX = 10;
export const CARRIED = "application/x-drive-rows";

const rowOf = (target) => target.closest?.("file-row, file-tile");

export class PickPointer {
  #life = new AbortController();
  #means;
  #timer = null;
  #start = null;
  /** The click that follows a long press is not one. */
  #swallow = false;
  #isTouch = false;

  /**
   * @param {HTMLElement} body
   * @param {{indexOf: Function, pick: Function, wish: (verb: string, about: object) => void, isSelecting: () => boolean}} means
   */
  constructor(body, means) {
    this.#means = means;
    const { signal } = this.#life;
    const on = (type, listener) => body.addEventListener(type, listener, { signal });
    on("pointerdown", (event) => this.#onDown(event));
    on("pointermove", (event) => this.#onMove(event));
    on("pointerup", () => this.#forget());
    on("pointercancel", () => this.#forget());
    on("click", (event) => this.#onClick(event));
    on("contextmenu", (event) => this.#onMenu(event));
    on("dragstart", (event) => this.#onDrag(event));
    on("dragover", (event) => this.#onOver(event));
    on("dragleave", (event) => rowOf(event.target)?.removeAttribute("data-over"));
    on("drop", (event) => this.#onDrop(event));
  }

  end() {
    this.#forget();
    this.#life.abort();
  }

  #forget() {
    clearTimeout(this.#timer);
    this.#timer = null;
  }

  #onDown(event) {
    this.#swallow = false;
    this.#isTouch = event.pointerType === "touch";
    const row = rowOf(event.target);
    if (!this.#isTouch || !row?.item || event.target.closest(".dots, .folder")) return;
    this.#start = event;
    this.#timer = setTimeout(() => {
      this.#swallow = true;
      navigator.vibrate?.(10);
      this.#means.pick(this.#means.indexOf(row), false);
    }, LONG_PRESS_MS);
  }

  #onMove({ clientX, clientY }) {
    if (this.#timer === null) return;
    if (Math.hypot(clientX - this.#start.clientX, clientY - this.#start.clientY) > SLIP_PX) this.#forget();
  }

  #onClick(event) {
    const row = rowOf(event.target);
    if (!row?.item || event.target.closest(".folder, .name-field")) return;
    if (this.#swallow) return event.preventDefault();
    const index = this.#means.indexOf(row);
    if (event.target.closest(".dots")) {
      const { left, bottom } = event.target.closest(".dots").getBoundingClientRect();
      return this.#means.wish("menu", { item: row.item, x: left, y: bottom, source: row });
    }
    const box = event.target.closest(".pick");
    const selects = box || event.ctrlKey || event.metaKey || event.shiftKey || (this.#isTouch && this.#means.isSelecting());
    if (selects) {
      if (!box) event.preventDefault();
      return this.#means.pick(index, event.shiftKey);
    }
    this.#means.wish("open", { item: row.item, event });
  }

  #onMenu(event) {
    const row = rowOf(event.target);
    if (!row?.item || event.target.closest(".name-field")) return;
    event.preventDefault();
    if (this.#isTouch && this.#timer !== null) return; // the long press selects
    if (this.#swallow) return;
    const box = row.getBoundingClientRect();
    const isKey = event.clientX === 0 && event.clientY === 0;
    const at = isKey ? { x: box.left + 48, y: box.bottom } : { x: event.clientX, y: event.clientY };
    this.#means.wish("menu", { item: row.item, source: row, ...at });
  }

  #onDrag(event) {
    const row = rowOf(event.target);
    if (!row?.item || this.#isTouch) return event.preventDefault();
    event.dataTransfer.setData(CARRIED, "rows");
    event.dataTransfer.effectAllowed = "copyMove";
    this.#means.wish("carry", { item: row.item });
  }

  #onOver(event) {
    const row = rowOf(event.target);
    if (row?.dataset.kind !== "folder" || !event.dataTransfer.types.includes(CARRIED)) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = event.ctrlKey ? "copy" : "move";
    row.setAttribute("data-over", "");
  }

  #onDrop(event) {
    const row = rowOf(event.target);
    row?.removeAttribute("data-over");
    if (row?.dataset.kind !== "folder" || !event.dataTransfer.types.includes(CARRIED)) return;
    event.preventDefault();
    this.#means.wish("drop", { folder: row.item.path, copies: event.ctrlKey });
  }
}
