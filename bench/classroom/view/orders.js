// What a teacher can have done: one method for each thing that a button, a key or a click does.
import { KILLED } from "./model.js";
import { LESSONS } from "./lessons.js";

// Speeds that + and - go through: virtual seconds per second.
const ROUND_SPEEDS = [0.25, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000];
// Hosts that join together.
const ADDED = 10;

// The next round speed above (way 1) or below (way -1) the one that is.
export function nextSpeed(speed, way, speeds = ROUND_SPEEDS) {
  if (way > 0) return speeds.find((one) => one > speed * 1.001) ?? speeds.at(-1);
  return speeds.findLast((one) => one < speed * 0.999) ?? speeds[0];
}

// Orders to the run: they become messages.
export class LiveOrders {
  constructor(model, send, refused) {
    this.model = model;
    this.send = send;
    this.refused = refused; // called with the reason where it cannot be done
  }

  get allowed() {
    return this.model.role.role === "teacher" && !this.model.role.contested;
  }

  ask(message) {
    if (this.allowed) this.send(message);
    else this.refused(this.model.role.contested ? "contested" : "student");
  }

  start() {
    this.ask({ do: "start" });
  }

  toggle() {
    if (this.model.state === "running") this.ask({ do: "pause" });
    else this.start();
  }

  step() {
    this.ask({ do: "step" });
  }

  reset() {
    this.ask({ do: "reset" });
  }

  speed(speed) {
    this.ask({ do: "speed", speed });
  }

  faster(way) {
    const speed = nextSpeed(this.model.speed, way);
    if (speed !== this.model.speed) this.speed(speed);
  }

  apply(settings) {
    this.ask({ do: "set", settings });
  }

  random() {
    this.ask({ do: "random" });
  }

  add() {
    if (this.allowed && this.model.state === "ready") this.refused("early");
    else this.ask({ do: "add", count: ADDED });
  }

  lesson(number) {
    this.ask({ do: "lesson", lesson: number ? LESSONS[number - 1] : null });
  }

  take() {
    this.send({ do: "take" });
  }

  isDown(who) {
    const host = this.model.sides[0]?.hosts[who];
    return host !== undefined && (host.flags & KILLED) !== 0;
  }

  // Kill a host that is up, revive one that is down.
  toggleHost(who) {
    this.onHost(this.isDown(who) ? "revive" : "kill", who);
  }

  // What: "kill", "revive", "cut", "slow" or "restore".
  onHost(what, who) {
    if (who !== null && who >= 0 && who <= this.model.clients) this.ask({ do: what, who });
  }
}

// Orders to the player of a recording: what happened to the hosts has happened.
export class ReplayOrders {
  constructor(player, refused) {
    this.player = player;
    this.refused = refused;
    this.allowed = false;
  }

  start() {
    this.player.play();
  }

  toggle() {
    this.player.toggle();
  }

  step() {
    this.player.step();
  }

  reset() {
    this.player.pause();
    this.player.seek(0);
  }

  faster(way) {
    this.player.setSpeed(nextSpeed(this.player.speed, way, this.player.speeds));
  }

  random() {
    this.refused("replay");
  }

  add() {
    this.refused("replay");
  }

  lesson() {
    this.refused("replay");
  }

  toggleHost() {
    this.refused("replay");
  }

  onHost() {
    this.refused("replay");
  }
}
