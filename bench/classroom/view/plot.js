// The frame that both charts share: a time axis with round ticks, levels, marks, names of curves.

import { INK, QUIET, RULE, between, digitsText, haloText, shade, timeText } from "./figures.js";

export const BOUND_DASH = [3, 4]; // of lines that nothing can be beyond
// What time axes count in, and the steps that are round in it: [unit, seconds, steps].
const TIME_UNITS = [
  ["us", 1e-6, [1, 2, 5]],
  ["ms", 1e-3, [1, 2, 5]],
  ["s", 1, [1, 2, 5, 10, 15, 30, 60]],
  ["min", 60, [1, 2, 5, 10, 15, 30, 60]],
  ["h", 3600, [1, 2, 3, 6, 12, 24]],
  ["d", 86400, [1, 2, 5]],
  ["y", 31557600, [1, 2, 5]],
];

// How far both time axes go, in seconds: a little more than what is to be seen, and when the run
// goes on beyond that, a quarter more at a time.
export function timeReach(model) {
  const bounds = model.sides.map((side) => side.bound).filter((bound) => Number.isFinite(bound));
  let reach = Math.max(...bounds, 0) * 1.08 || Math.max(model.t, 1e-6) * 1.08;
  while (model.t > 0.985 * reach) reach *= 1.25;
  return reach;
}

// Round numbers from 0 to `reach`, steps of 1, 2 or 5 times a power of ten, `most` steps at most;
// no step is smaller than `least`.
export function roundTicks(reach, most, least = 0) {
  const power = 10 ** Math.floor(Math.log10(reach / most));
  const step = Math.max(least, [1, 2, 5, 10].find((one) => one * power * most >= reach) * power);
  const count = Math.floor(reach / step + 1e-9);
  return Array.from({ length: count + 1 }, (_, index) => index * step);
}

// Ticks of a time axis: [[seconds, text], ...], the unit beside the last.
export function timeTicks(reach, most, words) {
  const unit = TIME_UNITS.findLast(([, size]) => reach >= 2 * size) ?? TIME_UNITS[0];
  const [name, size, steps] = unit;
  const round = steps.find((step) => step * size * most >= reach);
  const values = round
    ? Array.from({ length: Math.floor(reach / size / round) + 1 }, (_, index) => index * round)
    : roundTicks(reach / size, most);
  return values.map((value, index) => {
    const text = digitsText(value);
    const last = index === values.length - 1;
    return [value * size, last ? words(`time.${name}`, { count: text }) : text];
  });
}

// A chart's frame: it knows where a time and a value are on the sheet, and draws all but curves.
export class TimePlot {
  constructor(sheet, context, model, { top, most, labels, words }) {
    this.sheet = sheet;
    this.context = context;
    this.words = words;
    this.size = sheet.text;
    context.font = sheet.font(this.size, "bold");
    const widest = Math.max(...labels.map((label) => context.measureText(label).width));
    this.left = 2.6 * this.size;
    this.right = sheet.width - widest - 14;
    this.top = (2.1 + top) * this.size;
    // Curves' names keep clear of what stands above the plot.
    this.highest = this.top + (top > 0 ? 0.6 * this.size : 0);
    this.bottom = sheet.height - 1.9 * this.size;
    this.reach = timeReach(model);
    this.most = most;
  }

  x(t) {
    return this.left + ((this.right - this.left) * t) / this.reach;
  }

  y(value) {
    return this.bottom - ((this.bottom - this.top) * Math.min(value, this.most)) / this.most;
  }

  // A bold title and notes as far as they fit: [kind, text, shorter text ...]. Before the words there
  // is the dash that they explain, "across" or "upright", or "" for none.
  drawTitle(title, ...notes) {
    const { context, sheet, size } = this;
    const base = 1.1 * size;
    context.textAlign = "left";
    context.textBaseline = "alphabetic";
    context.font = sheet.font(size, "bold");
    context.fillStyle = INK;
    context.fillText(title, 2, base);
    let x = 2 + context.measureText(title).width + 0.8 * size;
    context.font = sheet.font(0.9 * size);
    context.fillStyle = QUIET;
    for (const [kind, ...texts] of notes) {
      const wide = { across: 2 * size, upright: 0.5 * size }[kind] ?? 0;
      const room = sheet.width - x - wide;
      const text = texts.find((one) => context.measureText(one).width <= room);
      if (text === undefined) continue;
      const middle = 0.75 * size;
      if (kind === "across") this.dash([[x, middle], [x + wide - 0.4 * size, middle]]);
      if (kind === "upright") this.dash([[x, 0.2 * size], [x, 1.3 * size]]);
      context.fillText(text, x + wide, base);
      x += wide + context.measureText(text).width + size;
    }
  }

  dash(points) {
    this.stroke(points, { colour: QUIET, width: 2, dash: BOUND_DASH });
  }

  // Lines across with their values: [[value, text], ...].
  drawLevels(levels) {
    const { context, sheet, size } = this;
    context.font = sheet.font(0.9 * size);
    context.textAlign = "right";
    context.textBaseline = "middle";
    context.beginPath();
    for (const [value, text] of levels) {
      context.fillStyle = QUIET;
      context.fillText(text, this.left - 8, this.y(value));
      context.moveTo(this.left, Math.round(this.y(value)) + 0.5);
      context.lineTo(this.right, Math.round(this.y(value)) + 0.5);
    }
    context.strokeStyle = RULE;
    context.lineWidth = 1;
    context.stroke();
  }

  drawTimes(t) {
    const { context, sheet, size } = this;
    context.font = sheet.font(0.9 * size);
    context.textAlign = "center";
    context.textBaseline = "alphabetic";
    const base = this.bottom + 1.25 * size;
    const now = timeText(t, this.words);
    const half = 0.62 * context.measureText(now).width + 0.4 * size;
    const at = between(this.left - 0.5 * this.size + half, this.x(t), sheet.width - half);
    const most = Math.max(2, Math.floor((this.right - this.left) / (4.2 * size)));
    context.fillStyle = QUIET;
    for (const [value, text] of timeTicks(this.reach, most, this.words)) {
      const room = half + context.measureText(text).width / 2;
      if (t > 0 && Math.abs(this.x(value) - at) < room) continue;
      context.fillText(text, this.x(value), base);
    }
    const axis = [[this.left, this.bottom], [this.right, this.bottom]];
    this.stroke(axis, { colour: QUIET, width: 1.5 });
    if (t <= 0) return;
    this.stroke([[this.x(t), this.top], [this.x(t), this.bottom]], { colour: INK, width: 1 });
    context.beginPath();
    context.moveTo(this.x(t), this.bottom);
    context.lineTo(this.x(t) - 6, this.bottom + 8);
    context.lineTo(this.x(t) + 6, this.bottom + 8);
    context.fillStyle = INK;
    context.fill();
    context.font = sheet.font(0.9 * size, "bold");
    context.fillText(now, at, base);
  }

  // What was done to hosts, on the axis: a cross for down, a plus for more, a stroke for the rest.
  drawEvents(events) {
    const { context } = this;
    context.beginPath();
    for (const [t, key] of events) {
      const [x, y] = [this.x(t), this.bottom - 9];
      if (key === "kill") {
        context.moveTo(x - 5, y - 5);
        context.lineTo(x + 5, y + 5);
        context.moveTo(x + 5, y - 5);
        context.lineTo(x - 5, y + 5);
      } else if (key === "add") {
        context.moveTo(x - 6, y);
        context.lineTo(x + 6, y);
        context.moveTo(x, y - 6);
        context.lineTo(x, y + 6);
      } else if (["revive", "cut", "restore", "slow"].includes(key)) {
        context.moveTo(x, y - 7);
        context.lineTo(x, this.bottom);
      }
    }
    context.lineCap = "round";
    context.strokeStyle = "#FFFFFF";
    context.lineWidth = 6;
    context.stroke();
    context.strokeStyle = INK;
    context.lineWidth = 2.5;
    context.stroke();
  }

  stroke(points, { colour, width, dash = [] }) {
    const { context } = this;
    context.beginPath();
    points.forEach(([x, y], index) => (index ? context.lineTo(x, y) : context.moveTo(x, y)));
    context.lineCap = "butt";
    context.setLineDash(dash);
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.stroke();
    context.setLineDash([]);
  }

  // The sides' names where their curves end: [{x, y, text, colour}], apart from each other.
  drawEnds(ends) {
    const { context, sheet, size } = this;
    const gap = 1.1 * size;
    const sorted = [...ends].sort((one, other) => one.y - other.y);
    const heights = sorted.map(({ y }) => between(this.highest, y, this.bottom - 0.4 * size));
    for (let index = 1; index < sorted.length; index += 1) {
      heights[index] = Math.max(heights[index], heights[index - 1] + gap);
    }
    const beyond = Math.max(0, heights[heights.length - 1] - this.bottom + 0.4 * size);
    context.font = sheet.font(size, "bold");
    context.textAlign = "left";
    context.textBaseline = "middle";
    sorted.forEach(({ x, y, text, colour, square }, index) => {
      context.beginPath();
      if (square) context.rect(x - 5, y - 5, 10, 10);
      else context.arc(x, y, 5.5, 0, 2 * Math.PI);
      context.fillStyle = colour;
      context.fill();
      haloText(context, text, x + 10, heights[index] - beyond, shade(colour));
    });
  }
}
