// What goes to the server and what comes back. Answers wait in the browser's storage until the server has them.

import { count, find, notice, say } from "./make.js";

const RETRY = [1000, 2000, 5000, 10000];
export const CLOSED = "This page is no longer let in: open the address that alframe printed.";

export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

// Throws a Refused for an answer that is an error, a TypeError where there is no answer.
export const ask = async (path, body = null) => {
  const options = body === null
    ? {}
    : { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
  const answer = await fetch(path, { credentials: "same-origin", ...options });
  if (answer.ok) return answer;
  const text = await answer.text();
  let message = text;
  try { message = JSON.parse(text).error || text; } catch { /* plain text */ }
  throw new Refused(answer.status, message.trim() || `the server answered ${answer.status}`);
};

export const read = async (path) => (await ask(path)).json();

export const newId = () => {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
};

// Each answer has its own key, so that two windows never write over each other's.
export class Outbox {
  constructor(session, person, { sent, refused }) {
    this.prefix = `alframe ${session} ${person} `;
    this.sent = sent;
    this.refused = refused;
    this.items = [];
    this.tries = 0;
    this.busy = false;
    this.down = false;
    this.full = "";
    for (const [key, value] of Object.entries(localStorage)) {
      if (key.startsWith(this.prefix)) this.items.push({ key, fields: JSON.parse(value) });
    }
    this.items.sort((a, b) => (a.key < b.key ? -1 : 1));
    this.number = 0;
    addEventListener("online", () => this.flush());
    addEventListener("offline", () => { this.down = true; this.show(); });
  }

  get samples() {
    return this.items.map((item) => item.fields.sample).filter((sample) => sample !== undefined);
  }

  // Resolves with the server's answer, however long that takes; with null where it was refused.
  put(fields) {
    this.number += 1;
    const client = newId();
    const when = String(Date.now()).padStart(15, "0") + String(this.number).padStart(8, "0");
    const item = { key: `${this.prefix}${when} ${client}`, fields: { ...fields, client } };
    try {
      localStorage.setItem(item.key, JSON.stringify(item.fields));
    } catch {
      notice("This browser keeps nothing: do not close the page while answers wait.");
    }
    this.items.push(item);
    const done = new Promise((resolve) => { item.done = resolve; });
    this.flush();
    this.show();
    return done;
  }

  async flush() {
    if (this.busy || !this.items.length) return;
    this.busy = true;
    clearTimeout(this.timer);
    try {
      while (this.items.length) await this.send(this.items[0]);
      this.tries = 0;
    } catch {
      this.timer = setTimeout(() => this.flush(), RETRY[Math.min(this.tries, RETRY.length - 1)]);
      this.tries += 1;
    } finally {
      this.busy = false;
      this.show();
    }
  }

  async send(item) {
    let answer = null;
    try {
      answer = await (await ask("events", item.fields)).json();
      this.down = false;
      if (this.full) notice("");
      this.full = "";
    } catch (error) {
      if (!(error instanceof Refused)) {
        this.down = true;
        throw error;
      }
      if (error.status === 403 || error.status === 421) { notice(CLOSED); throw error; }
      if (error.status >= 500) { this.full = error.message; notice(`Not saved yet: ${error.message}`); throw error; }
      this.refused(item.fields, error.message);
    }
    this.items.shift();
    localStorage.removeItem(item.key);
    if (item.done) item.done(answer);
    if (answer) this.sent(item.fields, answer);
  }

  connected(up) {
    this.down = !up;
    if (up) { this.tries = 0; this.flush(); }
    this.show();
  }

  show() {
    const link = find("link");
    const waiting = this.items.length;
    const isWell = !this.down && !(waiting && this.full);
    if (isWell !== link.hidden) say(isWell ? "The connection is back." : "No connection: your answers wait in this browser.");
    link.hidden = isWell;
    link.textContent = `${this.full ? "not saved" : "offline"}${waiting ? `: ${count(waiting, "answer waits", "answers wait")}` : ""}`;
  }
}
