// The picture in the timeline: states as bars, compilations as slices, arrows from hot to compiled to swapped.

import { redefinitions } from "./dependencies.js";
import { shape } from "./elements.js";
import { list, milliseconds, runsText, tickDistance, tierLabel } from "./format.js";
import { arrows, compilations, inlinings, waits } from "./lanes.js";

/** @typedef {{row: number, offset: number, height: number}} Layout in pixels; `offset` is where the first lane begins */

export class LaneDrawing {
  /** @param {import("./state.js").State} state
   * @param {number} headRows */
  constructor(state, headRows) {
    this.state = state;
    this._headRows = headRows;
    /** Pixels: the width of the picture, the height of a row, and the end of the head. */
    [this._width, this._row, this._top] = [600, 24, 24 * headRows];
    /** The width to draw for, instead of the present one. */
    this.widthOnPaper = null;
    this.picture = shape("svg", { class: "lane-picture", role: "img", preserveAspectRatio: "none", "aria-label": "Timeline: states of the units over time. The table of events has the same in words." });
    this._line = shape("g", { class: "moment-line" });
    /** @type {{time: number, symbol: string, deoptimized: string}[]} */
    this._falls = [];
    this.picture.addEventListener("pointerdown", (event) => this._press(event));
    this.picture.addEventListener("pointermove", (event) => this._drag(event));
  }

  /** Take note of what does not depend on the moment, whenever the recording has changed. */
  learn() {
    this._falls = redefinitions(this.state.model, Infinity).flatMap(({ time, symbol, deoptimized }) =>
      deoptimized.map((each) => ({ time, symbol, deoptimized: each.symbol })));
    this._compiled = compilations(this.state.model);
    this._inlinings = inlinings(this.state.model);
  }

  _press(event) {
    if (event.button !== 0) return;
    this.picture.setPointerCapture(event.pointerId);
    const lane = event.target.closest("[data-symbol]");
    if (lane !== null) this.state.select(lane.dataset.symbol);
    this._drag(event);
  }

  _drag(event) {
    if (!this.picture.hasPointerCapture(event.pointerId)) return;
    const box = this.picture.getBoundingClientRect();
    const [from, until] = this.state.window;
    this.state.goTo(from + ((event.clientX - box.left) / box.width) * (until - from));
  }

  /** @param {import("./model.js").Unit[]} units
   * @param {Layout} layout */
  draw(units, layout) {
    const width = this.widthOnPaper ?? (this.picture.clientWidth || 600);
    const [from, until] = this.state.window;
    this._x = (time) => ((time - from) / (until - from)) * width;
    [this._width, this._row, this._top] = [width, layout.row, this._headRows * layout.row];
    this._taken = this._compiled.filter((each) => each.tier === "O3").map((each) => ({ left: this._x(each.began), right: this._x(each.ended) }));
    this.picture.setAttribute("viewBox", `0 0 ${width} ${layout.height}`);
    this.picture.setAttribute("height", String(layout.height));
    const clip = shape("clipPath", { id: "below-head" },
      shape("rect", { x: 0, y: this._top, width, height: Math.max(0, layout.height - this._top) }));
    const centers = units.map((unit, index) => this._top + layout.offset + (index + 0.5) * layout.row);
    const center = new Map(units.map((unit, index) => [unit.symbol, centers[index]]));
    const rows = shape("g", { "clip-path": "url(#below-head)" }, ...units.map((unit, index) => this._lane(unit, centers[index])));
    this.picture.replaceChildren(
      shape("defs", {}, clip), this._axis(layout.height), rows, ...this._compilations(),
      shape("g", { "clip-path": "url(#below-head)" }, ...this._falls.flatMap((fall) => this._fall(fall, center))),
      shape("g", { class: "arrows" }, ...units.flatMap((unit, index) => this._arrows(unit, centers[index]))),
      this._line,
    );
    this._line.replaceChildren(
      shape("line", { x1: 0, x2: 0, y1: this._row * 0.7, y2: layout.height }),
      shape("path", { d: `M-6 ${this._row * 0.28}h12v5l-6 7l-6 -7z` }),
    );
    this.moveLine();
  }

  /** Show the moment; all else stays as it was drawn. */
  moveLine() {
    this._line.setAttribute("transform", `translate(${this._x(this.state.moment)} 0)`);
  }

  _axis(height) {
    const [from, until] = this.state.window;
    const distance = tickDistance(until - from, this._width / 90);
    const axis = shape("g", { class: "axis" });
    for (let time = Math.ceil(from / distance) * distance; time <= until; time += distance) {
      const x = this._x(time);
      axis.append(shape("line", { x1: x, x2: x, y1: this._row * 0.8, y2: height }));
      if (x < this._width - 24) axis.append(shape("text", { x: x > this._width - 50 ? x - 3 : x + 3, y: this._row * 0.62, "text-anchor": x > this._width - 50 ? "end" : "start" }, tickText(time, distance)));
    }
    return axis;
  }

  _lane(unit, y) {
    const selected = unit.symbol === this.state.selected ? " selected" : "";
    const lane = shape("g", { class: `lane${selected}`, "data-symbol": unit.symbol });
    lane.append(shape("rect", { class: "lane-back", x: 0, y: y - this._row / 2, width: this._width, height: this._row }));
    const segments = this.state.model.segments(unit.symbol);
    for (const [index, segment] of segments.entries()) lane.append(...this._segment(unit.symbol, segment, segments[index - 1], y));
    lane.append(...(this._inlinings.get(unit.symbol) ?? []).flatMap((each) => this._inlining(each, y)));
    lane.append(...waits(this.state.model, unit.symbol).flatMap((each) => this._wait(each, y)));
    for (const event of this.state.model.eventsOf(unit.symbol)) lane.append(...this._eventMark(event, y));
    return lane;
  }

  /** A line below the bar while the unit is also part of its callers' -O3 code. */
  _inlining({ from, until, into }, y) {
    const [left, right] = [Math.max(this._x(from), 0), Math.min(this._x(until), this._width)];
    if (right <= left) return [];
    const bottom = y + this._row * 0.39;
    const names = list(into.map((symbol) => this.state.model.name(symbol)));
    return [shape("line", { class: "inlined-bar", x1: left, x2: right, y1: bottom, y2: bottom }, shape("title", {}, `inlined in ${names}`))];
  }

  _segment(symbol, segment, before, y) {
    const [left, right] = [Math.max(this._x(segment.from), -2), Math.min(this._x(segment.until), this._width + 2)];
    if (right < 0 || left > this._width) return [];
    const [width, height] = [Math.max(right - left, 1), this._row * 0.56];
    const found = [bar(segment.tier, left, y, width, height, this._titleOf(symbol, segment))];
    const version = this.state.model.bySymbol.get(symbol).versions.length > 1 ? ` v${segment.version}` : "";
    const text = segment.tier === "none" ? "" : tierLabel(segment.tier) + version;
    if (text && width > 44 + 10 * version.length) found.push(shape("text", { class: `bar-text tier-${segment.tier}`, x: Math.max(left, 0) + 6, y: y + height * 0.29 }, text));
    if (before !== undefined && before.version !== segment.version) found.push(...this._versionMark(segment, left, y));
    return found;
  }

  /** State, begin, end, duration, and the runs that were counted. */
  _titleOf(symbol, segment) {
    const { model } = this.state;
    const [first, last] = [segment.from, segment.until - 1e-6].map((time) => model.runsAt(symbol, time));
    const runs = segment.tier === "O0" ? Math.round((last ?? 0) - (first ?? 0)) : 0;
    const counted = runs > 0 ? `; ${runsText(runs, model.bySymbol.get(symbol).counter)}` : "";
    return `${model.name(symbol)}: ${tierLabel(segment.tier)} from ${milliseconds(segment.from)} to ${milliseconds(segment.until)}, ${milliseconds(segment.until - segment.from)}${counted}`;
  }

  /** A line over the bar while a hot unit waits to be compiled. */
  _wait({ from, until, text }, y) {
    const [left, right] = [Math.max(this._x(from), 0), Math.min(this._x(until), this._width)];
    if (right <= left) return [];
    const top = y - this._row * 0.39;
    const found = [shape("line", { class: "wait", x1: left, x2: right, y1: top, y2: top }, shape("title", {}, text))];
    if (right - left > text.length * this._row * 0.26) found.push(shape("text", { class: "wait-text", x: left + this._row * 2.2, y: y + this._row * 0.16 }, text));
    return found;
  }

  _versionMark(segment, x, y) {
    return [shape("line", { class: "version", x1: x, x2: x, y1: y - this._row * 0.45, y2: y + this._row * 0.45 },
      shape("title", {}, `version ${segment.version} at ${milliseconds(segment.from)}`))];
  }

  /** A red edge where code was deoptimized, a diamond where a unit became hot. */
  _eventMark(event, y) {
    const [x, half] = [this._x(event.time), this._row * 0.46];
    if (x < 0 || x > this._width) return [];
    const title = shape("title", {}, event.sentence ?? event.kind);
    if (event.kind === "hot" || event.kind === "requested") return [shape("path", { class: "hot", d: `M${x - 5} ${y - half}h10l-5 7z` }, title)];
    if (event.kind !== "deoptimized" && event.kind !== "failed" && event.kind !== "faulted") return [];
    const cross = `M${x} ${y - half}V${y + half}M${x - 4.5} ${y - 4.5}l9 9M${x + 4.5} ${y - 4.5}l-9 9`;
    return [shape("path", { class: "deoptimized", d: cross }, title)];
  }

  /** Slices that fit into the pixel of the one before are left out: hundreds may share a few pixels. */
  _compilations() {
    const drawn = { O0: -1, O3: -1 };
    return this._compiled.flatMap((each) => {
      const [left, right] = [this._x(each.began), this._x(each.ended)];
      if (right < 0 || left > this._width || right <= drawn[each.tier] + 0.5) return [];
      drawn[each.tier] = right;
      const [y, height, width] = [this._row * (each.tier === "O0" ? 1.5 : 2.5), this._row * 0.66, Math.max(right - left, 1.5)];
      const names = each.symbols.map((symbol) => this.state.model.name(symbol));
      const title = `${list(names)} compiled at -${each.tier} from ${milliseconds(each.began)} to ${milliseconds(each.ended)}, ${milliseconds(each.ended - each.began)}${each.isUnfinished ? ", when the run ended: not finished" : each.isUsed ? "" : ", in vain"}`;
      const own = (each.symbols.includes(this.state.selected) ? " selected" : "") + (each.isUsed ? "" : " unused");
      const slice = shape("g", { class: `slice tier-${each.tier}${own}`, "data-symbol": each.symbols[0] },
        shape("rect", { x: left, y: y - height / 2, width, height, rx: 2 }), shape("title", {}, title));
      const text = each.symbols.length > 1 ? `${each.symbols.length} units` : names[0];
      if (width > text.length * this._row * 0.34 + 8) slice.append(shape("text", { x: Math.max(left, 0) + 4, y: y + height * 0.26 }, text));
      return [slice];
    });
  }

  /** Lanes under the head are out of sight, and so are their arrows. */
  _arrows(unit, y) {
    if (y < this._top) return [];
    const [strong, foot] = [unit.symbol === this.state.selected ? " selected" : "", this._row * 2.83];
    return arrows(this.state.model, unit.symbol).flatMap((each) => [
      ...(strong === "" ? [] : this._labels(each)),
      ...(each.hot === null ? [] : [this._curve(each.hot, y - this._row * 0.4, each.began, foot, `to-compiler${strong}`)]),
      this._curve(each.ended, foot, each.swapped, y - this._row * 0.3, `to-swap${strong}`),
    ]);
  }

  /** Beside the slice in the compiler's lane: what came before, and what after it. */
  _labels({ hot, began, ended, swapped }) {
    const y = this._row * 2.68;
    const before = hot === null ? "" : `▼ hot ${milliseconds(hot)}, waited ${milliseconds(began - hot)} `;
    const after = ` swapped ${milliseconds(swapped)}`;
    const [left, right] = [this._x(began) - 4, this._x(ended) + 4];
    return [[before, left, "end"], [after, right, "start"]].filter(([text, x, anchor]) => text !== "" && this._takesRoom(text, x, anchor))
      .map(([text, x, anchor]) => shape("text", { class: "arrow-text", x, y, "text-anchor": anchor }, text));
  }

  /** Whether a label fits between the slices and the labels before it: then it has that room. */
  _takesRoom(text, x, anchor) {
    const width = text.length * this._row * 0.26;
    const [left, right] = anchor === "end" ? [x - width, x] : [x, x + width];
    if (left < 0 || right > this._width || this._taken.some((span) => left < span.right && span.left < right)) return false;
    this._taken.push({ left, right });
    return true;
  }

  /** From the lane of a redefined unit to that of code that it deoptimized, if both are in sight. */
  _fall({ time, symbol, deoptimized }, center) {
    const [x, y, end] = [this._x(time), center.get(symbol), center.get(deoptimized)];
    if (y === undefined || end === undefined || x < 0 || x > this._width) return [];
    const sign = end > y ? 1 : -1;
    const strong = [symbol, deoptimized].includes(this.state.selected) ? " selected" : "";
    return [shape("path", { class: `fall${strong}`, d: `M${x} ${y}V${end - (sign * this._row) / 2}` },
      shape("title", {}, `redefining ${this.state.model.name(symbol)} deoptimized ${this.state.model.name(deoptimized)}`))];
  }

  _curve(time, y, endTime, endY, name) {
    const [x, endX] = [this._x(time), this._x(endTime)];
    if (Math.max(x, endX) < 0 || Math.min(x, endX) > this._width) return shape("g");
    const [middle, sign] = [(y + endY) / 2, endY > y ? -1 : 1];
    const tip = `M${endX - 3.5} ${endY + sign * 6}L${endX} ${endY}L${endX + 3.5} ${endY + sign * 6}`;
    return shape("path", { class: `arrow ${name}`, d: `M${x} ${y}C${x} ${middle} ${endX} ${middle} ${endX} ${endY}${tip}` });
  }
}

/** An outlined bar for -O0 and a full one for -O3, as their marks are; a dotted line without code. */
function bar(tier, x, y, width, height, text) {
  const title = shape("title", {}, text);
  if (tier === "none") return shape("line", { class: "bar tier-none", x1: x, x2: x + width, y1: y, y2: y }, title);
  return shape("rect", { class: `bar tier-${tier}`, x, y: y - height / 2, width, height, rx: 2 }, title);
}

function tickText(time, distance) {
  if (distance >= 1000) return `${(time / 1000).toLocaleString("en-US")} s`;
  return `${time.toLocaleString("en-US", { maximumFractionDigits: distance < 1 ? 2 : 0 })} ms`;
}
