// Lines of source, IR and machine code that belong together light up together, under the pointer and at the cursor.

/** @param {HTMLElement} root that has all listings */
export function linkLines(root) {
  let lit = "";
  const light = (place) => {
    if (place === lit) return;
    for (const line of root.querySelectorAll(".line.lit")) line.classList.remove("lit");
    lit = place;
    if (place !== "") for (const line of linesOf(root, place)) line.classList.add("lit");
  };
  root.addEventListener("mouseover", (event) => light(placeAt(event.target)));
  root.addEventListener("mouseleave", () => light(""));
  root.addEventListener("focusin", (event) => light(placeAt(event.target)));
  root.addEventListener("line-cursor", (event) => light(placeAt(event.target)));
  root.addEventListener("click", (event) => reveal(root, event.target));
}

function placeAt(target) {
  return target.closest(".line")?.dataset.line ?? "";
}

function linesOf(root, place) {
  return root.querySelectorAll(`.line[data-line="${CSS.escape(place)}"]`);
}

/** Scroll each other listing to its first line of the same place; the page itself stays where it is. */
function reveal(root, target) {
  const [place, own] = [placeAt(target), target.closest(".listing")];
  if (place === "" || own === null) return;
  for (const listing of root.querySelectorAll(".listing")) {
    const line = listing === own ? null : linesOf(listing, place)[0];
    if (line) scrollWithin(listing, line);
  }
}

/** @param {HTMLElement} listing
 * @param {HTMLElement} line */
export function scrollWithin(listing, line) {
  const [box, inner] = [listing.getBoundingClientRect(), line.getBoundingClientRect()];
  if (inner.top < box.top || inner.bottom > box.bottom) listing.scrollTop += inner.top - box.top - box.height / 3;
}
