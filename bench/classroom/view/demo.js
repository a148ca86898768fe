// The whole view: puts the parts into an element, hears a source, draws when something changed.
import { Model } from "./model.js";
import { LANGUAGES, words } from "./words.js";
import { build, mark } from "./elements.js";
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

// CSS pixels: a view that is narrower has one column.
const PHONE = 760;

// Build the view inside an element. Source: {send, listen, close}, where send returns false for what
// it cannot send; replay: the source has a player; whole: the view fills the window, in the element's
// place. Returns {close()}, which ends all that was begun.
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
    this.whole = whole;
    this.tellLanguage();
    this.buildParts(whole);
    if (whole) element.replaceWith(this.root);
    else element.append(this.root);
    this.listen();
    if (whole) this.root.focus();
  }

  buildParts(whole) {
    const { root, words: said, player } = this;
    const refused = (key) => this.notices.show((words) => words(`error.${key}`));
    this.orders = player
      ? new ReplayOrders(player, refused)
      : new LiveOrders(this.model, (message) => this.send(message), refused);
    const actions = {
      language: () => this.switchLanguage(),
      help: () => this.help.open(),
      take: () => this.orders.take(),
    };
    // A page has one title, head and main part; in a notebook these are not the view's.
    const place = (tag, name, ...parts) => build(whole ? tag : "div", name, ...parts);
    const [top, stage] = [place("header", "fsl-head"), place("main", "fsl-stage")];
    const banner = build("div", "fsl-banner");
    const guide = build("section", "fsl-guide");
    const charts = build("div", "fsl-charts");
    const bar = build("div", player ? "fsl-player" : "fsl-controls");
    const log = build("div", "fsl-log-box");
    const foot = place("footer", "fsl-foot", guide, bar, log);
    this.desk = build("div", "fsl-desk", top, banner, stage, charts, foot);
    root.append(this.desk);
    this.places = { stage, guide, foot, bar };
    guide.hidden = true;
    bar.hidden = !player;
    this.notices = new Notices(root, said);
    this.head = new Head(top, said, actions, whole ? "h1" : "div");
    this.banner = new Banner(banner, said);
    this.stage = new Stage(stage, said, this.orders);
    this.guide = new Guide(guide, said, this.orders, player);
    this.charts = this.buildCharts(charts);
    this.log = new Log(log, said, (text) => this.notices.speak(text));
    this.help = new Help(root, said, player !== undefined);
    this.steering = this.buildBar(bar);
    this.keys = new Keys(root, this.orders, this.stage, actions, this.ending.signal);
  }

  buildCharts(element) {
    return [UplinkChart, CompletionsChart].map((Chart) => {
      const canvas = build("canvas", "fsl-chart");
      mark(canvas, "role", "img");
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
    this.observer = new ResizeObserver(() => this.settle());
    this.observer.observe(this.root);
    if (!this.player) this.banner.show("waiting");
    this.source.listen((message) => this.take(message));
    this.touch();
  }

  // On a phone the question comes before the pictures, for the eye and for the keyboard.
  settle() {
    const { stage, guide, foot } = this.places;
    const phone = this.root.clientWidth < PHONE;
    if (phone && guide.parentNode === foot) stage.before(guide);
    else if (!phone && guide.parentNode !== foot) foot.prepend(guide);
    if (this.model.told) this.stage.drawCard(this.model);
  }

  send(message) {
    if (this.source.send(message) !== false) return;
    this.steering.refuse();
    // That the demo has ended, the banner says already.
    if (!this.ended) this.notices.show((words) => words("connection.lost"));
    this.touch();
  }

  // There is no demo any more that could be steered.
  get ended() {
    return this.banner.state === "ended";
  }

  take(message) {
    if (message.kind === "connection") {
      // The banner stays until the scene has come: before, the page shows what was.
      this.banner.show(message.state);
      this.touch();
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
    const say = (words) => refusalText(error, words);
    this.steering.refuse();
    const atField = this.steering.settings.shown && this.steering.form.refuse(field, error);
    if (atField) this.notices.speak(say(this.words));
    else this.notices.show(say);
    this.touch();
  }

  // Something changed: draw at the next animation frame, once. A hidden tab waits until it is seen.
  touch() {
    if (this.request !== null || document.hidden || this.ending.signal.aborted) return;
    this.request = requestAnimationFrame(() => {
      this.request = null;
      this.draw();
    });
  }

  draw() {
    const { model } = this;
    if (!model.told || document.hidden) return;
    this.guide.draw(model);
    mark(this.desk, "data-phase", this.guide.phase ?? "free");
    const { bar, guide } = this.places;
    bar.hidden = !this.player && !this.orders.allowed;
    bar.inert = guide.inert = this.ended;
    mark(this.desk, "data-bar", this.player ? "player" : bar.hidden ? "none" : "controls");
    this.head.draw(model, this.player, this.ended);
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
    this.tellLanguage();
    const parts = [this.head, this.banner, this.stage, this.guide, this.log, this.notices];
    for (const part of [...parts, ...this.charts, this.help, this.steering]) {
      part.words = this.words;
    }
    this.touch();
  }

  // A page that holds nothing else is in the view's language.
  tellLanguage() {
    mark(this.root, "lang", this.language);
    if (!this.whole) return;
    document.documentElement.lang = this.language;
    document.title = this.words("head.title");
  }

  close() {
    this.ending.abort();
    this.observer.disconnect();
    cancelAnimationFrame(this.request);
    this.source.close();
    this.notices.close();
    this.help.close();
    this.stage.close();
    for (const chart of this.charts) chart.close();
    this.root.remove();
  }
}

function startLanguage() {
  const wanted = (navigator.language ?? "").slice(0, 2);
  return LANGUAGES.includes(wanted) ? wanted : LANGUAGES[0];
}

// The live page: the view fills it; the token of the printed link stands behind the #.
export function openPage(element = document.querySelector(".fsl-demo")) {
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
