"use strict";
// Texts of the data sets and of models are only ever set as text, never as markup.
(() => {
  const PAGE = 50;
  const $ = id => document.getElementById(id);
  const arrived = {}, waiting = {};
  window.stitch = (name, data) => { arrived[name] = data; };

  function load(name) {
    waiting[name] ??= new Promise((done, failed) => {
      const script = document.createElement("script");
      const part = name.split("/");
      script.src = `data/stitch-${part[0]}-${/^\d+$/.test(part[1]) ? part[1].padStart(3, "0") : part[1]}.js`;
      script.onload = () => done(arrived[name]);
      script.onerror = () => { delete waiting[name]; failed(new Error(script.getAttribute("src"))); };
      document.head.append(script);
    });
    return waiting[name];
  }

  function make(tag, attributes = {}, ...children) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (value === true) node.setAttribute(name, "");
      else if (value !== false && value != null) node.setAttribute(name, value);
    }
    node.append(...children.filter(child => child != null));
    return node;
  }

  function options(select, pairs) {
    select.replaceChildren(...pairs.map(([value, text]) => {
      const option = make("option", {}, text);
      option.value = value;
      return option;
    }));
  }

  let index, gallery, rows = [], page = 0, current = null, turn = 0;

  const variantName = v => (index.runs.length > 1 ? `${v.run}: ` : "") + v.name;
  const chosen = () => [Number($("ranking").value), $("other").value === "" ? null : Number($("other").value)];
  const far = rank => (rank > 0 ? rank : 1e6);

  function rankText(rank) {
    if (rank === -1) return "not in this run";
    if (!index.labelled) return "";
    return rank > 0 ? `#${rank.toLocaleString("en")}` : "not found";
  }

  async function openSection(key) {
    index = await load(`${key}/index`);
    gallery = await load(`${key}/gallery`);
    $("section").value = key;
    options($("ranking"), index.variants.map((v, n) => [String(n), variantName(v)]));
    options($("other"), [["", "none"], ...index.variants.map((v, n) => [String(n), variantName(v)])]);
    options($("kind"), [["", "all"], ...index.kinds.map((kind, n) => [String(n), kind])]);
    $("kind-label").hidden = index.kinds.length === 0;
    for (const name of ["result", "order"]) $(name).disabled = !index.labelled;
    for (const name of ["search", "kind"]) $(name).value = "";
    $("result").value = "all";
    $("order").value = "dataset";
  }

  function filter() {
    const [a, b] = chosen();
    const words = $("search").value.toLowerCase().split(/\s+/).filter(Boolean);
    const kind = $("kind").value, result = $("result").value, order = $("order").value;
    rows = index.queries.map((_, n) => n).filter(n => {
      const [id, text, kinds, ranks] = index.queries[n];
      const hay = `${id} ${text}`.toLowerCase(), rank = ranks[a];
      return words.every(word => hay.includes(word))
        && (kind === "" || kinds.includes(Number(kind)))
        && (result === "all" || (result === "first" && rank === 1) || (result === "ten" && rank > 0 && rank <= 10)
          || (result === "late" && rank > 10) || (result === "never" && rank === 0));
    });
    const at = (n, v) => far(index.queries[n][3][v]);
    const apart = n => Math.log(at(n, b ?? a)) - Math.log(at(n, a));
    const by = { best: (x, y) => at(x, a) - at(y, a), worst: (x, y) => at(y, a) - at(x, a),
      gain: (x, y) => apart(y) - apart(x), loss: (x, y) => apart(x) - apart(y) }[order];
    if (by) rows.sort((x, y) => by(x, y) || x - y);
  }

  function drawList() {
    const [a, b] = chosen();
    const pages = Math.max(1, Math.ceil(rows.length / PAGE));
    page = Math.min(Math.max(page, 0), pages - 1);
    const all = index.queries.length;
    const queries = `${all.toLocaleString("en")} ${all === 1 ? "query" : "queries"}`;
    $("count").textContent = (rows.length === all ? queries : `${rows.length.toLocaleString("en")} of ${queries}`)
      + (all < index.total ? ` (spread evenly over ${index.total.toLocaleString("en")})` : "");
    $("page").textContent = `page ${page + 1} of ${pages}`;
    $("back").disabled = page === 0;
    $("more").disabled = page === pages - 1;
    $("list").replaceChildren(...rows.slice(page * PAGE, (page + 1) * PAGE).map(n => {
      const [id, text, , ranks] = index.queries[n];
      const shown = rankText(ranks[a]) + (b === null ? "" : ` / ${rankText(ranks[b])}`);
      const row = make("button", { type: "button", class: "row", "aria-current": n === current ? "true" : null },
        make("span", {}, text || id),
        make("span", { class: ranks[a] > 0 && ranks[a] <= 10 ? "rank top" : "rank" }, shown));
      row.addEventListener("click", () => show(n, true));
      return make("li", {}, row);
    }));
  }

  function frame(image, role) {
    const [id, thumb, problem, captions] = gallery[image];
    if (thumb) return make("div", { class: "frame" }, make("img", { src: `thumbs/${thumb}`, alt: `${role}: ${id}`, loading: "lazy" }));
    if (captions.length) {
      const items = list => make("ul", {}, ...list.map(text => make("li", {}, text)));
      const box = make("div", { class: "frame words" }, items(captions.slice(0, 4)));
      if (captions.length > 4) box.append(make("details", {}, make("summary", {}, `${captions.length - 4} more captions`), items(captions.slice(4))));
      return box;
    }
    return make("div", { class: "frame", title: problem }, "no image");
  }

  function card(image, lines, marks, role) {
    const about = make("div", { class: "about" }, ...lines);
    for (const [text, right] of marks) about.append(make("span", { class: right ? "mark" : "mark other" }, (right ? "✓ " : "") + text));
    return make("li", { class: marks.some(mark => mark[1]) ? "right" : "" }, frame(image, role), about);
  }

  function composed(entry, a, b) {
    const parts = [];
    // of the runs whose rankings are shown; once, where both composed the same
    const runs = [...new Set([a, b ?? a].map(v => index.runs.indexOf(index.variants[v].run)))];
    const same = runs.length > 1 && JSON.stringify(entry.composed[runs[0]]) === JSON.stringify(entry.composed[runs[1]]);
    (same ? runs.slice(0, 1) : runs).forEach(run => {
      const composition = entry.composed[run];
      if (runs.length > 1) parts.push(make("p", { class: "by" }, same ? runs.map(each => index.runs[each]).join(" and ") : index.runs[run]));
      if (!composition) { parts.push(make("p", { class: "muted" }, "Nothing was composed.")); return; }
      parts.push(make("ol", { class: "captions" }, ...composition.captions.map(([text, weight, origin]) =>
        make("li", {}, text, make("small", {}, `${origin}${weight === 1 ? "" : `, weight ${weight}`}`)))));
      for (const text of composition.reference_captions) parts.push(make("p", { class: "by" }, `reference: ${text}`));
      for (const note of composition.notes) parts.push(make("p", { class: "by" }, `note: ${note}`));
      parts.push(make("p", { class: "by" }, `composed by ${composition.by}`));
    });
    return make("div", {}, make("h4", {}, "Composed"), ...parts);
  }

  function expected(entry, a, ranks) {
    const box = make("div", { class: "expected" }, make("h4", {}, entry.answers.length > 1 ? `Expected (${entry.answers.length} right answers)` : "Expected"));
    if (!entry.answers.length) {
      box.append(make("p", { class: "muted" }, index.labelled ? "The expected answers cannot be shown: the data set is not here." : "The right answers of this split are not public."));
      return box;
    }
    const depth = index.depths[a], answerRanks = entry.places[a];
    box.append(make("ul", { class: "cards" }, ...entry.answers.map((image, n) => {
      const first = entry.answers.length === 1 ? ranks[a] : 0;
      const at = answerRanks[n] || first;
      const where = at ? `rank ${at.toLocaleString("en")}` : (ranks[a] === 0 && entry.answers.length === 1) ? "in no ranking" : `not in the first ${depth}`;
      return card(image, [make("b", {}, where), make("br"), gallery[image][0]], [], "expected");
    })));
    box.append(make("p", { class: "by" }, `Ranks in “${variantName(index.variants[a])}”.`));
    return box;
  }

  function ranking(entry, v, ranks) {
    const hits = entry.tops[v];
    const note = rankText(ranks[v]);
    const box = make("div", {}, make("h4", {}, `Retrieved: ${variantName(index.variants[v])}` + (index.labelled && ranks[v] >= 0 ? ` (first right answer: ${ranks[v] > 0 ? note : "not found"})` : "")));
    if (!hits) { box.append(make("p", { class: "muted" }, "This run does not have this query.")); return box; }
    box.append(make("ol", { class: "cards" }, ...hits.map(([image, score], n) => {
      const marks = [];
      if (entry.answers.includes(image)) marks.push(["right answer", true]);
      if (image === entry.reference) marks.push(["the reference itself", false]);
      return card(image, [make("b", {}, `#${n + 1}`), ` ${score.toFixed(3).replace("-", "−")}`, make("br"), gallery[image][0]], marks, `rank ${n + 1}`);
    })));
    return box;
  }

  async function show(n, focus = false) {
    current = n;
    const mine = ++turn;
    const [id, text, kinds, ranks] = index.queries[n];
    const [a, b] = chosen();
    const where = rows.indexOf(n);
    if (where >= 0) page = Math.floor(where / PAGE);
    // rows and steps are redrawn: the keyboard's focus must survive that
    const held = document.activeElement;
    const heldRow = held?.classList.contains("row"), heldStep = held?.classList.contains("step") ? held.getAttribute("aria-label") : null;
    drawList();
    if (heldRow) $("list").querySelector("[aria-current]")?.focus({ preventScroll: true });
    $("spoken").textContent = `Query ${id}: ${text}. ${rankText(ranks[a])}`;
    const row = $("list").querySelector("[aria-current]");
    if (row && (row.offsetTop < $("list").scrollTop || row.offsetTop + row.offsetHeight > $("list").scrollTop + $("list").clientHeight)) {
      $("list").scrollTop = row.offsetTop - $("list").clientHeight / 3;  // never moves the page itself
    }
    const address = ["query", index.key, id, index.variants[a].run, index.variants[a].key, ...(b === null ? [] : [index.variants[b].run, index.variants[b].key])];
    history.replaceState(null, "", "#" + address.map(encodeURIComponent).join("/"));
    let chunk;
    try {
      chunk = await load(`${index.key}/${Math.floor(n / index.chunk)}`);
    } catch (error) {
      $("query").replaceChildren(make("p", { id: "query-title" }, `${error.message} is missing: keep the report's folder together.`));
      return;
    }
    if (mine !== turn) return;
    const entry = chunk[n % index.chunk];
    const step = (label, to, text) => {
      const button = make("button", { type: "button", class: "step", "aria-label": label, disabled: to < 0 || to >= rows.length }, text);
      button.addEventListener("click", () => show(rows[to], true));
      return button;
    };
    const meta = [`Query ${id}`, ...kinds.map(kind => index.kinds[kind]), ...(entry.shared ? [`shared concept: ${entry.shared}`] : [])];
    const request = make("div", { class: "request" }, make("h4", {}, "Query"),
      entry.reference === null ? make("p", { class: "muted" }, "The reference is unknown.")
        : make("div", {}, frame(entry.reference, "reference"), make("div", { class: "about" }, make("b", {}, "reference"), make("br"), gallery[entry.reference][0])));
    $("query").replaceChildren(
      make("div", { class: "query-line" },
        make("div", {}, make("h3", { id: "query-title" }, text ? `“${text}”` : "(no text)"), make("div", { class: "muted" }, meta.join(" · "))),
        make("div", { class: "steps" }, step("Previous query", where - 1, "←"), step("Next query", where < 0 ? 0 : where + 1, "→"))),
      make("div", { class: "three" }, request, composed(entry, a, b), expected(entry, a, ranks)),
      make("div", { class: b === null ? "rankings" : "rankings two" }, ranking(entry, a, ranks), b === null ? null : ranking(entry, b, ranks)));
    if (heldStep) ($("query").querySelector(`.step[aria-label="${heldStep}"]:enabled`) ?? $("query")).focus({ preventScroll: true });
    if (focus && matchMedia("(max-width: 48rem)").matches) $("query").scrollIntoView({ block: "start" });
  }

  function refresh() {
    filter();
    if (rows.length && !rows.includes(current)) return show(rows[0]);
    if (current !== null && rows.length) return show(current);
    page = 0;
    drawList();
    $("query").replaceChildren(make("p", { class: "muted", id: "query-title" }, "No query fits these filters."));
  }

  async function follow() {
    const part = location.hash.slice(1).split("/").map(decodeURIComponent);
    const named = part[0] === "query" && [...$("section").options].some(option => option.value === part[1]);
    const key = named ? part[1] : $("section").value;
    if (!index || index.key !== key) { await openSection(key); current = null; }
    if (!named) { if (current === null) start(); return; }
    const find = (run, name) => index.variants.findIndex(v => v.run === run && v.key === name);
    if (find(part[3], part[4]) >= 0) $("ranking").value = String(find(part[3], part[4]));
    $("other").value = find(part[5], part[6]) >= 0 ? String(find(part[5], part[6])) : "";
    filter();
    const n = index.queries.findIndex(query => query[0] === part[2]);
    if (n < 0) {
      drawList();
      $("query").replaceChildren(make("p", { class: "muted", id: "query-title" }, `Query ${part[2]} is not in this report.`));
      $("queries").scrollIntoView();
      return;
    }
    await show(n);
    if (document.activeElement === document.body) $("queries").scrollIntoView();
  }

  function start() {
    filter();
    // the address stays as it is until a query is chosen
    const hash = location.hash;
    if (rows.length) show(rows[0]).then(() => history.replaceState(null, "", hash || location.pathname + location.search));
    else refresh();
  }

  $("browser").hidden = false;
  $("tools").addEventListener("submit", event => event.preventDefault());
  for (const name of ["result", "kind", "order", "ranking", "other"]) {
    $(name).addEventListener("change", () => {
      if (/gain|loss/.test($("order").value) && $("other").value === "" && index.variants.length > 1) {
        $("other").value = String(chosen()[0] === 0 ? 1 : 0);
      }
      if (name !== "ranking" && name !== "other") current = null;
      refresh();
    });
  }
  let pause;
  $("search").addEventListener("input", () => { clearTimeout(pause); pause = setTimeout(() => { current = null; refresh(); }, 120); });
  $("section").addEventListener("change", async () => { await openSection($("section").value); current = null; start(); });
  $("back").addEventListener("click", () => { page -= 1; drawList(); });
  $("more").addEventListener("click", () => { page += 1; drawList(); });
  document.addEventListener("keydown", event => {
    if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey || event.target.closest("input, select, .scroll")) return;
    if ($("queries").getBoundingClientRect().top > innerHeight) return;  // the tables are being read
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const to = rows[rows.indexOf(current) + (step ?? 0)];
    if (step && to !== undefined && current !== null) { event.preventDefault(); show(to); }
  });
  addEventListener("hashchange", () => { if (location.hash.startsWith("#query/")) follow(); });
  follow().catch(error => {
    $("query").replaceChildren(make("p", { id: "query-title" }, `The queries cannot be shown: ${error.message} is missing. Keep the report's folder together.`));
  });
})();
