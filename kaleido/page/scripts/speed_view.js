// Speed: how often the selected unit runs in a millisecond while it counts; where the time goes; runs that were measured.

import { absent, badge, element, shape, unitButton } from "./elements.js";
import { integer, milliseconds, short, tierLabel } from "./format.js";
import { lastCounted, rateAt, rates, shares } from "./speed.js";

/** @param {import("./state.js").State} state
 * @param {HTMLElement} root */
export function speedView(state, root) {
  const [chart, whole, parts, runs] = Array.from({ length: 4 }, () => element("div", {}));
  root.append(chart, element("h3", {}, "Where the time went"), whole, parts, element("h3", {}, "Measured runs"), runs);
  state.show((changes) => {
    chart.replaceChildren(...rateChart(state, chart.clientWidth || 400));
    if (changes.has("moment") || changes.has("data")) parts.replaceChildren(...shareBars(state));
    if (changes.has("data")) {
      whole.replaceChildren(...clock(state.model));
      runs.replaceChildren(measured(state.model));
    }
  });
}

/** How long a run takes at a rate, those that it calls included. */
function perRun(rate) {
  return rate > 1000 ? `${Math.round(1e6 / rate)} ns` : rate > 1 ? `${(1000 / rate).toPrecision(2)} µs` : milliseconds(1 / rate);
}

const HEIGHT = 150;

function rateChart(state, width) {
  const { model, selected, moment } = state;
  if (selected === null) return [absent("No unit is selected.")];
  const unit = model.bySymbol.get(selected);
  const found = rates(model, selected);
  const noun = unit.counter === "none" ? "runs" : unit.counter;
  if (found.length === 0) return [absent(`\`${unit.name}\` has no speed to show: fewer than two of its counts were recorded.`)];
  const now = rateAt(found, moment);
  const isOptimized = model.tierAt(selected, moment) === "O3";
  const last = lastCounted(found, moment);
  const text = now !== null ? `${short(now)} ${noun} per ms at this moment${now > 0 ? `, one in ${perRun(now)}` : ""}` : isOptimized ? "its -O3 code runs without counting" : last === null ? "nothing was counted yet" : `nothing was counted after ${milliseconds(last)}`;
  return [element("p", {}, element("code", {}, unit.name), ` · ${text}`), chartOf(state, found, width, noun)];
}

function chartOf(state, found, width, noun) {
  const [from, until] = state.window;
  const highest = Math.max(...found.map((each) => each.rate), 1e-9);
  const x = (time) => ((time - from) / (until - from)) * width;
  const y = (rate) => HEIGHT - 18 - (rate / highest) * (HEIGHT - 40);
  const line = found.map((each, index) => {
    const gap = index === 0 || found[index - 1].until < each.from;
    return `${gap ? "M" : "L"}${x(each.from).toFixed(1)} ${y(each.rate).toFixed(1)}H${x(each.until).toFixed(1)}`;
  }).join("");
  const optimized = state.model.segments(state.selected).filter((segment) => segment.tier === "O3");
  return shape("svg", { class: "chart", role: "img", viewBox: `0 0 ${width} ${HEIGHT}`, height: HEIGHT,
    "aria-label": `${noun} per millisecond over time, at most ${short(highest)}` },
  ...optimized.map((segment) => shape("rect", { class: "chart-o3", x: x(segment.from), y: 16, width: Math.max(0, x(segment.until) - x(segment.from)), height: HEIGHT - 34 })),
  ...optimized.slice(0, 1).map((segment) => shape("text", { class: "tier-O3", x: Math.max(x(segment.from), 0) + 5, y: 30 }, "● -O3 code does not count")),
  shape("line", { class: "chart-axis", x1: 0, x2: width, y1: HEIGHT - 18, y2: HEIGHT - 18 }),
  shape("text", { x: 0, y: 11 }, `${short(highest)} ${noun}/ms`),
  shape("text", { x: 0, y: HEIGHT - 4 }, milliseconds(from)),
  shape("text", { x: width, y: HEIGHT - 4, "text-anchor": "end" }, milliseconds(until)),
  shape("path", { class: "chart-line", d: line }),
  shape("line", { class: "chart-moment", x1: x(state.moment), x2: x(state.moment), y1: 16, y2: HEIGHT - 18 }));
}

function shareBars(state) {
  const { shares: found, total, whole } = shares(state.model, state.moment);
  const samples = state.model.recording.samples;
  if (!samples || samples.total === 0) return [absent(samples?.missing || "No samples were taken, so it is not known where the time went.")];
  if (total === 0) return [absent("No sample was taken up to this moment.")];
  const when = whole ? "in the whole run" : `up to ${milliseconds(state.moment)}`;
  const shown = found.slice(0, 10);
  const rest = found.slice(10).reduce((sum, share) => sum + share.count, 0);
  return [
    element("p", { class: "note" }, `${integer(total)} sample${total === 1 ? "" : "s"} ${when} of what the program's thread ran, one every ${milliseconds(samples.interval)} of its processor time. Time in which it waited, or compiled, has none.`),
    element("ol", { class: "bars" }, ...shown.map((share) => shareBar(state, share, total))),
    ...(rest > 0 ? [element("p", { class: "note" }, `${found.length - 10} more: ${integer(rest)} of ${integer(total)}`)] : []),
  ];
}

function shareBar(state, share, total) {
  const tier = share.tier === "O0" || share.tier === "O3" ? share.tier : "none";
  const label = share.symbol === null ? element("span", {}, "C and Python") : unitButton(state, share.symbol);
  return barRow(label, badge(tier, tier === "none" ? "" : tierLabel(tier)), share.part, `${integer(share.count)} of ${integer(total)}`, tier);
}

function barRow(label, mark, part, text, tier) {
  const bar = element("span", { class: `share-bar tier-${tier}` });
  bar.style.width = `${Math.max(part * 100, 0.5)}%`;
  return element("li", {}, element("span", { class: "bar-label" }, label, " ", mark), element("span", { class: "bar-track" }, bar), element("span", { class: "bar-value" }, text));
}

/** The whole run in one bar. The recording has its parts, which add up to its length. */
function clock(model) {
  const parts = (model.recording.account ?? []).map((each) => ({ ...each, text: PARTS[each.part] ?? each.part }));
  if (parts.length === 0) return [];
  const total = parts.reduce((sum, each) => sum + each.time, 0);
  const piece = (each) => {
    const found = element("span", { class: `clock-part ${each.part}`, title: `${each.text}: ${milliseconds(each.time)}` });
    found.style.width = `${(each.time / total) * 100}%`;
    return found;
  };
  return [
    element("p", { class: "note" }, `The whole run by the clock: ${milliseconds(total)}.`),
    element("div", { class: "clock", "aria-hidden": true }, ...parts.map(piece)),
    element("ul", { class: "clock-legend" }, ...parts.map((each) => element("li", {}, element("span", { class: `clock-part ${each.part}` }), ` ${milliseconds(each.time)} ${each.text}`))),
  ];
}

const PARTS = {
  start: "before the first compilation", compile: "compiling at -O0", load: "loading code, and between runs",
  O0: "running ○ -O0 code", O3: "running ● -O3 code", other: "in C and Python", wait: "waiting, for the processor or in C",
};

/** The path of the program, as far as the recording has it. */
function script(model) {
  const name = model.recording.program.name ?? "script.kal";
  return model.recording.sources.find((source) => source.name.endsWith(name))?.name ?? name;
}

function measured(model) {
  const found = Object.entries(model.recording.measured ?? {}).filter(([, times]) => times);
  if (found.length === 0) return absent(`How long the program takes with only -O0, and with only -O3: \`kaleido report --compare ${script(model)}\` measures that.`);
  const most = Math.max(...found.map(([, times]) => (times.run ?? 0) + (times.compile ?? 0)), 1e-9);
  const names = { O0: "only -O0", O3: "only -O3", tiered: "tiered" };
  const beside = found.reduce((sum, [, times]) => sum + (times.beside ?? 0), 0);
  const note = beside > 0 ? [element("p", { class: "note" }, `Tiered, another ${milliseconds(beside)} of compiling went on beside the program.`)] : [];
  return element("div", {}, element("ol", { class: "bars" }, ...found.map(([mode, times]) => {
    const total = (times.run ?? 0) + (times.compile ?? 0);
    const detail = times.compile ? `${milliseconds(times.run)} + ${milliseconds(times.compile)} compiling` : milliseconds(total);
    return barRow(element("span", {}, names[mode] ?? mode), "", total / most, detail, mode === "tiered" ? "none" : mode);
  })), ...note);
}
