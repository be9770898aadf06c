// A source in pieces: which unit each part of a line belongs to.

/** @typedef {{symbol: string, version: number, start: [number, number], end: [number, number], depth: number}} Span */
/** @typedef {{text: string, span: Span|null}} Piece */
/** @typedef {{number: number, pieces: Piece[], begins: Span[]}} SourceLine `begins` are the spans that begin in it */

/** The lines of a source. A piece belongs to the innermost unit that was written there.
 * @param {import("./model.js").Model} model
 * @param {number} source index among the sources
 * @returns {SourceLine[]} */
export function sourceLines(model, source) {
  const text = model.recording.sources[source]?.text ?? "";
  const spans = spansOf(model, source);
  const lines = text.replace(/\n$/, "").split("\n");
  const covering = lines.map(() => []);
  for (const span of spans)
    for (let line = span.start[0]; line <= Math.min(span.end[0], lines.length); line++) covering[line - 1]?.push(span);
  return lines.map((line, index) => ({
    number: index + 1,
    pieces: pieces(line, index + 1, covering[index]),
    begins: spans.filter((span) => span.start[0] === index + 1),
  }));
}

/** @returns {Span[]} outer units first */
function spansOf(model, source) {
  const spans = model.units.flatMap((unit) => unit.versions
    .filter((version) => version.place?.source === source)
    .map((version) => ({
      symbol: unit.symbol, version: version.version, depth: depth(model, unit),
      start: version.place.start, end: version.place.end,
    })));
  return spans.sort((one, other) => one.depth - other.depth);
}

function depth(model, unit) {
  let found = 0;
  for (let each = unit; each?.parent && found < 100; each = model.bySymbol.get(each.parent)) found++;
  return found;
}

function pieces(line, number, spans) {
  const ranges = spans.map((span) => ({
    span,
    from: span.start[0] === number ? span.start[1] - 1 : 0,
    until: span.end[0] === number ? span.end[1] - 1 : line.length,
  }));
  const edges = new Set([0, line.length, ...ranges.flatMap((range) => [range.from, range.until])]);
  const cuts = [...edges].filter((edge) => edge >= 0 && edge <= line.length).sort((one, other) => one - other);
  return cuts.slice(0, -1).map((from, index) => ({
    text: line.slice(from, cuts[index + 1]),
    span: ranges.findLast((range) => range.from <= from && cuts[index + 1] <= range.until)?.span ?? null,
  }));
}
