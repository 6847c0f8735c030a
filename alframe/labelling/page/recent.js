// What was labelled last, below the sample.

import { find, make } from "./make.js";
import { pictureOf, textOf } from "./stage.js";
import { RECENT, state } from "./state.js";
import { read } from "./wire.js";

let picked = () => {};
export const onRecent = (told) => { picked = told; };

export const remember = (entry, words, weak) => {
  const list = find("recent");
  list.querySelector(`[data-sample="${entry.sample}"]`)?.remove();
  const item = make("li", { "data-sample": entry.sample });
  const button = make("button", { type: "button", title: `${entry.id}: correct it` }, item);
  if (state.session.kind === "texts") button.append(beginning(entry));
  else button.append(pictureOf(entry.element) ?? make("img", { src: `thumb/${entry.sample}?size=96`, alt: "" }));
  make("span", { class: weak ? "name quiet" : "name" }, button, words);
  const { media, element, tile, settle, ...rest } = entry; // a picture is not kept for as long as its name
  button.addEventListener("click", () => picked({ ...rest, again: words, suggestion: null }));
  list.prepend(item);
  while (list.children.length > RECENT) list.lastElementChild.remove();
};

// The text's beginning.
const beginning = (entry) => {
  const span = make("span", { class: "text", dir: "auto" }, null, entry.element ? textOf(entry.element, 40) : entry.id);
  if (!entry.element) {
    fetch(`sample/${entry.sample}`).then((answer) => answer.text()).then((whole) => { span.textContent = whole.slice(0, 40); }, () => {});
  }
  return span;
};

export const remind = async () => {
  try {
    const { samples } = await read(`grid?by=me&count=${RECENT}`);
    find("recent").replaceChildren();
    for (const entry of samples.reverse()) remember({ ...entry, suggestion: null }, entry.label, false);
  } catch { /* it is a help, no more */ }
};
