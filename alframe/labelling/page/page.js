// The page's beginning, and the news that it hears.

import { answer, back, fromGrid } from "./answers.js";
import { showClasses, showCounts } from "./classes.js";
import { Grid } from "./grid.js";
import "./keys.js";
import { find, make, notice } from "./make.js";
import { next, onUnreadable, reorder } from "./queue.js";
import { onRecent, remind } from "./recent.js";
import { drawWords } from "./stage.js";
import { POLL, state } from "./state.js";
import { showFacts } from "./strip.js";
import { CLOSED, Outbox, read, Refused } from "./wire.js";

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
      state.outbox.connected(true);
    } catch (error) {
      if (error instanceof Refused) notice(error.status === 403 ? CLOSED : error.message);
      else state.outbox.connected(false);
    }
  };
  stream.addEventListener("open", () => {
    clearInterval(polling);
    polling = null;
    state.outbox.connected(true);
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
  find("help-settle").hidden = people.length < 2;
  document.body.classList.add(kind);
  state.outbox = new Outbox(folder, person, {
    sent: (fields, result) => result.facts && hear(result.facts),
    refused: (fields, message) => notice(`The server refused ${fields.event}: ${message}`),
  });
  state.grid = new Grid({
    kind,
    correct: (entry, name) => state.outbox.put({ event: "label", sample: entry.sample, label: name, why: "correction" }),
    open: fromGrid,
  });
  onUnreadable(() => answer("skip", null, "unreadable"));
  onRecent(back);
  for (const note of state.session.notes) notice(note);
  state.order = state.session.facts.order;
  hear(state.session.facts);
  state.outbox.flush();
  await remind();
  listen();
  next();
};

start();
