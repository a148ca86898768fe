// The hosts of one side on a canvas: circles that fill as the file arrives, links that light up.

import { arrangeHosts } from "./arrange.js";
import { HostGroup, besideKey, keySamples, keyWidth } from "./circles.js";
import { ABSENT, KILLED } from "./model.js";
import { INK, QUIET, RULE, Sheet, between, haloText, shade, tint } from "./figures.js";

const MOST_IDLE = 250; // more idle connections than that are a grey cloud
const LEAST_TEXT = 11; // pixels

export class HostsPicture {
  constructor(canvas, words) {
    canvas.classList.add("fsl-hosts");
    this.words = words;
    this.selected = -1;
    this.hovered = -1;
    this.drawn = null;
    this.spot = null;
    this.spotFor = "";
    this.places = null;
    this.shades = null;
    this.phase = 0; // pixels that the arrows have come
    this.drawnAt = 0; // milliseconds
    this.still = matchMedia("(prefers-reduced-motion: reduce)");
    this.sheet = new Sheet(canvas, () => {
      if (this.drawn !== null) this.draw(...this.drawn);
    });
  }

  close() {
    this.sheet.close();
  }

  // The host at a point of the canvas (CSS pixels), or -1. A finger may miss a little.
  at(x, y) {
    if (this.spot === null) return -1;
    let [found, least] = [-1, Infinity];
    this.spot.r.forEach((radius, index) => {
      const far = Math.hypot(this.spot.x[index] - x, this.spot.y[index] - y) - radius;
      if (far < least) [found, least] = [index, far];
    });
    return least <= 8 ? found : -1;
  }

  // The nearest host from `index` in a direction (dx, dy: -1, 0 or 1), or `index`: for arrow keys.
  neighbour(index, dx, dy) {
    if (this.spot === null) return index;
    if (index < 0) return 0;
    const { x, y } = this.spot;
    let [found, least] = [index, Infinity];
    for (let other = 0; other < x.length; other += 1) {
      const ahead = (x[other] - x[index]) * dx + (y[other] - y[index]) * dy;
      const aside = Math.abs((x[other] - x[index]) * dy) + Math.abs((y[other] - y[index]) * dx);
      if (ahead > 0.5 && ahead + 2 * aside < least) [found, least] = [other, ahead + 2 * aside];
    }
    return found;
  }

  // Where a host is drawn: {x, y, r} in CSS pixels of the canvas, or null.
  placeOf(index) {
    if (this.spot === null || !(index in this.spot.x)) return null;
    return { x: this.spot.x[index], y: this.spot.y[index], r: this.spot.r[index] };
  }

  // Draw a side. Options: selected, hovered (host indices or -1); moving: whether time goes on;
  // named: whether the hovered host has its name beside it.
  draw(side, scene, options = {}) {
    this.drawn = [side, scene, options];
    this.selected = options.selected ?? this.selected;
    this.hovered = options.hovered ?? this.hovered;
    const context = this.sheet.open();
    if (context === null) return;
    this.settle(side);
    this.tick(options.moving ?? true);
    const server = side.name === "central";
    const origin = server ? "square" : "ring";
    const look = { colour: side.colour, part: this.shades.part, origin };
    const group = new HostGroup(this.spot, side.hosts, look);
    this.drawLinks(context, side);
    group.drawCircles(context);
    group.drawBars(context);
    group.drawCrosses(context);
    this.drawNames(context, side, server);
    group.drawMarks(context);
    this.drawFocus(context, side, group);
    this.drawKey(context, side, look);
  }

  // Arrange hosts anew only for another size or other places; shades only for another colour.
  settle(side) {
    const { width, height, text } = this.sheet;
    const wanted = `${width} ${height}`;
    if (this.spotFor !== wanted || this.places !== side.places) {
      const box = { left: 8, top: 8, right: width - 6, bottom: height - 2 * text };
      this.spot = arrangeHosts(side.places, box, text);
      [this.spotFor, this.places] = [wanted, side.places];
    }
    if (this.shades?.colour !== side.colour) {
      const levels = Array.from({ length: 17 }, (_, level) => Math.sqrt(level / 16));
      this.shades = {
        colour: side.colour,
        links: levels.map((share) => tint(side.colour, 0.15 + 0.6 * share)),
        arrows: levels.map((share) => tint(side.colour, 0.5 + 0.5 * share)),
        part: tint(side.colour, 0.42),
        edge: shade(side.colour),
      };
    }
  }

  tick(moving) {
    const now = performance.now();
    // After a pause the arrows go on from where they were.
    if (moving && !this.still.matches) this.phase += Math.min(now - this.drawnAt, 100) * 0.07;
    this.drawnAt = now;
  }

  get focus() {
    return this.hovered >= 0 ? this.hovered : this.selected;
  }

  drawLinks(context, side) {
    if (side.connections.size <= MOST_IDLE) this.drawIdle(context, side);
    const near = [];
    const others = [];
    for (const link of side.links.values()) {
      (link[0] === this.focus || link[1] === this.focus ? near : others).push(link);
    }
    // Many links are drawn finer, or they would hide each other and the hosts.
    const small = between(0.5, this.spot.r.at(-1) / 15, 1);
    const crowd = small * between(0.4, Math.sqrt(100 / side.links.size), 1);
    context.globalAlpha = near.length > 0 ? 0.25 : 1;
    this.drawLevels(context, side, others, crowd);
    context.globalAlpha = 1;
    this.drawLevels(context, side, near, near.length > 0 && others.length > 0 ? small : crowd);
  }

  drawIdle(context, side) {
    const { x, y } = this.spot;
    context.lineWidth = 1;
    context.strokeStyle = RULE;
    for (const [, i, , j] of side.connections.values()) {
      if (j < 0) continue;
      context.beginPath();
      context.moveTo(x[i], y[i]);
      context.lineTo(x[j], y[j]);
      context.stroke();
    }
  }

  // The ink is set once for a level, and each link is a path of its own: where no GPU helps, one
  // path of 400 crossing lines takes the browser six times as long (15 ms instead of 2.4).
  drawLevels(context, side, links, crowd) {
    const byLevel = Array.from({ length: 17 }, () => []);
    for (const link of links) byLevel[link[2]].push(this.lineOf(side, link));
    context.lineCap = "butt";
    byLevel.forEach((lines, level) => {
      context.lineWidth = crowd * linkWidth(level);
      context.strokeStyle = this.shades.links[level];
      for (const [x1, y1, x2, y2] of lines) {
        context.beginPath();
        context.moveTo(x1, y1);
        context.lineTo(x2, y2);
        context.stroke();
      }
    });
    const apart = side.hosts.length > 50 ? 160 : 80;
    byLevel.forEach((lines, level) => {
      const size = crowd * (2.5 + 0.75 * linkWidth(level));
      context.fillStyle = this.shades.arrows[level];
      for (const line of lines) this.drawArrows(context, line, size, apart);
    });
  }

  // From edge to edge of the circles; two links of the same hosts keep to their right.
  lineOf(side, [i, j, level]) {
    const { x, y, r } = this.spot;
    const [dx, dy] = [x[j] - x[i], y[j] - y[i]];
    const far = Math.hypot(dx, dy) || 1;
    const [ux, uy] = [dx / far, dy / far];
    const aside = side.links.has(`${j}>${i}`) ? linkWidth(level) / 2 + 1 : 0;
    const [x1, y1] = [x[i] + ux * r[i] - uy * aside, y[i] + uy * r[i] + ux * aside];
    const length = Math.max(far - r[i] - r[j], 1);
    return [x1, y1, x1 + ux * length, y1 + uy * length, ux, uy, length, 17 * i + 31 * j];
  }

  drawArrows(context, [x1, y1, , , ux, uy, length, seed], size, apart) {
    const every = Math.min(apart, length);
    for (let along = (this.phase + seed) % every; along < length; along += every) {
      const [x, y] = [x1 + ux * along, y1 + uy * along];
      context.beginPath();
      context.moveTo(x + ux * size, y + uy * size);
      context.lineTo(x - ux * size - uy * size, y - uy * size + ux * size);
      context.lineTo(x - ux * size + uy * size, y - uy * size - ux * size);
      context.fill();
    }
  }

  drawNames(context, side, server) {
    const { x, y, r } = this.spot;
    context.textAlign = "center";
    context.textBaseline = "middle";
    side.hosts.forEach((host, index) => {
      const size = index > 0 ? Math.min(0.85 * r[index], this.sheet.text) : this.sheet.text;
      if (size < LEAST_TEXT) return;
      const origin = server ? "picture.server" : "picture.origin";
      const name = index > 0 ? String(index) : this.words(origin);
      context.font = this.sheet.font(size, "bold");
      // A long word goes into the origin's shape at a smaller size, as far as it can be read.
      const shrink = (1.75 * r[index]) / context.measureText(name).width;
      const fitting = Math.max(LEAST_TEXT, Math.floor(size * shrink));
      if (shrink < 1) context.font = this.sheet.font(fitting, "bold");
      const at = [x[index], y[index] + 1];
      if (host.flags & KILLED) haloText(context, name, ...at, INK, 7);
      else if (host.held >= 1000) haloText(context, name, ...at, "#FFFFFF", 3, this.shades.edge);
      else {
        context.fillStyle = host.flags & ABSENT ? QUIET : INK;
        context.fillText(name, ...at);
      }
    });
  }

  drawFocus(context, side, group) {
    const ring = (chosen, width) => {
      group.paint(context, (_, index) => index === chosen, "focusRing", { stroke: INK, width });
    };
    if (this.selected >= 0) ring(this.selected, 4);
    if (this.hovered < 0 || this.hovered >= side.hosts.length) return;
    if (this.hovered !== this.selected) ring(this.hovered, 2);
    const { named = true } = this.drawn[2];
    if (named) this.drawTag(context, side.hosts[this.hovered], this.hovered);
  }

  // The name of the host under the pointer, with its share of the file.
  drawTag(context, host, index) {
    const { width, text } = this.sheet;
    const name = `${host.name} · ${Math.floor(host.held / 10)} %`;
    context.font = this.sheet.font(text, "bold");
    context.textAlign = "center";
    context.textBaseline = "middle";
    const half = context.measureText(name).width / 2 + 0.5 * text;
    const { x, y, r } = this.placeOf(index);
    const above = y - r - 0.8 * text - 14;
    const middle = above > 0.9 * text ? above : y + r + 0.8 * text + 14;
    const at = between(half + 1, x, width - half - 1);
    context.beginPath();
    context.roundRect(at - half, middle - 0.8 * text, 2 * half, 1.6 * text, 0.3 * text);
    context.fillStyle = "#FFFFFF";
    context.fill();
    context.strokeStyle = INK;
    context.lineWidth = 2;
    context.stroke();
    context.fillStyle = INK;
    context.fillText(name, at, middle + 1);
  }

  // Set the font of the key, a little smaller where all would not fit; returns its size.
  keySize(context, keys, size) {
    context.font = this.sheet.font(size);
    const fitting = (size * this.sheet.width) / keyWidth(context, keys, this.words, size) - 0.5;
    const used = Math.max(LEAST_TEXT, Math.floor(Math.min(size, fitting)));
    context.font = this.sheet.font(used);
    return used;
  }

  // What the marks mean, as many as fit in a line below, drawn as the hosts are.
  drawKey(context, side, look) {
    const { width, height, text } = this.sheet;
    const keys = keySamples(side);
    const size = this.keySize(context, keys, Math.max(14, 0.9 * text));
    const spot = { x: [], y: [], r: [] };
    const samples = [];
    context.textAlign = "left";
    context.textBaseline = "middle";
    context.fillStyle = QUIET;
    const r = 0.5 * size;
    let left = 8 + r;
    for (const [key, sample] of keys) {
      const word = this.words(key);
      const wide = context.measureText(word).width;
      const beside = besideKey(sample, r);
      if (left + beside + wide > width) continue;
      context.fillText(word, left + beside, height - size);
      samples.push(sample);
      spot.x.push(left);
      spot.y.push(height - size - 1);
      spot.r.push(r);
      left += r + beside + wide + 1.1 * size;
    }
    const group = new HostGroup(spot, samples, { ...look, origin: "" });
    group.badge = false;
    group.drawCircles(context);
    group.drawBars(context);
    group.drawCrosses(context);
    group.drawMarks(context);
  }
}

function linkWidth(level) {
  return 0.9 + 0.4 * level;
}
