// The page: what is shown, and what a key does.

import { showFacts } from "./strip.js";
import { Grid } from "./grid.js";
import { find, make, notice, say } from "./make.js";
import { draw, drawWords, load, textOf, whyNot } from "./stage.js";
import { CLOSED, Outbox, read, Refused } from "./wire.js";

const AHEAD = 6; // samples that are held, all loaded: they last for a while without a connection
const RECENT = 12;
const MANY = 20; // classes, above which a field to find one is shown
const POLL = 5000;
const RETRY = 2000;

const state = {
  session: null, facts: null, classes: [], byKey: new Map(), counts: {}, queue: [], current: null, past: [],
  order: 0, asking: false, view: "work", shownAt: 0, hidden: 0, ended: false,
  saved: "",
};
let outbox = null;
let grid = null;

// ---- time looked at a sample; a page in the background is not looked at

let hiddenSince = null;
document.addEventListener("visibilitychange", () => {
  if (document.hidden) hiddenSince = performance.now();
  else if (hiddenSince !== null) { state.hidden += performance.now() - hiddenSince; hiddenSince = null; }
});
const seconds = () => Math.min(86400, Math.round(performance.now() - state.shownAt - state.hidden) / 1000);

// ---- the queue

const held = () => [...new Set([...outbox.samples, ...state.queue.map((one) => one.sample), ...(state.current ? [state.current.sample] : [])])];

let later = null; // when it is asked again, where there was nothing or no answer
const again = (milliseconds) => {
  clearTimeout(later);
  later = setTimeout(fill, milliseconds);
};

const fill = async (drop = []) => {
  if (!outbox) return;
  const missing = AHEAD - state.queue.length;
  if (state.asking || missing <= 0) return;
  state.asking = true;
  try {
    const part = await read(`queue?count=${missing}&have=${held().slice(0, 100).join(",")}&drop=${drop.join(",")}`);
    const known = new Set(held());
    state.queue.push(...part.samples.filter((one) => !known.has(one.sample)));
    state.ended = !part.samples.length;
    state.order = part.order;
    outbox.connected(true);
  } catch (error) {
    if (error instanceof Refused) notice(error.status === 403 ? CLOSED : error.message);
    else outbox.connected(false);
    again(RETRY);
  } finally {
    state.asking = false;
  }
  for (const entry of state.queue) load(entry, state.session.kind).catch(() => {});
  if (!state.current && state.queue.length) next();
  else if (!state.current) nothing();
};

// A newer model has another order: the sample on screen and the next one stay.
const reorder = () => {
  if (state.asking || state.order === state.facts.order) return;
  const away = state.queue.filter((one, index) => index > 0 && !one.again && !one.settle);
  state.queue = state.queue.filter((one) => !away.includes(one));
  fill(away.map((one) => one.sample)).then(() => { if (state.queue.length < 2) state.queue.push(...away); });
};

const next = () => {
  const entry = state.queue.shift();
  if (entry) show(entry);
  else {
    state.current = null;
    suggest();
    nothing();
  }
  fill();
};

const nothing = () => {
  if (outbox.down) drawWords("No connection", ["Your answers wait in this browser. The next sample comes when the connection is back."]);
  else if (state.ended) { end(); again(POLL); } // others may let go of a sample
  else drawWords("A moment …");
};

const end = () => {
  drawWords("Every sample has an answer.", [
    "Check what is labelled with g, or close the page. The labels are on the disk; a file of them is made by",
  ], `alframe label export ${state.session.folder} --to csv`);
  find("caption").textContent = "";
  if (state.saved !== null) say("Every sample has an answer.");
  state.saved = null;
};

const show = async (entry) => {
  state.current = entry;
  suggest();
  let element = null;
  try {
    element = await load(entry, state.session.kind);
  } catch {
    const reason = await whyNot(entry);
    if (state.current !== entry) return;
    if (reason === null) {
      outbox.connected(false);
      drawWords("No connection", ["This sample comes when the connection is back."]);
      setTimeout(() => state.current === entry && show(entry), 1500);
      return;
    }
    notice(`Skipped: ${entry.id}: ${reason}`);
    answer("skip", null, "unreadable");
    return;
  }
  if (state.current !== entry) return;
  draw(element);
  caption(entry);
  state.shownAt = performance.now();
  state.hidden = 0;
  say(`${state.saved ?? ""}Sample ${entry.sample}, ${entry.id}. ${textOf(element)}`);
  state.saved = "";
};

const caption = (entry) => {
  const words = [entry.id];
  if (entry.settle) words.push(Object.entries(entry.settle).map(([who, name]) => `${who}: ${name}`).join(", "));
  else if (entry.again) words.push(`now ${entry.again}`);
  find("caption").textContent = words.join(" · ");
};

// ---- answers

const answer = (event, label = null, why = null) => {
  const entry = state.current;
  if (!entry) return;
  const suggested = entry.again || entry.settle ? null : entry.suggestion;
  outbox.put({
    event: entry.settle && event === "label" ? "adjudicate" : event,
    sample: entry.sample, label, seconds: seconds(), why: why ?? entry.why ?? null, model: entry.model ?? null,
    p: suggested ? suggested.p : null, suggested: suggested ? suggested.label : null,
  });
  state.past.push(entry);
  flash(label ?? event);
  remember(entry, label ?? event, label === null);
  state.saved = label ? `Saved: ${label}. ` : `${event === "skip" ? "Skipped" : "Unsure"}. `;
  next();
};

const undo = async () => {
  const entry = state.past.pop();
  const done = outbox.put({ event: "undo" });
  flash("undo");
  if (entry) back({ ...entry, again: null });
  const result = await done;
  if (!entry && result && result.entry) back(result.entry);
  remind();
};

// Shows a sample now; the one on screen is next.
const back = (entry) => {
  state.queue = state.queue.filter((one) => one.sample !== entry.sample);
  if (state.current && state.current.sample !== entry.sample) state.queue.unshift(state.current);
  view("work");
  show(entry);
};

const settle = async () => {
  try {
    const { samples } = await read("disagreements");
    if (!samples.length) return say("There is nothing to settle.");
    const known = new Set(samples.map((one) => one.sample));
    const rest = [...(state.current ? [state.current] : []), ...state.queue].filter((one) => !known.has(one.sample));
    state.queue = [...samples, ...rest];
    state.current = null;
    view("work");
    next();
  } catch (error) {
    notice(`Nothing can be settled now: ${error.message}`);
  }
  return undefined;
};

const flash = (name) => {
  const button = [...document.querySelectorAll("#classes button, #acts button")]
    .find((one) => one.dataset.name === name || one.dataset.act === name);
  if (!button) return;
  button.classList.remove("flash");
  requestAnimationFrame(() => button.classList.add("flash"));
};

// ---- what was labelled last

const remember = (entry, words, weak) => {
  const list = find("recent");
  list.querySelector(`[data-sample="${entry.sample}"]`)?.remove();
  const item = make("li", { "data-sample": entry.sample });
  const button = make("button", { type: "button", title: `${entry.id}: correct it` }, item);
  if (state.session.kind === "images") make("img", { src: `thumb/${entry.sample}?size=96`, alt: "" }, button);
  else make("span", { class: "text" }, button, entry.id);
  make("span", { class: weak ? "name quiet" : "name" }, button, words);
  button.addEventListener("click", () => back({ ...entry, again: words, suggestion: null }));
  list.prepend(item);
  while (list.children.length > RECENT) list.lastElementChild.remove();
};

const remind = async () => {
  try {
    const { samples } = await read(`grid?by=me&count=${RECENT}`);
    find("recent").replaceChildren();
    for (const entry of samples.reverse()) remember({ ...entry, suggestion: null }, entry.label, false);
  } catch { /* it is a help, no more */ }
};

// ---- classes

const showClasses = () => {
  const box = find("classes");
  box.replaceChildren();
  state.byKey.clear();
  for (const { name, key } of state.classes) {
    const button = make("button", { type: "button", "data-name": name }, box);
    make("kbd", {}, button, key || "·");
    make("span", { class: "name" }, button, name);
    make("span", { class: "model", "aria-hidden": "true" }, button);
    make("span", { class: "count", "aria-hidden": "true" }, button);
    button.addEventListener("click", (event) => {
      if (event.detail) button.blur(); // by a mouse: Enter is the suggestion's again
      pick(name);
    });
    if (key) { state.byKey.set(key, name); button.setAttribute("aria-keyshortcuts", key); }
  }
  box.classList.toggle("many", state.classes.length > 9);
  find("search").hidden = state.classes.length <= MANY;
  grid.classes(state.classes.map((one) => one.name));
  const keys = state.classes.map((one) => one.key).filter(Boolean);
  const shown = keys.length > 9 ? [keys[0], "…", keys[keys.length - 1]] : keys;
  find("help-keys").replaceChildren();
  for (const key of shown) make(key === "…" ? "span" : "kbd", {}, find("help-keys"), key);
  suggest();
};

const showCounts = () => {
  for (const button of find("classes").children) {
    const number = state.counts[button.dataset.name] || 0;
    button.lastElementChild.textContent = number ? number.toLocaleString("en") : "";
  }
};

const suggest = () => {
  const entry = state.current;
  const suggested = entry && !entry.again && !entry.settle ? entry.suggestion : null;
  for (const button of find("classes").children) {
    const mine = Boolean(suggested) && suggested.label === button.dataset.name;
    button.classList.toggle("suggested", mine);
    button.querySelector(".model").textContent = mine ? suggested.p.toFixed(2) : "";
    const now = Boolean(entry && entry.again === button.dataset.name);
    button.classList.toggle("now", now);
    button.setAttribute("aria-label", `${button.dataset.name}${mine ? `, suggested, ${suggested.p.toFixed(2)}` : ""}${now ? ", its label now" : ""}`);
  }
};

const pick = (name) => (state.view === "grid" ? grid.press(name) : answer("label", name));

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
search.addEventListener("input", narrow);
search.addEventListener("keydown", (event) => {
  if (event.key === "Escape") leaveSearch();
  if (event.key !== "Enter") return;
  event.preventDefault();
  event.stopPropagation();
  const [first] = matching();
  leaveSearch();
  if (first) pick(first.dataset.name);
});

const dialog = find("new-class");
const newClass = () => {
  find("new-error").textContent = "";
  find("new-name").value = "";
  dialog.showModal();
};
find("new-cancel").addEventListener("click", () => dialog.close());
dialog.querySelector("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const name = find("new-name").value.trim();
  if (!name) return;
  if (state.classes.some((one) => one.name === name)) { find("new-error").textContent = `There is a class ${name} already.`; return; }
  if (outbox.down) { find("new-error").textContent = "A class can be added when the connection is back."; return; }
  dialog.close();
  if (await outbox.put({ event: "class-add", label: name })) {
    const made = state.classes.find((one) => one.name === name);
    say(`Class ${name} added${made && made.key ? `, key ${made.key}` : ""}.`);
  }
});

// ---- views, keys

const view = (name) => {
  state.view = name;
  find("work").hidden = name !== "work";
  find("check").hidden = name !== "grid";
  find("to-grid").setAttribute("aria-pressed", String(name === "grid"));
  if (name === "grid") { notice(""); grid.fill(); }
  else find("picture").focus({ preventScroll: true });
};

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
find("to-grid").addEventListener("click", () => view(state.view === "grid" ? "work" : "grid"));
find("to-work").addEventListener("click", () => view("work"));
find("to-help").addEventListener("click", () => find("help").showModal());
find("to-settle").addEventListener("click", settle);

const keysOn = find("keys-on");
keysOn.checked = localStorage.getItem("alframe keys") !== "off";
keysOn.addEventListener("change", () => localStorage.setItem("alframe keys", keysOn.checked ? "on" : "off"));

const accept = () => {
  const entry = state.current;
  if (entry && entry.suggestion && !entry.again && !entry.settle) answer("label", entry.suggestion.label);
};

const commands = {
  g: () => view(state.view === "grid" ? "work" : "grid"),
  "?": () => find("help").showModal(),
  a: settle,
  z: undo,
};
const workCommands = {
  " ": acts.skip,
  u: acts.unsure,
  n: newClass,
  "/": () => { search.hidden = false; search.focus(); },
  "+": () => find("picture").classList.toggle("whole"),
  Enter: accept,
};

document.addEventListener("keydown", (event) => {
  if (event.repeat || event.ctrlKey || event.metaKey || event.altKey || event.isComposing || !state.session) return;
  if (document.querySelector("dialog[open]") || event.target.closest("input, select, textarea")) return;
  if (event.key === "Escape" && state.view === "grid") { view("work"); return; }
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

// ---- facts

const hear = (facts) => {
  const names = JSON.stringify(facts.classes);
  const changed = names !== JSON.stringify(state.classes);
  state.facts = facts;
  state.classes = facts.classes;
  state.counts = facts.by_class || {};
  if (changed) showClasses();
  showCounts();
  showFacts(facts);
  if (facts.order !== state.order && !state.asking) reorder();
};

const listen = () => {
  const stream = new EventSource("live");
  let polling = null;
  const poll = async () => {
    try {
      hear(await read("facts"));
      outbox.connected(true);
    } catch (error) {
      if (error instanceof Refused) notice(error.status === 403 ? CLOSED : error.message);
      else outbox.connected(false);
    }
  };
  stream.addEventListener("open", () => {
    clearInterval(polling);
    polling = null;
    outbox.connected(true);
    if (!state.current) next();
  });
  stream.addEventListener("message", (event) => hear(JSON.parse(event.data)));
  stream.addEventListener("error", () => {
    polling ??= setInterval(poll, POLL);
    poll();
    if (stream.readyState === EventSource.CLOSED) setTimeout(listen, POLL);
  });
};

const start = async () => {
  try {
    state.session = await read("session");
  } catch (error) {
    drawWords("The server does not answer.", [error.message]);
    setTimeout(start, 3000);
    return;
  }
  const { title, person, people, folder, kind } = state.session;
  document.title = `${title} · alframe label`;
  find("title").textContent = title;
  if (people.length > 1) make("span", { class: "person" }, find("title"), person);
  document.body.classList.add(kind);
  outbox = new Outbox(folder, person, {
    sent: (fields, result) => result.facts && hear(result.facts),
    refused: (fields, message) => notice(`The server refused ${fields.event}: ${message}`),
  });
  grid = new Grid({
    kind,
    correct: (entry, name) => outbox.put({ event: "label", sample: entry.sample, label: name, why: "correction" }),
    open: (entry) => back({ ...entry, again: entry.label, suggestion: null }),
  });
  for (const note of state.session.notes) notice(note);
  state.order = state.session.facts.order;
  hear(state.session.facts);
  outbox.flush();
  await remind();
  listen();
  next();
};

start();
