// What the views compute: differences, dependencies, speed, and texts.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { inliners, redefinitions } from "../scripts/dependencies.js";
import { list, milliseconds, runsText, short, tickDistance } from "../scripts/format.js";
import { lineDiff } from "../scripts/line_diff.js";
import { Model } from "../scripts/model.js";
import { sourceLines } from "../scripts/source_spans.js";
import { lastCounted, rateAt, rates, shares } from "../scripts/speed.js";

const read = () => new Model(JSON.parse(readFileSync(new URL("recording.json", import.meta.url), "utf-8")));

test("a difference keeps the lines of both texts in their order", () => {
  const texts = ["", "a", "b", "c a b", "a b c d e", "a x c d y e", "e d c b a", "a a b a"].map((text) => text.split(" "));
  for (const before of texts)
    for (const after of texts) {
      const difference = lineDiff(before, after);
      const without = (change) => difference.filter((line) => line.change !== change).map((line) => line.text);
      assert.deepEqual(without("added"), before);
      assert.deepEqual(without("removed"), after);
    }
});

test("a difference changes no more than it has to", () => {
  const changes = lineDiff("a b c d e".split(" "), "a x c d y e".split(" ")).map((line) => line.change);
  assert.deepEqual(changes, ["same", "removed", "added", "same", "same", "added", "same"]);
});

test("texts that are too long for the table are replaced in one piece", () => {
  const [before, after] = ["a", "b"].map((letter) => Array.from({ length: 2100 }, (_, index) => letter + index));
  const difference = lineDiff(["same", ...before], ["same", ...after]);
  assert.equal(difference.length, 4201);
  assert.equal(difference[0].change, "same");
});

test("which version was inlined at a moment", () => {
  const model = read();
  assert.deepEqual(inliners(model, 10), []);
  assert.deepEqual(inliners(model, 30), [{ symbol: "total.for", version: 1, inlined: [{ symbol: "square", version: 1 }] }]);
  assert.deepEqual(inliners(model, 55), []);
  assert.deepEqual(inliners(model, 80)[0].inlined, [{ symbol: "square", version: 2 }]);
});

test("a redefinition knows what it deoptimized, and the cost once that is known", () => {
  const model = read();
  assert.deepEqual(redefinitions(model, 40), []);
  const [known] = redefinitions(model, 60);
  assert.deepEqual(known.deoptimized, [{ symbol: "total.for", time: 50, back: null, cost: null }]);
  const [later] = redefinitions(model, 80);
  assert.deepEqual(later.deoptimized, [{ symbol: "total.for", time: 50, back: 70, cost: 7.5 }]);
});

test("runs per millisecond, within a version", () => {
  const found = rates(read(), "square");
  assert.deepEqual(found.map((each) => each.rate), [500, 500, 1000]);
  assert.equal(rateAt(found, 55), 1000);
  assert.equal(rateAt(found, 30), null);
  assert.deepEqual([lastCounted(found, 30), lastCounted(found, 5)], [10, null]);
});

test("shares of time up to a moment", () => {
  const model = read();
  assert.deepEqual(shares(model, 19.5).shares, [{ symbol: "total.for", tier: "O0", count: 16, part: 1 }]);
  assert.equal(shares(model, 100).shares[0].tier, "O3");
  assert.equal(shares(model, 100).whole, true);
  assert.equal(shares(model, 1).total, 0);
  model.recording.samples.times = [];
  assert.equal(shares(model, 19.5).whole, true);
  model.recording.samples = null;
  assert.deepEqual(shares(model, 5).shares, []);
});

test("a line of source in pieces, each of its innermost unit", () => {
  const lines = sourceLines(read(), 0);
  assert.equal(lines.length, 7);
  assert.deepEqual(lines[4].pieces.map((piece) => [piece.text, piece.span?.symbol ?? null]),
    [["    (", "total"], ["for i = 1, i < n in sum = sum + square(i)", "total.for"], [") : sum", "total"]]);
  assert.deepEqual(lines[1].begins.map((span) => [span.symbol, span.version]), [["square", 1]]);
  for (const [index, text] of read().recording.sources[0].text.split("\n").slice(0, -1).entries())
    assert.equal(lines[index].pieces.map((piece) => piece.text).join(""), text);
});

test("a place outside its source does no harm", () => {
  const model = read();
  model.bySymbol.get("total").versions[0].place = { source: 0, start: [6, 90], end: [99, 1] };
  assert.equal(sourceLines(model, 0).length, 7);
  assert.deepEqual(sourceLines(model, 7).map((line) => line.pieces), [[]]);
});

test("numbers as text", () => {
  assert.deepEqual([0, 0.456, 12.34, 1234.5, 12_345].map(milliseconds), ["0 ms", "0.46 ms", "12.3 ms", "1,235 ms", "12.3 s"]);
  assert.deepEqual([999, 9999, 12_345, 3_210_000].map(short), ["999", "9,999", "12.3k", "3.2M"]);
  assert.deepEqual([runsText(1, "calls"), runsText(2, "iterations"), runsText(3, "none")], ["1 call", "2 iterations", "3 runs"]);
  assert.deepEqual([list([]), list(["a"]), list(["a", "b", "c"]), list([..."abcdefg"], 3)], ["", "a", "a, b and c", "a, b and 5 more"]);
  assert.deepEqual([tickDistance(100, 10), tickDistance(99, 5), tickDistance(0.3, 4)].map((each) => Number(each.toFixed(6))), [10, 20, 0.1]);
});
