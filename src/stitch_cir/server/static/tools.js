// What can be done with results as a whole: share the link, save a contact sheet.

import * as api from "./api.js";
import { announce, download, toast } from "./dom.js";
import { referencesOf } from "./query.js";
import { state } from "./state.js";
import { notes, toolButton } from "./states.js";

/** Put them in order. `call(run)` runs `run(ask)` with the question that is shown; `restore()` shows what the address says. Gives `buttons()` and `undo()`. */
export function mountTools({ call, restore, address }) {
  /** Take back the last change that was made at this question. */
  function undo() {
    const changes = history.state?.undo ?? [];
    if (state.browsing || state.busy || changes.length === 0) return;
    history.replaceState({ ...history.state, undo: changes.slice(0, -1) }, "", address(changes.at(-1).slice(1)));
    restore();
  }

  async function share() {
    const alone = referencesOf(state.shown.query).some(({ id }) => id === undefined);
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

  const buttons = () => [undoing(), toolButton("Share", "link", share, "share"), toolButton("Contact sheet", "save", saveSheet, "sheet")].filter(Boolean);
  return { buttons, undo };
}
