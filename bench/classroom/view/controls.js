// The teacher's bar: run, speed, faults, one host, the settings and the lessons.
import { Drawer, Labels, build, mark, write } from "./elements.js";
import { CUT, KILLED, SLOWED } from "./model.js";
import { LESSONS } from "./lessons.js";
import { SettingsForm } from "./form.js";
import { digitsText } from "./figures.js";

// Stops of the slider between the least and the most speed.
const STOPS = 240;

// The speed at a stop of the slider, two digits of it, and the stop of a speed.
export function speedAt(stop, [least, most]) {
  const speed = Number((least * (most / least) ** (stop / STOPS)).toPrecision(2));
  return Math.min(Math.max(speed, least), most);
}

export function stopOf(speed, [least, most]) {
  return Math.round((STOPS * Math.log(speed / least)) / Math.log(most / least));
}

// Buttons for one host: in the bar and on the card.
export class HostButtons {
  // Whose() returns the host's index.
  constructor(element, words, orders, whose) {
    this.labels = new Labels(words);
    this.killing = this.labels.button("host.kill", "fsl-kill", () => orders.toggleHost(whose()));
    this.cutting = this.labels.button("host.cut", "", () => orders.onHost("cut", whose()));
    this.slowing = this.labels.button("host.slow", "", () => orders.onHost("slow", whose()));
    this.restoring = this.labels.button("host.restore", "", () => {
      orders.onHost("restore", whose());
    });
    element.append(this.killing, this.cutting, this.slowing, this.restoring);
  }

  set words(words) {
    this.labels.words = words;
  }

  draw(host) {
    const flags = host?.flags ?? 0;
    write(this.killing, this.labels.words(flags & KILLED ? "host.revive" : "host.kill"));
    this.cutting.disabled = !host || (flags & CUT) !== 0;
    this.slowing.disabled = !host || (flags & (CUT | SLOWED)) !== 0;
    this.restoring.disabled = !host || (flags & (CUT | SLOWED)) === 0;
    this.killing.disabled = !host;
  }
}

export class Controls {
  // Choice: {host, choose(host)}, the selected host; signal ends listeners on the root.
  constructor(element, words, orders, choice, root, signal) {
    this.orders = orders;
    this.choice = choice;
    this.labels = new Labels(words);
    this.range = [0.25, 1000];
    this.asked = null; // the speed that was asked for and is not told yet
    this.applied = false; // the form's settings were asked for and are not told yet
    element.append(
      build("div", "fsl-row", ...this.buildRun(), this.buildSpeed(), ...this.buildDrawers(root, signal)),
      build("div", "fsl-row", ...this.buildFaults(), this.buildHost()),
    );
  }

  set words(words) {
    this.labels.words = words;
    this.form.words = words;
    this.buttons.words = words;
    this.hostsFor = null;
  }

  buildRun() {
    const { labels, orders } = this;
    this.starting = labels.button("control.start", "fsl-main-button", () => orders.toggle());
    this.stepping = labels.button("control.step", "", () => orders.step());
    this.resetting = labels.button("control.reset", "", () => orders.reset());
    return [this.starting, this.stepping, this.resetting];
  }

  buildSpeed() {
    this.slider = build("input", "fsl-slider");
    Object.assign(this.slider, { type: "range", min: 0, max: STOPS, step: 1 });
    this.number = build("span", "fsl-speed-number");
    // While it is dragged the number follows; the run is asked when it is let go.
    this.slider.addEventListener("input", () => {
      this.asked = speedAt(Number(this.slider.value), this.range);
      this.drawSpeed(this.asked);
    });
    this.slider.addEventListener("change", () => {
      this.orders.speed(speedAt(Number(this.slider.value), this.range));
    });
    const name = this.labels.put(build("span", "fsl-field-name"), "control.speed");
    return build("label", "fsl-speed", name, this.slider, this.number);
  }

  buildDrawers(root, signal) {
    const { labels, orders } = this;
    const settings = labels.button("control.settings", "", () => {});
    const panel = build("div", "fsl-drawer");
    this.form = new SettingsForm(panel, labels.words, (values) => {
      this.applied = true;
      orders.apply(values);
    });
    this.settings = new Drawer(root, settings, panel, signal);
    const lessons = labels.button("control.lessons", "", () => {});
    const list = build("div", "fsl-drawer fsl-lessons");
    const drawer = new Drawer(root, lessons, list, signal);
    this.choices = ["free", ...LESSONS].map((name, number) => {
      const button = labels.button(name === "free" ? "lesson.free" : `lesson.${name}.title`, "", () => {
        orders.lesson(number);
        drawer.open(false);
      });
      button.dataset.number = number;
      list.append(button);
      return [name, button];
    });
    const places = [[lessons, list], [settings, panel]];
    return places.map((pair) => build("div", "fsl-has-drawer fsl-always", ...pair));
  }

  buildFaults() {
    const { labels, orders } = this;
    this.server = labels.button("control.kill", "fsl-kill fsl-always", () => orders.toggleHost(0));
    this.adding = labels.button("control.add", "", () => orders.add());
    return [this.server, labels.button("control.random", "", () => orders.random()), this.adding];
  }

  buildHost() {
    this.hosts = build("select", "fsl-select");
    this.labels.put(this.hosts, "control.host", "aria-label");
    this.hosts.addEventListener("change", () => this.choice.choose(Number(this.hosts.value)));
    const box = build("div", "fsl-one-host", this.hosts);
    this.buttons = new HostButtons(box, this.labels.words, this.orders, () => this.choice.host);
    return box;
  }

  takeScene(scene) {
    this.range = scene.ranges.speed;
    this.form.takeScene(scene);
    if (this.applied) this.settings.open(false);
    this.asked = null;
    this.applied = false;
  }

  draw(model) {
    const { words } = this.labels;
    const { scene, state } = model;
    const starts = { running: "control.pause", held: "control.resume" };
    write(this.starting, words(starts[state] ?? "control.start"));
    this.starting.disabled = this.stepping.disabled = state === "over";
    this.adding.disabled = state === "ready";
    write(this.server, words(this.orders.isDown(0) ? "control.revive" : "control.kill"));
    this.drawSlider(model);
    this.drawHosts(scene);
    this.buttons.draw(model.sides[0].hosts[this.choice.host]);
    for (const [name, button] of this.choices) {
      mark(button, "aria-pressed", String(name === (scene.lesson ?? "free")));
    }
  }

  drawSlider({ speed }) {
    if (this.asked !== null && speed !== this.told) this.asked = null;
    this.told = speed;
    if (this.asked !== null) return;
    const stop = stopOf(speed, this.range);
    if (Number(this.slider.value) !== stop) this.slider.value = stop;
    this.drawSpeed(speed);
  }

  drawSpeed(speed) {
    const text = this.labels.words("control.times", { speed: digitsText(speed) });
    write(this.number, text);
    mark(this.slider, "aria-valuetext", text);
  }

  // What was asked for last was refused.
  refuse() {
    this.asked = null;
    this.applied = false;
  }

  drawHosts(scene) {
    if (this.hostsFor !== scene) {
      this.hostsFor = scene;
      const none = new Option(this.labels.words("control.host"), -1);
      this.hosts.replaceChildren(none, ...scene.hosts.map(({ name }, index) => new Option(name, index)));
    }
    if (Number(this.hosts.value) !== this.choice.host) this.hosts.value = this.choice.host;
  }
}
