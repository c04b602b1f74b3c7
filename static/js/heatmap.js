// The heat map is one stop for Tab; the arrow keys lead from host to host. Works on what is there when a key is pressed, so
// a map that was fetched anew needs nothing.

const columns = (cells) => cells.findIndex((cell) => cell.offsetTop !== cells[0].offsetTop);

function target(cells, here, key) {
  const found = columns(cells);
  const wide = found < 0 ? cells.length : found;
  const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -wide, ArrowDown: wide };
  if (key === "Home") return 0;
  if (key === "End") return cells.length - 1;
  return key in steps ? here + steps[key] : -1;
}

document.addEventListener("keydown", (event) => {
  const map = event.target.closest?.("[data-heat-map]");
  if (!map || event.ctrlKey || event.altKey || event.metaKey) return;
  const cells = [...map.querySelectorAll("a")];
  const next = cells[target(cells, cells.indexOf(event.target), event.key)];
  if (!next) return;
  event.preventDefault();
  for (const cell of cells) cell.tabIndex = cell === next ? 0 : -1;
  next.focus();
});
