// The other images of a hit's group, which a search by groups shows as one.

import * as api from "./api.js";
import { equals } from "./conditions.js";
import { conditionOf } from "./query.js";

/** Return the other images of the group that the image `id` is in, as hits of the same question, best first. */
export async function others(ask, query, id, attributes) {
  const same = equals(query.group, attributes[query.group]);
  const rest = conditionOf(query);
  const { group_by: _, ...settings } = ask.settings;
  const where = rest ? `(${rest}) and ${same}` : same;
  const { results } = await api.search({ ...ask, settings: { ...settings, where } });
  return results.hits.filter((hit) => hit.id !== id);
}
