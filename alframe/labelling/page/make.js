// Small helpers for the document.

export const find = (id) => document.getElementById(id);

const SVG = ["svg", "path", "line", "polyline", "polygon", "circle"];

export const make = (name, attributes = {}, parent = null, text = null) => {
  const element = SVG.includes(name)
    ? document.createElementNS("http://www.w3.org/2000/svg", name)
    : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== null) element.textContent = text;
  if (parent) parent.append(element);
  return element;
};

export const count = (number, one, many = `${one}s`) => `${number.toLocaleString("en")} ${number === 1 ? one : many}`;

// What a screen reader says. The same words twice are said twice.
export const say = (text) => {
  const said = find("said");
  said.textContent = said.textContent === text ? `${text}\u00a0` : text;
};

export const notice = (text) => {
  const box = find("notice");
  box.hidden = !text;
  box.firstElementChild.textContent = text;
};
find("notice").lastElementChild.addEventListener("click", () => notice(""));
