// Sending an image of the reader's own to the server, to be the reference.

import * as api from "./api.js";
import { toast } from "./dom.js";
import { remember } from "./reference.js";
import { state } from "./state.js";

/** Send a file and make it the reference; return whether it came. Its problems are shown beside the question. */
export async function sendFile(file, signal, { reference, problem, setReference }) {
  const limit = state.info?.limits.upload_bytes ?? Infinity;
  if (file.size > limit) {
    const [size, most] = [file.size, limit].map((bytes) => (bytes / 2 ** 20).toFixed(1));
    problem(`${file.name || "The image"} has ${size} MB; at most ${most} MB are taken. Choose a smaller one.`);
    return false;
  }
  const url = URL.createObjectURL(file);
  reference.show(null, { busy: { url } });
  try {
    const uploaded = await api.upload(file, signal);
    if (uploaded.gallery_id === null) {
      remember(uploaded.upload, file);
      setReference({ upload: uploaded.upload, name: file.name });
    } else {
      setReference({ id: uploaded.gallery_id });
      toast(`The gallery has this very image: ${uploaded.gallery_id}`);
    }
    return true;
  } catch (error) {
    if (error.name === "AbortError") return true; // another image was chosen meanwhile
    if (!(error instanceof api.ApiError)) throw error;
    reference.show(state.draft.ref);
    problem(`${error.message} ${error.hint}`);
    return false;
  } finally {
    URL.revokeObjectURL(url);
  }
}
