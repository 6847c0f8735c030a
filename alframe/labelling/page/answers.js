// Answers: given, taken back, corrected, settled.

import { flash } from "./classes.js";
import { notice, say } from "./make.js";
import { next, show } from "./queue.js";
import { remember, remind } from "./recent.js";
import { seconds, state } from "./state.js";
import { view } from "./views.js";
import { read } from "./wire.js";

const LOADED = 6; // answered samples that stay loaded, for undo

export const answer = (event, label = null, why = null) => {
  const entry = state.current;
  if (!entry) return;
  if (event !== "skip" && state.shown !== entry) return; // it is still on its way: nobody has seen it
  const suggested = entry.again || entry.settle ? null : entry.suggestion;
  state.outbox.put({
    event: entry.settle && event === "label" ? "adjudicate" : event,
    sample: entry.sample, label, seconds: seconds(), why: why ?? entry.why ?? null, model: entry.model ?? null,
    p: suggested ? suggested.p : null, suggested: suggested ? suggested.label : null,
  });
  keep(entry);
  flash(label ?? event);
  remember(entry, label ?? event, label === null);
  state.saved = label ? `Saved: ${label}. ` : `${event === "skip" ? "Skipped" : "Unsure"}. `;
  if (entry.tile) leave(label);
  next();
};

// For undo. An evening of photographs must not stay in memory.
const keep = (entry) => {
  state.past.push(entry);
  const old = state.past[state.past.length - 1 - LOADED];
  if (old) { old.media = null; old.element = null; }
};

export const accept = () => {
  const entry = state.current;
  if (entry && entry.suggestion && !entry.again && !entry.settle) answer("label", entry.suggestion.label);
};

export const undo = async () => {
  const entry = state.past.pop();
  const done = state.outbox.put({ event: "undo" });
  flash("undo");
  state.saved = "Undone. ";
  if (entry) back({ ...entry, again: null, tile: null });
  const result = await done;
  if (!entry && result && result.entry) back(result.entry);
  remind();
};

// Shows a sample now; the one on screen is next.
export const back = (entry) => {
  state.queue = state.queue.filter((one) => one.sample !== entry.sample);
  if (state.current && state.current.sample !== entry.sample && !state.current.tile) state.queue.unshift(state.current);
  view("work");
  show(entry);
};

// From the grid's tile to the sample and back.
export const fromGrid = (tile) => back({ ...tile.entry, again: tile.entry.label, suggestion: null, tile });
export const leave = (label = null) => {
  const { tile } = state.current;
  if (label) state.grid.corrected(tile, label);
  view("grid", tile);
};
export const toGrid = () => {
  leave();
  next();
};

export const settle = async () => {
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
