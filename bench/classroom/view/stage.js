// The two panels with their hosts: what is pointed at, selected and held, and the card beside it.
import { Labels, build, mark, write } from "./elements.js";
import { ABSENT, CUT, KILLED, SLOWED, sameRun } from "./model.js";
import { barWidth } from "./arrange.js";
import { BigNumbers, between } from "./figures.js";
import { HostsPicture } from "./hosts.js";
import { Card } from "./card.js";
import { HostButtons } from "./controls.js";

// Milliseconds that the pointer rests on a host before the card comes.
const CARD_COMES = 200;
// CSS pixels between the card and its panel's edge.
const CARD_GAP = 8;
// Milliseconds before a panel tells its figures again: a reader says all of the label each time.
const TELLS_AGAIN = 5000;
const STATES = [[ABSENT, "absent"], [KILLED, "killed"], [CUT, "cut"], [SLOWED, "slowed"]];

export class Stage {
  constructor(element, words, orders) {
    this.element = element;
    this.labels = new Labels(words);
    this.orders = orders;
    this.selected = -1; // a host's index: it is the same host on both sides
    this.pointed = null; // {side, host} under the pointer
    this.rested = false; // the pointer has rested there
    this.held = null; // {side, host} whose card stays
    this.keyed = null; // the side where the keyboard moves the selected host
    this.scene = null;
    this.timer = null;
    this.told = ""; // what the panels' labels told last of what was done
    this.toldAt = 0; // milliseconds
    this.telling = null; // a timer, until they tell their figures again
    this.changed = () => {};
    this.panels = ["central", "p2p"].map((name, side) => this.buildPanel(name, side));
    this.buildCard();
  }

  set words(words) {
    this.labels.words = this.card.words = this.buttons.words = words;
    for (const { picture, numbers } of this.panels) picture.words = numbers.words = words;
    this.card.drawNow();
    this.told = "";
  }

  // Another run is another matter: no card of the one before stays.
  takeScene(scene) {
    if (!sameRun(scene, this.scene)) this.held = null;
    this.scene = scene;
  }

  buildPanel(name, side) {
    const title = this.labels.put(build("h2", "fsl-panel-title"), `side.${name}`);
    const figures = build("div", "");
    const canvas = build("canvas", "fsl-canvas");
    canvas.tabIndex = 0;
    mark(canvas, "role", "application");
    this.labels.put(canvas, "stage.role", "aria-roledescription");
    const head = build("div", "fsl-panel-head", title, figures);
    const panel = build("section", `fsl-panel fsl-panel-${name}`, head, canvas);
    this.element.append(panel);
    this.listen(canvas, side);
    const words = this.labels.words;
    const picture = new HostsPicture(canvas, words);
    return { name, title, panel, canvas, picture, numbers: new BigNumbers(figures, words) };
  }

  buildCard() {
    this.box = build("div", "fsl-card-box");
    this.element.append(this.box);
    this.closing = this.labels.button("card.close", "fsl-quiet fsl-card-close", () => this.release());
    this.card = new Card(this.box, this.labels.words, this.closing);
    const whose = () => this.held?.host ?? -1;
    this.buttons = new HostButtons(this.card.actions, this.labels.words, this.orders, whose);
  }

  listen(canvas, side) {
    const hostAt = (event) => this.panels[side].picture.at(event.offsetX, event.offsetY);
    canvas.addEventListener("pointerdown", () => (this.keyed = null));
    canvas.addEventListener("pointermove", (event) => {
      if (event.pointerType === "mouse") this.point(side, hostAt(event));
    });
    canvas.addEventListener("pointerleave", () => this.leave());
    canvas.addEventListener("click", (event) => this.press(side, hostAt(event), event.pointerType));
    canvas.addEventListener("contextmenu", (event) => {
      const host = this.keyed === side ? this.selected : hostAt(event);
      if (host < 0) return;
      event.preventDefault();
      this.hold(side, host);
    });
    canvas.addEventListener("focus", () => {
      if (!canvas.matches(":focus-visible")) return;
      this.keyed = side; // an arrow key selects, nothing does before
      this.changed();
    });
    canvas.addEventListener("blur", () => {
      this.keyed = null;
      this.changed();
    });
  }

  point(side, host) {
    if (host < 0) return this.leave();
    if (this.pointed?.side === side && this.pointed.host === host) return;
    this.leave();
    this.pointed = { side, host };
    this.timer = setTimeout(() => {
      this.rested = true;
      this.changed();
    }, CARD_COMES);
  }

  leave() {
    clearTimeout(this.timer);
    if (this.pointed === null) return;
    this.pointed = null;
    this.rested = false;
    this.changed();
  }

  // A mouse in a teacher's hand kills and revives; all else, or a student, holds the card.
  press(side, host, pointer) {
    if (host < 0) return this.release();
    if (pointer === "mouse" && this.orders.allowed) {
      this.choose(host);
      this.orders.toggleHost(host);
    } else if (this.held?.side === side && this.held.host === host) {
      this.release();
    } else {
      this.hold(side, host);
    }
  }

  hold(side, host) {
    this.choose(host);
    this.held = { side, host };
  }

  release() {
    const inside = this.box.contains(document.activeElement);
    const side = this.held?.side ?? 0;
    this.held = this.keyed = null;
    this.leave();
    if (inside) this.panels[side].canvas.focus();
    this.changed();
  }

  choose(host) {
    this.selected = host;
    this.changed();
  }

  // The arrow keys: to the next host in a direction.
  move(side, dx, dy) {
    this.keyed = side;
    this.held = null;
    this.leave();
    this.choose(this.panels[side].picture.neighbour(this.selected, dx, dy));
  }

  // To the next or last host by number.
  moveBy(side, count, hosts) {
    this.keyed = side;
    this.choose((Math.max(this.selected, 0) + count + hosts) % hosts);
  }

  // The side whose panel has the focus, or -1; and a way to go to one.
  get focusedSide() {
    return this.panels.findIndex(({ canvas }) => canvas === document.activeElement);
  }

  focusSide(side) {
    this.panels[side].canvas.focus({ focusVisible: true });
    this.keyed = side;
    if (this.selected < 0) this.selected = 0;
    this.changed();
  }

  // Whose card is to be seen: {side, host} or null.
  get shown() {
    const keyed = this.keyed === null ? null : { side: this.keyed, host: this.selected };
    const pointed = this.rested ? this.pointed : null;
    const same = pointed?.side === this.held?.side && pointed?.host === this.held?.host;
    return (same ? null : pointed) ?? this.held ?? keyed;
  }

  draw(model) {
    if (this.selected > model.clients) this.selected = -1;
    if (this.held?.host > model.clients) this.held = null;
    model.sides.forEach((side, index) => {
      const { title, picture, numbers, panel } = this.panels[index];
      panel.style.setProperty("--fsl-side", side.colour);
      write(title, this.labels.words(`side.${side.name}`));
      numbers.draw(side, model.scene);
      const hovered = this.pointed?.side === index ? this.pointed.host : -1;
      const moving = model.state === "running";
      const named = !this.rested; // the card says it too
      picture.draw(side, model.scene, { selected: this.selected, hovered, moving, named });
    });
    this.drawCard(model);
    this.drawLabels(model);
  }

  drawCard(model) {
    const { shown } = this;
    const { side, host } = shown ?? { side: 0, host: -1 };
    this.card.draw(model, side, host);
    if (this.box.hidden) return;
    // A card that comes and goes lets pointer and focus through; one that is held has buttons.
    const held = shown === this.held;
    this.box.inert = this.closing.hidden = !held;
    this.card.actions.hidden = !held || !this.orders.allowed;
    this.buttons.draw(model.sides[side].hosts[host]);
    this.placeCard(side, host, held);
  }

  // Beside its host, which stays in sight; held, not over what is below the panels.
  placeCard(side, host, held) {
    const { panel, canvas, picture } = this.panels[side];
    const { x, r } = picture.placeOf(host) ?? { x: 0, r: 0 };
    const wide = this.box.offsetWidth;
    const left = x - r - 2 * CARD_GAP - wide;
    const right = x + r + barWidth(r) + 2 * CARD_GAP;
    // Where neither side of it has room, the other panel gives some.
    const onRight = right + wide <= panel.offsetWidth || (left < 0 && side === 0);
    const most = this.element.clientWidth - wide;
    const at = between(0, panel.offsetLeft + (onRight ? right : left), most);
    this.box.style.left = `${at}px`;
    const lowest = held ? this.element.offsetHeight - this.box.offsetHeight : Infinity;
    this.box.style.top = `${Math.min(canvas.offsetTop + CARD_GAP, lowest)}px`;
  }

  // The panels' labels: at once where something was done, else now and then.
  drawLabels(model) {
    const flags = model.sides.map((side) => side.hosts[this.selected]?.flags);
    const told = [model.scene.run, model.state, this.selected, ...flags].join(" ");
    const rest = this.toldAt + TELLS_AGAIN - performance.now();
    if (told === this.told && rest > 0) {
      this.telling ??= setTimeout(() => {
        this.telling = null;
        this.changed();
      }, rest);
      return;
    }
    this.told = told;
    this.toldAt = performance.now();
    model.sides.forEach((side, index) => {
      mark(this.panels[index].canvas, "aria-label", this.describe(side, model.scene));
    });
  }

  // What a panel shows, for those who do not see it.
  describe(side, scene) {
    const { words } = this.labels;
    const clients = scene.hosts.length - 1;
    const all = words("stage.side", { side: words(`side.${side.name}`), done: side.finished, clients });
    const host = side.hosts[this.selected];
    if (!host) return `${all} ${words("stage.nobody")}`;
    const states = STATES.filter(([flag]) => host.flags & flag).map(([, key]) => words(`host.is.${key}`));
    const state = states.join(", ") || words("host.is.up");
    const share = Math.floor(host.held / 10);
    return `${all} ${words("stage.selected", { name: host.name, share, state })}`;
  }

  close() {
    clearTimeout(this.timer);
    clearTimeout(this.telling);
    this.card.close();
    for (const { picture } of this.panels) picture.close();
  }
}
