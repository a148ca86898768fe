// Both sides of a run on the same axes, over time: what the origin sends, and who has the file.

import { mark } from "./elements.js";
import { QUIET, Sheet, between, digitsText, rateText, rateUnit } from "./figures.js";
import { shade, timeText, timesText, tint } from "./figures.js";
import { KILLED } from "./model.js";
import { BOUND_DASH, TimePlot, roundTicks, timeReach } from "./plot.js";

// Not by colour alone: the second side's curves are dashed.
const SIDE_DASHES = [[], [11, 7]];

// The rates of a side's origin: [[from, to, bytes per second], ...], buckets joined to stretches of
// at least `least` seconds. What has only begun is left out: it would look like a fall. A quantum is
// counted as it leaves and then takes its time: what `capacity` cannot carry is in the next stretch.
export function originRates(side, t, over, least, capacity = null) {
  const join = Math.max(1, Math.ceil(least / side.bucket));
  const last = Math.max(Math.floor(t / side.bucket + 1e-9), over ? side.origin.length : 0);
  const rates = [];
  let bytes = 0;
  for (let first = 0; first < last; first += join) {
    const end = Math.min(first + join, last);
    if (end - first < join / 2 && !over) break;
    for (let bucket = first; bucket < end; bucket += 1) bytes += side.origin[bucket] ?? 0;
    const lasts = (end - first) * side.bucket;
    const rate = Math.min(bytes / lasts, capacity ?? Infinity);
    bytes -= rate * lasts;
    rates.push([first * side.bucket, end * side.bucket, rate]);
  }
  return rates;
}

// Seconds that a rate must be taken over to be steady: sockets get at most 16 KiB at once, which
// are many more at full scale.
function steadyStretch(scene, capacity) {
  return capacity ? (12 * 16384 * scene.size) / scene.moved / capacity : 0;
}

// What both charts are: a canvas that is drawn from the model, in a language, with a label.
class TimeChart {
  constructor(canvas, words) {
    this.canvas = canvas;
    this.words = words;
    this.model = null;
    this.sheet = new Sheet(canvas, () => {
      if (this.model?.told) this.draw(this.model);
    });
  }

  draw(model) {
    this.model = model;
    mark(this.canvas, "aria-label", this.label(model));
    const context = this.sheet.open();
    if (context === null) return;
    const labels = model.sides.map((side) => this.words(`picture.side.${side.name}`));
    this.drawOn(context, model, labels);
  }

  // What the chart shows, and in the end what came of it, for those who do not see it.
  label({ state, sides }) {
    const told = state === "over" ? sides : [];
    const came = told.map((side) => {
      const name = this.words(`side.${side.name}`);
      return this.words(`${this.name}.side`, { side: name, ...this.outcome(side) });
    });
    return [this.words(this.name), ...came].join(". ");
  }

  close() {
    this.sheet.close();
  }
}

// The origin's uplink over time: both sides' rates, and what the uplink can carry.
export class UplinkChart extends TimeChart {
  get name() {
    return "chart.uplink";
  }

  outcome(side) {
    return { copies: timesText(side.copies) };
  }

  drawOn(context, model, labels) {
    const capacity = model.scene.hosts[0].up;
    const reach = timeReach(model);
    // A stop that is a fortieth of the chart is seen, however small the file.
    const steady = Math.min(steadyStretch(model.scene, capacity), reach / 40);
    const least = Math.max((4 * reach) / this.sheet.width, steady);
    const over = model.state === "over";
    const rates = model.sides.map((side) => originRates(side, model.t, over, least, capacity));
    const full = capacity ?? Math.max(...rates.flat().map(([, , rate]) => rate), 1);
    const { words } = this;
    const look = { top: 0, most: 1.12 * full, labels, words };
    const plot = new TimePlot(this.sheet, context, model, look);
    const [divisor, unit] = rateUnit(full);
    const uplink = words("picture.capacity", { rate: rateText(full) });
    plot.drawTitle(words("picture.uplink.title"), ["", unit], ["across", uplink]);
    const ticks = roundTicks(full / divisor, 3);
    plot.drawLevels(ticks.map((tick) => [tick * divisor, digitsText(tick)]));
    const level = plot.y(full);
    plot.dash([[plot.left, level], [plot.right, level]]);
    const lines = rates.map((steps) => stepLine(plot, steps, model.t));
    if (lines[0]?.length > 0) fillUnder(plot, lines[0], tint(model.sides[0].colour, 0.16));
    finishChart(plot, model, lines, labels);
  }
}

function stepLine(plot, steps, t) {
  const line = steps.flatMap(([from, to, rate]) => [
    [plot.x(from), plot.y(rate)],
    [plot.x(Math.min(to, Math.max(t, from))), plot.y(rate)],
  ]);
  return line.length > 0 ? line : [[plot.x(0), plot.y(0)]];
}

// What both charts draw last: the curves, the time axis, what was done, and names at the ends.
function finishChart(plot, model, lines, labels) {
  const looks = model.sides.map(({ colour }, index) => ({ colour, dash: SIDE_DASHES[index] }));
  lines.forEach((line, index) => plot.stroke(line, { ...looks[index], width: 3.5 }));
  plot.drawTimes(model.t);
  plot.drawEvents(model.events);
  const ends = lines.map((line, index) => {
    const [x, y] = line.at(-1);
    return { x, y, text: labels[index], colour: looks[index].colour, square: index === 0 };
  });
  plot.drawEnds(ends);
}

function fillUnder(plot, line, colour) {
  const { context } = plot;
  context.beginPath();
  context.moveTo(line[0][0], plot.bottom);
  for (const [x, y] of line) context.lineTo(x, y);
  context.lineTo(line.at(-1)[0], plot.bottom);
  context.fillStyle = colour;
  context.fill();
}

// Clients that have the file, over time, and the least time in which all of them could.
export class CompletionsChart extends TimeChart {
  get name() {
    return "chart.completions";
  }

  outcome(side) {
    const clients = side.hosts.length - 1;
    const last = side.finishes.at(-1) ?? this.model.t;
    return { done: side.finished, clients, time: timeText(last, this.words) };
  }

  drawOn(context, model, labels) {
    const clients = model.clients;
    const { words } = this;
    const look = { top: 1.6, most: clients || 1, labels, words };
    const plot = new TimePlot(this.sheet, context, model, look);
    const bounds = ["picture.bound.all", "picture.bound"].map((key) => words(key, { clients }));
    plot.drawTitle(words("picture.completions.title"), ["upright", ...bounds]);
    const ticks = roundTicks(clients || 1, 3, 1).filter((tick) => clients - tick > clients / 4);
    plot.drawLevels([...ticks, clients].map((tick) => [tick, digitsText(tick)]));
    this.drawBounds(plot, model.sides, labels);
    const lines = model.sides.map((side) => [
      [plot.x(0), plot.y(0)],
      ...side.finishes.flatMap((when, count) => [
        [plot.x(when), plot.y(count)],
        [plot.x(when), plot.y(count + 1)],
      ]),
      [plot.x(model.t), plot.y(side.finished)],
    ]);
    finishChart(plot, model, lines, labels);
  }

  // Upright lines, named above them: the title says what they are. They are for all clients, and
  // fade when one of these is down.
  drawBounds(plot, sides, labels) {
    const { context, sheet, size } = plot;
    context.font = sheet.font(0.9 * size, "bold");
    context.textBaseline = "alphabetic";
    context.textAlign = "center";
    const marks = sides.flatMap(({ bound, colour, hosts }, index) => {
      if (!Number.isFinite(bound)) return [];
      const fewer = hosts.some((host, number) => number > 0 && host.flags & KILLED);
      const inks = fewer ? [tint(colour, 0.4), QUIET] : [colour, shade(colour)];
      const text = `${labels[index]} ${timeText(bound, this.words)}`;
      const half = context.measureText(text).width / 2;
      return [{ text, inks, half, x: plot.x(bound), at: plot.x(bound) }];
    });
    marks.sort((one, other) => one.x - other.x);
    const [first, last] = [marks[0], marks.at(-1)];
    for (const one of marks) {
      one.at = between(one.half + 2, one.at, sheet.width - one.half - 2);
    }
    const overlap = marks.length > 1 ? first.at + first.half + size + last.half - last.at : 0;
    if (overlap > 0) {
      last.at = Math.min(last.at + overlap / 2, sheet.width - last.half - 2);
      first.at = Math.min(first.at, last.at - last.half - size - first.half);
    }
    for (const { text, inks, x, at } of marks) {
      const line = [[x, plot.top - 0.35 * size], [x, plot.bottom]];
      plot.stroke(line, { colour: inks[0], width: 2, dash: BOUND_DASH });
      context.fillStyle = inks[1];
      context.fillText(text, at, plot.top - 0.6 * size);
    }
  }
}
