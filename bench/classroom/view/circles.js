// What hosts look like: circles that fill, bars of their uplinks, a mark for all that befalls them.

import { barWidth } from "./arrange.js";
import { INK, QUIET, between } from "./figures.js";
import { ABSENT, CUT, KILLED, SLOWED } from "./model.js";

const TURN = 2 * Math.PI;

// What a host looks like: each function makes the path of one part.
const HOST_SHAPES = {
  body(context, x, y, r, { square }) {
    if (square) context.roundRect(x - r, y - r, 2 * r, 2 * r, 0.25 * r);
    else context.arc(x, y, r, 0, TURN);
  },
  // The share of the file, by height.
  fill(context, x, y, r, { square, host }) {
    const share = host.held / 1000;
    if (square) context.rect(x - r, y + r - 2 * r * share, 2 * r, 2 * r * share);
    else {
      const from = Math.asin(1 - 2 * share);
      context.arc(x, y, r, from, Math.PI - from);
    }
  },
  ground(context, x, y, r, { square }) {
    const width = r + 2.5 + barWidth(r);
    if (square) context.rect(x - r - 2, y - r - 2, r + 2 + width + 2, 2 * r + 4);
    else {
      context.arc(x, y, r + 2, 0, TURN);
      context.rect(x, y - 0.85 * r - 1.5, width + 1.5, 1.7 * r + 3);
    }
  },
  outerRing(context, x, y, r) {
    context.arc(x, y, r + 4, 0, TURN);
  },
  focusRing(context, x, y, r) {
    context.arc(x, y, r + 8, 0, TURN);
  },
  bar(context, x, y, r) {
    const width = barWidth(r);
    context.rect(x + r + 2.5, y - 0.85 * r, width, 1.7 * r);
  },
  barInUse(context, x, y, r, { host }) {
    const width = barWidth(r);
    const high = (1.7 * r * Math.min(host.up, 1000)) / 1000;
    context.rect(x + r + 2.5, y + 0.85 * r - high, width, high);
  },
  // An arrow down to a line: takes, and does not give.
  taker(context, x, y, r) {
    const half = 0.7 * barWidth(r) + 0.5;
    const middle = x + r + 3 + 0.5 * barWidth(r);
    const tip = y + 0.5 * r;
    context.moveTo(middle, y - 0.6 * r);
    context.lineTo(middle, tip);
    context.moveTo(middle - half, tip - half);
    context.lineTo(middle, tip);
    context.lineTo(middle + half, tip - half);
    context.moveTo(middle - half, y + 0.85 * r);
    context.lineTo(middle + half, y + 0.85 * r);
  },
  cross(context, x, y, r, { square }) {
    const half = square ? 1.1 * r : 0.88 * r;
    context.moveTo(x - half, y - half);
    context.lineTo(x + half, y + half);
    context.moveTo(x + half, y - half);
    context.lineTo(x - half, y + half);
  },
  gap(context, x, y, r) {
    const from = Math.PI / 4;
    context.arc(x, y, r + 4, from, TURN - from);
  },
  hourglass(context, x, y, r) {
    const half = between(3.5, 0.34 * r, 9);
    const [left, top] = [x - 0.72 * r, y - 0.72 * r];
    context.moveTo(left - half, top - 1.2 * half);
    context.lineTo(left + half, top - 1.2 * half);
    context.lineTo(left - half, top + 1.2 * half);
    context.lineTo(left + half, top + 1.2 * half);
    context.closePath();
  },
  tick(context, x, y, r, { badge }) {
    const half = badge ? 0.24 * r : 0.5 * r;
    const [right, top] = badge ? [x + 0.72 * r, y - 0.72 * r] : [x, y];
    context.moveTo(right - half, top);
    context.lineTo(right - 0.2 * half, top + 0.75 * half);
    context.lineTo(right + half, top - 0.75 * half);
  },
  tickGround(context, x, y, r) {
    context.arc(x + 0.72 * r, y - 0.72 * r, 0.4 * r, 0, TURN);
  },
};

// Hosts painted together, one kind of ink after the other. `origin` is the shape of the first:
// "square" (a server), "ring" (a peer like all others, marked), or "" (nothing special).
export class HostGroup {
  constructor(spot, hosts, { colour, part, origin }) {
    this.spot = spot;
    this.hosts = hosts;
    this.colour = colour;
    this.part = part;
    this.origin = origin;
    this.small = spot.r[spot.r.length - 1]; // of the smallest
    this.badge = this.small >= 12;
  }

  // Fill and stroke one shape of all hosts that `which` chooses.
  paint(context, which, shape, { fill, stroke, width }) {
    const { x, y, r } = this.spot;
    context.fillStyle = fill ?? "#FFFFFF";
    context.strokeStyle = stroke ?? INK;
    context.lineWidth = width ?? 1;
    this.hosts.forEach((host, index) => {
      if (!which(host, index)) return;
      const about = { host, square: this.origin === "square" && index === 0, badge: this.badge };
      context.beginPath();
      HOST_SHAPES[shape](context, x[index], y[index], r[index], about);
      if (fill) context.fill();
      if (stroke) context.stroke();
    });
  }

  drawCircles(context) {
    const width = between(1, this.small / 9, 2.5);
    const part = (host) => isUp(host) && host.held > 0 && host.held < 1000;
    const whole = (host) => isUp(host) && host.held >= 1000;
    const killed = (host) => host.flags & KILLED;
    const absent = (host) => host.flags & ABSENT && !killed(host);
    const origin = (host, index) => index === 0 && this.origin === "ring" && isUp(host);
    this.paint(context, () => true, "ground", { fill: "#FFFFFF" });
    this.paint(context, origin, "outerRing", { fill: "#FFFFFF", stroke: this.colour, width: 2 });
    this.paint(context, part, "fill", { fill: this.part });
    this.paint(context, whole, "body", { fill: this.colour });
    this.paint(context, isUp, "body", { stroke: this.colour, width });
    this.paint(context, killed, "body", { stroke: QUIET, width });
    context.setLineDash([2, 4]);
    this.paint(context, absent, "body", { stroke: QUIET, width: 1.5 });
    context.setLineDash([]);
  }

  // Uplinks: a bar at the right of each host, as high as the host, full when all of it is in use.
  drawBars(context) {
    const gives = (host) => isUp(host) && !host.rides && host.capacity !== 0;
    this.paint(context, gives, "bar", { fill: "#CFCFCF" });
    this.paint(context, (host) => gives(host) && host.up > 0, "barInUse", { fill: INK });
    context.lineCap = "round";
    const width = between(1.25, this.small / 9, 2.5);
    this.paint(context, (host) => isUp(host) && host.rides, "taker", { stroke: INK, width });
  }

  drawCrosses(context) {
    const width = between(1.5, this.small / 7, 4);
    context.lineCap = "round";
    this.paint(context, (host) => host.flags & KILLED, "cross", { stroke: INK, width });
  }

  drawMarks(context) {
    const width = between(1.5, this.small / 7, 4);
    context.lineCap = "round";
    const done = (host) => isUp(host) && host.finish !== null;
    const slowed = (host) => isUp(host) && host.flags & SLOWED;
    if (this.badge) this.paint(context, done, "tickGround", { fill: INK });
    this.paint(context, done, "tick", { stroke: "#FFFFFF", width: Math.min(width, 2.5) });
    context.setLineDash([width * 2, width * 2.5]);
    this.paint(context, (host) => host.flags & CUT, "gap", { stroke: INK, width });
    context.setLineDash([]);
    this.paint(context, slowed, "hourglass", { stroke: "#FFFFFF", width: 4 });
    this.paint(context, slowed, "hourglass", { fill: INK });
  }
}

function isUp(host) {
  return !(host.flags & (KILLED | ABSENT));
}

// Marks in sight now, with a host to show each; where nothing happened, how to read a circle.
export function keySamples(side) {
  const plain = { flags: 0, held: 0, capacity: 0, up: 0, finish: null, rides: false };
  const seen = side.hosts.reduce((flags, host) => flags | host.flags, 0);
  const samples = [];
  if (seen & KILLED) samples.push(["picture.key.killed", { ...plain, flags: KILLED }]);
  if (seen & CUT) samples.push(["picture.key.cut", { ...plain, flags: CUT }]);
  if (seen & SLOWED) samples.push(["picture.key.slowed", { ...plain, flags: SLOWED }]);
  if (side.hosts.some((host) => host.rides)) {
    samples.push(["picture.key.rides", { ...plain, rides: true }]);
  }
  samples.push(["picture.key.held", { ...plain, held: 450 }]);
  samples.push(["picture.key.finished", { ...plain, held: 1000, finish: 0 }]);
  samples.push(["picture.key.uplink", { ...plain, capacity: 1, up: 700 }]);
  return samples;
}

// From the middle of a sample of radius `r` to its word.
export function besideKey(sample, r) {
  return r + (sample.capacity || sample.rides ? barWidth(r) + 10 : 6);
}

// How wide the key is with all its words, in the context's font of that size.
export function keyWidth(context, keys, words, size) {
  const wide = keys.map(([key, sample]) => {
    return 1.6 * size + besideKey(sample, 0.5 * size) + context.measureText(words(key)).width;
  });
  return wide.reduce((sum, one) => sum + one, 8 - 1.1 * size);
}
