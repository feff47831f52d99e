// The client in WebKit, the engine of Safari and of every browser on an iPhone. `node browser/webkit.mjs`; WEBKIT is
// WebKitGTK's WebDriver, for the rest see harness.mjs.

import { walkIn } from "./other-browser.mjs";
import { WebKit } from "./webdriver.mjs";

walkIn("webkit", () => WebKit.start(process.env.WEBKIT ?? "WebKitWebDriver"), false);
