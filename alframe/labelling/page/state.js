// What the page knows, shared by its parts.

export const AHEAD = 6; // samples that are held, all loaded: they last for a while without a connection
export const RECENT = 12;
export const MANY = 20; // classes, above which a field to find one is shown
export const FEW = 4; // classes, up to which a phone shows one a line
export const POLL = 5000;
export const RETRY = 2000;

export const state = {
  session: null, facts: null, classes: [], byKey: new Map(), counts: {}, queue: [], current: null, shown: null, past: [],
  order: 0, asking: false, view: "work", ended: false, saved: "", outbox: null, grid: null,
};

// ---- time looked at a sample; a page in the background is not looked at, nor a sample behind the grid

let shownAt = 0;
let lost = 0;
let since = null;
const away = new Set();
export const lookAway = (why, isAway) => {
  if (isAway) away.add(why);
  else away.delete(why);
  if (away.size) since ??= performance.now();
  else if (since !== null) { lost += performance.now() - since; since = null; }
};
document.addEventListener("visibilitychange", () => lookAway("page", document.hidden));

export const looked = () => {
  shownAt = performance.now();
  lost = 0;
  if (since !== null) since = shownAt;
};
export const seconds = () => Math.max(0, Math.min(86400, Math.round(performance.now() - shownAt - lost) / 1000));
