// Where the hosts of a side stand on a sheet: their given places, apart from each other.

import { between } from "./figures.js";

// Where hosts stand, in pixels, so that no two overlap: {x, y, r, reach: arrays; gap}. `box` is
// {left, top, right, bottom}; `places` are [x, y] from 0 to 1, and give way only where they are too
// close. Host 0 is the origin.
export function arrangeHosts(places, box, text) {
  const [width, height] = [box.right - box.left, box.bottom - box.top];
  const origin = between(14, 1.75 * text, 0.17 * Math.min(width, height));
  const area = Math.max(width * height - 9 * origin * origin, 1);
  const first = Math.min(0.32 * Math.sqrt(area / places.length), 1.6 * text);
  for (let radius = first; ; radius *= 0.93) {
    const gap = barWidth(radius) + 2 + between(3, 0.4 * radius, 10);
    const r = places.map((_, index) => (index === 0 ? Math.max(origin, 1.3 * radius) : radius));
    // The server's corners and the origin's second ring reach further than a circle.
    const reach = r.map((size, index) => (index === 0 ? 1.3 * size : size));
    const spot = { r, reach, gap, x: [], y: [] };
    wholeSheet(places).map(intoCorners).forEach(([x, y], index) => {
      const margin = reach[index];
      spot.x.push(box.left + margin + x * (width - 2 * margin - gap));
      spot.y.push(box.top + margin + y * (height - 2 * margin));
    });
    if (pushApart(spot, box) || radius < 3) return spot;
  }
}

// Places that leave a margin are drawn out to the edges, each direction on its own.
function wholeSheet(places) {
  const reach = (axis) => Math.max(...places.map((place) => Math.abs(2 * place[axis] - 1)));
  const [right, down] = [reach(0) || 1, reach(1) || 1];
  return places.map(([x, y]) => [(1 + (2 * x - 1) / right) / 2, (1 + (2 * y - 1) / down) / 2]);
}

// Rings leave the corners of a sheet empty: what lies towards a corner moves further out.
function intoCorners([x, y]) {
  const [right, down] = [2 * x - 1, 2 * y - 1];
  const most = Math.max(Math.abs(right), Math.abs(down));
  if (most === 0) return [x, y];
  const stretch = Math.min((Math.hypot(right, down) / most) ** 0.7, 1 / most);
  return [(1 + right * stretch) / 2, (1 + down * stretch) / 2];
}

// Move hosts that are too close away from each other; returns whether all are free.
function pushApart(spot, box) {
  const { x, y, reach, gap } = spot;
  for (let round = 0; round < 120; round += 1) {
    let free = true;
    for (let i = 0; i < x.length; i += 1) {
      for (let j = i + 1; j < x.length; j += 1) {
        if (pushPair(spot, i, j)) free = false;
      }
    }
    if (free) return true;
    for (let i = 0; i < x.length; i += 1) {
      x[i] = between(box.left + reach[i], x[i], box.right - reach[i] - gap);
      y[i] = between(box.top + reach[i], y[i], box.bottom - reach[i]);
    }
  }
  return false;
}

function pushPair({ x, y, reach, gap }, i, j) {
  const least = reach[i] + reach[j] + gap;
  let [dx, dy] = [x[j] - x[i], y[j] - y[i]];
  if (Math.abs(dx) >= least || Math.abs(dy) >= least) return false;
  const far = Math.hypot(dx, dy);
  if (far >= least - 0.5) return false;
  // Two on one spot part in a direction of their own, the same in every browser.
  if (far < 0.01) [dx, dy] = [Math.cos(i + 2 * j), Math.sin(i + 2 * j)];
  const step = (least - far) / Math.max(far, 1) / 2;
  const share = i === 0 ? 0.2 : 1; // the origin hardly gives way
  x[i] -= dx * step * share;
  y[i] -= dy * step * share;
  x[j] += dx * step * (2 - share);
  y[j] += dy * step * (2 - share);
  return true;
}

export function barWidth(radius) {
  return between(2.5, 0.28 * radius, 12);
}
