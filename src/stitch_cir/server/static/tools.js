// What can be done with results as a whole: share the link, save a contact sheet.

import * as api from "./api.js";
import { announce, download, toast } from "./dom.js";
import { referencesOf } from "./query.js";
import { state } from "./state.js";
import { notes, toolButton } from "./states.js";

/** Return what makes the buttons above results. `call(run)` runs `run(ask)` with the question that is shown. */
export function mountTools(call) {
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

  return () => [toolButton("Share", "link", share, "share"), toolButton("Contact sheet", "save", saveSheet, "sheet")];
}
