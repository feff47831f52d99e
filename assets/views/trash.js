// What was deleted: to be put back, or deleted for good.

import { FileView } from "../elements/file-view.js";

class TrashView extends FileView {
  mode = "trash";
}

customElements.define("trash-view", TrashView);

export const tag = "trash-view";
