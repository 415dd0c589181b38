// The API, described by its own openapi.json: every address with an example that can be sent.

import { byId, el } from "./dom.js";

const BASE = new URL("../", import.meta.url);
const VERBS = ["get", "post", "put", "delete"];
const TITLES = { queries: "Queries", gallery: "The gallery", uploads: "Uploads", writing: "Writing", catalog: "Products" };

const SNIPPET = (base) => `const STITCH = "${base}";

async function search(text, reference = null) {
  const response = await fetch(STITCH + "api/search", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ reference, text, settings: { k: 12 } }),
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(\`\${answer.error.message} \${answer.error.hint}\`);
  return answer.results.hits; // [{ id, rank, score, image, thumbnail, captions, … }]
}

for (const hit of await search("a red dress")) {
  const image = new Image();
  image.crossOrigin = "anonymous"; // needed on a page of another site
  image.src = new URL(hit.thumbnail, STITCH);
  document.body.append(image);
}`;

async function start() {
  byId("snippet").textContent = SNIPPET(BASE.href);
  let description;
  try {
    const response = await fetch(new URL("openapi.json", BASE));
    description = await response.json();
  } catch {
    byId("operations").replaceChildren(el("p", { class: "problem", role: "alert", text: "The server does not answer. Check that stitch serve is still running, then reload this page." }));
    return;
  }
  byId("about").textContent = description.info.description;
  byId("facts").replaceChildren(`Version ${description.info.version} · `, el("a", { href: new URL("openapi.json", BASE).href, text: "openapi.json" }), " · every error is {\"error\": {\"type\", \"message\", \"hint\"}}");
  const all = Object.entries(description.paths).flatMap(([path, methods]) => VERBS.filter((verb) => methods[verb]).map((verb) => ({ path, verb, ...methods[verb] })));
  const tags = [...new Set([...Object.keys(TITLES), ...all.flatMap(({ tags: own = [] }) => own)])];
  byId("operations").replaceChildren(
    ...tags.map((tag) => {
      const operations = all.filter(({ tags: own = [] }) => own.includes(tag));
      return el("section", {}, el("h2", { text: TITLES[tag] ?? tag }), operations.map((each) => operation(each, description)));
    }),
  );
}

/** One address: what it does, what it takes, and a form that sends it. */
function operation({ path, verb, description: said = "", parameters = [], requestBody, responses }, description) {
  const fields = parameters.map((parameter) => {
    const { name, in: where, required, schema = {}, description: help = "" } = parameter;
    const input = el("input", { type: "text", placeholder: schema.default === undefined ? "" : String(schema.default) });
    return { name, where, input, label: el("label", {}, el("code", { text: name }), ` ${where}${required ? ", required" : ""}. ${help}`, input) };
  });
  const content = requestBody?.content ?? {};
  const json = content["application/json"];
  const form = content["multipart/form-data"];
  const body = json && el("textarea", { class: "body", "aria-label": "Body", spellcheck: "false", value: JSON.stringify(exampleOf(json.schema, description), null, 2) });
  const files = form && el("input", { type: "file", multiple: true, "aria-label": "Files" });
  const answer = el("div", { class: "answer", role: "status" });
  const send = async (event) => {
    event.currentTarget.disabled = true;
    const button = event.currentTarget;
    await show(answer, () => request({ path, verb, fields, body, files })).finally(() => (button.disabled = false));
  };
  const statuses = Object.entries(responses).map(([status, { description: text }]) => el("li", {}, el("code", { text: status }), ` ${text}`));
  return el(
    "details",
    { class: "operation" },
    el("summary", {}, el("span", { class: "method", text: verb.toUpperCase() }), el("code", { text: path }), el("span", { class: "summary", text: said.split("\n")[0] })),
    el(
      "div",
      {},
      said.includes("\n") && el("p", { text: said }),
      fields.length > 0 && el("div", { class: "parameters" }, fields.map(({ label }) => label)),
      body,
      form && el("label", {}, "Files of the field ", el("code", { text: "file" }), files),
      el("div", { class: "row" }, el("button", { type: "button", class: "primary", text: "Send", on: { click: send } })),
      answer,
      el("details", {}, el("summary", { text: "Answers" }), el("ul", { class: "hint" }, statuses)),
    ),
  );
}

/** The example of a schema, or its properties with their defaults. */
function exampleOf(schema, description) {
  const { examples, properties = {}, required = [] } = schema.$ref ? description.components.schemas[schema.$ref.split("/").at(-1)] : schema;
  return examples?.[0] ?? Object.fromEntries(required.map((name) => [name, properties[name]?.default ?? ""]));
}

function request({ path, verb, fields, body, files }) {
  let address = path;
  const query = new URLSearchParams();
  for (const { name, where, input } of fields) {
    if (where === "path") address = address.replace(`{${name}}`, input.value.split("/").map(encodeURIComponent).join("/"));
    else if (input.value !== "") query.append(name, input.value);
  }
  const headers = {};
  if (byId("token").value) headers.authorization = `Bearer ${byId("token").value}`;
  const options = { method: verb.toUpperCase(), headers };
  if (body) {
    headers["content-type"] = "application/json";
    options.body = body.value;
  } else if (files) {
    options.body = new FormData();
    for (const file of files.files) options.body.append("file", file, file.name);
  }
  return fetch(new URL(address.slice(1) + (query.size > 0 ? `?${query}` : ""), BASE), options);
}

async function show(answer, ask) {
  try {
    const response = await ask();
    const kind = response.headers.get("content-type") ?? "";
    const status = el("p", {}, el("strong", { text: `${response.status} ${response.statusText}` }));
    if (kind.startsWith("image/")) answer.replaceChildren(status, el("img", { src: URL.createObjectURL(await response.blob()), alt: "The answer" }));
    else {
      const text = await response.text();
      answer.replaceChildren(status, el("pre", { tabindex: "0", "aria-label": "The answer", text: kind.includes("json") ? JSON.stringify(JSON.parse(text), null, 2) : text }));
    }
  } catch {
    answer.replaceChildren(el("p", { class: "problem", text: "The server does not answer, or the request makes no sense." }));
  }
}

start();
