// Names and moments in sentences as links: they select the unit, and move the moment.

import { element, unitButton } from "./elements.js";

const TIME = /\b((?:at|from) )([\d,]+(?:\.\d+)? m?s)(?! (?:of|in|before|waiting|compiling|running|loading))/;

/** @param {import("./state.js").State} state
 * @param {HTMLElement} root whose paragraphs are sentences about the recording */
export function linkSentences(state, root) {
  const symbols = new Map(state.model.units.map((unit) => [unit.name, unit.symbol]));
  for (const code of root.querySelectorAll("code")) {
    const symbol = symbols.get(code.textContent);
    if (symbol !== undefined) code.replaceChildren(unitButton(state, symbol));
  }
  for (const paragraph of root.querySelectorAll("p"))
    for (const text of [...paragraph.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE)) text.replaceWith(...linked(state, text.data));
}

function linked(state, text) {
  const found = TIME.exec(text);
  if (found === null) return [text];
  const end = found.index + found[0].length;
  const time = timeOf(state.model, found[2]);
  const link = element("button", { type: "button", class: "unit-link", onclick: () => state.goTo(time) }, found[2]);
  return [text.slice(0, found.index) + found[1], link, ...linked(state, text.slice(end))];
}

/** The moment that a text names: of the event that it was rounded from, as that has happened then.
 * @param {import("./model.js").Model} model
 * @param {string} text */
export function timeOf(model, text) {
  const [number, unit] = text.replaceAll(",", "").split(" ");
  const rounded = Number(number) * (unit === "s" ? 1000 : 1);
  const step = 10 ** -(number.split(".")[1]?.length ?? 0) * (unit === "s" ? 1000 : 1);
  const event = model.story.find((each) => Math.abs(each.time - rounded) <= step * 0.51);
  return event?.time ?? rounded;
}
