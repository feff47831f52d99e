// What was added or changed last, in all folders.

import { FileView } from "../elements/file-view.js";

class RecentView extends FileView {
  mode = "recent";
}

customElements.define("recent-view", RecentView);

export const tag = "recent-view";
