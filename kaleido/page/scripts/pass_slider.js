// A slider over the passes that changed something.

import { element } from "./elements.js";
import { lineDiff } from "./line_diff.js";

/** @typedef {{name: string, function: string, ir: string[], assembly: string[]|null}} Pass */

export class PassSlider {
  /** @param {(pass: number|null) => void} onChange told of the pass to show, null for the finished code */
  constructor(onChange) {
    /** @type {Pass[]} */
    this._passes = [];
    this._slider = element("input", { type: "range", min: 0, step: 1, "aria-label": "Pass" });
    this._name = element("output", { class: "pass-name" });
    this.root = element("div", { class: "passes", hidden: true }, this._slider, this._name);
    this._slider.addEventListener("input", () => {
      this._label();
      onChange(this._number());
    });
  }

  /** @param {Pass[]} passes */
  open(passes) {
    this._passes = passes;
    this.root.hidden = passes.length === 0;
    this._slider.max = String(passes.length);
    this._slider.value = String(passes.length);
    this._label();
  }

  _number() {
    const number = Number(this._slider.value);
    return number >= this._passes.length ? null : number;
  }

  _label() {
    const number = this._number();
    const pass = number === null ? null : this._passes[number];
    const text = pass === null ? `finished, after ${this._passes.length} passes that changed something`
      : `${number + 1} of ${this._passes.length}: ${pass.name}${pass.function ? ` on ${pass.function}` : ""}`;
    this._name.textContent = text;
    this._slider.setAttribute("aria-valuetext", text);
  }

  /** What a pass changed: the lines after it, compared with those before it, of the same function.
   * @param {number} number
   * @returns {import("./line_diff.js").DiffLine[]} */
  difference(number) {
    const pass = this._passes[number];
    const before = this._passes.slice(0, number).findLast((each) => each.function === pass.function);
    // An entry without lines says only that there were more passes.
    const after = textOfPass(pass).length > 0 ? pass : before ?? pass;
    return lineDiff(textOfPass(before ?? pass), textOfPass(after));
  }
}

function textOfPass(pass) {
  return pass.assembly ?? pass.ir ?? [];
}
