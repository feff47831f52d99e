// The client in Firefox. `node browser/firefox.mjs`; FIREFOX is its binary, for the rest see harness.mjs.

import { Firefox } from "./marionette.mjs";
import { walkIn } from "./other-browser.mjs";

walkIn("firefox", () => Firefox.start(process.env.FIREFOX ?? "firefox-esr"), true);
