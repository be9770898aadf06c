// Which code inlined which version, and what a redefinition took back.

/** @typedef {{symbol: string, version: number, inlined: {symbol: string, version: number}[]}} Inliner */
/** @typedef {{symbol: string, version: number, time: number, deoptimized: Consequence[]}} Redefinition */
/** @typedef {{symbol: string, time: number, back: number|null, cost: number|null}} Consequence */

/** The -O3 codes in use at a moment that have other units inlined.
 * @param {import("./model.js").Model} model
 * @param {number} time
 * @returns {Inliner[]} */
export function inliners(model, time) {
  return model.units.flatMap((unit) => {
    const code = model.runningCode(unit.symbol, time);
    if (code?.tier !== "O3" || code.inlined.length === 0) return [];
    const inlined = code.inlined.map(([symbol, version]) => ({ symbol, version }));
    return [{ symbol: unit.symbol, version: model.versionAt(unit.symbol, time).version, inlined }];
  });
}

/** The redefinitions up to a moment, with the code that each took out of use.
 * @param {import("./model.js").Model} model
 * @param {number} time
 * @returns {Redefinition[]} */
export function redefinitions(model, time) {
  return model.units
    .flatMap((unit) => unit.versions.filter((version) => version.version > 1 && version.defined <= time)
      .map((version) => ({ symbol: unit.symbol, version: version.version, time: version.defined })))
    .sort((one, other) => one.time - other.time)
    .map((each) => ({ ...each, deoptimized: consequences(model, each, time) }));
}

/** Optimized code that had inlined an older version and ended with this definition. */
function consequences(model, redefinition, time) {
  return model.units.flatMap((unit) => unit.versions.flatMap((version) => version.codes
    .filter((code) => endedBy(code, redefinition) && unit.symbol !== redefinition.symbol)
    .map((code) => consequence(unit.symbol, version, code, time))));
}

function endedBy(code, redefinition) {
  return code.tier === "O3" && code.until !== null && Math.abs(code.until - redefinition.time) < CLOSE
    && code.inlined.some(([symbol, version]) => symbol === redefinition.symbol && version < redefinition.version);
}

/** A definition and its consequences are one transaction; its events follow each other within this time (ms). */
const CLOSE = 5;

function consequence(symbol, version, code, time) {
  const next = version.codes.find((each) => each.tier === "O3" && each.from !== null && each.from >= code.until);
  const known = next !== undefined && next.from <= time ? next : null;
  return { symbol, time: code.until, back: known?.from ?? null, cost: known === null ? null : known.ended - known.began };
}
