// How fast a unit runs while it counts, and where the time goes.

/** @typedef {{from: number, until: number, rate: number}} Rate runs per millisecond between two moments */
/** @typedef {{symbol: string|null, tier: string, count: number, part: number}} Share of all samples, from 0 to 1 */

/** Runs per millisecond between each two samples of a unit's counter, of one version.
 * @param {import("./model.js").Model} model
 * @param {string} symbol
 * @returns {Rate[]} */
export function rates(model, symbol) {
  const counts = model.recording.counts[symbol] ?? [];
  return counts.slice(1).flatMap((count, index) => {
    const [from, version, runs] = counts[index];
    if (count[1] !== version || count[2] < runs || count[0] <= from) return [];
    return [{ from, until: count[0], rate: (count[2] - runs) / (count[0] - from) }];
  });
}

/** The rate at a moment, or null while nothing was counted.
 * @param {Rate[]} all
 * @param {number} time */
export function rateAt(all, time) {
  return all.find((each) => each.from <= time && time <= each.until)?.rate ?? null;
}

/** When something was counted last before a moment, or null.
 * @param {Rate[]} all
 * @param {number} time */
export function lastCounted(all, time) {
  return all.findLast((each) => each.until < time && each.rate > 0)?.until ?? null;
}

/** The shares of time up to a moment, the largest first. The recorded totals, if single samples were not kept.
 * @param {import("./model.js").Model} model
 * @param {number} time
 * @returns {{shares: Share[], total: number, whole: boolean}} `whole` if they are those of the whole run */
export function shares(model, time) {
  const samples = model.recording.samples;
  if (!samples) return { shares: [], total: 0, whole: true };
  const times = samples.times ?? [];
  if (times.length < samples.total || time >= model.length) return sorted(samples.shares ?? [], true);
  const counts = new Map();
  for (const [when, symbol, tier] of times) {
    if (when > time) break;
    const key = JSON.stringify([symbol, tier]);
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return sorted([...counts].map(([key, count]) => ({ symbol: JSON.parse(key)[0], tier: JSON.parse(key)[1], count })), false);
}

function sorted(found, whole) {
  const total = found.reduce((sum, share) => sum + share.count, 0);
  const all = found.map((share) => ({ ...share, part: total === 0 ? 0 : share.count / total }));
  return { shares: all.sort((one, other) => other.count - one.count), total, whole };
}
