// The line of facts: progress, speed, estimated accuracy, the model's age.

import { count, find, make, say } from "./make.js";

const percent = (share) => share.toFixed(2);

const part = (parent, strong, rest, kind = "") => {
  const span = make("span", kind ? { class: kind } : {}, parent);
  if (strong) make("b", {}, span, strong);
  span.append(strong && rest ? ` ${rest}` : rest);
  return span;
};

export const showFacts = (facts) => {
  const line = find("line");
  line.replaceChildren();
  make("span", { class: "word" }, part(line, facts.labelled.toLocaleString("en"), `of ${facts.total.toLocaleString("en")}`), " labelled");
  if (facts.per_minute >= 0.5) part(line, Math.round(facts.per_minute).toString(), "a minute", "more");
  const accuracy = facts.accuracy;
  if (accuracy) {
    const last = part(line, "", "accuracy ");
    make("b", {}, last, percent(accuracy.estimate));
    last.append(` (${percent(accuracy.low)} to ${percent(accuracy.high)}`);
    make("span", { class: "more" }, last, `, ${accuracy.audited.toLocaleString("en")} audited`);
    last.append(")");
    last.title = "Estimated on samples drawn at random, from which the model never learns. 95 % interval.";
  }
  if (facts.model) {
    const behind = facts.model.behind;
    part(line, "", `model ${facts.model.version}, ${behind ? `${count(behind, "label")} behind` : "up to date"}`, "more");
  } else if (facts.failed) part(line, "", "no model");
  else if (!facts.absent) part(line, "", "no model yet");
  if (facts.skipped) part(line, "", `${facts.skipped.toLocaleString("en")} skipped`, "more");
  if (facts.unsure) part(line, "", `${facts.unsure.toLocaleString("en")} unsure`, "more");

  const answered = facts.labelled + facts.skipped + facts.unsure;
  const bar = find("bar");
  bar.setAttribute("aria-valuemax", facts.total);
  bar.setAttribute("aria-valuenow", answered);
  bar.firstElementChild.style.width = `${(100 * answered) / Math.max(1, facts.total)}%`;
  spark(facts.history || []);
  advise(facts);
  measure();
  const differ = facts.disagreements || 0;
  find("to-settle").hidden = !differ;
  find("differ").textContent = differ;
};

// What it says together comes last from the server, and first here: the line may be cut.
const advise = (facts) => {
  const advice = find("advice");
  const words = facts.failed
    ? [`Labelling goes on in random order; the model failed: ${facts.failed}`]
    : [...[...(facts.advice || [])].reverse(), ...(facts.remarks || [])].map((one) => `${one[0].toUpperCase()}${one.slice(1)}.`);
  const text = words.join(" ");
  const urgent = Boolean(facts.failed || facts.reached);
  if (urgent && !advice.classList.contains("urgent")) say(text);
  if (advice.textContent !== text) advice.textContent = text;
  advice.classList.toggle("urgent", urgent);
  advice.classList.toggle("wrong", Boolean(facts.failed));
};

// The facts have two lines, so that nothing below moves when they change. More is shown on demand.
const box = find("facts");
const unfold = find("unfold");
const measure = () => {
  const isCut = [find("line"), find("advice")].some((one) => one.scrollWidth > one.clientWidth);
  const isHidden = [...box.querySelectorAll(".more")].some((one) => !one.offsetParent);
  unfold.hidden = !(box.classList.contains("open") || isCut || isHidden);
};
unfold.addEventListener("click", () => {
  unfold.setAttribute("aria-expanded", String(box.classList.toggle("open")));
  measure();
});
new ResizeObserver(measure).observe(box);

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
