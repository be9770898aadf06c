// The page: a recording, a moment, a unit, and the views of them.

import { codeViews } from "./code_view.js";
import { DependencyView } from "./dependency_view.js";
import { lanes } from "./lanes.js";
import { linkLines } from "./line_links.js";
import { Model } from "./model.js";
import { onSliderKey, scrubberView } from "./scrubber_view.js";
import { SourceView } from "./source_view.js";
import { speedView } from "./speed_view.js";
import { State } from "./state.js";
import { stubView } from "./stub_view.js";
import { eventTable, liveTexts, unitTable } from "./table_view.js";
import { linkSentences } from "./summary_links.js";
import { TimelineView } from "./timeline_view.js";

/** Show a recording in the document.
 * @param {object} recording in the form "kaleido-recording", version 1
 * @param {{live?: boolean, code?: import("./state.js").AskCode}} options `live` if changes will come; `code` asks for
 *   code that is in use and is not in the recording
 * @returns {{update: (changes: object) => void, replace: (recording: object) => void, state: State}} `update` takes
 *   what has happened since, in the same form, see Model.merge; `replace` another recording */
export function start(recording, { live = false, code = null } = {}) {
  const state = new State(new Model(recording), live, code);
  const part = (id) => document.getElementById(id);
  document.documentElement.classList.add("scripted");
  chooseUnit(state);
  const player = scrubberView(state, part("scrubber"));
  const timeline = new TimelineView(state, part("timeline-view"));
  new SourceView(state, part("source-view"));
  codeViews(state, part("baseline-view"), part("optimized-view"));
  new DependencyView(state, part("dependency-view"));
  stubView(state, part("stub-view"));
  speedView(state, part("speed-view"));
  unitTable(state, part("units"));
  eventTable(state, part("events"));
  linkSentences(state, part("summary-text"));
  state.show((changes) => {
    if (changes.has("data")) document.querySelector(".legend-deoptimized").hidden = !state.model.story.some((event) => event.kind === "deoptimized");
  });
  if (live) liveTexts(state, part("summary-text"), part("advice-list"));
  linkLines(part("code"));
  selectedName(state);
  listenToKeys(state, timeline, player);
  themeButton(part("theme"));
  addEventListener("resize", () => state.changed("size"));
  return { state, update: (changes) => update(state, changes), replace: (other) => replace(state, other) };
}

function update(state, changes) {
  state.update(changes);
  if (state.selected === null) chooseUnit(state);
}

function replace(state, recording) {
  state.replace(new Model(recording));
  if (state.selected === null) chooseUnit(state);
}

/** The unit with the most to see is selected at first. */
function chooseUnit(state) {
  const [first] = lanes(state.model, { filter: "", order: "interest", prelude: false });
  if (first !== undefined) state.select(first.symbol);
}

/** Headings that name the selected unit. */
function selectedName(state) {
  state.show((changes) => {
    if (!changes.has("selected") && !changes.has("data")) return;
    for (const each of document.querySelectorAll(".selected-name"))
      each.textContent = state.selected === null ? "no unit" : state.model.name(state.selected);
  });
}

function listenToKeys(state, timeline, player) {
  const actions = {
    ",": () => state.goToEvent(-1), ".": () => state.goToEvent(1), " ": () => player.toggle(),
    "+": () => timeline.zoom(0.5), "-": () => timeline.zoom(2), 0: () => timeline.zoom(Infinity),
    "/": () => document.getElementById("filter").focus(), "?": () => toggleShortcuts(),
    t: () => document.getElementById("theme").click(),
  };
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.defaultPrevented) return;
    if (event.target.closest("input, select, textarea, [contenteditable]")) return;
    if (event.target.closest("button, summary, a") && (event.key === " " || event.key === "Enter")) return;
    if (event.key.startsWith("Arrow") && onSliderKey(state, event)) return;
    if (!(event.key in actions)) return;
    event.preventDefault();
    actions[event.key]();
  });
}

function toggleShortcuts() {
  const shortcuts = document.getElementById("shortcuts");
  shortcuts.open = !shortcuts.open;
  if (shortcuts.open) shortcuts.scrollIntoView({ block: "nearest" });
}

/** Light, dark, or what the system has: that at first. */
function themeButton(button) {
  const root = document.documentElement;
  button.addEventListener("click", () => {
    const isDark = getComputedStyle(root).colorScheme === "dark"
      || (getComputedStyle(root).colorScheme !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
    root.dataset.theme = isDark ? "light" : "dark";
  });
}
