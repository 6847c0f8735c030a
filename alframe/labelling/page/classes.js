// The classes: their buttons and keys, the suggestion on them, a class found by its name, a new one.

import { find, make, say } from "./make.js";
import { FEW, MANY, state } from "./state.js";

let pick = () => {};
export const onPick = (told) => { pick = told; };

export const showClasses = () => {
  const box = find("classes");
  box.replaceChildren();
  state.byKey.clear();
  for (const { name, key } of state.classes) {
    const button = make("button", { type: "button", "data-name": name }, box);
    if (name.length > 20) button.title = name; // it may be cut
    make("kbd", key ? {} : { class: "none" }, button, key);
    make("span", { class: "name", dir: "auto" }, button, name);
    make("span", { class: "unseen" }, button);
    make("span", { class: "model" }, button);
    make("span", { class: "count" }, button);
    button.addEventListener("click", (event) => {
      if (event.detail) button.blur(); // by a mouse: Enter is the suggestion's again
      pick(name);
    });
    if (key) { state.byKey.set(key, name); button.setAttribute("aria-keyshortcuts", key); }
  }
  const count = state.classes.length;
  box.classList.toggle("many", count > 9);
  box.classList.toggle("few", count <= FEW);
  const longest = Math.max(0, ...state.classes.map((one) => one.name.length));
  box.classList.toggle("short", count > 6 && longest > 2 && longest <= 10);
  box.classList.toggle("tiny", count > FEW && longest <= 2);
  find("search").hidden = count <= MANY;
  find("suggestion").hidden = count <= MANY;
  state.grid.classes(state.classes.map((one) => one.name));
  const keys = state.classes.map((one) => one.key).filter(Boolean);
  const shown = keys.length > 9 ? [keys[0], "…", keys[keys.length - 1]] : keys;
  find("help-keys").replaceChildren();
  for (const key of shown) make(key === "…" ? "span" : "kbd", {}, find("help-keys"), key);
  suggest();
};

export const showCounts = () => {
  for (const button of find("classes").children) {
    const number = state.counts[button.dataset.name] || 0;
    button.lastElementChild.textContent = number ? number.toLocaleString("en") : "";
  }
};

export const suggest = () => {
  const entry = state.current;
  const suggested = entry && !entry.again && !entry.settle ? entry.suggestion : null;
  for (const button of find("classes").children) {
    const mine = Boolean(suggested) && suggested.label === button.dataset.name;
    button.classList.toggle("suggested", mine);
    button.querySelector(".model").textContent = mine ? suggested.p.toFixed(2) : "";
    const now = Boolean(entry && entry.again === button.dataset.name);
    button.classList.toggle("now", now);
    button.querySelector(".unseen").textContent = mine ? "suggested by the" : now ? "its label now" : "";
  }
  // Among many classes the suggested one may be out of sight: it has a place of its own, which is never moved.
  const place = find("suggestion");
  place.disabled = !suggested;
  place.querySelector(".name").textContent = suggested ? suggested.label : "no suggestion";
  place.querySelector(".model").textContent = suggested ? suggested.p.toFixed(2) : "";
};
find("suggestion").addEventListener("click", (event) => {
  if (event.detail) event.currentTarget.blur();
  const suggested = state.current?.suggestion;
  if (suggested) pick(suggested.label);
});

for (const type of ["animationend", "animationcancel"]) { // else it flashes again when the view comes back
  find("answers").addEventListener(type, (event) => event.target.classList.remove("flash"));
}
export const flash = (name) => {
  const button = [...document.querySelectorAll("#classes button, #acts button")]
    .find((one) => one.dataset.name === name || one.dataset.act === name);
  if (!button) return;
  button.classList.remove("flash");
  requestAnimationFrame(() => button.classList.add("flash"));
};

// ---- found by its name

const search = find("search");
const matching = () => [...find("classes").children].filter((one) => !one.hidden);
const narrow = () => {
  const words = search.value.trim().toLowerCase();
  for (const button of find("classes").children) button.hidden = !button.dataset.name.toLowerCase().includes(words);
};
const leaveSearch = () => {
  search.value = "";
  narrow();
  search.hidden = state.classes.length <= MANY;
  search.blur();
};
export const startSearch = () => { search.hidden = false; search.focus(); };
search.addEventListener("input", () => {
  narrow();
  const found = matching();
  if (search.value.trim()) say(found.length ? `${found.length} found, Enter takes ${found[0].dataset.name}` : "No class has that name.");
});
search.addEventListener("keydown", (event) => {
  if (event.key === "Escape") leaveSearch();
  if (event.key !== "Enter") return;
  event.preventDefault();
  event.stopPropagation();
  if (!search.value.trim()) return;
  const [first] = matching();
  if (!first) return;
  leaveSearch();
  pick(first.dataset.name);
});

// ---- a new one

const dialog = find("new-class");
const wrong = (text) => { find("new-error").textContent = text; };
export const newClass = () => {
  wrong("");
  find("new-name").value = "";
  dialog.showModal();
};
find("new-cancel").addEventListener("click", () => dialog.close());
dialog.querySelector("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const name = find("new-name").value.trim();
  if (!name) return;
  if (state.classes.some((one) => one.name === name)) { wrong(`There is a class ${name} already.`); return; }
  if (state.outbox.down) { wrong("A class can be added when the connection is back."); return; }
  dialog.close();
  if (await state.outbox.put({ event: "class-add", label: name })) {
    const made = state.classes.find((one) => one.name === name);
    say(`Class ${name} added${made && made.key ? `, key ${made.key}` : ""}.`);
  }
});
