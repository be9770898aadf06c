// The stub of the selected unit: its record as it is at the moment, and where its jump leads.

import { absent, element, unitButton } from "./elements.js";
import { integer } from "./format.js";

/** @param {import("./state.js").State} state
 * @param {HTMLElement} root */
export function stubView(state, root) {
  state.show((changes) => {
    if (!changes.has("moment") && !changes.has("selected") && !changes.has("data")) return;
    const stub = state.selected === null ? null : state.model.stubAt(state.selected, state.moment);
    root.replaceChildren(...(stub === null ? [absent(missing(state))] : shown(state, stub)), ...jumps(state));
  });
}

function missing(state) {
  if (state.selected === null) return "No unit is selected.";
  const name = state.model.name(state.selected);
  if ((state.model.recording.stubs[state.selected] ?? []).length > 0) return `\`${name}\` has no stub yet at this moment.`;
  return `The stub of \`${name}\` was not recorded.`;
}

function shown(state, stub) {
  return [picture(state, stub), record(state, stub)];
}

/** Boxes from the caller to the code; those that a call passes now are marked. */
function picture(state, stub) {
  const name = state.model.name(state.selected);
  const counting = stub.target === "prologue";
  const tier = counting ? "O0" : state.model.tierAt(state.selected, state.moment);
  return element("div", { class: "stub-picture", role: "img", "aria-label": `A call of ${name} jumps through its slot to ${TARGETS[stub.target] ?? stub.target}.` },
    box("a call", `call ${name}`, true), arrow(),
    box("its stub", "jmp *slot", true), arrow(),
    box("the slot", stub.slot, true),
    element("div", { class: "stub-ways" },
      element("div", { class: "stub-way" }, arrow("↳"), box("counts", "counter prologue", counting, "O0"), arrow(), box("○ -O0", "baseline body", counting || (tier === "O0" && stub.target === "body"), "O0")),
      element("div", { class: "stub-way" }, arrow("↳"), box("● -O3", "optimized body", tier === "O3" && !counting, "O3"))));
}

const TARGETS = { prologue: "the counter prologue, which counts it", body: "the body", compile: "the compiler", none: "nothing" };

function box(title, text, isActive, tier = "") {
  return element("div", { class: `stub-box${isActive ? " active" : ""}${tier ? ` tier-${tier}` : ""}` },
    element("span", { class: "stub-title" }, title), element("code", {}, text));
}

function arrow(sign = "→") {
  return element("span", { class: "stub-arrow", "aria-hidden": true }, sign);
}

function record(state, stub) {
  const runs = state.model.runsAt(state.selected, state.moment) ?? stub.runs;
  const rows = [
    ["slot", stub.slot, `the address that the stub jumps to: ${TARGETS[stub.target] ?? stub.target}`],
    ["runs", integer(Math.floor(Math.max(runs, 0))), "counted by the prologue"],
    ["limit", limit(stub.limit), limit(stub.limit) === "none" ? "it was reported as hot: once is enough" : "at this number the prologue reports the unit as hot"],
    ["body", stub.body, "where the prologue goes on"],
    ["number", String(stub.number), "of this version: what the prologue tells the recompiler when the limit is reached"],
  ];
  return element("table", { class: "record" }, element("caption", {}, `The record of ${state.model.name(state.selected)}`),
    element("tbody", {}, ...rows.map(([name, value, meaning]) => element("tr", {},
      element("th", { scope: "row" }, name), element("td", { class: "value" }, value), element("td", {}, meaning)))));
}

/** A limit that no counter reaches means: it has been reported. */
function limit(value) {
  return value === null || value === undefined || value >= 2 ** 53 ? "none" : integer(value);
}

/** The machine code of one stub, before and after its swap: that of another unit, if it is the one that was recorded. */
function jumps(state) {
  const code = state.model.recording.jumps;
  if (!code || ((code.before ?? []).length === 0 && (code.after ?? []).length === 0)) return [absent("The machine code of no stub was recorded.")];
  const symbol = code.symbol ?? state.selected;
  const other = symbol !== state.selected;
  const target = other ? undefined : state.model.stubAt(symbol, state.moment)?.target;
  const now = target === "body" ? "after" : target === undefined ? "" : "before";
  const example = other ? [element("p", { class: "note" }, "The machine code of one stub was recorded, as an example: that of ", unitButton(state, symbol), ".")] : [];
  return [...example, element("div", { class: "jumps" }, ...["before", "after"].map((when) => jump(state, symbol, when, code[when] ?? [], when === now)))];
}

function jump(state, symbol, when, lines, isNow) {
  const text = `A call of ${state.model.name(symbol)} ${when} its swap${isNow ? " · now" : ""}`;
  return element("figure", { class: isNow ? "now" : "" }, element("figcaption", {}, text),
    element("pre", { tabindex: 0, role: "group", "aria-label": text }, lines.join("\n")));
}
