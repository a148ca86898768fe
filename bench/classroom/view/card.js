// The details of one host: what it has, how fast it sends and takes, and whom it is connected with.

import { build, mark, write } from "./elements.js";
import { QUIET, Sheet, rateText, timeText, timesText } from "./figures.js";
import { ABSENT, CUT, KILLED, SLOWED } from "./model.js";

const EVERY = 200; // milliseconds between two updates: faster, nobody can read it
const MOST_LISTED = 40; // connections; a list of hundreds is written for nobody

// What a host is doing, as keys of words, the gravest first.
export function stateKeys(host, isOrigin) {
  const keys = [];
  if (host.flags & KILLED) keys.push("picture.state.killed");
  else if (host.flags & ABSENT) keys.push("picture.state.absent");
  else if (isOrigin) keys.push("picture.state.origin");
  else if (host.finish !== null) keys.push("picture.state.finished");
  else if (host.down > 0) keys.push("picture.state.fetching");
  else keys.push("picture.state.waiting");
  if (host.flags & CUT) keys.push("picture.state.cut");
  if (host.flags & SLOWED) keys.push("picture.state.slowed");
  if (host.rides) keys.push("picture.state.rides");
  return keys;
}

// Connections as five-tuples, always in the same order: [["TCP a:1 ↔ b:2", far host], ...].
export function fiveTuples(side, index) {
  const found = side.connectionsOf(index);
  found.sort((one, other) => one.far - other.far || one.port - other.port);
  return found.map(({ protocol, port, far, farPort }) => {
    const near = `${protocol} ${side.addresses[index]}:${port}`;
    if (far < 0) return [near, ""];
    return [`${near} ↔ ${side.addresses[far]}:${farPort}`, side.hosts[far].name];
  });
}

// Columns for squares as large as fit; whole rows are worth a little size.
function gridColumns(count, width, height) {
  let [best, most] = [1, 0];
  for (let columns = 1; columns <= count; columns += 1) {
    const pitch = Math.min(width / columns, height / Math.ceil(count / columns));
    const worth = count % columns === 0 ? 1.25 * pitch : pitch;
    if (worth > most) [best, most] = [columns, worth];
  }
  return best;
}

// Which pieces a host has: full squares, and empty ones for those that are to come.
class PiecesGrid {
  constructor(canvas) {
    this.drawn = null;
    this.sheet = new Sheet(canvas, () => {
      if (this.drawn !== null) this.draw(...this.drawn);
    });
  }

  draw(pieces, colour) {
    this.drawn = [pieces, colour];
    const context = this.sheet.open();
    if (context === null) return;
    const { width, height } = this.sheet;
    const columns = gridColumns(pieces.length, width, height);
    const pitch = Math.min(width / columns, height / Math.ceil(pieces.length / columns));
    const side = Math.max(1, pitch - Math.max(1, Math.min(4, 0.18 * pitch)));
    context.strokeStyle = QUIET;
    context.lineWidth = Math.min(1, side / 5);
    context.fillStyle = colour;
    pieces.forEach((there, piece) => {
      const x = (piece % columns) * pitch;
      const y = Math.floor(piece / columns) * pitch;
      if (there) context.fillRect(x, y, side, side);
      else context.strokeRect(x + 0.5, y + 0.5, side - 1, side - 1);
    });
  }

  close() {
    this.sheet.close();
  }
}

// Its last part, `actions`, is for buttons; `closing` is one for its head.
export class Card {
  constructor(element, words, closing) {
    this.element = element;
    this.words = words;
    this.shown = null; // [model, side, host]
    this.drawnAt = -Infinity;
    this.timer = null;
    element.hidden = true;
    this.name = build("div", "fsl-card-name");
    this.address = build("div", "fsl-card-address");
    this.state = build("div", "fsl-card-state");
    this.facts = build("dl", "fsl-card-facts");
    this.rows = ["share", "uplink", "down", "sent"].map((key) => this.fact(key));
    this.grid = build("canvas", "fsl-card-pieces");
    this.count = build("div", "fsl-card-count");
    this.list = build("ol", "fsl-card-connections");
    this.body = build("div", "fsl-card-body", this.facts, this.grid, this.count, this.list);
    this.body.tabIndex = 0; // it scrolls
    mark(this.body, "role", "group");
    this.actions = build("div", "fsl-card-actions");
    const head = build("div", "fsl-card-head", this.name, this.address, closing, this.state);
    element.append(head, this.body, this.actions);
    this.pieces = new PiecesGrid(this.grid);
  }

  fact(key) {
    const term = build("dt", "");
    const value = build("dd", "");
    this.facts.append(term, value);
    return { key, term, value };
  }

  // Show a host of a side, at most five times a second; hide the card where the host is -1.
  draw(model, sideIndex, hostIndex) {
    const before = this.shown;
    const there = model.scene !== null && hostIndex >= 0 && hostIndex < model.scene.hosts.length;
    this.shown = there ? [model, sideIndex, hostIndex] : null;
    const same = before !== null && before[1] === sideIndex && before[2] === hostIndex;
    const rest = this.drawnAt + EVERY - performance.now();
    if (!there || !same || rest <= 0) this.drawNow();
    else this.timer ??= setTimeout(() => this.drawNow(), rest);
  }

  drawNow() {
    clearTimeout(this.timer);
    this.timer = null;
    this.drawnAt = performance.now();
    this.element.hidden = this.shown === null;
    if (this.shown === null) return;
    const [model, sideIndex, hostIndex] = this.shown;
    const side = model.sides[sideIndex];
    const host = side.hosts[hostIndex];
    if (host === undefined || !model.told) return;
    this.element.style.setProperty("--fsl-side", side.colour);
    write(this.name, host.name);
    mark(this.body, "aria-label", host.name);
    write(this.address, side.addresses[hostIndex]);
    write(this.state, this.stateText(host, hostIndex));
    this.drawFacts(host);
    this.pieces.draw(host.pieces, side.colour);
    this.drawConnections(side, hostIndex);
  }

  stateText(host, index) {
    const at = { time: host.finish === null ? "" : timeText(host.finish, this.words) };
    return stateKeys(host, index === 0)
      .map((key) => this.words(key, at))
      .join(" · ");
  }

  drawFacts(host) {
    const used = { rate: rateText((host.up / 1000) * (host.capacity ?? 0)) };
    const limit = host.capacity === null ? "" : rateText(host.capacity);
    const values = {
      share: this.words("picture.card.pieces", {
        percent: Math.floor(host.held / 10),
        count: host.pieces.reduce((sum, there) => sum + there, 0),
        pieces: host.pieces.length,
      }),
      uplink: limit ? this.words("picture.card.of", { ...used, limit }) : used.rate,
      down: rateText(host.down),
      sent: `${timesText(host.sent / 1000)} × F`,
    };
    for (const { key, term, value } of this.rows) {
      write(term, this.words(`picture.card.${key}`));
      write(value, values[key]);
    }
  }

  drawConnections(side, index) {
    const tuples = fiveTuples(side, index);
    write(this.count, this.words("picture.card.connections", { count: tuples.length }));
    const lines = tuples.slice(0, MOST_LISTED);
    if (tuples.length > lines.length) {
      lines.push([this.words("picture.card.more", { count: tuples.length - lines.length }), ""]);
    }
    while (this.list.children.length > lines.length) this.list.lastChild.remove();
    lines.forEach(([tuple, name], position) => {
      let row = this.list.children[position];
      if (row === undefined) {
        row = build("li", "", build("span", "fsl-card-tuple"), build("b", ""));
        this.list.append(row);
      }
      write(row.children[0], tuple);
      write(row.children[1], name);
    });
  }

  close() {
    clearTimeout(this.timer);
    this.pieces.close();
  }
}
