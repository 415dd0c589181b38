// Which image is open: the list it stands in, the question it answers, and the way to the next one.

import { state } from "./state.js";
import { mountViewer } from "./viewer.js";

/**
 * Put the window with one image in order. `list()` gives what is on the screen, `{items, total, goOn}`;
 * `call(run)` runs `run(ask)` with the question; `onOpen(item, why)` opens another image in the same
 * step of the history; the rest is as in viewer.js. Gives `open(item, why)`, `close()` and `isOpen()`.
 */
export function mountViewing({ list, call, onOpen, ...acts }) {
  const viewer = mountViewer({ ...acts, onStep: step });

  async function open(item, why) {
    const { items, total } = list();
    const at = items.findIndex(({ id }) => id === item.id);
    const { query } = state.shown ?? {};
    const question = state.browsing ? null : { call, viewsOnly: query.text.trim() === "" && query.turns.length === 0 && query.captions === null };
    await viewer.open({ item: items[at] ?? item, question, why, position: at < 0 ? null : { at, of: total }, folders: state.info.opens_folders });
  }

  /** Go on to the image before or after the one that is open; more of the list comes as it is needed. */
  async function step(by) {
    const { id, why } = viewer.isOpen();
    const at = list().items.findIndex((each) => each.id === id);
    if (at < 0) return;
    if (at + by === list().items.length && at + by < list().total) await list().goOn();
    const next = list().items[at + by];
    if (next && viewer.isOpen()?.id === id) onOpen(next, why);
  }

  return { open, close: viewer.close, isOpen: viewer.isOpen };
}
