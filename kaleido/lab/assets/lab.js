// The workbench: the editor, the controls, the transcript, and the report's page, fed by the server's messages.


const find = (id) => document.getElementById(id);

/**
 * Send a command. Returns the reply's result; null if it was refused, which is then shown.
 * @param {string} name
 * @param {object} fields
 */
async function command(name, fields = {}) {
  try {
    const response = await fetch("/command", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ do: name, ...fields }),
    });
    if (!response.ok) throw new Error(await response.text());
    const reply = await response.json();
    if (reply.refused) say(reply.refused);
    return reply.result ?? null;
  } catch (error) {
    say(`The server does not answer: ${error.message}`);
    return null;
  }
}

const transcript = new Transcript(find("transcript"), (start, end) => editor.select(start, end));
const editor = new Editor(find("text"), document.querySelector(".editor-text"), find("problems"), (text) =>
  command("check", { text }),
);

let running = false;
let view = null;

function say(text) {
  find("state").textContent = text;
}

/** @param {any} state */
function showState(state) {
  running = state.running;
  find("run").disabled = running;
  find("stop").disabled = !running;
  find("line").disabled = running;
  find("mode").value = state.mode;
  if (document.activeElement !== find("threshold")) find("threshold").value = state.threshold ?? "";
  find("hold").checked = state.held;
  find("step").disabled = !state.held;
  const what = running ? "running" : state.run ? "the program has ended" : "ready";
  const waiting = state.waiting ? `; ● -O3 code of ${state.waiting} waits to be swapped in` : "";
  say(what + waiting);
}

const HANDLERS = {
  state: showState,
  entry: (message) => transcript.add(message.entry),
  // After too many changes at once, they come as a whole recording.
  changes: ({ changes }) => (changes.format ? showRecording(changes) : view?.update(changes)),
  snapshot(message) {
    transcript.clear();
    message.transcript.forEach((entry) => transcript.add(entry));
    showState(message);
    showRecording(message.recording);
  },
  ended(message) {
    running = false;
    transcript.add({ kind: "error", problems: [{ title: `the program's process has ended (${message.code}); Run starts another one` }] });
    showState({ running: false, run: 1, mode: find("mode").value, threshold: null, held: false, waiting: null });
  },
};

/** A run begins a recording of its own. */
function showRecording(recording) {
  if (view === null) view = start(recording, { live: true, code: (symbol, tier) => command("code", { symbol, tier }) });
  else view.replace(recording);
}

function connect() {
  const source = new EventSource("/events");
  source.addEventListener("message", (event) => {
    const message = JSON.parse(event.data);
    HANDLERS[message.kind]?.(message);
  });
  // The browser connects again by itself; the server begins with a snapshot then.
  source.addEventListener("error", () => say("The connection is lost; the browser tries again."));
}

// Controls

const run = () => command("run", { text: editor.text });
const apply = () => command("apply", { text: editor.text });
const stop = () => command("stop");

function setTiers() {
  const threshold = find("threshold").value;
  command("tiers", { mode: find("mode").value, threshold: threshold === "" ? null : Number(threshold) });
}

function saveProgram() {
  const link = find("save-program");
  URL.revokeObjectURL(link.href);
  link.href = URL.createObjectURL(new Blob([editor.text], { type: "text/plain" }));
}

find("run").addEventListener("click", run);
find("stop").addEventListener("click", stop);
find("apply").addEventListener("click", apply);
find("mode").addEventListener("change", setTiers);
find("threshold").addEventListener("change", setTiers);
find("hold").addEventListener("change", () => command("hold", { held: find("hold").checked }));
find("step").addEventListener("click", () => command("step"));
find("save-program").addEventListener("click", saveProgram);
find("line-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const line = find("line");
  if (line.value.trim() && !running) {
    command("evaluate", { text: line.value });
    line.value = "";
  }
});
document.addEventListener("keydown", (event) => {
  if (!(event.ctrlKey || event.metaKey)) return;
  const action = event.key === "Enter" ? (event.shiftKey ? apply : run) : event.key === "." ? stop : null;
  if (action) {
    event.preventDefault();
    action();
  }
});

async function open() {
  const { text, programs } = await (await fetch("/start")).json();
  editor.text = text;
  const choice = find("programs");
  for (const name of Object.keys(programs)) choice.append(new Option(name, name));
  choice.addEventListener("change", () => {
    if (choice.value) {
      // As if it were typed, so that undo brings the former text back.
      editor.area.focus();
      editor.area.select();
      document.execCommand("insertText", false, programs[choice.value]);
    }
    choice.value = "";
  });
  connect();
}

open();
