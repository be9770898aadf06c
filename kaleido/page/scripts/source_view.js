// The source: each definition and loop in the color of its tier at the moment, its count in the margin.

import { absent, element, prose } from "./elements.js";
import { MARKS, runsText, short, tierLabel } from "./format.js";
import { history } from "./history.js";
import { sourceLines } from "./source_spans.js";

export class SourceView {
  /** @param {import("./state.js").State} state
   * @param {HTMLElement} root */
  constructor(state, root) {
    this.state = state;
    this._choice = element("select", { "aria-label": "Source", onchange: () => this._open(Number(this._choice.value)) });
    this._text = element("div", { class: "listing source", role: "group", tabindex: 0, "aria-label": "Source text" });
    this._history = element("p", { class: "history", role: "status" });
    root.append(element("div", { class: "controls" }, this._choice), this._text, this._history);
    // Not mouseover: text that scrolls under a pointer that rests was not pointed at.
    for (const kind of ["pointermove", "focusin"]) this._text.addEventListener(kind, (event) => this._point(event));
    this._text.addEventListener("scroll", () => this._tell(null), { passive: true });
    this._text.addEventListener("mouseleave", () => this._tell(null));
    this._text.addEventListener("click", (event) => this._select(event));
    state.show((changes) => this._show(changes));
  }

  _show(changes) {
    if (changes.has("data")) this._listSources();
    if (changes.has("data") || changes.has("selected")) this._openSourceOfSelected(changes.has("data"));
    if (changes.has("moment") || changes.has("data") || changes.has("selected")) this._paint();
  }

  _listSources() {
    const sources = this.state.model.recording.sources;
    // A program that was changed is there again, with its new text.
    const earlier = (index) => sources.slice(0, index).filter((source) => source.name === sources[index].name).length;
    this._choice.replaceChildren(...sources.map((source, index) => element("option", { value: index },
      `${source.name}${earlier(index) > 0 ? `, text ${earlier(index) + 1}` : ""}`)));
    this._choice.parentElement.hidden = sources.length < 2;
  }

  /** Show the source that the selected unit was last defined in, unless it is shown already. */
  _openSourceOfSelected(again) {
    const { model, selected, moment } = this.state;
    const versions = model.bySymbol.get(selected)?.versions ?? [];
    const version = model.versionAt(selected, moment) ?? versions[versions.length - 1];
    const source = version?.place?.source ?? this._shown ?? 0;
    if (source !== this._shown || (again && this._content(source) !== this._opened)) this._open(source);
  }

  /** What the lines of a source are made of. A live session changes other things more often. */
  _content(source) {
    const places = this.state.model.units.map((unit) => unit.versions.map((version) => version.place?.source === source && [unit.symbol, version.version, version.place]));
    return JSON.stringify([this.state.model.recording.sources[source]?.text, places]);
  }

  _open(source) {
    this._shown = source;
    this._opened = this._content(source);
    this._choice.value = String(source);
    this._spans = [];
    if (this.state.model.recording.sources.length === 0) {
      this._text.replaceChildren(absent("The recording has no source text."));
      return;
    }
    this._text.replaceChildren(...sourceLines(this.state.model, source).map((line) => this._line(line)));
    this._paint();
  }

  _line(line) {
    const counts = line.begins.map((span) => this._mark(span, element("button", { type: "button", class: "count" })));
    const pieces = line.pieces.map((piece) => piece.span === null ? piece.text
      : this._mark(piece.span, element("span", { class: "piece" }, piece.text)));
    return element("div", { class: "line", "data-line": `${this._shown}:${line.number}` },
      element("span", { class: "counts" }, ...counts),
      element("span", { class: "number", "aria-hidden": true }, String(line.number)),
      element("span", { class: "text" }, ...pieces));
  }

  _mark(span, part) {
    part.dataset.symbol = span.symbol;
    this._spans.push({ part, span });
    return part;
  }

  /** The colors and the counts at the moment. Only what changed is written. */
  _paint() {
    const states = new Map();
    for (const { part, span } of this._spans) {
      const key = `${span.symbol} ${span.version}`;
      if (!states.has(key)) states.set(key, this._stateOf(span));
      const { name, count, label } = states.get(key);
      if (part.tagName === "SPAN") setClass(part, `piece ${name}`);
      else {
        setClass(part, `count ${name}`);
        if (part.textContent !== count) part.textContent = count;
        if (part.title !== label) part.title = label;
        part.setAttribute("aria-label", label);
      }
    }
    this._tell(null);
  }

  _stateOf(span) {
    const { model, moment, selected } = this.state;
    const version = model.versionAt(span.symbol, moment);
    const chosen = span.symbol === selected ? " selected" : "";
    const name = model.name(span.symbol);
    if (version?.version !== span.version) return { name: `not-current${chosen}`, count: "–", label: this._notCurrent(span, name) };
    const [tier, runs] = [model.tierAt(span.symbol, moment), model.runsAt(span.symbol, moment)];
    const counted = runs === null ? "" : `, ${runsText(Math.floor(runs), model.bySymbol.get(span.symbol).counter)}`;
    return {
      name: `tier-${tier}${chosen}`,
      count: `${MARKS[tier]}${runs === null ? "" : ` ${short(Math.floor(runs))}`}`,
      label: `${name}: ${tierLabel(tier)}${counted}`,
    };
  }

  _notCurrent(span, name) {
    const { model, moment } = this.state;
    const version = model.bySymbol.get(span.symbol).versions.find((each) => each.version === span.version);
    return version.defined > moment ? `${name}: not defined yet` : `${name}: version ${span.version} is out of use`;
  }

  _point(event) {
    const symbol = event.target.closest("[data-symbol]")?.dataset.symbol;
    if (symbol !== undefined) this._tell(symbol);
  }

  _select(event) {
    const symbol = event.target.closest("[data-symbol]")?.dataset.symbol;
    if (symbol !== undefined) this.state.select(symbol);
  }

  /** @param {string|null} symbol whose history is told; that of the selected unit if null */
  _tell(symbol) {
    const text = history(this.state.model, symbol ?? this.state.selected ?? "", this.state.moment);
    if (this._history.dataset.text !== text) this._history.replaceChildren(...prose(text));
    this._history.dataset.text = text;
  }
}

function setClass(part, name) {
  if (part.className !== name) part.className = name;
}
