// The whole shop: one call of the public API, POST /catalog/search, for everything that is shown.
const NAMES = { google_product_category: "Kind", brand: "Brand", color: "Colour", availability: "Stock" };
const FACETS = Object.keys(NAMES);
const $ = (selector, root = document) => root.querySelector(selector);
const ticked = Object.fromEntries(FACETS.map((name) => [name, new Set()]));
let [reference, cursor, latest] = [null, null, 0];
async function post(path, body, headers = {}) {
  const answer = await fetch(path, { method: "POST", body, headers });
  const data = await answer.json();
  if (answer.ok) return data;
  throw new Error(`${data.error.message} ${data.error.hint}`);
}
function request() {
  const query = $("#query").value.trim();
  const filters = {};
  if ($("#price").value !== $("#price").max) filters.price = { max: Number($("#price").value) * 100 };
  for (const name of FACETS) if (ticked[name].size) filters[name] = [...ticked[name]];
  const body = { filters, facets: FACETS, context: { currency: "EUR" }, pagination: { limit: 12 } };
  // a page without words still shows something: what looks most like a product
  if (query || !reference) body.query = query || "a product";
  return reference ? { ...body, reference } : body;
}

async function search(more = false) {
  const number = ++latest;
  const body = request();
  if (more) body.pagination.cursor = cursor;
  $("#most").textContent = `${$("#price").value} €`;
  const json = { "content-type": "application/json" };
  const data = await post("catalog/search", JSON.stringify(body), json).catch((error) => ({ error }));
  if (number !== latest) return; // a newer search is on its way
  if (data.error) return void ($("#count").textContent = data.error.message);
  cursor = data.pagination.cursor ?? null;
  $("#more").hidden = !cursor;
  if (!more) $("#products").replaceChildren();
  $("#products").append(...data.products.map(card));
  const shown = $("#products").children.length;
  $("#count").textContent = shown
    ? `${shown} of ${data.pagination.total_count} products`
    : "Nothing like that with these filters: untick some, or raise the price.";
  if (!more) showFacets(data.facets ?? []);
}

function card(product) {
  const item = $("#product").content.cloneNode(true);
  const [first, ...others] = product.variants;
  fill(item, first);
  $("summary", item).textContent = `+${others.length} variant${others.length === 1 ? "" : "s"}`;
  $("details", item).hidden = !others.length;
  $(".variants", item).append(...others.map((variant) => {
    const button = document.createElement("button");
    const image = Object.assign(new Image(), { src: thumbnail(variant), alt: "" });
    button.type = "button";
    button.append(image, variant.options?.[0]?.label ?? variant.title, ` ${money(variant.price)}`);
    button.addEventListener("click", (event) => fill(event.target.closest("li"), variant));
    return button;
  }));
  return item;
}
function fill(item, variant) {
  $("img", item).src = thumbnail(variant);
  const texts = { h2: variant.title, b: money(variant.price), s: "", ".stock": "" };
  if (variant.list_price) texts.s = money(variant.list_price);
  if (variant.availability?.available === false) texts[".stock"] = "Out of stock";
  for (const [selector, text] of Object.entries(texts)) $(selector, item).textContent = text;
  $(".like", item).onclick = () => setReference({ id: variant.id }, thumbnail(variant));
}
const thumbnail = ({ id }) => `api/thumbnails/${encodeURIComponent(id)}`;
const money = ({ amount, currency }) =>
  new Intl.NumberFormat("en-IE", { style: "currency", currency }).format(amount / 100);

function showFacets(facets) {
  $("#facets").replaceChildren(...facets.map((facet) => {
    const group = document.createElement("fieldset");
    group.append(document.createElement("legend"));
    group.firstChild.textContent = NAMES[facet.attribute];
    const values = new Map(facet.counts.map((each) => [each.value, each.count]));
    for (const value of ticked[facet.attribute]) if (!values.has(value)) values.set(value, 0);
    for (const [value, count] of values) {
      const label = document.createElement("label");
      const checked = ticked[facet.attribute].has(value);
      const box = Object.assign(document.createElement("input"), { type: "checkbox", checked });
      box.addEventListener("change", () => {
        ticked[facet.attribute][box.checked ? "add" : "delete"](value);
        search();
      });
      label.append(box, ` ${value.replace("Apparel > ", "").replaceAll("_", " ")} (${count})`);
      group.append(label);
    }
    return group;
  }));
}
function setReference(sent, address) {
  reference = sent;
  $("#reference").hidden = !sent;
  if (sent) $("#reference img").src = address;
  $("#query").value = "";
  $("#query").placeholder = sent ? "what should change? in red instead" : "a hat, or: in red instead";
  search();
}

$("#search").addEventListener("submit", (event) => { event.preventDefault(); search(); });
$("#price").addEventListener("change", () => search());
$("#more").addEventListener("click", () => search(true));
$("#reference button").addEventListener("click", () => setReference(null));
$("#image").addEventListener("change", async ({ target }) => {
  if (!target.files.length) return;
  const form = new FormData();
  form.append("file", target.files[0]);
  try {
    const { upload } = await post("api/uploads", form);
    setReference({ upload }, URL.createObjectURL(target.files[0]));
  } catch (error) {
    $("#count").textContent = error.message;
  }
});
search();
