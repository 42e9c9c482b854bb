"use strict";
// Each chart is drawn from the table below it: what is drawn is what is written.
function rowsOf(table) {
  const names = [...table.tHead.rows[0].cells].map((cell) => cell.textContent);
  return [...table.tBodies[0].rows].map((row) => Object.fromEntries([...row.cells].map((cell, i) => {
    const value = cell.dataset.value;
    return [names[i], value !== undefined ? Number(value) : cell.textContent === "" ? null : cell.textContent];
  })));
}
async function draw() {
  for (const figure of document.querySelectorAll("figure[data-chart]")) {
    const spec = JSON.parse(figure.querySelector("script").textContent);
    spec.datasets = {...spec.datasets, table: rowsOf(figure.querySelector("table"))};
    await vegaEmbed(figure.querySelector(".chart"), spec, {actions: false, renderer: "svg", tooltip: true});
  }
  document.documentElement.dataset.drawn = "yes";
}
// Sorting by any column, upwards and then downwards.
function sortable(table) {
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    const button = document.createElement("button");
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const up = head.getAttribute("aria-sort") !== "ascending";
      for (const each of table.tHead.rows[0].cells) each.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      const key = (row) => row.cells[column].dataset.value ?? row.cells[column].textContent;
      const number = (text) => text.trim() !== "" && !Number.isNaN(Number(text));
      const compare = (a, b) => number(a) && number(b) ? Number(a) - Number(b) : a.localeCompare(b);
      const rows = [...table.tBodies[0].rows].sort((a, b) => (up ? 1 : -1) * compare(key(a), key(b)));
      table.tBodies[0].replaceChildren(...rows);
    });
  });
}
// Printed pages show what is folded on the screen.
let opened = [];
window.addEventListener("beforeprint", () => {
  opened = [...document.querySelectorAll("details:not([open])")].filter((each) => !each.closest("figure"));
  for (const each of opened) each.open = true;
});
window.addEventListener("afterprint", () => { for (const each of opened) each.open = false; });
document.querySelectorAll("table.sortable").forEach(sortable);
draw();
