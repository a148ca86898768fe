// The whole view: puts the parts into an element, hears a source, draws when something changed.
import { Model } from "./model.js";
import { LANGUAGES, words } from "./words.js";
import { Labels, build, mark } from "./elements.js";
import { LiveOrders, ReplayOrders } from "./orders.js";
import { Banner, Head } from "./head.js";
import { Stage } from "./stage.js";
import { CompletionsChart, UplinkChart } from "./charts.js";
import { Controls } from "./controls.js";
import { refusalText } from "./form.js";
import { Guide } from "./guide.js";
import { Log, Notices } from "./log.js";
import { Help, Keys } from "./keys.js";
import { PlayerBar, replaySource } from "./replay.js";
import { socketSource } from "./socket.js";

// Build the view inside an element. Source: {send, listen, close}, where send returns false for what
// it cannot send; replay: the source has a player; whole: the view fills the window. Returns
// {close()}, which ends all that was begun.
export function mount(element, source, { replay = false, whole = false } = {}) {
  return new View(element, source, replay ? source.player : undefined, whole);
}

class View {
  constructor(element, source, player, whole) {
    this.source = source;
    this.player = player;
    this.model = new Model();
    this.language = startLanguage();
    this.words = words(this.language);
    this.ending = new AbortController();
    this.request = null;
    this.focused = null; // what had the focus last
    this.root = build("div", whole ? "fsl-demo fsl-whole" : "fsl-demo");
    this.root.tabIndex = -1;
    // JupyterLab hears keys before the page does, unless it is told to leave them.
    mark(this.root, "data-lm-suppress-shortcuts", "true");
    mark(this.root, "lang", this.language);
    this.buildParts();
    element.append(this.root);
    this.listen();
    if (whole) this.root.focus();
  }

  buildParts() {
    const { root, words: said, player } = this;
    const refused = (key) => this.notices.show(this.words(`error.${key}`));
    this.orders = player
      ? new ReplayOrders(player, refused)
      : new LiveOrders(this.model, (message) => this.send(message), refused);
    const actions = {
      language: () => this.switchLanguage(),
      help: () => this.help.open(),
      take: () => this.orders.take(),
    };
    const place = (tag, name) => build(tag, name);
    const [top, banner, stage, guide] = [
      place("header", "fsl-head"),
      place("div", "fsl-banner"),
      place("main", "fsl-stage"),
      place("section", "fsl-guide"),
    ];
    const [charts, foot, bar, log] = [
      place("div", "fsl-charts"),
      place("footer", "fsl-foot"),
      place("div", player ? "fsl-player" : "fsl-controls"),
      place("div", "fsl-log-box"),
    ];
    this.desk = build("div", "fsl-desk", top, banner, stage, charts, foot);
    foot.append(guide, bar, log);
    root.append(this.desk);
    this.bar = bar;
    this.labels = new Labels(said);
    this.notices = new Notices(root);
    this.head = new Head(top, said, actions);
    this.banner = new Banner(banner, said);
    this.stage = new Stage(stage, said, this.orders);
    this.guide = new Guide(guide, said, this.orders, player);
    this.charts = this.buildCharts(charts);
    this.log = new Log(log, said, (text) => this.notices.speak(text));
    this.help = new Help(root, said);
    this.steering = this.buildBar(bar);
    this.keys = new Keys(root, this.orders, this.stage, actions, this.ending.signal);
  }

  buildCharts(element) {
    const made = [[UplinkChart, "chart.uplink"], [CompletionsChart, "chart.completions"]];
    return made.map(([Chart, key]) => {
      const canvas = build("canvas", "fsl-chart");
      mark(canvas, "role", "img");
      this.labels.put(canvas, key, "aria-label");
      element.append(canvas);
      return new Chart(canvas, this.words);
    });
  }

  buildBar(bar) {
    if (this.player) return new PlayerBar(bar, this.words, this.player, this.orders);
    const { stage } = this;
    const choice = {
      get host() {
        return stage.selected;
      },
      choose: (host) => stage.choose(host),
    };
    return new Controls(bar, this.words, this.orders, choice, this.root, this.ending.signal);
  }

  listen() {
    const touch = () => this.touch();
    this.stage.changed = this.guide.changed = touch;
    if (this.player) this.player.changed = touch;
    const { signal } = this.ending;
    document.addEventListener("visibilitychange", touch, { signal });
    this.root.addEventListener("focusin", (event) => (this.focused = event.target), { signal });
    this.observer = new ResizeObserver(touch);
    this.observer.observe(this.root);
    if (!this.player) this.banner.show("waiting");
    this.source.listen((message) => this.take(message));
    this.touch();
  }

  send(message) {
    const lost = this.source.send(message) === false;
    if (lost) this.notices.show(this.words("connection.lost"));
  }

  take(message) {
    if (message.kind === "connection") {
      // The banner stays until the scene has come: before, the page shows what was.
      if (message.state !== "open") this.banner.show(message.state);
    } else if (message.kind === "error") {
      this.refuse(message);
    } else if (this.model.take(message)) {
      if (message.kind === "scene") this.takeScene(message);
      this.touch();
    }
  }

  takeScene(scene) {
    this.banner.show("open");
    this.stage.takeScene(scene);
    if (!this.player) this.steering.takeScene(scene);
  }

  refuse(error) {
    if (this.player) return;
    const { field } = error;
    const text = refusalText(error, this.words);
    this.steering.refuse();
    const atField = this.steering.settings.shown && this.steering.form.refuse(field, error);
    if (atField) this.notices.speak(text);
    else this.notices.show(text);
    this.touch();
  }

  // Something changed: draw at the next animation frame, once. A hidden tab waits until it is seen.
  touch() {
    if (this.request !== null || document.hidden) return;
    this.request = requestAnimationFrame(() => {
      this.request = null;
      this.draw();
    });
  }

  draw() {
    const { model } = this;
    if (model.scene === null || document.hidden) return;
    this.guide.draw(model);
    mark(this.desk, "data-phase", this.guide.phase ?? "free");
    this.bar.hidden = !this.player && !this.orders.allowed;
    mark(this.desk, "data-bar", this.player ? "player" : this.bar.hidden ? "none" : "controls");
    this.head.draw(model, this.player);
    this.stage.draw(model);
    for (const chart of this.charts) chart.draw(model);
    this.steering.draw(model);
    this.log.draw(model);
    this.keepFocus();
  }

  // A button that was pressed and is gone leaves the keyboard to the view.
  keepFocus() {
    const { focused, root } = this;
    const now = document.activeElement;
    if (focused === null || (now !== document.body && now !== focused)) return;
    const gone = !root.contains(focused) || focused.disabled || !focused.getClientRects().length;
    if (gone) root.focus({ preventScroll: true });
  }

  switchLanguage() {
    const next = (LANGUAGES.indexOf(this.language) + 1) % LANGUAGES.length;
    this.language = LANGUAGES[next];
    this.words = words(this.language);
    mark(this.root, "lang", this.language);
    const parts = [this.labels, this.head, this.banner, this.stage, this.guide, this.log];
    for (const part of [...parts, ...this.charts, this.help, this.steering]) {
      part.words = this.words;
    }
    this.touch();
  }

  close() {
    this.ending.abort();
    this.observer.disconnect();
    cancelAnimationFrame(this.request);
    this.source.close();
    this.notices.close();
    this.help.close();
    this.stage.close();
    for (const chart of this.charts) chart.close?.();
    this.root.remove();
  }
}

function startLanguage() {
  const wanted = (navigator.language ?? "").slice(0, 2);
  return LANGUAGES.includes(wanted) ? wanted : LANGUAGES[0];
}

// The live page: the view fills it; the token of the printed link stands behind the #.
export function openPage(element = document.querySelector(".fsl-demo") ?? document.body) {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  const url = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws`;
  return mount(element, socketSource(url, token), { whole: true });
}

// A recording: no server, no network.
export function openReplay(element, messages) {
  return mount(element, replaySource(messages), { replay: true, whole: true });
}

// A widget in a notebook (anywidget): its messages go through the kernel.
function render({ model, el }) {
  const hear = new AbortController();
  const source = {
    send: (message) => model.send(message),
    listen(callback) {
      const take = (message) => callback(message);
      model.on("msg:custom", take);
      hear.signal.addEventListener("abort", () => model.off("msg:custom", take));
      model.send({ do: "join", token: null });
    },
    close: () => hear.abort(),
  };
  const view = mount(el, source);
  return () => view.close();
}

export default { render };
