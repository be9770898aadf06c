// What the page shows: a moment and a unit. Views are told of every change, once in a frame.

/** @typedef {Set<"moment"|"selected"|"data"|"size"|"window"|"reset">} Changes */
/** @typedef {(symbol: string, tier: string) => Promise<{began: number, view: object}|null>} AskCode */

export class State {
  /** @param {import("./model.js").Model} model
   * @param {boolean} live
   * @param {AskCode|null} askCode */
  constructor(model, live, askCode = null) {
    this.model = model;
    this.live = live;
    this.askCode = askCode;
    this.moment = model.length;
    /** @type {string|null} */
    this.selected = null;
    /** The part of time that the timeline shows: from, until. */
    this.window = [0, model.length];
    this._views = [];
    /** @type {Changes} */
    this._changes = new Set();
  }

  /** @param {(changes: Changes) => void} view called once at once, with all changes */
  show(view) {
    this._views.push(view);
    view(new Set(["moment", "selected", "data", "size", "window"]));
  }

  /** @param {number} time in milliseconds; brought into the recording's length, and into the timeline's window */
  goTo(time) {
    this.moment = Math.min(Math.max(time, 0), this.model.length);
    const [from, until] = this.window;
    if (this.moment < from || this.moment > until) this.zoom(this.moment, until - from);
    this.changed("moment");
  }

  /** @param {string} symbol */
  select(symbol) {
    if (!this.model.bySymbol.has(symbol)) return;
    this.selected = symbol;
    this.changed("selected");
  }

  /** Show a part of time in the timeline.
   * @param {number} center
   * @param {number} length */
  zoom(center, length) {
    const whole = this.model.length;
    const shown = Math.min(whole, Math.max(length, Math.min(0.5, whole)));
    const from = Math.min(Math.max(center - shown / 2, 0), whole - shown);
    this.window = [from, from + shown];
    this.changed("window");
  }

  /** The moment of the next told event, or the previous one; the beginning or end where there is none.
   * @param {1|-1} direction */
  goToEvent(direction) {
    const story = this.model.story;
    const next = direction > 0
      ? story.find((event) => event.time > this.moment + 1e-6)
      : story.findLast((event) => event.time < this.moment - 1e-6);
    if (next !== undefined) this.select(next.symbol);
    this.goTo(next?.time ?? (direction > 0 ? this.model.length : 0));
  }

  /** Take what a live session reports. A page that shows the end follows it.
   * @param {object} changes */
  update(changes) {
    const [atEnd, whole] = [this.moment >= this.model.length, this.window[1] - this.window[0] >= this.model.length];
    this.model.merge(changes);
    if (whole) this.window = [0, this.model.length];
    if (atEnd) this.moment = this.model.length;
    this.moment = Math.min(this.moment, this.model.length);
    this.changed("data");
  }

  /** Show another recording, from its end.
   * @param {import("./model.js").Model} model */
  replace(model) {
    this.model = model;
    this.moment = model.length;
    this.window = [0, model.length];
    if (!model.bySymbol.has(this.selected)) this.selected = null;
    this.changed("reset");
    this.changed("data");
  }

  /** @param {"moment"|"selected"|"data"|"size"|"window"|"reset"} what */
  changed(what) {
    if (this._changes.size === 0) requestAnimationFrame(() => this._tell());
    this._changes.add(what);
  }

  _tell() {
    const changes = this._changes;
    this._changes = new Set();
    for (const view of this._views) view(changes);
  }
}
