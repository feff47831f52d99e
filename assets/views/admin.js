// The place "Administration".

import "../elements/admin-view.js";
import { adminCommands } from "../core/admin-commands.js";

export const tag = "admin-view";
export const words = ["pages", "admin", "audit", "tasks"];
export const styles = ["styles/pages.css", "styles/forms.css", "styles/rows.css", "elements/ask.css"];
export const commands = adminCommands;
