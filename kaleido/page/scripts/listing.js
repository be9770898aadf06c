// A listing of IR or machine code. Lines know the line of source that they were made from.

import { element } from "./elements.js";
import { scrollWithin } from "./line_links.js";

export class Listing {
  /** @param {string} label */
  constructor(label) {
    this.root = element("div", { class: "listing code", role: "listbox", tabindex: 0, "aria-label": label });
    this._id = label.replace(/\W+/g, "-");
    this._cursor = -1;
    this.root.addEventListener("keydown", (event) => this._onKey(event));
    this.root.addEventListener("click", (event) => this._moveTo(this._lines().indexOf(event.target.closest(".line"))));
  }

  /** @param {Node} message */
  say(message) {
    this._lay([message]);
    // A listbox has options.
    this.root.setAttribute("role", "group");
  }

  /** @param {string[]} lines
   * @param {(Array|null)[]} places of the lines in the source
   * @param {(symbol: string) => string} name of a symbol */
  open(lines, places, name) {
    let inlinedFrom = null;
    this._lay(lines.map((text, index) => {
      const place = places[index] ?? null;
      const from = place?.[3] ?? null;
      const chip = from !== null && from !== inlinedFrom ? [element("span", { class: "chip" }, `⤷ ${name(from)}`)] : [];
      inlinedFrom = place === null ? inlinedFrom : from;
      return this._line(text, place, from === null ? "" : " inlined", chip);
    }));
  }

  /** @param {import("./line_diff.js").DiffLine[]} difference */
  openDifference(difference) {
    const anchor = this._anchor();
    const signs = { same: " ", added: "+", removed: "−" };
    this._lay(difference.map(({ text, change }) => {
      const line = this._line(text, null, ` ${change}`, []);
      line.firstChild.textContent = signs[change];
      return line;
    }));
    this._restore(anchor);
  }

  _lay(children) {
    this.root.setAttribute("role", "listbox");
    this.root.removeAttribute("aria-activedescendant");
    this._cursor = -1;
    this.root.replaceChildren(...children);
  }

  _line(text, place, more, chip) {
    const label = /^\S.*:\s*(;.*)?$/.test(text) && !text.startsWith("define") ? " label" : "";
    return element("div", { class: `line${more}${label}`, role: "option", "data-line": place === null ? null : `${place[0]}:${place[1]}` },
      element("span", { class: "number" }, place === null ? "" : String(place[1])),
      element("span", { class: "text" }, text || " "), ...chip);
  }

  /** @returns {HTMLElement[]} */
  _lines() {
    return [...this.root.querySelectorAll(".line")];
  }

  _onKey(event) {
    const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    this._moveTo(Math.min(Math.max(this._cursor + step, 0), this._lines().length - 1));
  }

  _moveTo(index) {
    const line = this._lines()[index];
    if (line === undefined) return;
    this.root.querySelector(".cursor")?.classList.remove("cursor");
    this.root.querySelector("[aria-selected]")?.removeAttribute("aria-selected");
    Object.assign(line, { id: `${this._id}-cursor` });
    this._lines()[this._cursor]?.removeAttribute("id");
    this._cursor = index;
    line.id = `${this._id}-cursor`;
    line.classList.add("cursor");
    line.setAttribute("aria-selected", "true");
    this.root.setAttribute("aria-activedescendant", line.id);
    scrollWithin(this.root, line);
    line.dispatchEvent(new CustomEvent("line-cursor", { bubbles: true }));
  }

  /** The first line in sight that stays, and where it is; so that it can be put there again. */
  _anchor() {
    const top = this.root.getBoundingClientRect().top;
    const lines = this._lines();
    const index = lines.findIndex((line) => line.getBoundingClientRect().top >= top && !line.matches(".removed"));
    if (index < 0) return null;
    return { text: textOf(lines[index]), index, distance: lines[index].getBoundingClientRect().top - top };
  }

  _restore(anchor) {
    if (anchor === null) return;
    const lines = this._lines();
    const same = lines.filter((line) => textOf(line) === anchor.text);
    const closest = same.sort((one, other) =>
      Math.abs(lines.indexOf(one) - anchor.index) - Math.abs(lines.indexOf(other) - anchor.index))[0];
    if (closest === undefined) return;
    this.root.scrollTop += closest.getBoundingClientRect().top - this.root.getBoundingClientRect().top - anchor.distance;
  }
}

function textOf(line) {
  return line.querySelector(".text").textContent;
}
