// An image that is dropped on the page, pasted, or dragged over from the gallery becomes the reference.

import { byId } from "./dom.js";

const ID_TYPE = "application/x-stitch-id";

/** Listen to drops and pastes. Calls `onFile(file)`, `onId(id)`, `onProblem(text)`. */
export function mountDropping({ onFile, onId, onProblem }) {
  const root = byId("reference");
  const drop = byId("drop");
  const holds = (event) => [...(event.dataTransfer?.types ?? [])];
  const accepts = (event) => holds(event).some((type) => ["Files", "text/uri-list", ID_TYPE].includes(type));
  document.addEventListener("dragover", (event) => {
    if (!accepts(event)) return;
    event.preventDefault();
    drop.hidden = !holds(event).includes("Files") || holds(event).includes(ID_TYPE);
    root.classList.add("over");
  });
  const out = () => {
    drop.hidden = true;
    root.classList.remove("over");
  };
  document.addEventListener("dragleave", (event) => event.relatedTarget === null && out());
  document.addEventListener("dragend", out);
  document.addEventListener("drop", (event) => {
    if (!accepts(event)) return;
    event.preventDefault();
    out();
    // a browser adds the thumbnail as a file when an image of the gallery is dragged
    const id = event.dataTransfer.getData(ID_TYPE);
    const file = event.dataTransfer.files[0];
    if (id) {
      if (root.contains(event.target)) onId(id);
    } else if (file) onFile(file);
    else onProblem("Only the address of an image came along, and no address is fetched here. Copy the image and paste it, or save it and choose the file.");
  });
  document.addEventListener("paste", (event) => {
    const file = [...(event.clipboardData?.files ?? [])].find((item) => item.type.startsWith("image/"));
    if (!file) return;
    event.preventDefault();
    onFile(file);
  });
  root.dataset.takes = "drops"; // for whoever wants to know when
}
