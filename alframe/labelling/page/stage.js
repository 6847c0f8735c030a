// The sample: loaded before its turn, drawn when it comes.

import { find, make } from "./make.js";
import { ask, Refused } from "./wire.js";

const SMALL = 160; // pixels: below, a picture is enlarged

const wholePicture = (entry) => new Promise((resolve, reject) => {
  const image = make("img", { alt: `Sample ${entry.sample}: ${entry.id}`, decoding: "async", draggable: "false" });
  image.addEventListener("load", () => resolve(image));
  image.addEventListener("error", reject);
  image.src = `sample/${entry.sample}`;
});

const wholeText = async (entry) => make("blockquote", { tabindex: "0" }, null, await (await ask(`sample/${entry.sample}`)).text());

const wholeSound = (entry) => new Promise((resolve, reject) => {
  const sound = make("audio", { controls: "", preload: "auto", "aria-label": `Sample ${entry.sample}: ${entry.id}` });
  sound.addEventListener("loadedmetadata", () => resolve(sound), { once: true });
  sound.addEventListener("error", reject);
  sound.src = `sample/${entry.sample}`;
});

const WHOLE = { images: wholePicture, sounds: wholeSound, texts: wholeText };

// Loads once, however often it is called; resolves with an element, or throws.
export const load = (entry, kind) => {
  entry.media ??= WHOLE[kind](entry);
  entry.media.catch(() => { entry.media = null; });
  return entry.media;
};

// Why a sample can't be shown: the server's words, or null where there is no connection.
export const whyNot = async (entry) => {
  try {
    const answer = await ask(`sample/${entry.sample}`);
    return `this browser can't show ${answer.headers.get("content-type")}`;
  } catch (error) {
    return error instanceof Refused ? error.message : null;
  }
};

export const draw = (element) => {
  const picture = find("picture");
  picture.classList.remove("whole");
  picture.replaceChildren(element);
  if (element.tagName === "IMG") {
    element.classList.toggle("small", Math.max(element.naturalWidth, element.naturalHeight) < SMALL);
  }
  if (element.tagName === "AUDIO") element.play().catch(() => {}); // a browser may want a press first
};

export const drawWords = (heading, lines = [], command = "") => {
  const box = make("div", { class: "words" });
  make("h2", {}, box, heading);
  for (const line of lines) make("p", {}, box, line);
  if (command) make("code", {}, box, command);
  draw(box);
};

export const textOf = (element) => (element.tagName === "BLOCKQUOTE" ? element.textContent.slice(0, 400) : "");

find("picture").addEventListener("click", () => find("picture").classList.toggle("whole"));
