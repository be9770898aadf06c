// The model: states, counts and versions at a moment, and the merging of what a live session reports.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { history, lastHappened, tally } from "../scripts/history.js";
import { arrows, compilations, inlinings, lanes, waits } from "../scripts/lanes.js";
import { Model } from "../scripts/model.js";
import { timeOf } from "../scripts/summary_links.js";

const read = () => new Model(JSON.parse(readFileSync(new URL("recording.json", import.meta.url), "utf-8")));

test("the tier of a unit at each moment", () => {
  const model = read();
  const tiers = [0.5, 1, 4, 19.9, 20, 49.9, 50, 69.9, 70, 100].map((time) => model.tierAt("total.for", time));
  assert.deepEqual(tiers, ["none", "none", "O0", "O0", "O3", "O3", "O0", "O0", "O3", "O3"]);
});

test("a redefinition begins without optimized code", () => {
  const model = read();
  assert.equal(model.versionAt("square", 0.5), null);
  assert.equal(model.versionAt("square", 49.9).version, 1);
  assert.equal(model.versionAt("square", 50).version, 2);
  assert.deepEqual([model.tierAt("square", 49.9), model.tierAt("square", 50)], ["O3", "O0"]);
});

test("a removed unit has no version", () => {
  const model = read();
  model.bySymbol.get("total").versions[0].replaced = 30;
  assert.equal(model.versionAt("total", 29)?.version, 1);
  assert.equal(model.versionAt("total", 30), null);
});

test("the segments of a unit have no gaps", () => {
  const segments = read().segments("total.for");
  assert.deepEqual(segments.map((each) => each.tier), ["none", "O0", "O3", "O0", "O3"]);
  assert.deepEqual([segments[0].from, segments.at(-1).until], [1, 100]);
  segments.slice(1).forEach((each, index) => assert.equal(each.from, segments[index].until));
  assert.deepEqual(read().segments("square").map((each) => each.version), [1, 1, 1, 2]);
});

test("counts between two samples lie on a line, and belong to a version", () => {
  const model = read();
  assert.equal(model.runsAt("square", 3), null);
  assert.equal(model.runsAt("square", 5), 500);
  assert.equal(model.runsAt("square", 30), 3000);
  assert.equal(model.runsAt("square", 55), 5000);
  assert.equal(model.runsAt("total", 55), null);
});

test("what a live session reports is added", () => {
  const model = read();
  const [events, units] = [model.recording.events.length, model.units.length];
  model.merge({
    length: 200,
    events: [{ time: 150, kind: "hot", symbol: "new", runs: 1000 }],
    units: [{ ...model.bySymbol.get("total"), name: "renamed" }, { symbol: "new", name: "new", kind: "function", counter: "calls", origin: "program", parent: null, versions: [] }],
    counts: { square: [[160, 2, 20_000]] },
    samples: { total: 97, times: [[100, null, "other"]] },
    advice: [],
  });
  assert.equal(model.length, 200);
  assert.equal(model.recording.events.length, events + 1);
  assert.equal(model.units.length, units + 1);
  assert.equal(model.name("total"), "renamed");
  assert.equal(model.runsAt("square", 170), 20_000);
  assert.equal(model.recording.samples.times.length, 97);
  assert.deepEqual(model.recording.advice, []);
  assert.equal(model.eventsOf("new").length, 1);
  assert.equal(model.segments("total.for").at(-1).until, 200);
});

test("an empty recording has answers, too", () => {
  const model = new Model({});
  assert.equal(model.tierAt("f", 1), "none");
  assert.equal(model.runsAt("f", 1), null);
  assert.equal(model.stubAt("f", 1), null);
  assert.deepEqual(model.segments("f"), []);
  assert.equal(history(model, "f", 1), "");
  assert.equal(lastHappened(model, 1), "Nothing is hot yet.");
});

test("a history is one sentence, up to the moment", () => {
  const model = read();
  assert.equal(history(model, "total.for", 16),
    "`total.for`: defined at 1.0 ms; ○ -O0 from 4.0 ms; hot after 10,000 iterations at 14.0 ms; 14,000 iterations so far at -O0.");
  assert.equal(history(model, "total.for", 30),
    "`total.for`: defined at 1.0 ms; ○ -O0 from 4.0 ms; hot after 10,000 iterations at 14.0 ms; "
    + "● -O3 6.0 ms later, with `square` inlined; 22,000 iterations were counted at -O0.");
  assert.match(history(model, "total.for", 55), /deoptimized at 50\.1 ms, because square has changed/);
  assert.match(history(model, "total.for", 80), /deoptimized once before; hot after .* ● -O3 9\.0 ms later/);
  assert.match(history(model, "square", 60), /^`square`: version 2, defined at 50\.0 ms/);
  assert.match(history(model, "square", 30), /● -O3 4\.0 ms later; inlined in `total\.for` from 20\.0 ms; 3,000 calls were counted/);
  assert.match(history(model, "square", 0.5), /not defined at this moment/);
  model.bySymbol.get("total").versions[0].replaced = 30;
  assert.equal(history(model, "total", 31), "`total` ended at 30.0 ms.");
});

test("a unit that was not hot itself was compiled because of one that was", () => {
  const model = read();
  model.recording.events = model.recording.events.filter((each) => each.kind !== "hot" || each.symbol !== "total.for")
    .map((each) => ({ ...each, ...(each.time === 20 ? { hot_callee: "square" } : {}) }));
  assert.match(history(new Model(model.recording), "total.for", 30), /from 20\.0 ms, because `square` was hot, with `square` inlined/);
});

test("units are counted by state", () => {
  assert.deepEqual(tally(read(), 30), { none: 0, O0: 1, O3: 2, ended: 0 });
  assert.deepEqual(tally(read(), 0), { none: 0, O0: 0, O3: 0, ended: 0 });
  const model = read();
  model.bySymbol.get("total").versions[0].replaced = 30;
  assert.deepEqual(tally(model, 31), { none: 0, O0: 0, O3: 2, ended: 1 });
});

test("lanes are filtered and ordered, without changing the recording", () => {
  const model = read();
  const names = (choice) => lanes(model, { filter: "", order: "interest", prelude: false, ...choice }).map((unit) => unit.name);
  assert.equal(names({})[0], "total.for");
  assert.ok(!names({}).includes("binary:"));
  assert.ok(names({ prelude: true }).includes("binary:"));
  assert.deepEqual(names({ filter: "SQ" }), ["square"]);
  assert.deepEqual(names({ order: "name" }), ["square", "total", "total.for"]);
  assert.deepEqual(names({ order: "hot" }).slice(0, 2), ["square", "total.for"]);
  assert.deepEqual(names({ order: "runs" }).slice(0, 2), ["total.for", "square"]);
  assert.equal(model.units[0].name, "square");
});

test("a batch is one compilation; discarded code is one, too", () => {
  const found = compilations(read());
  assert.deepEqual(found[0].symbols, ["total", "total.for", "binary:"].toSpliced(0, 0, "square"));
  assert.deepEqual(found.filter((each) => !each.isUsed).map((each) => [each.began, each.ended]), [[75, 80]]);
});

test("a hot unit waits until its compilation begins, alone or in a caller, or until the end", () => {
  const model = read();
  const texts = (events) => {
    model.recording.events = [...read().recording.events, ...events];
    return waits(new Model(model.recording), "total").map((each) => [each.from, each.until, each.text]);
  };
  const hot = { time: 85, kind: "hot", symbol: "total", runs: 1000, threshold: 1000 };
  assert.deepEqual(waits(model, "total"), []);
  assert.deepEqual(texts([hot]), [[85, 100, "hot, waited 15.0 ms: the run ended before its compilation"]]);
  const started = { time: 90, kind: "started", symbol: "total.for", tier: "O3", inlined: ["total"] };
  assert.deepEqual(texts([hot, started]), [[85, 90, "hot, waited 5.0 ms"]]);
  const last = compilations(new Model(model.recording)).pop();
  assert.deepEqual([last.began, last.ended, last.isUnfinished, last.symbols], [90, 100, true, ["total.for", "total"]]);
});

test("a unit of the prelude that matters has a lane", () => {
  const model = read();
  model.recording.samples.shares.push({ symbol: "binary:", tier: "O0", count: 1 });
  assert.ok(lanes(model, { filter: "", order: "name", prelude: false }).some((unit) => unit.name === "binary:"));
});

test("a moment in a sentence is that of its event", () => {
  const model = read();
  model.story.push({ time: 82.0371, kind: "swapped", symbol: "total" });
  assert.deepEqual(["82.0 ms", "83.5 ms", "1,234 ms", "12.3 s"].map((text) => timeOf(model, text)), [82.0371, 83.5, 1234, 12_300]);
});

test("when a unit is inlined in the code of others", () => {
  const model = read();
  assert.deepEqual(inlinings(model).get("square"), [
    { from: 20, until: 50, into: ["total.for"] }, { from: 70, until: 100, into: ["total.for"] },
  ]);
  const codes = model.bySymbol.get("total").versions[0].codes;
  codes.push({ ...codes[0], tier: "O3", from: 40, until: 75, inlined: [["square", 1]] });
  assert.deepEqual(inlinings(model).get("square"), [{ from: 20, until: 100, into: ["total.for", "total"] }]);
  assert.equal(inlinings(model).get("total"), undefined);
});

test("arrows lead from hot to compiled to swapped", () => {
  assert.deepEqual(arrows(read(), "total.for").map((each) => [each.hot, each.began, each.swapped]), [[14, 14, 20], [61, 62, 70]]);
});
