// Figures as text, the two large numbers of a side, and the sheet that every picture is drawn on.

import { build, write } from "./elements.js";

export const INK = "#222222";
export const QUIET = "#666666";
export const RULE = "#E3E3E3";

const RATE_UNITS = ["bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s"];
const SIZE_UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

// At most three significant digits, never an exponent, the same in every locale.
export function digitsText(value) {
  if (!Number.isFinite(value)) return "∞";
  return String(Number(value.toPrecision(3)));
}

function inUnits(value, units, step) {
  let unit = 0;
  let number = value;
  // Rounded first: 999.9 kbit/s is 1 Mbit/s.
  while (Math.round(number) >= step && unit < units.length - 1) {
    number /= step;
    unit += 1;
  }
  return `${digitsText(number)} ${units[unit]}`;
}

// Bytes per second as `12.3 Mbit/s`.
export function rateText(rate) {
  return inUnits(rate * 8, RATE_UNITS, 1000);
}

// What a chart divides bytes per second by, and the unit that this gives: [divisor, unit].
export function rateUnit(most) {
  let unit = 0;
  while (most * 8 >= 1000 ** (unit + 1) && unit < RATE_UNITS.length - 1) unit += 1;
  return [1000 ** unit / 8, RATE_UNITS[unit]];
}

// Bytes as `64 KiB`.
export function sizeText(bytes) {
  return inUnits(bytes, SIZE_UNITS, 1024);
}

// Seconds as `0.34 s`, `2 min 48 s`, `3 h 12 min`.
export function timeText(seconds) {
  if (!Number.isFinite(seconds)) return "∞";
  if (seconds > 0 && seconds < 1e-4) return `${digitsText(seconds * 1e6)} µs`;
  if (seconds > 0 && seconds < 0.1) return `${digitsText(seconds * 1e3)} ms`;
  if (Number(seconds.toPrecision(3)) < 60) return `${digitsText(seconds)} s`;
  if (Math.round(seconds) < 3600) return inTwo(seconds, 1, 60, "min", "s");
  if (Math.round(seconds / 60) < 48 * 60) return inTwo(seconds, 60, 60, "h", "min");
  if (seconds < 1000 * 86400) return inTwo(seconds, 3600, 24, "d", "h");
  return `${digitsText(seconds / 31557600)} y`;
}

function inTwo(seconds, size, perLarge, large, small) {
  const count = Math.round(seconds / size);
  const rest = count % perLarge;
  return `${Math.floor(count / perLarge)} ${large}${rest ? ` ${rest} ${small}` : ""}`;
}

// Copies of the file: three digits that do not jump while they count, `1.08`, `19.7`, `120`.
export function timesText(copies) {
  if (copies <= 0) return "0";
  if (copies < 9.995) return copies.toFixed(2);
  return copies < 99.95 ? copies.toFixed(1) : String(Math.round(copies));
}

// A colour as strong as `share` (0 white, 1 full) on white: it stays opaque, so that areas drawn
// over each other do not mix into a third colour.
export function tint(colour, share) {
  const parts = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
  return `rgb(${parts.map((part) => Math.round(255 - share * (255 - part))).join(",")})`;
}

export function between(least, value, most) {
  return Math.max(least, Math.min(most, value));
}

// A canvas with as many dots as the screen has, which asks to be drawn again when its size changes.
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
    this.measure();
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

// Text with a white edge, readable on whatever it stands.
export function haloText(context, text, x, y, colour, edge = 5) {
  context.lineWidth = edge;
  context.strokeStyle = "#FFFFFF";
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
    this.drawn = null;
    this.said = words;
  }

  get words() {
    return this.said;
  }

  set words(words) {
    this.said = words;
    if (this.drawn !== null) this.draw(...this.drawn);
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
    this.drawn = [side, scene];
    const [finished, clients] = [side.finished, scene.hosts.length - 1];
    this.element.style.setProperty("--fsl-side", side.colour);
    write(this.finished.number, String(finished));
    write(this.finished.unit, ` / ${clients}`);
    write(this.finished.caption, this.said("picture.finished", {}));
    this.finished.figure.classList.toggle("fsl-figure-all", clients > 0 && finished === clients);
    write(this.sent.number, timesText(side.copies));
    write(this.sent.unit, " × F");
    write(this.sent.caption, this.said(`picture.sent.${side.name}`, {}));
  }

  close() {
    this.element.replaceChildren();
  }
}
