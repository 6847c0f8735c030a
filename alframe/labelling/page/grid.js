// What is labelled, as tiles: to look through, and to correct.

import { count, find, make, say } from "./make.js";
import { read } from "./wire.js";

const PART = 60;
const SMALL = 96; // pixels: below, a picture is drawn in its pixels

export class Grid {
  constructor({ kind, correct, open }) {
    this.kind = kind;
    this.correct = correct;
    this.open = open;
    this.tiles = [];
    this.turn = 0; // an answer to an earlier question is of no use
    for (const id of ["grid-class", "grid-order"]) find(id).addEventListener("change", () => this.fill());
    find("more").addEventListener("click", () => this.add());
    find("tiles").addEventListener("keydown", (event) => this.move(event));
    find("tiles").addEventListener("focusin", (event) => this.point(this.tiles.findIndex((tile) => tile.button === event.target)));
  }

  classes(names) {
    const select = find("grid-class");
    const chosen = select.value;
    select.replaceChildren();
    make("option", { value: "" }, select, "all classes");
    for (const name of names) make("option", { value: name }, select, name);
    select.value = names.includes(chosen) ? chosen : "";
  }

  async fill() {
    this.turn += 1;
    this.tiles = [];
    find("tiles").replaceChildren();
    await this.add();
  }

  async add() {
    const turn = this.turn;
    const query = new URLSearchParams({
      class: find("grid-class").value, order: find("grid-order").value, start: this.tiles.length, count: PART,
    });
    let part = null;
    try {
      part = await read(`grid?${query}`);
    } catch (error) {
      find("grid-count").textContent = `This can't be shown now: ${error.message}`;
      return;
    }
    if (turn !== this.turn) return;
    find("grid-count").textContent = count(part.total, "label");
    for (const entry of part.samples) this.tile(entry);
    find("more").hidden = this.tiles.length >= part.total || !part.samples.length;
    if (this.tiles.length === part.samples.length && this.tiles.length) this.tiles[0].button.focus();
  }

  tile(entry) {
    const button = make("button", { type: "button", tabindex: this.tiles.length ? "-1" : "0" }, make("li", {}, find("tiles")));
    const tile = { entry, button };
    if (this.kind === "texts") {
      const text = make("span", { class: "text", dir: "auto" }, button, "…");
      fetch(`sample/${entry.sample}`).then((answer) => answer.text()).then((whole) => { text.textContent = whole.slice(0, 160); }, () => {});
    } else if (this.kind === "sounds") {
      make("span", { class: "text" }, button, entry.id);
    } else {
      const image = make("img", { alt: "", loading: "lazy" }, button);
      image.addEventListener("load", () => image.classList.toggle("small", image.naturalWidth < SMALL && image.naturalHeight < SMALL));
      image.src = `thumb/${entry.sample}?size=${devicePixelRatio > 1.4 ? 384 : 192}`;
    }
    tile.name = make("span", { class: "name" }, button, entry.label);
    if (entry.suggestion) make("span", { class: "doubt" }, button, `model: ${entry.suggestion.label} ${entry.suggestion.p.toFixed(2)}`);
    tile.more = make("span", { class: "unseen" }, button);
    this.label(tile);
    button.addEventListener("click", () => this.open(tile));
    this.tiles.push(tile);
  }

  label(tile) {
    tile.name.textContent = tile.entry.label;
    tile.more.textContent = `${tile.entry.id}, by ${tile.entry.by}`;
  }

  point(index) {
    if (index < 0) return;
    for (const tile of this.tiles) tile.button.tabIndex = -1;
    this.tiles[index].button.tabIndex = 0;
  }

  get at() {
    return this.tiles.findIndex((tile) => tile.button === document.activeElement);
  }

  // Corrects the tile that has the focus.
  press(name) {
    const tile = this.tiles[this.at];
    if (!tile) return;
    if (tile.entry.label !== name) {
      this.correct(tile.entry, name);
      this.corrected(tile, name);
    }
    this.tiles[Math.min(this.at + 1, this.tiles.length - 1)].button.focus();
  }

  // Shows another label on a tile.
  corrected(tile, name) {
    if (tile.entry.label === name) return;
    tile.entry = { ...tile.entry, label: name };
    tile.button.classList.add("changed");
    tile.button.querySelector(".doubt")?.remove();
    this.label(tile);
    say(`Corrected to ${name}.`);
  }

  move(event) {
    const at = this.at;
    if (at < 0) return;
    const top = (tile) => tile.button.getBoundingClientRect().top;
    const columns = Math.max(1, this.tiles.filter((tile) => top(tile) === top(this.tiles[0])).length);
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[event.key];
    const to = { Home: 0, End: this.tiles.length - 1 }[event.key] ?? (step ? at + step : at);
    if (to === at && !["Home", "End"].includes(event.key)) return;
    event.preventDefault();
    if (to >= 0 && to < this.tiles.length) this.tiles[to].button.focus();
  }
}
