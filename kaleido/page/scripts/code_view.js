// The code of the selected unit: IR or machine code, at -O0 and at -O3, with the lines of source it was made from.

import { inliners } from "./dependencies.js";
import { absent, element } from "./elements.js";
import { integer, list, milliseconds, tierLabel } from "./format.js";
import { inlinings } from "./lanes.js";
import { Listing } from "./listing.js";
import { PassSlider } from "./pass_slider.js";

/** The columns for both tiers, and the switch between IR and machine code.
 * @param {import("./state.js").State} state
 * @param {HTMLElement} baseline
 * @param {HTMLElement} optimized */
export function codeViews(state, baseline, optimized) {
  const columns = [new CodeColumn(state, baseline, "O0"), new CodeColumn(state, optimized, "O3")];
  const choose = (form) => columns.forEach((column) => column.choose(form));
  for (const column of columns) column.onChoice = choose;
  return columns;
}

class CodeColumn {
  /** @param {import("./state.js").State} state
   * @param {HTMLElement} root
   * @param {"O0"|"O3"} tier */
  constructor(state, root, tier) {
    this.state = state;
    this.tier = tier;
    /** @type {"ir"|"assembly"} */
    this.form = "ir";
    /** Told of a choice of the form, which is that of both columns. */
    this.onChoice = (form) => this.choose(form);
    /** @type {import("./model.js").Code|null} */
    this._shown = null;
    this._key = null;
    this._buttons = ["ir", "assembly"].map((form) => element("button", {
      type: "button", "data-form": form, "aria-pressed": String(form === "ir"), onclick: () => this.onChoice(form),
    }, form === "ir" ? "LLVM IR" : "machine code"));
    this._status = element("p", { class: "code-status" });
    this._passes = new PassSlider((pass) => this._showPass(pass));
    this._listing = new Listing(`Code at -${tier}`);
    root.append(element("div", { class: "controls" }, element("span", { class: "segmented", role: "group", "aria-label": "Form of the code" }, ...this._buttons)),
      this._status, this._passes.root, this._listing.root);
    state.show((changes) => this._show(changes));
  }

  /** @param {"ir"|"assembly"} form */
  choose(form) {
    this.form = form;
    for (const button of this._buttons) button.setAttribute("aria-pressed", String(button.dataset.form === form));
    this._key = null;
    this._show(new Set(["data"]));
  }

  _show(changes) {
    if (!changes.has("moment") && !changes.has("data") && !changes.has("selected")) return;
    const code = this._code();
    this._status.replaceChildren(...this._statusOf(code));
    const view = code === null ? null : this._viewOf(code);
    // A live session replaces the unit, with the same code in it.
    const key = JSON.stringify([this.state.selected, code?.began, code?.from, view !== null]);
    if (this._key === key) return;
    [this._key, this._shown, this._view] = [key, code, view];
    this._passes.open(this.form === "ir" ? this._view?.passes ?? [] : []);
    this._showPass(null);
  }

  /** The view of a code, if the recording has it. That of code in use is asked for otherwise, and shown when it comes.
   * @param {import("./model.js").Code} code */
  _viewOf(code) {
    const { model, selected, askCode } = this.state;
    if (code.view !== null) return model.recording.views[code.view] ?? null;
    const key = JSON.stringify([selected, code.tier, code.began]);
    if (askCode !== null && code.until === null && !model.askedViews.has(key)) {
      model.askedViews.set(key, null);
      askCode(selected, code.tier).then((found) => {
        if (found?.began !== code.began) return;
        model.askedViews.set(key, found.view);
        this.state.changed("data");
      });
    }
    return model.askedViews.get(key) ?? null;
  }

  /** The code that the unit has at the moment, or will have: it is shown before it comes, to compare. */
  _code() {
    const { model, selected, moment } = this.state;
    const now = model.codeAt(selected, moment, this.tier);
    const codes = (model.bySymbol.get(selected)?.versions ?? []).flatMap((version) => version.codes);
    return now ?? codes.find((code) => code.tier === this.tier && (code.from ?? 0) > moment) ?? null;
  }

  _statusOf(code) {
    const { model, selected, moment } = this.state;
    if (selected === null) return [];
    if (code === null) return [`\u200b${model.name(selected)} has no code at -${this.tier}${this._never()}.`];
    const inlined = code.inlined.map(([symbol]) => model.name(symbol));
    const size = code.size ? ` · ${integer(code.size)} bytes${code.address ? ` at ${code.address}` : ""}` : "";
    const text = `${size}${inlined.length > 0 ? ` · inlined: ${list(inlined, 8)}` : ""}`;
    if (code.from === null || code.from > moment) return [this._jump(code.from), text];
    const running = model.runningCode(selected, moment) === code;
    const callers = running && this.tier === "O0" ? inliners(model, moment).filter((each) => each.inlined.some((one) => one.symbol === selected)) : [];
    if (callers.length > 0) return [`for calls from elsewhere: inlined in ${list(callers.map((each) => model.name(each.symbol)))}${text}`];
    const ended = code.until !== null && code.until <= moment ? `out of use since ${milliseconds(code.until)}` : "kept for a deoptimization";
    return [element("strong", { class: running ? `tier-${this.tier}` : "" }, running ? "runs now" : ended), text];
  }

  _never() {
    const { model, selected } = this.state;
    const wasHot = model.eventsOf(selected).some((event) => event.kind === "hot");
    return this.tier === "O3" && !wasHot ? ": it was never hot" : "";
  }

  _jump(time) {
    if (time === null) return "compiled, never used";
    return element("button", { type: "button", class: "unit-link", onclick: () => this.state.goTo(time) }, `comes at ${milliseconds(time)}`);
  }

  /** @param {number|null} pass the number of the pass whose difference is shown; the finished code if null */
  _showPass(pass) {
    const view = this._view;
    if (view === null || view === undefined) this._listing.say(absent(this._missing()));
    else if (pass === null) this._listing.open(view[this.form] ?? [], view[`${this.form}_lines`] ?? [], (symbol) => this.state.model.name(symbol));
    else this._listing.openDifference(this._passes.difference(pass));
  }

  _missing() {
    const callers = this.tier === "O3" ? inlinings(this.state.model).get(this.state.selected)?.flatMap((each) => each.into) ?? [] : [];
    if (this._shown === null && callers.length > 0) return `It has no ${tierLabel("O3")} code of its own: it is inlined in that of ${list(callers.map((symbol) => `\`${this.state.model.name(symbol)}\``))}.`;
    if (this._shown === null) return this.state.selected === null ? "No unit is selected." : `There is no ${tierLabel(this.tier)} code to show.`;
    if (this.state.askCode !== null) return this._shown.until === null ? "The code will come." : "The text of code that is out of use is not kept here.";
    return "The text of this code was not recorded: a recording has that of the units that matter most, or none.";
  }
}
