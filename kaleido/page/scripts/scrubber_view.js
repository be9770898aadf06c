// The scrubber: the moment that everything shows, at the foot of the window, with the keys that move it.

import { element, prose, shape } from "./elements.js";
import { integer, milliseconds } from "./format.js";
import { lastHappened, tally } from "./history.js";

/** How long the whole recording takes to play, in milliseconds. */
const PLAYING = 12_000;

/** @param {import("./state.js").State} state
 * @param {HTMLElement} root */
export function scrubberView(state, root) {
  const slider = element("input", { type: "range", id: "moment", min: 0, step: "any", "aria-label": "Moment" });
  const time = element("output", { for: "moment", class: "moment-time" });
  const tiers = element("span", { class: "moment-tiers", title: "functions and loops of the program" });
  const happened = element("p", { class: "moment-sentence", role: "status" });
  const player = new Player(state);
  slider.addEventListener("input", () => state.goTo(Number(slider.value)));
  slider.addEventListener("keydown", (event) => onSliderKey(state, event));
  root.replaceChildren(
    element("div", { class: "moment-row" },
      step(state, "previous", "Previous event", -1), player.button, step(state, "next", "Next event", 1), slider, time),
    element("div", { class: "moment-row moment-words" }, tiers, happened),
  );
  state.show(() => {
    slider.max = String(state.model.length);
    slider.value = String(state.moment);
    const sentence = lastHappened(state.model, state.moment);
    slider.setAttribute("aria-valuetext", `${milliseconds(state.moment)}. ${sentence.replaceAll("`", "")}`);
    time.textContent = milliseconds(state.moment);
    tiers.replaceChildren(...tallied(state));
    if (happened.dataset.text !== sentence) happened.replaceChildren(...prose(sentence));
    happened.dataset.text = sentence;
  });
  return player;
}

function tallied(state) {
  const found = tally(state.model, state.moment);
  return [
    element("span", { class: "tier-none" }, `· ${integer(found.none)} without code`),
    element("span", { class: "tier-O0" }, `○ ${integer(found.O0)} at -O0`),
    element("span", { class: "tier-O3" }, `● ${integer(found.O3)} at -O3`),
    ...(found.ended > 0 ? [element("span", { class: "tier-none" }, `${integer(found.ended)} ended`)] : []),
  ];
}

function step(state, sign, label, direction) {
  const [action, key] = [() => state.goToEvent(direction), direction < 0 ? "," : "."];
  return element("button", { type: "button", class: "icon", "aria-label": label, title: `${label} (${key})`, onclick: action }, icon(sign));
}

/** Drawn, as few fonts have these signs, and some show them as pictures. */
const ICONS = {
  previous: "M3 3v10M13 3v10L5 8z", next: "M13 3v10M3 3v10L11 8z", play: "M4 2.5v11l9 -5.5z", pause: "M4 3h3v10h-3zM9.5 3h3v10h-3z",
};

function icon(name) {
  return shape("svg", { viewBox: "0 0 16 16", width: 16, height: 16, class: "sign", "aria-hidden": true }, shape("path", { d: ICONS[name] }));
}

/** Move by a hundredth of what the timeline shows, or by a tenth with Shift.
 * @param {import("./state.js").State} state
 * @param {KeyboardEvent} event
 * @returns {boolean} whether the key has a meaning */
export function onSliderKey(state, event) {
  const part = (state.window[1] - state.window[0]) / (event.shiftKey ? 10 : 100);
  const targets = {
    ArrowLeft: state.moment - part, ArrowRight: state.moment + part,
    PageDown: state.moment - 10 * part, PageUp: state.moment + 10 * part,
    Home: 0, End: state.model.length,
  };
  if (!(event.key in targets) || event.ctrlKey || event.altKey || event.metaKey) return false;
  event.preventDefault();
  state.goTo(targets[event.key]);
  return true;
}

/** Plays the recording: smoothly, or event by event where motion is to be reduced. */
class Player {
  constructor(state) {
    this._state = state;
    this._timer = null;
    this.button = element("button", { type: "button", class: "icon", onclick: () => this.toggle() });
    this._label("Play", "play");
  }

  toggle() {
    if (this._timer === null) this._begin();
    else this._stop();
  }

  _begin() {
    const state = this._state;
    if (state.moment >= state.model.length) state.goTo(0);
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const begun = performance.now() - (state.moment / state.model.length) * PLAYING;
    this._label("Pause", "pause");
    this._timer = setInterval(() => {
      if (still) state.goToEvent(1);
      else state.goTo(((performance.now() - begun) / PLAYING) * state.model.length);
      if (state.moment >= state.model.length) this._stop();
    }, still ? 1500 : 33);
  }

  _stop() {
    clearInterval(this._timer);
    this._timer = null;
    this._label("Play", "play");
  }

  _label(text, sign) {
    this.button.setAttribute("aria-label", text);
    this.button.title = `${text} (space)`;
    this.button.replaceChildren(icon(sign));
  }
}
