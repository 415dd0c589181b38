// What made a ranking, in one line.

import { declaredSettings } from "./query.js";

export const SCORERS = {
  conditional: "bidirectional transport",
  sinkhorn: "Sinkhorn",
  exact: "exact transport",
  chamfer: "Chamfer",
  mean: "mean of views",
  point: "whole image only",
};

/** Return one line on what made a ranking. */
export function factsLine(results) {
  const { settings: s, gallery, seconds } = results;
  const total = Object.values(seconds).reduce((sum, part) => sum + part, 0);
  const signed = declaredSettings().filter(({ name, symbol }) => symbol !== "" && name in s);
  const valuesOf = (method) => signed.filter(({ used_by: users }) => users.includes(method)).map(({ name, symbol }) => `, ${symbol} ${s[name]}`).join("");
  const parts = [
    `${gallery.encoder} (${gallery.weights_tag})`,
    `${SCORERS[s.scorer] ?? s.scorer}${valuesOf(s.scorer)}`,
    `${s.transition} transition${valuesOf(s.transition)}`,
    results.composition ? `K ${results.query.labels.length}` : `${results.query.labels.length} views of the reference`,
    `preset ${s.preset}`,
    `${results.ranked.toLocaleString("en")} ranked`,
    `${Math.max(1, Math.round(1000 * total))} ms`,
  ];
  if (results.query.negatives.length > 0) parts.splice(4, 0, `less like ${s.negative_weight}`);
  return parts.join(" · ");
}
