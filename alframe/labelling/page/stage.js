// The sample: loaded before its turn, drawn when it comes, as large as is of use.

import { find, make } from "./make.js";
import { ask, Refused } from "./wire.js";

const SMALL = 160; // pixels of the longer side: below, a picture is drawn in its pixels
const BLOCK = 14; // to which a pixel is enlarged then at most: in larger blocks nobody sees what it is
const ENLARGED = 3; // times: others at most
const TILE = 108; // pixels of the pictures of what was labelled last

const picture = find("picture");

picture.classList.toggle("smooth", localStorage.getItem("alframe smooth") === "on");

const wholePicture = (entry) => new Promise((resolve, reject) => {
  const image = make("img", { alt: `Sample ${entry.sample}: ${entry.id}`, decoding: "sync", draggable: "false" });
  image.addEventListener("load", () => resolve(image));
  image.addEventListener("error", reject);
  image.src = `sample/${entry.sample}`;
});

const wholeText = async (entry) => (
  make("blockquote", { tabindex: "0", dir: "auto" }, null, await (await ask(`sample/${entry.sample}`)).text())
);

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

// Decoded too: a photograph takes longer to decode than to fetch.
export const ready = async (entry, kind) => {
  try { await (await load(entry, kind)).decode?.(); } catch { /* it is told when its turn comes */ }
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

const isSmall = (image) => Math.max(image.naturalWidth, image.naturalHeight) < SMALL;

// A small picture at a whole number of the screen's dots a pixel, so that all its pixels are alike.
const fit = () => {
  const image = picture.firstElementChild;
  if (image?.tagName !== "IMG" || picture.classList.contains("whole")) return;
  const style = getComputedStyle(picture);
  const width = picture.clientWidth - 2 * parseFloat(style.paddingLeft);
  const height = picture.clientHeight - 2 * parseFloat(style.paddingTop);
  const [across, down] = [image.naturalWidth || 1, image.naturalHeight || 1];
  let scale = Math.min(width / across, height / down, isSmall(image) ? BLOCK : ENLARGED);
  const dots = scale * devicePixelRatio;
  if (isSmall(image) && dots >= 1) scale = Math.floor(dots) / devicePixelRatio;
  image.style.width = `${across * scale}px`;
  image.style.height = `${down * scale}px`;
};
new ResizeObserver(fit).observe(picture);

export const draw = (element) => {
  picture.classList.remove("whole", "waits");
  picture.tabIndex = -1;
  element.scrollTop = 0;
  picture.replaceChildren(element);
  if (element.tagName === "AUDIO") element.play().catch(() => {}); // a browser may want a press first
  if (element.tagName !== "IMG") return;
  element.classList.toggle("small", isSmall(element));
  fit();
};

export const drawWords = (heading, lines = [], command = "") => {
  const box = make("div", { class: "words" });
  make("h2", {}, box, heading);
  for (const line of lines) make("p", {}, box, line);
  if (command) make("code", { tabindex: "0" }, box, command);
  draw(box);
};

export const textOf = (element, most = 400) => (element.tagName === "BLOCKQUOTE" ? element.textContent.slice(0, most) : "");

// A small copy of a picture that is loaded; null where there is none.
export const pictureOf = (image) => {
  if (image?.tagName !== "IMG") return null;
  const canvas = make("canvas", { width: TILE, height: TILE, "aria-hidden": "true" });
  const side = Math.min(image.naturalWidth, image.naturalHeight);
  const [left, top] = [(image.naturalWidth - side) / 2, (image.naturalHeight - side) / 2];
  const context = canvas.getContext("2d");
  context.imageSmoothingEnabled = !isSmall(image);
  context.drawImage(image, left, top, side, side, 0, 0, TILE, TILE);
  return canvas;
};

// A large picture in its own size and back, the point (shares of its width and height) in the middle;
// a small one smooth and back.
export const enlarge = (x = 0.5, y = 0.5) => {
  const image = picture.firstElementChild;
  if (image?.tagName !== "IMG") return;
  if (isSmall(image)) {
    localStorage.setItem("alframe smooth", picture.classList.toggle("smooth") ? "on" : "off");
    return;
  }
  const whole = picture.classList.toggle("whole");
  picture.tabIndex = whole ? 0 : -1;
  image.style.width = "";
  image.style.height = "";
  fit();
  if (!whole) return;
  picture.focus({ preventScroll: true });
  picture.scrollLeft = x * picture.scrollWidth - picture.clientWidth / 2;
  picture.scrollTop = y * picture.scrollHeight - picture.clientHeight / 2;
};

// Moves a long text, or a picture in its own size, by a key; whether there was anything to move.
export const scroll = (key) => {
  const box = picture.classList.contains("whole") ? picture : picture.querySelector("blockquote");
  if (!box) return false;
  const page = 0.9 * box.clientHeight;
  const by = {
    ArrowUp: [0, -60], ArrowDown: [0, 60], ArrowLeft: [-60, 0], ArrowRight: [60, 0],
    PageUp: [0, -page], PageDown: [0, page], Home: [0, -1e7], End: [0, 1e7],
  }[key];
  if (!by) return false;
  box.scrollBy(...by);
  return true;
};

picture.addEventListener("click", (event) => {
  if (event.target.tagName !== "IMG") return;
  const box = event.target.getBoundingClientRect();
  enlarge((event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height);
});
