// What can be done with results as a whole: share the link, save a contact sheet.

import * as api from "./api.js";
import { announce, byId, download, toast } from "./dom.js";
import { referencesOf } from "./query.js";
import { state } from "./state.js";
import { notes, toolButton } from "./states.js";

const KEPT = "stitch-kept"; // where keeping.js lists what this browser had kept

const localStorageHolds = (key) => {
  try {
    return localStorage.getItem(key) !== null;
  } catch {
    return false;
  }
};

/** Put them in order. `call(run)` runs `run(ask)` with the question that is shown; `restore()` shows what the address says. Gives `buttons()` and `undo()`. */
export function mountTools({ call, restore, address }) {
  /** Take back the last change that was made at this question. */
  function undo() {
    const changes = history.state?.undo ?? [];
    if (state.browsing || changes.length === 0) return; // one more while the answer is under way: the last one counts
    history.replaceState({ ...history.state, undo: changes.slice(0, -1) }, "", address(changes.at(-1).slice(1)));
    restore();
  }

  async function share() {
    const { query } = state.shown;
    const isLeftOut = referencesOf(query).some(({ id, kept }) => id === undefined && kept === undefined);
    if (!isLeftOut || !state.info.keeps_uploads) return copy(isLeftOut);
    (await import("./keeping.js")).offerKeeping({ query, copy, address });
  }

  /** Copy the address; `alone`: without an upload that belongs to it. */
  async function copy(alone) {
    try {
      await navigator.clipboard.writeText(location.href);
      toast(alone ? "Link copied, without the image: an upload cannot be shared. Who opens it must add the image again." : "Link copied.");
    } catch {
      notes([`The link: ${location.href}`, alone ? "An uploaded image is not part of it." : ""]);
      announce("The link stands above the images.");
    }
  }

  async function saveSheet({ currentTarget: button }) {
    button.disabled = true;
    try {
      download(await call(api.sheet), "stitch.html");
    } catch (error) {
      if (!(error instanceof api.ApiError)) throw error;
      toast(`${error.message} ${error.hint}`);
    } finally {
      button.disabled = false;
    }
  }

  const undoing = () => history.state?.undo?.length > 0 && toolButton("Undo", "undo", undo, "undo");

  if (localStorageHolds(KEPT)) import("./keeping.js").then(({ showKept }) => showKept(), () => {});
  const buttons = () => {
    byId("keeping")?.remove();
    return [undoing(), toolButton("Share", "link", share, "share"), toolButton("Contact sheet", "save", saveSheet, "sheet")].filter(Boolean);
  };
  return { buttons, undo };
}
