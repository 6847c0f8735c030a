// The line of facts: progress, speed, estimated accuracy, the model's age.

import { count, find, make } from "./make.js";

const percent = (share) => share.toFixed(2);

const part = (parent, strong, rest, title = "") => {
  const span = make("span", title ? { title } : {}, parent);
  if (strong) make("b", {}, span, strong);
  span.append(strong && rest ? ` ${rest}` : rest);
};

export const showFacts = (facts) => {
  const line = find("line");
  line.replaceChildren();
  part(line, facts.labelled.toLocaleString("en"), `of ${facts.total.toLocaleString("en")} labelled`);
  if (facts.per_minute >= 0.5) part(line, Math.round(facts.per_minute).toString(), "a minute");
  const accuracy = facts.accuracy;
  if (accuracy) {
    part(line, "", "");
    const last = line.lastElementChild;
    last.append("accuracy ");
    make("b", {}, last, percent(accuracy.estimate));
    last.append(` (${percent(accuracy.low)} to ${percent(accuracy.high)}, ${accuracy.audited} audited)`);
    last.title = "Estimated on samples drawn at random, from which the model never learns. 95 % interval.";
  }
  if (facts.model) {
    const behind = facts.model.behind;
    part(line, "", `model ${facts.model.version}, ${behind ? `${count(behind, "label")} behind` : "up to date"}`);
  } else if (facts.failed) part(line, "", "no model");
  else if (!facts.absent) part(line, "", "no model yet");
  if (facts.skipped) part(line, "", `${facts.skipped.toLocaleString("en")} skipped`);
  if (facts.unsure) part(line, "", `${facts.unsure.toLocaleString("en")} unsure`);

  const answered = facts.labelled + facts.skipped + facts.unsure;
  const bar = find("bar");
  bar.setAttribute("aria-valuemax", facts.total);
  bar.setAttribute("aria-valuenow", answered);
  bar.firstElementChild.style.width = `${(100 * answered) / Math.max(1, facts.total)}%`;
  spark(facts.history || []);
  const advice = find("advice");
  const words = facts.failed
    ? [`Labelling goes on in random order; the model failed: ${facts.failed}`]
    : [...(facts.remarks || []), ...(facts.advice || [])].map((one) => `${one[0].toUpperCase()}${one.slice(1)}.`);
  advice.hidden = !words.length;
  advice.textContent = words.join(" ");
  advice.classList.toggle("wrong", Boolean(facts.failed));
  const differ = facts.disagreements || 0;
  find("to-settle").hidden = !differ;
  find("differ").textContent = differ;
};

// The accuracy as it was estimated with each model, with its interval.
const spark = (history) => {
  const svg = find("spark");
  svg.toggleAttribute("hidden", history.length < 2);
  svg.replaceChildren();
  if (history.length < 2) return;
  const [width, height, edge] = [132, 28, 2];
  const first = history[0].labels;
  const span = Math.max(1, history[history.length - 1].labels - first);
  const least = Math.min(...history.map((one) => one.low));
  const x = (labels) => edge + ((labels - first) / span) * (width - 2 * edge);
  const y = (share) => edge + ((1 - share) / Math.max(0.05, 1 - least)) * (height - 2 * edge);
  const up = history.map((one) => `${x(one.labels)},${y(one.high)}`);
  const down = history.map((one) => `${x(one.labels)},${y(one.low)}`).reverse();
  make("polygon", { class: "band", points: [...up, ...down].join(" ") }, svg);
  make("polyline", { class: "curve", points: history.map((one) => `${x(one.labels)},${y(one.estimate)}`).join(" ") }, svg);
  const end = history[history.length - 1];
  make("circle", { class: "dot", cx: x(end.labels), cy: y(end.estimate), r: 2.5 }, svg);
  svg.setAttribute("aria-label",
    `Estimated accuracy from ${percent(history[0].estimate)} at ${first} labels to ${percent(end.estimate)} at ${end.labels}`);
};
