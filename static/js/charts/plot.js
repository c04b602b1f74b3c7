// One chart: a uPlot whose colours are the page's tokens, read anew at each drawing, so that a change of theme shows.
import uPlot from "../../vendor/uplot/uPlot.esm.js";
import { increments, value } from "./format.js";

const HEIGHT = 164;
const token = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// card: {unit, names, ceiling, height}; on: {zoom(start, end), reset(), cursor(index)}; clock: see format.js
export function plot(element, card, clock, zone, on) {
  let shown = [0, 1];
  const height = card.height || HEIGHT;
  const font = () => `11px ${getComputedStyle(document.body).fontFamily}`;
  const axis = { stroke: () => token("--muted"), ticks: { show: false }, font: font(), gap: 6 };
  const options = {
    width: Math.max(element.clientWidth, 100),
    height,
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), zone),
    legend: { show: false },
    padding: [10, 8, 0, 0],
    cursor: {
      sync: { key: "charts" },
      drag: { x: true, y: false, setScale: false },
      points: { size: 7 },
      bind: { dblclick: () => () => on.reset() },
    },
    scales: {
      x: { range: () => shown },
      y: { range: (_, low, high) => [0, ceiling(card, high)] },
    },
    axes: [
      { ...axis, size: 26, grid: { show: false }, space: 70, values: (_, splits, __, ___, step) => splits.map((at) => clock.tick(at, step)) },
      {
        ...axis,
        size: 74,
        space: card.height ? 22 : 30,
        incrs: increments(card.unit),
        grid: { stroke: () => token("--chart-grid"), width: 1 },
        values: (_, splits) => splits.map((each) => value(card.unit, each, "")),
      },
    ],
    series: [{}, ...card.names.map((name, index) => line(card, name, index))],
    hooks: {
      setCursor: [(chart) => on.cursor(chart.cursor.idx)],
      setSelect: [
        (chart) => {
          const { left, width } = chart.select;
          if (width < 8) return;
          const [start, end] = [chart.posToVal(left, "x"), chart.posToVal(left + width, "x")];
          chart.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
          on.zoom(start, end);
        },
      ],
    },
  };
  const chart = new uPlot(options, [[], ...card.names.map(() => [])], element);
  new ResizeObserver(() => element.clientWidth && chart.setSize({ width: element.clientWidth, height })).observe(element);
  return {
    chart,
    redraw: () => chart.redraw(false),
    show(start, end, times, columns) {
      shown = [start, end];
      chart.setData([times, ...columns]);
    },
  };
}

function line(card, name, index) {
  const colour = `--chart-${index + 1}`;
  if (name === card.ceiling) return { stroke: () => token("--muted"), width: 1, dash: [4, 4], points: { show: false } };
  return {
    stroke: () => token(colour),
    fill: () => `color-mix(in srgb, ${token(colour)} ${index ? 0 : 12}%, transparent)`,
    width: 1.5,
    spanGaps: false, // what was not measured is not drawn
    points: { show: true, size: 4, fill: () => token(colour), filter: alone },
  };
}

// A value with a gap on either side has no line to show it: it gets a dot.
function alone(chart, index) {
  const values = chart.data[index];
  const found = [];
  for (let at = 0; at < values.length; at += 1) {
    if (values[at] != null && values[at - 1] == null && values[at + 1] == null) found.push(at);
  }
  return found;
}

function ceiling(card, high) {
  if (card.unit === "percent") return Math.max(100, high ?? 0);
  if (!high) return card.unit.startsWith("bytes") ? 1024 : 1;
  return card.ceiling ? high * 1.02 : high * 1.1;
}
