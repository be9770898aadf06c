// Which lanes the timeline has, in which order, and what is drawn in each.

import { milliseconds } from "./format.js";

/** @typedef {{filter: string, order: string, prelude: boolean}} LaneChoice */

/** How much there is to see in a unit's lane.
 * @param {import("./model.js").Model} model
 * @param {import("./model.js").Unit} unit */
export function interest(model, unit) {
  const weights = { deoptimized: 1000, failed: 500, faulted: 400, swapped: 100, discarded: 50, covered: 20, hot: 10 };
  const told = model.eventsOf(unit.symbol).reduce((sum, event) => sum + (weights[event.kind] ?? 1), 0);
  return told + (unit.versions.some((version) => version.codes.length > 0) ? 1 : 0);
}

const COMPARISONS = {
  interest: (model) => (one, other) => interest(model, other) - interest(model, one),
  name: () => (one, other) => one.name.localeCompare(other.name),
  definition: () => () => 0,
  hot: (model) => (one, other) => firstHot(model, one) - firstHot(model, other),
  runs: (model) => (one, other) => finalRuns(model, other) - finalRuns(model, one),
};

function firstHot(model, unit) {
  return model.eventsOf(unit.symbol).find((event) => event.kind === "hot")?.time ?? Number.MAX_VALUE;
}

function finalRuns(model, unit) {
  return Math.max(0, ...(model.recording.counts[unit.symbol] ?? []).slice(-1).map((count) => count[2]));
}

/** The units that have a lane, in order. Of those of the prelude, all if they were chosen; otherwise those that matter:
 * they were sampled, or hot, or inlined, or have -O3 code.
 * @param {import("./model.js").Model} model
 * @param {LaneChoice} choice
 * @returns {import("./model.js").Unit[]} */
export function lanes(model, choice) {
  const words = choice.filter.toLowerCase();
  const sampled = new Set((model.recording.samples?.shares ?? []).map((share) => share.symbol));
  const inlined = inlinings(model);
  const isShown = (unit) => unit.origin !== "prelude" || sampled.has(unit.symbol) || inlined.has(unit.symbol)
    || model.eventsOf(unit.symbol).length > 0 || unit.versions.some((version) => version.codes.some((code) => code.tier === "O3"));
  return model.units
    .filter((unit) => unit.name.toLowerCase().includes(words) && (choice.prelude || isShown(unit)))
    .sort(COMPARISONS[choice.order](model));
}

/** @typedef {{tier: string, began: number, ended: number, symbols: string[], isUsed: boolean}} Compilation */

/** The compilations, each once: units that were compiled in one batch began at the same time. Code that was discarded
 * is known from its events only.
 * @param {import("./model.js").Model} model
 * @returns {Compilation[]} */
export function compilations(model) {
  const found = new Map();
  for (const unit of model.units)
    for (const version of unit.versions)
      for (const code of version.codes) {
        const key = `${code.tier} ${code.began}`;
        const batch = found.get(key) ?? { tier: code.tier, began: code.began, ended: code.ended, symbols: [], isUsed: true };
        batch.ended = Math.max(batch.ended, code.ended);
        batch.symbols.push(unit.symbol);
        found.set(key, batch);
      }
  for (const event of model.recording.events)
    if (event.kind === "compiled" && event.tier === "O3" && !found.has(`O3 ${event.began}`))
      found.set(`O3 ${event.began}`, { tier: "O3", began: event.began, ended: event.time, symbols: [event.symbol], isUsed: false });
  for (const event of model.recording.events)
    if (event.kind === "started" && event.tier === "O3" && !isFinished(model, event))
      found.set(`O3 ${event.time}`, { tier: "O3", began: event.time, ended: model.length, symbols: [event.symbol, ...(event.inlined ?? [])], isUsed: false, isUnfinished: true });
  return [...found.values()].sort((one, other) => one.began - other.began);
}

/** Whether a compilation that was started has ended before the recording. */
function isFinished(model, started) {
  const codes = (model.bySymbol.get(started.symbol)?.versions ?? []).flatMap((version) => version.codes);
  return codes.some((code) => code.tier === "O3" && code.began >= started.time)
    || model.recording.events.some((event) => event.symbol === started.symbol && event.time > started.time && ENDINGS.has(event.kind));
}

const ENDINGS = new Set(["compiled", "swapped", "failed", "discarded"]);

/** @typedef {{hot: number|null, began: number, ended: number, swapped: number}} Arrow */

/** From the moment at which a unit was hot to its compilation, and from there to its swap.
 * @param {import("./model.js").Model} model
 * @param {string} symbol
 * @returns {Arrow[]} */
export function arrows(model, symbol) {
  const codes = (model.bySymbol.get(symbol)?.versions ?? []).flatMap((version) => version.codes);
  const hot = model.eventsOf(symbol).filter((event) => event.kind === "hot" || event.kind === "requested");
  return codes.filter((code) => code.tier === "O3" && code.from !== null).map((code) => ({
    hot: hot.findLast((event) => event.time <= code.began)?.time ?? null,
    began: code.began, ended: code.ended, swapped: code.from,
  }));
}

/** @typedef {{from: number, until: number, into: string[]}} Inlining */

/** When each unit was inlined in -O3 code that was in use, and in that of which units. A unit at -O0 is fast, too, where
 * its callers have it inlined.
 * @param {import("./model.js").Model} model
 * @returns {Map<string, Inlining[]>} by symbol, in ascending order, without overlaps */
export function inlinings(model) {
  const found = new Map();
  for (const unit of model.units)
    for (const code of unit.versions.flatMap((version) => version.codes))
      if (code.tier === "O3" && code.from !== null)
        for (const [symbol] of code.inlined)
          found.set(symbol, [...(found.get(symbol) ?? []), { from: code.from, until: code.until ?? model.length, into: [unit.symbol] }]);
  return new Map([...found].map(([symbol, all]) => [symbol, joined(all.sort((one, other) => one.from - other.from))]));
}

function joined(all) {
  const found = [];
  for (const each of all) {
    const last = found[found.length - 1];
    if (last === undefined || last.until < each.from) found.push({ ...each });
    else Object.assign(last, { until: Math.max(last.until, each.until), into: [...new Set([...last.into, ...each.into])] });
  }
  return found;
}

/** @typedef {{from: number, until: number, text: string}} Wait */

/** When a unit was hot, and not being compiled yet: until its compilation began, it was covered, or the end.
 * @param {import("./model.js").Model} model
 * @param {string} symbol
 * @returns {Wait[]} */
export function waits(model, symbol) {
  const codes = (model.bySymbol.get(symbol)?.versions ?? []).flatMap((version) => version.codes);
  const hot = model.eventsOf(symbol).filter((event) => event.kind === "hot");
  const ends = [
    ...codes.filter((code) => code.tier === "O3").map((code) => code.began),
    ...model.recording.events.filter((event) => ENDS.has(event.kind) && (event.symbol === symbol || (event.kind === "started" && event.inlined?.includes(symbol)))).map((event) => event.time),
    ...(model.bySymbol.get(symbol)?.versions ?? []).flatMap((version) => version.replaced ?? []),
  ];
  return hot.map((event) => {
    const until = Math.min(...ends.filter((time) => time >= event.time), model.length);
    const waited = milliseconds(until - event.time);
    return { from: event.time, until, text: until < model.length ? `hot, waited ${waited}` : `hot, waited ${waited}: the run ended before its compilation` };
  });
}

const ENDS = new Set(["started", "swapped", "covered", "deoptimized", "failed", "discarded"]);
