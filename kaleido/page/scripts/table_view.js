// The tables at the end: what Python wrote into the document, made to follow the moment, and to grow while live.

import { inliners } from "./dependencies.js";
import { absent, element, prose, unitButton } from "./elements.js";
import { integer, milliseconds, tierLabel } from "./format.js";
import { sentence } from "./history.js";
import { linkSentences } from "./summary_links.js";

/** Events in the table at most. The document has as many, if there are more; see static_tables.py. */
const MOST_EVENTS = 2000;

/** @param {import("./state.js").State} state
 * @param {HTMLElement} root the section of the table of events */
export function eventTable(state, root) {
  const body = root.querySelector("tbody");
  body.addEventListener("click", (event) => {
    const row = event.target.closest("tr");
    if (row === null) return;
    if (row.dataset.symbol) state.select(row.dataset.symbol);
    state.goTo(Number(row.dataset.time));
  });
  // A time is a button, so that it can be reached by keyboard; its click arrives at the table.
  for (const cell of body.querySelectorAll("td:first-child")) asButton(cell);
  let known = body.rows.length;
  state.show((changes) => {
    if (changes.has("reset")) [known] = [0, body.replaceChildren()];
    if (changes.has("data") && state.live) known = grow(state, body, known);
    if (!changes.has("moment") && !changes.has("data")) return;
    for (const row of body.rows) row.classList.toggle("to-come", Number(row.dataset.time) > state.moment);
  });
}

function grow(state, body, known) {
  const story = state.model.story;
  for (const event of story.slice(known)) {
    const cells = [milliseconds(event.time), event.kind, state.model.name(event.symbol)].map((text) => element("td", {}, text));
    asButton(cells[0]);
    body.append(element("tr", { "data-time": event.time, "data-symbol": event.symbol }, ...cells,
      element("td", {}, ...prose(sentence(state.model, event)))));
  }
  while (body.rows.length > MOST_EVENTS) body.deleteRow(0);
  return story.length;
}

function asButton(cell) {
  cell.replaceChildren(element("button", { type: "button", class: "unit-link" }, cell.textContent));
}

/** @param {import("./state.js").State} state
 * @param {HTMLElement} root the section of the table of units */
export function unitTable(state, root) {
  const body = root.querySelector("tbody");
  for (const [index, head] of root.querySelectorAll("thead th").entries()) sortable(head, body, index);
  body.addEventListener("click", (event) => {
    const symbol = event.target.closest("tr")?.dataset.symbol;
    if (symbol !== undefined) state.select(symbol);
  });
  for (const row of body.rows) nameButton(state, row);
  state.show((changes) => {
    if (changes.has("reset")) body.replaceChildren();
    if (changes.has("data") && state.live) fill(state, body);
    for (const row of body.rows) row.classList.toggle("selected", row.dataset.symbol === state.selected);
  });
}

function nameButton(state, row) {
  row.cells[0].replaceChildren(unitButton(state, row.dataset.symbol));
}

/** Rows stay, in the order that was chosen; what has changed in them is written, and new ones are added. */
function fill(state, body) {
  const rows = new Map([...body.rows].map((row) => [row.dataset.symbol, row]));
  const inlined = new Set(inliners(state.model, state.model.length).flatMap((each) => each.inlined.map((one) => one.symbol)));
  for (const unit of state.model.units) {
    const row = rows.get(unit.symbol) ?? body.appendChild(newRow(state, unit.symbol));
    for (const [index, text] of cellsOf(state.model, unit, inlined).entries())
      if (row.cells[index + 1].textContent !== text) row.cells[index + 1].textContent = text;
    row.cells[1].className = `tier-${state.model.tierAt(unit.symbol, state.model.length)}`;
  }
}

function newRow(state, symbol) {
  return element("tr", { "data-symbol": symbol }, element("th", { scope: "row" }, unitButton(state, symbol)),
    ...Array.from({ length: 6 }, () => element("td")));
}

/** The cells after the name, as static_tables.py has them. */
function cellsOf(model, unit, inlined) {
  const tier = model.tierAt(unit.symbol, model.length);
  const runs = model.runsAt(unit.symbol, model.length);
  const deoptimized = model.eventsOf(unit.symbol).filter((event) => event.kind === "deoptimized").length;
  return [
    `${tier === "none" && model.hasEnded(unit.symbol, model.length) ? "ended" : tierLabel(tier)}${tier === "O0" && inlined.has(unit.symbol) ? ", inlined" : ""}`, runs === null ? "" : integer(Math.floor(runs)),
    compiling(unit, "O0"), compiling(unit, "O3"), String(unit.versions.length), String(deoptimized),
  ];
}

/** The time, in milliseconds; of a batch an equal share. */
function compiling(unit, tier) {
  const codes = unit.versions.flatMap((version) => version.codes).filter((code) => code.tier === tier);
  if (codes.length === 0) return "";
  return codes.reduce((sum, code) => sum + (code.ended - code.began) / (tier === "O0" ? Math.max(1, code.batch) : 1), 0).toFixed(1);
}

/** Make the head of a column a button that sorts by it; once more, backward. */
function sortable(head, body, index) {
  const sort = () => {
    const backward = head.getAttribute("aria-sort") === "ascending";
    for (const each of head.parentElement.cells) each.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", backward ? "descending" : "ascending");
    const rows = [...body.rows].sort((one, other) => compare(one.cells[index].textContent, other.cells[index].textContent));
    body.append(...(backward ? rows.reverse() : rows));
  };
  head.replaceChildren(element("button", { type: "button", onclick: sort }, head.textContent));
}

function compare(one, other) {
  const [first, second] = [one, other].map((text) => Number(text.replaceAll(",", "")));
  return Number.isNaN(first) || Number.isNaN(second) ? one.localeCompare(other) : first - second;
}

/** The advice and the summary of a live session. A finished document has both from the start.
 * @param {import("./state.js").State} state
 * @param {HTMLElement} summary
 * @param {HTMLElement} advice */
export function liveTexts(state, summary, advice) {
  state.show((changes) => {
    if (!changes.has("data")) return;
    const sentences = state.model.recording.summary ?? [];
    summary.replaceChildren(...(sentences.length > 0 ? sentences.map((text) => element("p", {}, ...prose(text))) : [absent("Nothing has run yet.")]));
    linkSentences(state, summary);
    const found = state.model.recording.advice;
    advice.replaceChildren(...(found.length > 0 ? found.map((each) => element("li", {}, ...prose(each.text))) : [element("li", { class: "absent" }, "There is nothing to advise.")]));
  });
}
