// What the messages of a run have told so far: the one state that everything on the page draws.

export const KILLED = 1;
export const CUT = 2;
export const SLOWED = 4;
export const ABSENT = 8;

// Whether two scenes are of one run, in which hosts were added, say. A demo that was started anew
// counts its runs from 1 again.
export function sameRun(one, other) {
  const [here, there] = [one, other].map((scene) => JSON.stringify([scene?.run, scene?.settings]));
  return here === there;
}

export class Model {
  constructor() {
    this.scene = null;
    this.role = { role: "student", watchers: 1, contested: false };
    this.forget();
  }

  forget() {
    this.t = 0;
    this.state = "ready";
    this.told = false; // a frame has come: before, hosts seem to have nothing
    this.speed = 1;
    this.pace = null;
    this.sides = [];
    this.events = [];
  }

  // Take one message in; returns true where the picture may have changed.
  take(message) {
    if (message.kind === "scene") this.takeScene(message);
    else if (message.kind === "frame") this.takeFrame(message);
    else if (message.kind === "role") this.role = message;
    else return false;
    return true;
  }

  takeScene(scene) {
    this.forget();
    this.scene = scene;
    this.speed = scene.speed;
    this.sides = scene.sides.map((side) => new Side(side, scene));
  }

  takeFrame(frame) {
    if (this.scene === null) return;
    this.told = true;
    this.t = frame.t;
    this.state = frame.state;
    this.speed = frame.speed;
    this.pace = frame.pace;
    frame.sides.forEach((changes, index) => this.sides[index].take(changes));
    this.events.push(...frame.events);
  }

  get clients() {
    return this.scene === null ? 0 : this.scene.hosts.length - 1;
  }
}

// One side of the run: what its hosts have, and what moves between them.
class Side {
  constructor(about, scene) {
    this.name = about.name;
    this.colour = about.colour;
    this.bound = about.bound_s;
    this.bucket = about.bucket_s;
    this.places = about.places;
    this.addresses = about.addresses;
    this.hosts = scene.hosts.map((host, index) => new HostState(host, index === 0, scene.pieces));
    this.links = new Map(); // "i>j" -> [i, j, level]
    this.connections = new Map(); // id -> [id, i, port, j, port]
    this.origin = []; // bytes in each bucket
  }

  take(changes) {
    for (const [index, ...values] of changes.hosts) this.hosts[index].set(...values);
    for (const link of changes.links) {
      const key = `${link[0]}>${link[1]}`;
      if (link[2]) this.links.set(key, link);
      else this.links.delete(key);
    }
    for (const [index, piece] of changes.pieces) this.hosts[index].pieces[piece] = 1;
    for (const connection of changes.opened) this.connections.set(connection[0], connection);
    for (const id of changes.closed) this.connections.delete(id);
    for (const [bucket, bytes] of changes.origin) this.origin[bucket] = bytes;
  }

  // Clients that have the whole file.
  get finished() {
    return this.hosts.reduce((sum, host) => sum + (host.finish !== null ? 1 : 0), 0);
  }

  // When each client had the whole file, in order: seconds.
  get finishes() {
    const times = this.hosts.map((host) => host.finish).filter((when) => when !== null);
    return times.sort((a, b) => a - b);
  }

  // How many times the file the origin has sent.
  get copies() {
    return this.hosts[0].sent / 1000;
  }

  // The connections that a host is at an end of: [{protocol, port, far, farPort}].
  connectionsOf(index) {
    const found = [];
    for (const [, i, port, j, farPort] of this.connections.values()) {
      const protocol = j < 0 ? "UDP" : "TCP";
      if (i === index) found.push({ protocol, port, far: j, farPort });
      else if (j === index) found.push({ protocol, port: farPort, far: i, farPort: port });
    }
    return found;
  }
}

class HostState {
  constructor(host, isOrigin, pieces) {
    this.name = host.name;
    this.capacity = host.up; // bytes per second
    this.rides = host.rides;
    this.held = isOrigin ? 1000 : 0; // thousandths of the file
    this.sent = 0; // thousandths of the file
    this.up = 0; // thousandths of the uplink
    this.down = 0; // bytes per second
    this.flags = 0;
    this.finish = null; // seconds
    this.pieces = new Uint8Array(pieces).fill(isOrigin ? 1 : 0);
  }

  set(held, sent, up, down, flags, finish) {
    this.held = held;
    this.sent = sent;
    this.up = up;
    this.down = down;
    this.flags = flags;
    this.finish = finish;
  }
}
