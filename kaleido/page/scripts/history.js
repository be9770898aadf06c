// What happened, in sentences. Names of units stand between backquotes.

import { inliners } from "./dependencies.js";
import { integer, list, milliseconds, runsText, tierLabel } from "./format.js";

/** The history of a unit up to a moment, in one sentence.
 * @param {import("./model.js").Model} model
 * @param {string} symbol
 * @param {number} time */
export function history(model, symbol, time) {
  const unit = model.bySymbol.get(symbol);
  if (unit === undefined) return "";
  const version = model.versionAt(symbol, time);
  if (version === null) return `\`${unit.name}\` ${absence(unit, time)}.`;
  const many = unit.versions.length > 1 ? ` version ${version.version},` : "";
  const clauses = [...baseline(version, time), ...story(model, unit, version, time)];
  const callers = inliners(model, time).filter((each) => each.inlined.some((one) => one.symbol === symbol));
  if (callers.length > 0) clauses.push(`inlined in ${list(callers.map((each) => `\`${model.name(each.symbol)}\` from ${milliseconds(model.codeAt(each.symbol, time, "O3").from)}`))}`);
  const runs = model.runsAt(symbol, time);
  if (runs !== null) clauses.push(counted(model, unit, time, runs));
  return `\`${unit.name}\`:${many} defined at ${milliseconds(version.defined)}; ${clauses.join("; ")}.`;
}

function absence(unit, time) {
  const ended = unit.versions.findLast((each) => each.replaced !== null && each.replaced <= time);
  return ended === undefined ? "is not defined at this moment" : `ended at ${milliseconds(ended.replaced)}`;
}

function baseline(version, time) {
  const code = version.codes.find((each) => each.tier === "O0" && each.from !== null && each.from <= time);
  return code === undefined ? ["no code yet"] : [`${tierLabel("O0")} from ${milliseconds(code.from)}`];
}

function story(model, unit, version, time) {
  const all = model.eventsOf(unit.symbol).filter((event) => event.time <= time && (event.version ?? 1) === version.version);
  const { earlier, events } = lastRound(all);
  const clauses = earlier > 0 ? [`deoptimized ${["once", "twice"][earlier - 1] ?? `${integer(earlier)} times`} before`] : [];
  let hot = null;
  for (const event of events) {
    if (event.kind === "hot" || event.kind === "requested") hot = event;
    clauses.push(clause(model, unit, event, hot));
  }
  return clauses.filter((each) => each !== "");
}

/** A unit that is deoptimized again and again has a long history: its last round is told, those before are counted. */
function lastRound(events) {
  const ends = events.flatMap((event, index) => (event.kind === "deoptimized" ? [index] : []));
  const begin = (ends[ends[ends.length - 1] === events.length - 1 ? ends.length - 2 : ends.length - 1] ?? -1) + 1;
  return { earlier: ends.filter((index) => index < begin).length, events: events.slice(begin) };
}

function clause(model, unit, event, hot) {
  const at = milliseconds(event.time);
  const because = event.message ? `, because ${event.message}` : "";
  switch (event.kind) {
    case "hot":
      return event.runs ? `hot after ${runsText(event.threshold ?? event.runs, unit.counter)} at ${at}` : `to be optimized at ${at}`;
    case "swapped":
      return swap(model, event, hot);
    case "covered":
      return `not compiled alone, as its callers' -O3 code has it inlined (${at})`;
    case "deoptimized":
      return `deoptimized at ${at}${because}`;
    case "discarded":
      return `-O3 code discarded at ${at}${because}`;
    case "failed":
      return `stays at -O0${because}`;
    case "faulted":
      return `left before its end at ${at}${event.message ? ` (${event.message})` : ""}`;
    default:
      return "";
  }
}

function swap(model, event, hot) {
  const inlined = (event.inlined ?? []).map((symbol) => `\`${model.name(symbol)}\``);
  const because = event.hot_callee ? `, because \`${model.name(event.hot_callee)}\` was hot` : "";
  const later = hot === null ? `from ${milliseconds(event.time)}${because}` : `${milliseconds(event.time - hot.time)} later`;
  return `${tierLabel("O3")} ${later}${inlined.length > 0 ? `, with ${list(inlined)} inlined` : ""}`;
}

function counted(model, unit, time, runs) {
  const text = runsText(Math.floor(runs), unit.counter);
  return model.tierAt(unit.symbol, time) === "O3" ? `${text} were counted at -O0` : `${text} so far at -O0`;
}

/** What happened last at a moment: the sentence of the last told event.
 * @param {import("./model.js").Model} model
 * @param {number} time */
export function lastHappened(model, time) {
  const event = model.story.findLast((each) => each.time <= time);
  return event === undefined ? "Nothing is hot yet." : `${sentence(model, event)}`;
}

/** The sentence of an event. A recorder may leave it out.
 * @param {import("./model.js").Model} model
 * @param {import("./model.js").RecordedEvent} event */
export function sentence(model, event) {
  if (event.sentence) return event.sentence;
  const name = model.name(event.symbol);
  if (event.kind === "defined") return `${name}: version ${event.version ?? 1} defined`;
  const runs = event.runs ? ` after ${integer(event.runs)}` : "";
  return `${name}: ${event.kind}${runs}${event.message ? `: ${event.message}` : ""}`;
}

/** How many functions and loops of the program are in which state, as the summary counts them.
 * @param {import("./model.js").Model} model
 * @param {number} time
 * @returns {{none: number, O0: number, O3: number, ended: number}} */
export function tally(model, time) {
  const found = { none: 0, O0: 0, O3: 0, ended: 0 };
  for (const unit of model.units) {
    if (unit.origin === "prelude" || !["function", "loop"].includes(unit.kind)) continue;
    if (model.versionAt(unit.symbol, time) !== null) found[model.tierAt(unit.symbol, time)]++;
    else if (model.hasEnded(unit.symbol, time)) found.ended++;
  }
  return found;
}
