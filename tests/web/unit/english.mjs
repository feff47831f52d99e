// The words that parts of core/ speak with, in English; tests that meet them import this first.

import { loadWords } from "../../../assets/core/words.js";

await loadWords("common", "tasks", "uploads");
