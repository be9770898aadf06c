// The timeline: a lane for each unit, drawn only while it is in sight, so that five hundred are as quick as five.

import { LaneDrawing } from "./lane_drawing.js";
import { element } from "./elements.js";
import { integer, MARKS } from "./format.js";
import { lanes } from "./lanes.js";

/** Above the units' lanes: the axis, and one lane each for the compilations at -O0 and at -O3. */
const HEAD_ROWS = 3;

/** About what the picture has on a page; it is stretched to what it has. */
const WIDTH_ON_PAPER = 520;

export class TimelineView {
  /** @param {import("./state.js").State} state
   * @param {HTMLElement} root */
  constructor(state, root) {
    this.state = state;
    /** @type {import("./lanes.js").LaneChoice} */
    this.choice = { filter: "", order: "interest", prelude: false };
    this._scroll = element("div", { class: "lanes", tabindex: 0, role: "group", "aria-label": LABEL });
    this._space = element("div", { class: "lanes-space" });
    this._sight = element("div", { class: "lanes-sight" });
    this._names = element("div", { class: "lane-names" });
    this._drawing = new LaneDrawing(state, HEAD_ROWS);
    this._counted = element("span", { class: "counted", role: "status" });
    this._sight.append(this._names, this._drawing.picture);
    this._space.append(this._sight);
    this._scroll.append(this._space);
    root.append(this._controls(), this._scroll);
    this._listen();
    state.show((changes) => this._show(changes));
  }

  _controls() {
    const filter = element("input", { type: "search", id: "filter", placeholder: "filter by name", "aria-label": "Filter by name" });
    const order = element("select", { id: "order", "aria-label": "Order of the lanes" },
      ...ORDERS.map(([value, text]) => element("option", { value }, text)));
    const prelude = element("input", { type: "checkbox", id: "prelude" });
    filter.addEventListener("input", () => this._choose({ filter: filter.value }));
    order.addEventListener("change", () => this._choose({ order: order.value }));
    prelude.addEventListener("change", () => this._choose({ prelude: prelude.checked }));
    return element("div", { class: "controls" }, filter, order,
      element("label", {}, prelude, " all of the prelude"), this._counted, element("span", { class: "spring" }),
      this._zoomButton("−", "Zoom out", 2), this._zoomButton("+", "Zoom in", 0.5), this._zoomButton("all", "Show all of the time", Infinity));
  }

  _zoomButton(text, label, factor) {
    return element("button", { type: "button", "aria-label": label, title: label, onclick: () => this.zoom(factor) }, text);
  }

  /** @param {number} factor of the time that is in sight */
  zoom(factor) {
    const [from, until] = this.state.window;
    this.state.zoom(this._center(from, until), Math.min(this.state.model.length, (until - from) * factor));
  }

  /** Where to zoom in: at the moment; at a swap, of the selected unit if it has one, while the moment is at the end. */
  _center(from, until) {
    const { model, moment, selected } = this.state;
    if (moment < model.length) return moment;
    const swaps = model.story.filter((event) => event.kind === "swapped" && event.time >= from && event.time <= until);
    const swap = swaps.find((event) => event.symbol === selected) ?? swaps[0];
    return swap?.time ?? moment;
  }

  _choose(change) {
    Object.assign(this.choice, change);
    this._scroll.scrollTop = 0;
    this.state.changed("data");
  }

  _listen() {
    this._scroll.addEventListener("scroll", () => this.state.changed("size"), { passive: true });
    this._scroll.addEventListener("wheel", (event) => this._onWheel(event), { passive: false });
    this._scroll.addEventListener("keydown", (event) => this._onKey(event));
    addEventListener("beforeprint", () => this._drawFor(WIDTH_ON_PAPER));
    addEventListener("afterprint", () => this._drawFor(null));
    new ResizeObserver(() => this.state.changed("size")).observe(this._scroll);
  }

  _drawFor(width) {
    this._drawing.widthOnPaper = width;
    this._draw();
  }

  /** With Ctrl (and as a pinch on a touchpad), zoom around the pointer. The wheel alone scrolls, the page in the end. */
  _onWheel(event) {
    if (!event.ctrlKey || event.deltaY === 0) return;
    event.preventDefault();
    const [from, until] = this.state.window;
    const box = this._drawing.picture.getBoundingClientRect();
    const part = Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1);
    const length = Math.min(this.state.model.length, (until - from) * (event.deltaY < 0 ? 0.8 : 1.25));
    this.state.zoom(from + part * (until - from) + (0.5 - part) * length, length);
  }

  _onKey(event) {
    const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const index = this._units.findIndex((unit) => unit.symbol === this.state.selected);
    const next = this._units[Math.min(Math.max(index + step, 0), this._units.length - 1)];
    if (next !== undefined) this.state.select(next.symbol);
  }

  _show(changes) {
    if (changes.has("data")) this._arrange();
    if (changes.has("selected")) this._reveal();
    if (changes.size === 1 && changes.has("moment")) this._follow();
    else this._draw();
  }

  /** Only the moment has changed: the line moves, and the marks beside the names are those of the moment. */
  _follow() {
    this._drawing.moveLine();
    for (const name of this._names.querySelectorAll(".lane-name")) this._mark(name);
  }

  _mark(name) {
    const tier = this.state.model.tierAt(name.dataset.symbol, this.state.moment);
    name.firstChild.textContent = MARKS[tier];
    name.firstChild.className = `mark tier-${tier}`;
  }

  _arrange() {
    this._units = lanes(this.state.model, this.choice);
    this._drawing.learn();
    const hidden = this.state.model.units.length - this._units.length;
    this._counted.textContent = `${integer(this._units.length)} shown${hidden > 0 ? `, ${integer(hidden)} not` : ""}`;
  }

  get _rowHeight() {
    return Math.round(parseFloat(getComputedStyle(document.documentElement).fontSize) * 1.65);
  }

  /** Scroll so that the selected lane is in sight. */
  _reveal() {
    const index = this._units.findIndex((unit) => unit.symbol === this.state.selected);
    if (index < 0) return;
    const [row, sight] = [this._rowHeight, this._scroll.clientHeight - HEAD_ROWS * this._rowHeight];
    if (sight < row) return;
    const top = this._scroll.scrollTop;
    if (index * row < top) this._scroll.scrollTop = index * row;
    else if ((index + 1) * row > top + sight) this._scroll.scrollTop = (index + 1) * row - sight;
  }

  _draw() {
    const row = this._rowHeight;
    const height = (HEAD_ROWS + this._units.length) * row;
    this._space.style.height = `${height}px`;
    const sight = Math.min(this._scroll.clientHeight || 400, height);
    this._sight.style.height = `${sight}px`;
    const first = Math.floor(this._scroll.scrollTop / row);
    const shown = this._units.slice(first, first + Math.ceil(sight / row) - HEAD_ROWS + 1);
    this._drawing.draw(shown, { row, offset: first * row - this._scroll.scrollTop, height: sight });
    this._nameLanes(shown, first * row - this._scroll.scrollTop, row);
  }

  _nameLanes(shown, offset, row) {
    const focused = document.activeElement?.closest?.(".lane-name")?.dataset.symbol;
    const heads = ["", "-O0 compiler", "recompiler"].map((text) => element("div", { class: "lane-head" }, text));
    const names = element("div", { class: "lane-names-clip" }, ...shown.map((unit) => this._name(unit)));
    this._names.replaceChildren(...heads, names);
    for (const each of this._names.querySelectorAll(".lane-head, .lane-name")) each.style.height = `${row}px`;
    names.firstElementChild?.style.setProperty("margin-top", `${offset}px`);
    if (focused !== undefined) names.querySelector(`[data-symbol="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  }

  _name(unit) {
    const depth = unit.parent && this.choice.order === "definition" ? " nested" : "";
    const name = element("button", {
      type: "button", class: `lane-name${depth}`, "data-symbol": unit.symbol, title: unit.name,
      "aria-pressed": String(unit.symbol === this.state.selected), onclick: () => this.state.select(unit.symbol),
    }, element("span", { "aria-hidden": true }), ` ${unit.name}`);
    this._mark(name);
    return name;
  }
}

const LABEL = "Lanes of the units. Up and down select a unit, left and right move the moment.";

const ORDERS = [
  ["interest", "by what happened"], ["hot", "first hot"], ["runs", "most runs"], ["definition", "as defined"], ["name", "by name"],
];
