// What made a ranking, in one line.

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
  const total = Object.values(seconds).reduce((sum, one) => sum + one, 0);
  const moving = { linear: `, α ${s.alpha}`, away: `, α ${s.alpha}, β ${s.beta}`, pdv: `, λ ${s.scale}, w ${s.image_weight}`, "semantic-increment": `, λ₊ ${s.gain}, λ₋ ${s.loss}` };
  const parts = [
    `${gallery.encoder} (${gallery.weights_tag})`,
    `${SCORERS[s.scorer] ?? s.scorer}${s.scorer === "conditional" ? `, τ ${s.tau}` : s.scorer === "sinkhorn" ? `, ε ${s.epsilon}` : ""}`,
    `${s.transition} transition${moving[s.transition] ?? ""}`,
    results.composition ? `K ${results.query.labels.length}` : `${results.query.labels.length} views of the reference`,
    `preset ${s.preset}`,
    `${results.ranked.toLocaleString("en")} ranked`,
    `${Math.max(1, Math.round(1000 * total))} ms`,
  ];
  if (results.query.negatives.length > 0) parts.splice(4, 0, `less like ${s.negative_weight}`);
  return parts.join(" · ");
}
