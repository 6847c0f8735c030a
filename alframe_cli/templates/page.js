"use strict";
// Draws the learning curves. Everything that comes from the runs is set as text or as a number, never as HTML.
(() => {
  const SVG = "http://www.w3.org/2000/svg";
  const MARGIN = { top: 10, right: 26, bottom: 44, left: 66 };
  const star = (points, inner) => Array.from({ length: 2 * points }, (_, k) => {
    const radius = k % 2 ? inner : 1.25;
    const angle = Math.PI * (k / points - 0.5);
    return `${k ? "L" : "M"}${radius * Math.cos(angle)} ${radius * Math.sin(angle)}`;
  }).join("") + "Z";
  const polygon = (points) => star(points, 1.25 * Math.cos(Math.PI / points));
  const MARKERS = {
    "o": "M-1 0A1 1 0 1 1 1 0A1 1 0 1 1 -1 0Z",
    "s": "M-.9-.9H.9V.9H-.9Z",
    "^": "M0-1.1L1.1 .9H-1.1Z",
    "v": "M0 1.1L1.1-.9H-1.1Z",
    "<": "M-1.1 0L.9-1.1V1.1Z",
    ">": "M1.1 0L-.9-1.1V1.1Z",
    "D": "M0-1.25L1.25 0L0 1.25L-1.25 0Z",
    "X": "M-.6-1.2L0-.6L.6-1.2L1.2-.6L.6 0L1.2 .6L.6 1.2L0 .6L-.6 1.2L-1.2 .6L-.6 0L-1.2-.6Z",
    "P": "M-.45-1.2H.45V-.45H1.2V.45H.45V1.2H-.45V.45H-1.2V-.45H-.45Z",
    "*": star(5, 0.5), "p": polygon(5), "h": polygon(6),
  };

  const make = (name, attributes, parent, text) => {
    const html = ["button", "div", "span", "table", "tr", "td"].includes(name);
    const element = html ? document.createElement(name) : document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    if (text !== undefined) element.textContent = text;
    if (parent) parent.append(element);
    return element;
  };
  const colour = (strategy) => `--colour: var(--colour-${strategy.colour})`;
  const dashes = (strategy) => strategy.dash.map((length) => 2 * length).join(" ") || "none";
  const marker = (strategy, x, y, parent, size = 4.5) => make("path", {
    class: "marker", style: colour(strategy), d: MARKERS[strategy.marker], "stroke-width": 1 / size,
    transform: `translate(${x} ${y}) scale(${size})`,
  }, parent);
  const accuracy = (point) => point.mean.toFixed(3) + (point.std === null ? "" : ` ± ${point.std.toFixed(3)}`);

  // About `count` round numbers from `low` to `high`.
  const ticks = (low, high, count) => {
    const raw = (high - low) / count || 1;
    const power = 10 ** Math.floor(Math.log10(raw));
    const step = power * [1, 2, 5, 10].find((factor) => factor * power >= raw * 0.999);
    const found = [];
    for (let k = Math.ceil(low / step - 1e-9); k * step <= high + 1e-9 * step; k += 1) found.push(k * step);
    return { values: found, decimals: Math.max(0, -Math.floor(Math.log10(step) + 1e-9)) };
  };

  const chart = (figure, strategies) => {
    const hidden = new Set();
    const sizes = [...new Set(strategies.flatMap((s) => s.points.map((p) => p.labelled)))].sort((a, b) => a - b);
    const legend = make("div", { class: "legend", role: "group", "aria-label": "Strategies: press to hide or show" });
    const plot = make("div", { class: "plot" });
    const svg = make("svg", {
      tabindex: 0, role: "img",
      "aria-label": "Learning curves. The left and right arrow keys read the values at each labelled-set size.",
    }, plot);
    const tip = make("div", { class: "tip", role: "status" }, plot);
    tip.hidden = true;
    figure.prepend(legend, plot);
    let bands = true;
    let drawn = { width: 0 };
    let at = null; // position in sizes of what the tip shows

    const draw = () => {
      const width = Math.max(plot.clientWidth, 200);
      const height = Math.round(Math.min(440, Math.max(260, width * 0.55)));
      const visible = strategies.filter((strategy) => !hidden.has(strategy));
      const points = (visible.length ? visible : strategies).flatMap((strategy) => strategy.points);
      const spread = (point) => (bands && point.std) || 0;
      let low = Math.min(...points.map((point) => point.mean - spread(point)));
      let high = Math.max(...points.map((point) => point.mean + spread(point)));
      const air = (high - low || 0.1) * 0.05;
      [low, high] = [low - air, high + air];
      const range = sizes[sizes.length - 1] - sizes[0] || 1;
      const x = (size) => MARGIN.left + (width - MARGIN.left - MARGIN.right) *
        (sizes.length > 1 ? (size - sizes[0]) / range : 0.5);
      const y = (value) => height - MARGIN.bottom -
        (height - MARGIN.top - MARGIN.bottom) * (value - low) / (high - low);
      drawn = { width, height, x, y, visible };

      svg.replaceChildren();
      svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
      svg.setAttribute("height", height);
      const rows = ticks(low, high, Math.max(3, height / 60));
      for (const value of rows.values) {
        make("line", { class: "grid", x1: MARGIN.left, x2: width - MARGIN.right, y1: y(value), y2: y(value) }, svg);
        make("text", { x: MARGIN.left - 8, y: y(value) + 4, "text-anchor": "end" }, svg, value.toFixed(rows.decimals));
      }
      const columns = sizes.length > 1 ? ticks(sizes[0], sizes[sizes.length - 1], width / 80).values : sizes;
      for (const value of columns) {
        make("line", { class: "grid", x1: x(value), x2: x(value), y1: height - MARGIN.bottom, y2: height - MARGIN.bottom + 5 }, svg);
        make("text", { x: x(value), y: height - MARGIN.bottom + 18, "text-anchor": "middle" }, svg, value.toLocaleString("en"));
      }
      make("text", { x: (MARGIN.left + width - MARGIN.right) / 2, y: height - 6, "text-anchor": "middle" }, svg, "labelled samples");
      make("text", { x: -(MARGIN.top + height - MARGIN.bottom) / 2, y: 14, transform: "rotate(-90)", "text-anchor": "middle" }, svg, "accuracy");
      if (bands) visible.forEach((strategy) => band(strategy, x, y));
      visible.forEach((strategy) => curve(strategy, x, y));
      make("g", { class: "pointed" }, svg);
    };

    const band = (strategy, x, y) => {
      const known = strategy.points.filter((point) => point.std !== null);
      const upper = known.map((point) => `${x(point.labelled)},${y(point.mean + point.std)}`);
      const lower = known.map((point) => `${x(point.labelled)},${y(point.mean - point.std)}`).reverse();
      const points = [...upper, ...lower].join(" ");
      strategy.band = make("polygon", { class: "band", style: colour(strategy), points }, svg);
    };

    const curve = (strategy, x, y) => {
      strategy.group = make("g", { "data-strategy": strategy.name }, svg);
      const points = strategy.points.map((point) => `${x(point.labelled)},${y(point.mean)}`).join(" ");
      make("polyline", {
        class: "curve", style: colour(strategy), points, "stroke-dasharray": dashes(strategy),
      }, strategy.group);
      for (const point of strategy.points) marker(strategy, x(point.labelled), y(point.mean), strategy.group);
    };

    const stress = (chosen) => {
      for (const strategy of drawn.visible) {
        const dim = Boolean(chosen) && strategy !== chosen;
        strategy.group.classList.toggle("dim", dim);
        if (strategy.band) strategy.band.classList.toggle("dim", dim);
      }
    };

    // Shows the values at the size at position k; `height` is where the pointer is, or null.
    const point = (k, height) => {
      at = k;
      const size = sizes[k];
      const rows = drawn.visible
        .map((strategy) => ({ strategy, point: strategy.points.find((one) => one.labelled === size) }))
        .filter((row) => row.point)
        .sort((a, b) => b.point.mean - a.point.mean);
      if (!rows.length) return clear();
      const distance = (row) => Math.abs(drawn.y(row.point.mean) - height);
      const near = height === null ? null : rows.reduce((a, b) => (distance(b) < distance(a) ? b : a));
      stress(near && near.strategy);
      const layer = svg.querySelector(".pointed");
      layer.replaceChildren();
      make("line", { class: "guide", x1: drawn.x(size), x2: drawn.x(size), y1: MARGIN.top, y2: drawn.height - MARGIN.bottom }, layer);
      if (near) marker(near.strategy, drawn.x(size), drawn.y(near.point.mean), layer, 7);
      tip.replaceChildren();
      make("div", {}, tip, `${size.toLocaleString("en")} labels`);
      const table = make("table", {}, tip);
      for (const row of rows) {
        const line = make("tr", row === near ? { class: "near" } : {}, table);
        swatch(row.strategy, make("td", {}, line), 16);
        make("td", {}, line, row.strategy.name);
        make("td", {}, line, accuracy(row.point));
        make("td", {}, line, `${row.point.seeds} seed${row.point.seeds === 1 ? "" : "s"}`);
      }
      tip.hidden = false;
      const right = drawn.x(size) + 12;
      const fits = right + tip.offsetWidth <= drawn.width;
      tip.style.left = `${fits ? right : Math.max(0, drawn.x(size) - 12 - tip.offsetWidth)}px`;
      tip.style.top = `${Math.max(0, drawn.height - MARGIN.bottom - tip.offsetHeight - 8)}px`;
      return undefined;
    };
    const clear = () => {
      at = null;
      tip.hidden = true;
      stress(null);
      svg.querySelector(".pointed").replaceChildren();
    };

    const swatch = (strategy, parent, width = 34) => {
      const image = make("svg", { width, height: 14, viewBox: `0 0 ${width} 14`, "aria-hidden": "true" }, parent);
      make("line", {
        class: "curve", style: colour(strategy), x1: 0, x2: width, y1: 7, y2: 7, "stroke-dasharray": dashes(strategy),
      }, image);
      marker(strategy, width / 2, 7, image);
    };

    const toggle = (text, press) => {
      const button = make("button", { type: "button", "aria-pressed": "true" }, legend);
      button.addEventListener("click", () => {
        const shown = button.getAttribute("aria-pressed") !== "true";
        button.setAttribute("aria-pressed", String(shown));
        press(shown);
        clear();
        draw();
      });
      return { button, label: () => make("span", {}, button, text) };
    };
    for (const strategy of strategies) {
      const { button, label } = toggle(strategy.name, (shown) => (shown ? hidden.delete(strategy) : hidden.add(strategy)));
      swatch(strategy, button);
      label();
      for (const event of ["pointerenter", "focus"]) {
        button.addEventListener(event, () => hidden.has(strategy) || stress(strategy));
      }
      for (const event of ["pointerleave", "blur"]) button.addEventListener(event, () => stress(null));
    }
    if (strategies.some((strategy) => strategy.points.some((one) => one.std !== null))) {
      toggle("bands", (shown) => { bands = shown; strategies.forEach((strategy) => { strategy.band = null; }); }).label();
    }

    svg.addEventListener("pointermove", (event) => {
      const box = svg.getBoundingClientRect();
      const left = event.clientX - box.left;
      const distance = (k) => Math.abs(drawn.x(sizes[k]) - left);
      point(sizes.reduce((best, _, k) => (distance(k) < distance(best) ? k : best), 0), event.clientY - box.top);
    });
    svg.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && clear());
    svg.addEventListener("blur", clear);
    svg.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (event.key === "Escape") clear();
      if (!step) return;
      event.preventDefault();
      const start = at === null ? (step > 0 ? -1 : sizes.length) : at;
      point(Math.min(sizes.length - 1, Math.max(0, start + step)), null);
    });
    draw();
    new ResizeObserver(() => requestAnimationFrame(() => {
      if (Math.max(plot.clientWidth, 200) !== drawn.width) { clear(); draw(); }
    })).observe(plot);
  };

  const data = JSON.parse(document.getElementById("data").textContent);
  for (const figure of document.querySelectorAll(".chart")) chart(figure, data[Number(figure.dataset.setting)]);
})();
