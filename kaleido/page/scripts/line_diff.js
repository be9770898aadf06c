// The difference of two texts, line by line: a longest common subsequence, after equal beginnings and ends are set aside.

/** @typedef {{text: string, change: "same"|"added"|"removed"}} DiffLine */

/** Above this many pairs of lines the middle is replaced in one piece: the table would not fit a frame's time. */
const MOST_PAIRS = 4_000_000;

/** The lines of both texts in one order; those that stay, in the order that both have.
 * @param {string[]} before
 * @param {string[]} after
 * @returns {DiffLine[]} */
export function lineDiff(before, after) {
  let head = 0;
  while (head < before.length && head < after.length && before[head] === after[head]) head++;
  let tail = 0;
  const most = Math.min(before.length, after.length) - head;
  while (tail < most && before[before.length - 1 - tail] === after[after.length - 1 - tail]) tail++;
  const [old, fresh] = [before.slice(head, before.length - tail), after.slice(head, after.length - tail)];
  return [
    ...marked(before.slice(0, head), "same"),
    ...middle(old, fresh),
    ...marked(before.slice(before.length - tail), "same"),
  ];
}

/** @returns {DiffLine[]} */
function marked(lines, change) {
  return lines.map((text) => ({ text, change }));
}

function middle(old, fresh) {
  if (old.length * fresh.length > MOST_PAIRS) return [...marked(old, "removed"), ...marked(fresh, "added")];
  const common = commonLengths(old, fresh);
  const found = [];
  let [i, j] = [0, 0];
  while (i < old.length || j < fresh.length) {
    if (i < old.length && j < fresh.length && old[i] === fresh[j]) {
      found.push({ text: old[i], change: "same" });
      i++;
      j++;
    } else if (j >= fresh.length || (i < old.length && common[i + 1][j] >= common[i][j + 1])) {
      found.push({ text: old[i++], change: "removed" });
    } else {
      found.push({ text: fresh[j++], change: "added" });
    }
  }
  return found;
}

/** For each pair of suffixes, how many lines they have in common, in order. */
function commonLengths(old, fresh) {
  const table = Array.from({ length: old.length + 1 }, () => new Uint16Array(fresh.length + 1));
  for (let i = old.length - 1; i >= 0; i--)
    for (let j = fresh.length - 1; j >= 0; j--)
      table[i][j] = old[i] === fresh[j] ? table[i + 1][j + 1] + 1 : Math.max(table[i + 1][j], table[i][j + 1]);
  return table;
}
