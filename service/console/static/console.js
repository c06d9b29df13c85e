// Additions for browsers with JavaScript; every page works without them.
import { showTimes } from "./times.js";
import { watchAttempts } from "./live.js";
import { addCopyButtons, addKeys, previewHooks, reloadWhileRunning, tryMatching } from "./comfort.js";

showTimes(document);
setInterval(() => showTimes(document), 10_000);
addCopyButtons(document);
addKeys();
previewHooks();
tryMatching();
reloadWhileRunning();
watchAttempts();
