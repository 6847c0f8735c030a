// The two views: a sample to label, and the grid of what is labelled.

import { find, notice } from "./make.js";
import { lookAway, state } from "./state.js";

export const view = (name, tile = null) => {
  state.view = name;
  lookAway("grid", name === "grid");
  find("work").hidden = name !== "work";
  find("check").hidden = name !== "grid";
  document.querySelector(".leap").hidden = name !== "work";
  find("to-grid").setAttribute("aria-pressed", String(name === "grid"));
  if (name === "work") find("picture").focus({ preventScroll: true });
  else if (tile) tile.button.focus();
  else {
    notice("");
    state.grid.fill();
  }
};
