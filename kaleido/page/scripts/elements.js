// Making elements. Text only ever becomes text: nothing here parses HTML.

const SVG = "http://www.w3.org/2000/svg";

/** An HTML element. A property that begins with "on" is a listener; `null` and `false` leave an attribute out.
 * @param {string} tag
 * @param {Record<string, unknown>} properties
 * @param {...(Node|string)} children
 * @returns {HTMLElement} */
export function element(tag, properties = {}, ...children) {
  return filled(document.createElement(tag), properties, children);
}

/** An SVG element.
 * @param {string} tag
 * @param {Record<string, unknown>} properties
 * @param {...(Node|string)} children
 * @returns {SVGElement} */
export function shape(tag, properties = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), properties, children);
}

function filled(made, properties, children) {
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value !== null && value !== false && value !== undefined)
      made.setAttribute(name, value === true ? "" : String(value));
  }
  made.append(...children);
  return made;
}

/** Text in which names between backquotes become code, tiers with their marks have their colors, and what is between two
 * asterisks on each side is strong.
 * @param {string} text
 * @returns {Node[]} */
export function prose(text) {
  return text.split(/(^\*\*.+?\*\*|`[^`]+`|(?:[○●] )?-O[03])/).map((piece) => {
    if (/^\*\*.+\*\*$/.test(piece)) return element("strong", {}, piece.slice(2, -2));
    if (/^`.+`$/.test(piece)) return element("code", {}, piece.slice(1, -1));
    const tier = /^([○●] )?-(O[03])$/.exec(piece);
    return tier === null ? document.createTextNode(piece) : badge(tier[1] ? tier[2] : "", piece);
  });
}

/** A paragraph that stands where there is nothing to show, and says why.
 * @param {string} text */
export function absent(text) {
  return element("p", { class: "absent" }, ...prose(text));
}

/** A tier with its mark, in its color; without a mark in that of the text.
 * @param {import("./format.js").Tier|""} tier
 * @param {string} text */
export function badge(tier, text) {
  return element("span", { class: `badge tier-${tier}` }, text);
}

/** A button that names a unit and selects it.
 * @param {import("./state.js").State} state
 * @param {string} symbol
 * @param {string} extra text after the name */
export function unitButton(state, symbol, extra = "") {
  const name = state.model.name(symbol);
  return element("button", { type: "button", class: "unit-link", onclick: () => state.select(symbol) }, name + extra);
}
