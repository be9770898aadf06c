// Numbers and lists as text. One way of writing each, on the whole page.

/** The marks of the tiers: an empty circle for -O0, a full one for -O3, as at the prompt. */
export const MARKS = { none: "·", O0: "○", O3: "●" };

/** @typedef {"none"|"O0"|"O3"} Tier */

/** "○ -O0", "● -O3" or "no code".
 * @param {Tier} tier */
export function tierLabel(tier) {
  return tier === "none" ? "no code" : `${MARKS[tier]} -${tier}`;
}

// A formatter takes long to make, and toLocaleString makes one each time.
const decimals = [0, 1, 2].map((digits) => new Intl.NumberFormat("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits }));
const seconds = new Intl.NumberFormat("en-US", { maximumFractionDigits: 1 });
const compact = new Intl.NumberFormat("en-US", { notation: "compact", maximumFractionDigits: 1 });

/** A duration or a moment, with three digits or so: "0.84 ms", "12.3 ms", "1,234 ms", "12.3 s".
 * @param {number} value in milliseconds */
export function milliseconds(value) {
  if (value === 0) return "0 ms";
  if (value >= 10_000) return `${seconds.format(value / 1000)} s`;
  return `${decimals[value < 1 ? 2 : value < 1000 ? 1 : 0].format(value)} ms`;
}

/** "1,000".
 * @param {number} value */
export function integer(value) {
  return decimals[0].format(Math.round(value));
}

/** A short form for narrow columns: "1.4M", "12.1k", "999".
 * @param {number} value */
export function short(value) {
  if (value < 10_000) return integer(value);
  return compact.format(value).replace("K", "k");
}

/** "1 call", "41 calls", "3,239 iterations".
 * @param {number} runs
 * @param {string} counter calls, iterations or none */
export function runsText(runs, counter) {
  const noun = counter === "none" ? "runs" : counter;
  return `${integer(runs)} ${runs === 1 ? noun.slice(0, -1) : noun}`;
}

/** "a", "a and b", "a, b and c", "a, b, c and 4 more".
 * @param {string[]} names
 * @param {number} most how many are named */
export function list(names, most = 6) {
  const named = names.length > most ? [...names.slice(0, most - 1), `${names.length - most + 1} more`] : names;
  if (named.length < 2) return named.join("");
  return `${named.slice(0, -1).join(", ")} and ${named[named.length - 1]}`;
}

/** The distance between ticks of an axis: 1, 2 or 5 times a power of ten.
 * @param {number} length of the axis
 * @param {number} ticks how many at most */
export function tickDistance(length, ticks) {
  const least = length / Math.max(1, ticks);
  const power = 10 ** Math.floor(Math.log10(least));
  return [1, 2, 5, 10].map((factor) => factor * power).find((distance) => distance >= least * 0.999) ?? least;
}
