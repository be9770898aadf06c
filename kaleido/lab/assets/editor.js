// A text area with highlighting: the text is drawn a second time, in color, under the transparent text area.
// So the browser does the editing: selection, undo, input methods, screen readers.

/** @typedef {{title: string, label?: string, hint?: string, start?: [number, number], end?: [number, number]}} Problem */
/** @typedef {[string, string]} Token  characters and kind */

/** Milliseconds without a key after which a text is checked. */
const PAUSE = 120;

/**
 * The tokens of the text before an edit, adapted to the text after it: what was changed has no color until the check.
 * @param {Token[]} tokens  of the old text
 * @param {string} old
 * @param {string} text
 * @returns {Token[]}
 */
function adapt(tokens, old, text) {
  const shorter = Math.min(old.length, text.length);
  let before = 0;
  while (before < shorter && old[before] === text[before]) before++;
  let after = 0;
  while (after < shorter - before && old[old.length - 1 - after] === text[text.length - 1 - after]) after++;
  return [
    ...clip(tokens, 0, before),
    [text.slice(before, text.length - after), ""],
    ...clip(tokens, old.length - after, old.length),
  ];
}

/**
 * The parts of tokens between two offsets.
 * @param {Token[]} tokens
 * @param {number} start
 * @param {number} end
 * @returns {Token[]}
 */
function clip(tokens, start, end) {
  const clipped = [];
  let offset = 0;
  for (const [text, kind] of tokens) {
    const part = text.slice(Math.max(start - offset, 0), Math.max(end - offset, 0));
    if (part) clipped.push([part, kind]);
    offset += text.length;
  }
  return clipped;
}

/**
 * The offset of a line and column in a text, both from 1. Columns count characters, not UTF-16 units.
 * @param {string} text
 * @param {[number, number]} place
 */
function offsetOf(text, [line, column]) {
  const lines = text.split(/\r\n|\r|\n/);
  let offset = 0;
  for (let number = 1; number < line; number++) offset += lines[number - 1].length + 1;
  return offset + [...(lines[line - 1] ?? "")].slice(0, column - 1).join("").length;
}

class Editor {
  /**
   * @param {HTMLTextAreaElement} area
   * @param {HTMLElement} drawn
   * @param {HTMLElement} list  of problems
   * @param {(text: string) => Promise<{tokens: Token[], problems: Problem[]} | null>} check
   */
  constructor(area, drawn, list, check) {
    Object.assign(this, { area, drawn, list, check, tokens: [], old: "", problems: [], timer: 0 });
    area.addEventListener("input", () => this.changed());
    area.addEventListener("scroll", () => this.follow());
    area.addEventListener("keydown", (event) => this.keyPressed(event));
  }

  get text() {
    return this.area.value;
  }

  /** @param {string} text */
  set text(text) {
    this.area.value = text;
    this.changed();
  }

  changed() {
    this.tokens = adapt(this.tokens, this.old, this.text);
    this.old = this.text;
    this.problems = [];
    this.draw();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.inspect(), PAUSE);
  }

  async inspect() {
    const text = this.text;
    const found = await this.check(text);
    if (!found || text !== this.text) return;
    this.tokens = found.tokens.length ? found.tokens : [[text, ""]];
    this.problems = found.problems;
    this.draw();
    this.listProblems();
  }

  draw() {
    const marks = this.problems.filter((each) => each.start).map((each) => {
      const start = offsetOf(this.text, each.start);
      return [start, Math.max(offsetOf(this.text, each.end), start + 1)];
    });
    const pieces = document.createDocumentFragment();
    let offset = 0;
    for (const [text, kind] of this.tokens) {
      for (const [part, marked] of split(text, offset, marks)) pieces.append(piece(part, kind, marked));
      offset += text.length;
    }
    // A text area shows an empty line after a final line end.
    pieces.append("\n");
    this.drawn.replaceChildren(pieces);
    this.follow();
  }

  listProblems() {
    const items = this.problems.map((each) => {
      const item = document.createElement("li");
      const button = document.createElement("button");
      button.type = "button";
      const place = each.start ? `${each.start[0]}:${each.start[1]}: ` : "";
      button.textContent = place + each.title + (each.label ? `, ${each.label}` : "") + (each.hint ? `. ${each.hint}` : "");
      button.addEventListener("click", () => each.start && this.select(each.start, each.end));
      item.append(button);
      return item;
    });
    this.list.replaceChildren(...items);
  }

  /** @param {[number, number]} start  @param {[number, number]} end */
  select(start, end) {
    this.area.focus();
    this.area.setSelectionRange(offsetOf(this.text, start), offsetOf(this.text, end));
  }

  follow() {
    this.drawn.scrollTop = this.area.scrollTop;
    this.drawn.scrollLeft = this.area.scrollLeft;
  }

  /** A new line begins with the indentation of the one before. @param {KeyboardEvent} event */
  keyPressed(event) {
    if (event.key !== "Enter" || event.ctrlKey || event.metaKey || event.isComposing) return;
    const before = this.text.slice(0, this.area.selectionStart);
    const indentation = before.slice(before.lastIndexOf("\n") + 1).match(/^[ \t]*/)[0];
    if (!indentation) return;
    event.preventDefault();
    // The only way that the browser's undo knows.
    document.execCommand("insertText", false, "\n" + indentation);
  }
}

/** The parts of a token that are inside and outside of marked ranges. */
function* split(text, offset, marks) {
  const cuts = new Set([0, text.length]);
  for (const mark of marks) for (const cut of mark) if (cut > offset && cut < offset + text.length) cuts.add(cut - offset);
  const places = [...cuts].sort((a, b) => a - b);
  for (let index = 0; index + 1 < places.length; index++) {
    const start = offset + places[index];
    yield [text.slice(places[index], places[index + 1]), marks.some(([from, to]) => from <= start && start < to)];
  }
}

function piece(text, kind, marked) {
  if (!kind && !marked) return document.createTextNode(text);
  const span = document.createElement("span");
  span.textContent = text;
  span.className = `${kind ? `t-${kind}` : ""} ${marked ? "wrong" : ""}`.trim();
  return span;
}
