// The place "Settings".

import "../elements/settings-view.js";
import { ownCommands } from "../core/own-commands.js";

export const tag = "settings-view";
export const words = ["pages", "notices", "settings"];
export const styles = ["styles/pages.css", "styles/forms.css", "styles/rows.css", "elements/ask.css", "elements/second-factor-page.css"];
export const commands = ownCommands;
