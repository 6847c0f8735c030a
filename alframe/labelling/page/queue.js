// The samples that come: asked for, loaded, shown.

import { suggest } from "./classes.js";
import { find, notice, say } from "./make.js";
import { draw, drawWords, load, ready, textOf, whyNot } from "./stage.js";
import { AHEAD, looked, POLL, RETRY, state } from "./state.js";
import { CLOSED, read, Refused } from "./wire.js";

const held = () => {
  const current = state.current ? [state.current.sample] : [];
  return [...new Set([...state.outbox.samples, ...state.queue.map((one) => one.sample), ...current])];
};

let later = null; // when it is asked again, where there was nothing or no answer
const again = (milliseconds) => {
  clearTimeout(later);
  later = setTimeout(fill, milliseconds);
};

export const fill = async (drop = []) => {
  if (!state.outbox) return;
  const missing = AHEAD - state.queue.length;
  if (state.asking || missing <= 0) return;
  state.asking = true;
  try {
    const part = await read(`queue?count=${missing}&have=${held().slice(0, 100).join(",")}&drop=${drop.join(",")}`);
    const known = new Set(held());
    state.queue.push(...part.samples.filter((one) => !known.has(one.sample)));
    state.ended = !part.samples.length;
    state.order = part.order;
    state.outbox.connected(true);
  } catch (error) {
    if (error instanceof Refused) notice(error.status === 403 ? CLOSED : error.message);
    else state.outbox.connected(false);
    again(RETRY);
  } finally {
    state.asking = false;
  }
  for (const entry of state.queue) load(entry, state.session.kind).catch(() => {});
  if (!state.current && state.queue.length) next();
  else if (!state.current) nothing();
};

// A newer model has another order: the sample on screen and the next one stay.
export const reorder = () => {
  if (state.asking || state.order === state.facts.order) return;
  const away = state.queue.filter((one, index) => index > 0 && !one.again && !one.settle);
  state.queue = state.queue.filter((one) => !away.includes(one));
  fill(away.map((one) => one.sample)).then(() => { if (state.queue.length < 2) state.queue.push(...away); });
};

export const next = () => {
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
  if (state.outbox.down) drawWords("No connection", ["Your answers wait in this browser. The next sample comes when the connection is back."]);
  else if (state.ended) { end(); again(POLL); } // others may let go of a sample
  else drawWords("A moment …");
};

const able = (isAble) => {
  find("classes").inert = !isAble;
  for (const act of ["skip", "unsure"]) document.querySelector(`#acts [data-act="${act}"]`).disabled = !isAble;
};

const end = () => {
  able(false);
  find("caption").textContent = "";
  if (find("picture").querySelector("code")) return; // said already
  drawWords("Every sample has an answer.", [
    "Look through what is labelled, or close the page. The labels are on the disk; a file of them is made by",
  ], `alframe label export ${state.session.folder} --to csv`);
  say(`${state.saved ?? ""}Every sample has an answer.`);
};

let unreadable = () => {};
export const onUnreadable = (told) => { unreadable = told; };

export const show = async (entry) => {
  state.current = entry;
  state.shown = null;
  able(true);
  suggest();
  const waiting = setTimeout(() => find("picture").classList.add("waits"), 100); // what is seen is not what is asked
  let element = null;
  try {
    element = await load(entry, state.session.kind);
  } catch {
    clearTimeout(waiting);
    await unload(entry);
    return;
  }
  clearTimeout(waiting);
  if (state.current !== entry) return;
  entry.element = element;
  state.shown = entry;
  draw(element);
  caption(entry);
  looked();
  if (state.view === "work") say(`${state.saved ?? ""}Sample ${entry.sample}, ${entry.id}. ${textOf(element)}${suggestionOf(entry)}`);
  state.saved = "";
  for (const one of state.queue.slice(0, 2)) ready(one, state.session.kind);
};

// What can't be loaded: without a connection it is tried again, else it is skipped and named.
const unload = async (entry) => {
  const reason = await whyNot(entry);
  if (state.current !== entry) return;
  if (reason === null) {
    state.outbox.connected(false);
    drawWords("No connection", ["This sample comes when the connection is back."]);
    setTimeout(() => state.current === entry && show(entry), 1500);
    return;
  }
  notice(`Skipped: ${entry.id}: ${reason}`);
  unreadable();
};

const suggestionOf = ({ suggestion, again: now, settle }) => (
  suggestion && !now && !settle ? ` Suggested: ${suggestion.label}, ${suggestion.p.toFixed(2)}.` : ""
);

const caption = (entry) => {
  const words = [entry.id];
  if (entry.settle) words.push(Object.entries(entry.settle).map(([who, name]) => `${who}: ${name}`).join(", "));
  else if (entry.again) words.push(`now ${entry.again}`);
  find("caption").textContent = words.join(" · ");
  find("caption").title = words.join(" · ");
};
