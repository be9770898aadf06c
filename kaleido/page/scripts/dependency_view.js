// Dependencies at the moment: which -O3 code has which version inlined; what a redefinition took out of use.

import { inliners, redefinitions } from "./dependencies.js";
import { absent, badge, element, unitButton } from "./elements.js";
import { milliseconds } from "./format.js";

export class DependencyView {
  /** @param {import("./state.js").State} state
   * @param {HTMLElement} root */
  constructor(state, root) {
    this.state = state;
    this._chosen = null;
    this._inliners = element("div", {});
    this._redefinitions = element("div", {});
    root.append(this._inliners, element("h3", {}, "Redefinitions"), this._redefinitions);
    state.show((changes) => {
      if (changes.has("moment") || changes.has("data") || changes.has("selected")) this._show();
    });
  }

  _show() {
    const key = JSON.stringify([inliners(this.state.model, this.state.moment), redefinitions(this.state.model, this.state.moment), this._chosen, this.state.selected]);
    if (key === this._key) return;
    this._key = key;
    const focused = document.activeElement?.dataset?.redefinition;
    this._inliners.replaceChildren(this._tree(inliners(this.state.model, this.state.moment)));
    this._redefinitions.replaceChildren(this._list(redefinitions(this.state.model, this.state.moment)));
    if (focused !== undefined) this._redefinitions.querySelector(`[data-redefinition="${CSS.escape(focused)}"]`)?.focus();
  }

  _tree(found) {
    if (found.length === 0) return absent("No -O3 code has another unit inlined at this moment.");
    const shown = found.slice(0, MOST).map((each) => element("li", {},
      badge("O3", "● "), unitButton(this.state, each.symbol, this._versionText(each.symbol, each.version)),
      element("span", { class: "branch", "aria-hidden": true }, " ⤶ "), element("ul", {}, ...each.inlined.map((one) => this._inlined(one)))));
    const rest = found.length > MOST ? [absent(`${found.length - MOST} more are in the table of units.`)] : [];
    return element("div", {}, element("ul", { class: "tree" }, ...shown), ...rest);
  }

  _inlined({ symbol, version }) {
    const mark = symbol === this.state.selected ? "selected" : "";
    return element("li", { class: mark }, unitButton(this.state, symbol, this._versionText(symbol, version)));
  }

  _versionText(symbol, version) {
    return (this.state.model.bySymbol.get(symbol)?.versions.length ?? 1) > 1 ? ` v${version}` : "";
  }

  _list(found) {
    if (found.length === 0) return absent("Nothing was redefined up to this moment.");
    return element("ul", { class: "redefinitions" }, ...found.slice(-MOST).reverse().map((each) => this._redefinition(each)));
  }

  _redefinition(each) {
    const key = `${each.symbol} ${each.version}`;
    const open = this._chosen === key;
    const button = element("button", {
      type: "button", class: "redefinition", "data-redefinition": key, "aria-expanded": String(open),
      onclick: () => this._choose(key, each),
    }, `${this.state.model.name(each.symbol)} v${each.version} at ${milliseconds(each.time)}`, element("span", { class: "consequences" }, effect(each)));
    return element("li", {}, button, ...(open ? [this._consequences(each)] : []));
  }

  _choose(key, each) {
    this._chosen = this._chosen === key ? null : key;
    this._key = null;
    this.state.select(each.symbol);
    if (this._chosen !== null && this.state.moment < each.time) this.state.goTo(each.time);
  }

  _consequences({ deoptimized }) {
    if (deoptimized.length === 0) return absent("No -O3 code had inlined the version before: nothing else changed.");
    return element("table", {}, element("caption", {}, "Taken out of use"),
      element("thead", {}, row("th", "unit", "back at -O3", "recompiling took")),
      element("tbody", {}, ...deoptimized.map((each) => element("tr", {},
        element("td", {}, unitButton(this.state, each.symbol)),
        element("td", {}, each.back === null ? "not yet" : `${milliseconds(each.back - each.time)} later`),
        element("td", {}, each.cost === null ? "–" : milliseconds(each.cost))))));
  }
}

/** How many entries a list has at most. */
const MOST = 40;

function effect({ deoptimized }) {
  if (deoptimized.length === 0) return "deoptimized nothing";
  const cost = deoptimized.reduce((sum, each) => sum + (each.cost ?? 0), 0);
  return `✕ ${deoptimized.length} deoptimized${cost > 0 ? `, ${milliseconds(cost)} to recompile` : ""}`;
}

function row(cell, ...texts) {
  return element("tr", {}, ...texts.map((text) => element(cell, { scope: "col" }, text)));
}
