// What a key and a button do.

import { accept, answer, settle, toGrid, undo } from "./answers.js";
import { newClass, onPick, startSearch } from "./classes.js";
import { find, notice } from "./make.js";
import { enlarge, scroll } from "./stage.js";
import { state } from "./state.js";
import { view } from "./views.js";

const pick = (name) => (state.view === "grid" ? state.grid.press(name) : answer("label", name));
onPick(pick);

const acts = {
  undo,
  skip: () => answer("skip"),
  unsure: () => answer("unsure"),
  new: newClass,
};
for (const button of document.querySelectorAll("#acts button")) {
  button.addEventListener("click", (event) => {
    if (event.detail) button.blur();
    acts[button.dataset.act]();
  });
}

const help = () => {
  find("help").showModal();
  find("help-title").focus();
};
const other = () => {
  if (state.view === "grid") view("work");
  else if (state.current?.tile) toGrid();
  else view("grid");
};
find("to-grid").addEventListener("click", other);
find("to-work").addEventListener("click", () => view("work"));
find("to-help").addEventListener("click", help);
find("to-settle").addEventListener("click", settle);

const keysOn = find("keys-on");
keysOn.checked = localStorage.getItem("alframe keys") !== "off";
keysOn.addEventListener("change", () => localStorage.setItem("alframe keys", keysOn.checked ? "on" : "off"));

const commands = { g: other, "?": help, a: settle, z: undo };
const workCommands = { " ": acts.skip, u: acts.unsure, n: newClass, "/": startSearch, "+": () => enlarge(), Enter: accept };

const escape = () => {
  if (!find("notice").hidden) notice("");
  else if (state.view === "grid") view("work");
  else if (state.current?.tile) toGrid();
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || !state.session) return;
  if (document.querySelector("dialog[open]") || event.target.closest("input, select, textarea")) return;
  if (state.view === "work" && !event.target.closest("blockquote") && scroll(event.key)) {
    event.preventDefault();
    return;
  }
  if (event.repeat) return;
  if (event.key === "Escape") { escape(); return; }
  if ((event.key === "Enter" || event.key === " ") && event.target.closest("button, a, summary, audio")) return;
  if (!keysOn.checked && event.key !== "Enter") return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const name = state.byKey.get(event.key) ?? state.byKey.get(key);
  const command = name !== undefined ? () => pick(name)
    : commands[key] ?? (state.view === "work" ? workCommands[key] : undefined);
  if (!command) return;
  event.preventDefault();
  command();
});
