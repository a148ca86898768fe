// Figures as text, the two large numbers of a side, and the sheet that every picture is drawn on.

import { build, write } from "./elements.js";

export const INK = "#222222";
export const QUIET = "#666666";
export const RULE = "#E3E3E3";

const RATE_UNITS = ["bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s"];

// At most three significant digits, never an exponent, the same in every locale; a smaller share
// than a thousandth is nothing.
export function digitsText(value) {
  if (!Number.isFinite(value)) return "∞";
  return Math.abs(value) < 1e-3 ? "0" : String(Number(value.toPrecision(3)));
}

// Bytes per second as `12.3 Mbit/s`.
export function rateText(rate) {
  let unit = 0;
  let number = rate * 8;
  // Rounded first: 999.9 kbit/s is 1 Mbit/s.
  while (Math.round(number) >= 1000 && unit < RATE_UNITS.length - 1) {
    number /= 1000;
    unit += 1;
  }
  return `${digitsText(number)} ${RATE_UNITS[unit]}`;
}

// What a chart divides bytes per second by, and the unit that this gives: [divisor, unit].
export function rateUnit(most) {
  let unit = 0;
  while (most * 8 >= 1000 ** (unit + 1) && unit < RATE_UNITS.length - 1) unit += 1;
  return [1000 ** unit / 8, RATE_UNITS[unit]];
}

// Seconds in words: `0.34 s`, `2 min 48 s`, `3 h 12 min`, `1분 11초`.
export function timeText(seconds, words) {
  const say = (count, unit) => words(`time.${unit}`, { count });
  if (!Number.isFinite(seconds)) return "∞";
  if (seconds > 0 && seconds < 1e-4) return say(digitsText(seconds * 1e6), "us");
  if (seconds > 0 && seconds < 0.1) return say(digitsText(seconds * 1e3), "ms");
  if (Number(seconds.toPrecision(3)) < 60) return say(digitsText(seconds), "s");
  if (Math.round(seconds) < 3600) return inTwo(seconds, 1, 60, "min", "s", say);
  if (Math.round(seconds / 60) < 48 * 60) return inTwo(seconds, 60, 60, "h", "min", say);
  if (seconds < 1000 * 86400) return inTwo(seconds, 3600, 24, "d", "h", say);
  return say(digitsText(seconds / 31557600), "y");
}

function inTwo(seconds, size, perLarge, large, small, say) {
  const count = Math.round(seconds / size);
  const rest = count % perLarge;
  return say(Math.floor(count / perLarge), large) + (rest ? ` ${say(rest, small)}` : "");
}

// The same for a clock that runs: its digits do not come and go.
export function clockText(seconds, words) {
  const say = (count, unit) => words(`time.${unit}`, { count });
  if (seconds < 1 || Math.round(seconds) >= 3600) return timeText(seconds, words);
  if (Number(seconds.toPrecision(3)) < 60) return say(seconds.toPrecision(3), "s");
  const whole = Math.round(seconds);
  return `${say(Math.floor(whole / 60), "min")} ${say(whole % 60, "s")}`;
}

// Copies of the file: three digits that do not jump while they count, `1.08`, `19.7`, `120`. The
// rest is cut off: `1.00` is said of nothing less than the whole file.
export function timesText(copies) {
  if (copies <= 0) return "0";
  const digits = copies < 10 ? 2 : copies < 100 ? 1 : 0;
  return (Math.floor(copies * 10 ** digits + 1e-6) / 10 ** digits).toFixed(digits);
}

// A colour as strong as `share` (0 white, 1 full) on white: it stays opaque, so that areas drawn
// over each other do not mix into a third colour.
export function tint(colour, share) {
  return `rgb(${channels(colour).map((part) => Math.round(255 - share * (255 - part))).join(",")})`;
}

// A colour dark enough for small text on white, and for white text on it (WCAG 2.2: 4.5 to 1).
export function shade(colour) {
  return `rgb(${channels(colour).map((part) => Math.round(0.84 * part)).join(",")})`;
}

function channels(colour) {
  return [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
}

export function between(least, value, most) {
  return Math.max(least, Math.min(most, value));
}

// A canvas with as many dots as the screen has, which is drawn again when its size changes.
export class Sheet {
  constructor(canvas, redraw) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    this.family = "sans-serif";
    this.width = 0; // CSS pixels, as height
    this.height = 0;
    this.text = 18; // CSS pixels: the size of ordinary text
    this.measure();
    this.observer = new ResizeObserver(() => {
      if (this.measure()) redraw();
    });
    this.observer.observe(canvas);
  }

  // Take the element's size; returns true where it is another than before.
  measure() {
    const { clientWidth, clientHeight } = this.canvas;
    if (clientWidth === this.width && clientHeight === this.height) return false;
    this.width = clientWidth;
    this.height = clientHeight;
    this.text = Math.round(between(15, clientWidth / 32, 30));
    this.family = getComputedStyle(this.canvas).fontFamily || "sans-serif";
    return true;
  }

  // An empty sheet to draw on in CSS pixels; null while it has no size.
  open() {
    if (this.width === 0 || this.height === 0) return null;
    const ratio = globalThis.devicePixelRatio || 1;
    const [width, height] = [Math.round(this.width * ratio), Math.round(this.height * ratio)];
    if (this.canvas.width !== width || this.canvas.height !== height) {
      this.canvas.width = width;
      this.canvas.height = height;
    }
    this.context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.context.clearRect(0, 0, this.width, this.height);
    this.context.lineJoin = "round";
    return this.context;
  }

  font(size, weight = "") {
    return `${weight} ${Math.round(size)}px ${this.family}`;
  }

  close() {
    this.observer.disconnect();
  }
}

// Text with an edge, white unless told, readable on whatever it stands.
export function haloText(context, text, x, y, colour, edge = 5, ground = "#FFFFFF") {
  context.lineWidth = edge;
  context.strokeStyle = ground;
  context.strokeText(text, x, y);
  context.fillStyle = colour;
  context.fillText(text, x, y);
}

// A side's two large numbers: finished clients, and how many times the file the origin has sent.
export class BigNumbers {
  constructor(element, words) {
    this.element = element;
    this.element.classList.add("fsl-figures");
    this.finished = this.figure();
    this.sent = this.figure();
    this.words = words;
  }

  figure() {
    const number = build("span", "fsl-figure-number");
    const unit = build("span", "fsl-figure-unit");
    const caption = build("div", "fsl-figure-caption");
    const line = build("div", "fsl-figure-line", number, unit);
    const figure = build("div", "fsl-figure", line, caption);
    this.element.append(figure);
    return { figure, number, unit, caption };
  }

  draw(side, scene) {
    const [finished, clients] = [side.finished, scene.hosts.length - 1];
    this.element.style.setProperty("--fsl-side", side.colour);
    write(this.finished.number, String(finished));
    write(this.finished.unit, ` / ${clients}`);
    write(this.finished.caption, this.words("picture.finished"));
    this.finished.figure.classList.toggle("fsl-figure-all", clients > 0 && finished === clients);
    write(this.sent.number, timesText(side.copies));
    write(this.sent.unit, " × F");
    write(this.sent.caption, this.words(`picture.sent.${side.name}`));
  }
}
