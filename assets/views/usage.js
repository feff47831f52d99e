// The place "Usage".

import "../elements/usage-plot.js";
import "../elements/usage-quota.js";
import "../elements/usage-view.js";
import { usageCommands } from "../core/usage-commands.js";

export const tag = "usage-view";
export const words = ["pages", "usage"];
export const styles = ["styles/pages.css", "styles/forms.css", "styles/rows.css", "elements/usage-plot.css", "elements/usage-quota.css", "elements/usage-view.css"];
export const commands = usageCommands;
