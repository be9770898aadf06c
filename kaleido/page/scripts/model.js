// The recording, indexed, and what can be asked of it at a moment. No part of the page changes it but `merge`.

/** @typedef {import("./format.js").Tier} Tier */
/** @typedef {{source: number, start: [number, number], end: [number, number]}} Place */
/** @typedef {{tier: "O0"|"O3", began: number, ended: number, from: number|null, until: number|null, size: number,
 *   address: string, batch: number, inlined: [string, number][], view: number|null}} Code */
/** @typedef {{version: number, defined: number, replaced: number|null, place: Place|null, calls: string[],
 *   codes: Code[]}} Version */
/** @typedef {{symbol: string, name: string, kind: string, counter: string, origin: string, parent: string|null,
 *   versions: Version[]}} Unit */
/** @typedef {{time: number, kind: string, symbol: string, version?: number, tier?: string, runs?: number,
 *   threshold?: number, message?: string, began?: number, ended?: number, inlined?: string[], sentence?: string}} RecordedEvent */
/** @typedef {{from: number, until: number, tier: Tier, version: number}} Segment */

const EMPTY = {
  program: {}, producer: {}, length: 0, sources: [], units: [], views: [], events: [], counts: {}, stubs: {},
  jumps: null, samples: null, measured: null, advice: [],
};

/** The events that tell a program's story; the others only say how each of them was done. */
const TOLD = new Set(["hot", "requested", "swapped", "covered", "discarded", "deoptimized", "failed", "faulted"]);

export class Model {
  /** @param {object} recording in the form "kaleido-recording", version 1 */
  constructor(recording) {
    this.recording = { ...EMPTY, ...recording };
    /** Views of code that were asked for, as they are not in the recording. */
    this.askedViews = new Map();
    this._index();
  }

  _index() {
    /** @type {Map<string, Unit>} */
    this.bySymbol = new Map(this.recording.units.map((unit) => [unit.symbol, unit]));
    this._segments = new Map();
    /** @type {RecordedEvent[]} */
    this.story = this.recording.events.filter((event) => isTold(event));
    this._eventsOf = Map.groupBy ? Map.groupBy(this.story, (event) => event.symbol) : group(this.story);
  }

  get length() {
    return Math.max(this.recording.length, 1e-3);
  }

  /** @returns {Unit[]} */
  get units() {
    return this.recording.units;
  }

  /** @param {string} symbol */
  name(symbol) {
    return this.bySymbol.get(symbol)?.name ?? symbol;
  }

  /** The told events of a unit, in their order.
   * @param {string} symbol
   * @returns {RecordedEvent[]} */
  eventsOf(symbol) {
    return this._eventsOf.get(symbol) ?? [];
  }

  /** The version that is current at a moment, or null before the first one and after a removal.
   * @param {string} symbol
   * @param {number} time
   * @returns {Version|null} */
  versionAt(symbol, time) {
    const last = this.bySymbol.get(symbol)?.versions.findLast((version) => version.defined <= time) ?? null;
    return last !== null && last.replaced !== null && last.replaced <= time ? null : last;
  }

  /** Whether a unit was there before a moment, and is not any more: it was removed, or a top-level expression has run.
   * @param {string} symbol
   * @param {number} time */
  hasEnded(symbol, time) {
    const last = this.bySymbol.get(symbol)?.versions.findLast((version) => version.defined <= time);
    return last !== undefined && last.replaced !== null && last.replaced <= time;
  }

  /** The code of a tier that the present version has, or had last, at a moment.
   * @param {string} symbol
   * @param {number} time
   * @param {"O0"|"O3"} tier
   * @returns {Code|null} */
  codeAt(symbol, time, tier) {
    const version = this.versionAt(symbol, time);
    return version?.codes.findLast((code) => code.tier === tier && code.from !== null && code.from <= time) ?? null;
  }

  /** The code that calls reach at a moment. The baseline code stays when -O3 code comes, to return to.
   * @param {string} symbol
   * @param {number} time
   * @returns {Code|null} */
  runningCode(symbol, time) {
    const optimized = this.codeAt(symbol, time, "O3");
    if (optimized !== null && (optimized.until === null || time < optimized.until)) return optimized;
    return this.codeAt(symbol, time, "O0");
  }

  /** @param {string} symbol
   * @param {number} time
   * @returns {Tier} */
  tierAt(symbol, time) {
    return this.runningCode(symbol, time)?.tier ?? "none";
  }

  /** The states of a unit from its definition to the end, without gaps.
   * @param {string} symbol
   * @returns {Segment[]} */
  segments(symbol) {
    if (!this._segments.has(symbol)) this._segments.set(symbol, this._segmentsOf(symbol));
    return this._segments.get(symbol);
  }

  _segmentsOf(symbol) {
    const versions = this.bySymbol.get(symbol)?.versions ?? [];
    const codes = versions.flatMap((version) => version.codes);
    const edges = [
      ...versions.flatMap((version) => [version.defined, version.replaced]),
      ...codes.flatMap((code) => [code.from, code.until]),
    ].filter((time) => time !== null);
    const times = [...new Set(edges)].sort((one, other) => one - other);
    const found = [];
    times.forEach((from, index) => {
      const until = times[index + 1] ?? this.length;
      const [tier, version] = [this.tierAt(symbol, from), this.versionAt(symbol, from)?.version ?? 0];
      const last = found[found.length - 1];
      if (last?.tier === tier && last.version === version) last.until = until;
      else if (version > 0) found.push({ from, until, tier, version });
    });
    return found;
  }

  /** Calls or iterations that the present version has counted at a moment; null if no count of it was recorded.
   * Between two samples, the count is read from the line that connects them.
   * @param {string} symbol
   * @param {number} time
   * @returns {number|null} */
  runsAt(symbol, time) {
    const version = this.versionAt(symbol, time)?.version;
    const counts = (this.recording.counts[symbol] ?? []).filter((count) => count[1] === version);
    const next = counts.findIndex((count) => count[0] > time);
    if (next === 0 || counts.length === 0) return null;
    const [before, after] = [counts[next < 0 ? counts.length - 1 : next - 1], next < 0 ? null : counts[next]];
    if (after === null || after[2] < before[2]) return before[2];
    return before[2] + ((after[2] - before[2]) * (time - before[0])) / (after[0] - before[0]);
  }

  /** The record of a stub as it was written last before a moment.
   * @param {string} symbol
   * @param {number} time */
  stubAt(symbol, time) {
    return (this.recording.stubs[symbol] ?? []).findLast((stub) => stub.time <= time) ?? null;
  }

  /** Adds what a live session reports. Units replace those with the same symbol; sources, views and events are
   * appended, as are the counts and stubs of each symbol and the times of samples; all else replaces what was there.
   * @param {object} changes */
  merge(changes) {
    const recording = this.recording;
    for (const [key, value] of Object.entries(changes)) {
      if (["sources", "views", "events"].includes(key)) recording[key] = [...recording[key], ...value];
      else if (key === "units") recording.units = [...new Map([...this.bySymbol, ...value.map(keyed)]).values()];
      else if (key === "counts" || key === "stubs") recording[key] = appended(recording[key], value);
      else if (key === "samples" && value !== null) recording.samples = moreSamples(recording.samples, value);
      else recording[key] = value;
    }
    this._index();
  }
}

/** Whether an event is part of the program's story. */
export function isTold(event) {
  return TOLD.has(event.kind) || (event.kind === "defined" && (event.version ?? 1) > 1);
}

const keyed = (unit) => [unit.symbol, unit];

function group(events) {
  const groups = new Map();
  for (const event of events) groups.set(event.symbol, [...(groups.get(event.symbol) ?? []), event]);
  return groups;
}

function appended(lists, more) {
  const all = { ...lists };
  for (const [symbol, values] of Object.entries(more)) all[symbol] = [...(all[symbol] ?? []), ...values];
  return all;
}

function moreSamples(samples, more) {
  return { ...samples, ...more, times: [...(samples?.times ?? []), ...(more.times ?? [])] };
}
