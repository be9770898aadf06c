// The results and the output of the program, in order.

/** Entries that the page keeps: more would make it slow. */
const MOST = 2000;

/** Characters of output in one element. */
const LONGEST = 50_000;

const KINDS = { value: "value", output: "output", notice: "notice", line: "line" };

class Transcript {
  /** @param {HTMLElement} element  @param {(start: [number, number], end: [number, number]) => void} select */
  constructor(element, select) {
    Object.assign(this, { element, select });
  }

  clear() {
    this.element.replaceChildren();
  }

  /** @param {any} entry  as the workbench sends it */
  add(entry) {
    const atEnd = this.element.scrollHeight - this.element.scrollTop - this.element.clientHeight < 40;
    const last = this.element.lastElementChild;
    // A piece of output continues the line that the last piece has left.
    if (entry.kind === "output" && !entry.left_out && last?.matches(".entry-output") && last.textContent.length < LONGEST) {
      last.append(entry.text);
    } else {
      this.element.append(...this.nodes(entry));
    }
    while (this.element.childElementCount > MOST) this.element.firstElementChild.remove();
    if (atEnd) this.element.scrollTop = this.element.scrollHeight;
  }

  *nodes(entry) {
    if (entry.left_out) yield block("notice", `… ${entry.left_out.toLocaleString("en")} characters of output are left out`);
    if (entry.kind !== "error") {
      yield block(KINDS[entry.kind], entry.text);
      return;
    }
    for (const problem of entry.problems) yield this.problem(problem);
  }

  problem(problem) {
    const place = problem.start ? `${problem.name}:${problem.start[0]}:${problem.start[1]}: ` : "";
    const details = [problem.label, problem.hint].filter(Boolean).join(". ");
    const node = block("error", `error: ${place}${problem.title}${details ? ` (${details})` : ""}`);
    if (problem.start && problem.name === "program.kal") {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = "show";
      button.addEventListener("click", () => this.select(problem.start, problem.end));
      node.append(" ", button);
    }
    return node;
  }
}

function block(kind, text) {
  const node = document.createElement("div");
  node.className = `entry entry-${kind}`;
  node.textContent = text;
  return node;
}
