// Starts the language server, and shows what a program prints when the run button is pressed.

"use strict";

const vscode = require("vscode");
const { LanguageClient } = require("vscode-languageclient/node");

let client;

async function activate(context) {
  const [command, ...args] = vscode.workspace.getConfiguration("kaleido").get("command");
  const output = vscode.window.createOutputChannel("Kaleido");
  client = new LanguageClient(
    "kaleido",
    "Kaleido",
    { command, args },
    { documentSelector: [{ language: "kaleido" }] },
  );
  context.subscriptions.push(
    output,
    vscode.commands.registerCommand("kaleido.runFile", () => run(output)),
  );
  await client.start();
}

async function run(output) {
  const editor = vscode.window.activeTextEditor;
  if (editor === undefined || editor.document.languageId !== "kaleido") return;
  output.clear();
  output.show(true);
  const uri = client.code2ProtocolConverter.asUri(editor.document.uri);
  const result = await client.sendRequest("workspace/executeCommand", {
    command: "kaleido.run",
    arguments: [uri],
  });
  for (const line of shown(result)) output.appendLine(line);
}

// What a run has printed, its values, and why it has ended early, as lines.
function shown(result) {
  const lines = result.output.split("\n");
  if (lines.at(-1) === "") lines.pop();
  if (result.left_out > 0) lines.unshift(`... ${result.left_out} characters are left out`);
  lines.push(...result.values.map(([, , value]) => value));
  if (result.problem) lines.push(...result.problem.split("\n"));
  return lines;
}

async function deactivate() {
  await client?.stop();
}

module.exports = { activate, deactivate, shown };
