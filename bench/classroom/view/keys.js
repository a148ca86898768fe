// The keyboard: every order has a key, heard on the view's own element only; the list of them.
import { Labels, build, mark } from "./elements.js";

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const TYPED_IN = ["text", "number", "search"];

// Keys as the help lists them, and the words for what they do.
const KEY_LIST = [
  ["Space", "start"],
  ["S", "step"],
  ["R", "reset"],
  ["+ −", "speed"],
  ["K", "server"],
  ["X", "random"],
  ["A", "add"],
  ["P", "side"],
  ["← ↑ → ↓", "move"],
  ["Enter", "toggle"],
  ["C", "cut"],
  ["L", "slow"],
  ["U", "restore"],
  ["1 – 5", "lesson"],
  ["0", "free"],
  ["G", "language"],
  ["?", "help"],
];

// What does nothing in a recording, and what is called otherwise there.
const LIVE_ONLY = ["server", "random", "add", "toggle", "cut", "slow", "restore", "lesson", "free"];
const IN_RECORDING = { reset: "replay.back" };

// The key that was meant, in lower case: with a Korean keyboard S gives ㄴ, so its place counts there.
export function keyOf(event) {
  if (/^[ -~]$/.test(event.key)) return event.key.toLowerCase();
  if (event.key.length > 1 && event.key !== "Process") return event.key;
  return /^Key[A-Z]$/.test(event.code) ? event.code.at(-1).toLowerCase() : event.key;
}

function isTyping(target) {
  if (target.matches("textarea, select") || target.isContentEditable) return true;
  return target.matches("input") && TYPED_IN.includes(target.type);
}

export class Keys {
  // Actions: language(), help(); stage: the panels.
  constructor(root, orders, stage, actions, signal) {
    this.orders = orders;
    this.stage = stage;
    this.plain = {
      " ": () => orders.toggle(),
      s: () => orders.step(),
      r: () => orders.reset(),
      "+": () => orders.faster(1),
      "=": () => orders.faster(1),
      "-": () => orders.faster(-1),
      _: () => orders.faster(-1),
      k: () => orders.toggleHost(0),
      x: () => orders.random(),
      a: () => orders.add(),
      c: () => orders.onHost("cut", stage.selected),
      l: () => orders.onHost("slow", stage.selected),
      u: () => orders.onHost("restore", stage.selected),
      p: () => stage.focusSide(stage.focusedSide === 0 ? 1 : 0),
      g: () => actions.language(),
      "?": () => actions.help(),
      Escape: () => stage.release(),
    };
    for (const number of [0, 1, 2, 3, 4, 5]) this.plain[number] = () => orders.lesson(number);
    root.addEventListener("keydown", (event) => this.press(event), { signal });
  }

  press(event) {
    if (event.defaultPrevented || event.ctrlKey || event.altKey || event.metaKey) return;
    if (isTyping(event.target) || event.target.closest("dialog")) return;
    const key = keyOf(event);
    const done = this.onPanel(key) || this.anywhere(key, event);
    if (!done) return;
    event.preventDefault();
    // A notebook has keys of its own: what is meant for the view ends here.
    event.stopPropagation();
  }

  onPanel(key) {
    const side = this.stage.focusedSide;
    const { selected, scene } = this.stage;
    if (side < 0 || scene === null) return false;
    const hosts = scene.hosts.length;
    if (key in ARROWS) this.stage.move(side, ...ARROWS[key]);
    else if (key === "Enter" && selected >= 0) this.orders.toggleHost(selected);
    else if (key === "PageDown") this.stage.moveBy(side, 1, hosts);
    else if (key === "PageUp") this.stage.moveBy(side, -1, hosts);
    else if (key === "Home") this.stage.choose(0);
    else if (key === "End") this.stage.choose(hosts - 1);
    else return false;
    return true;
  }

  anywhere(key, event) {
    // Space and Enter on a button press the button.
    if (key === " " && event.target.matches("button, summary, a")) return false;
    const action = Object.hasOwn(this.plain, key) ? this.plain[key] : null;
    // A key that is held down moves things and sets speeds, but kills and revives once.
    if (action && (!event.repeat || "+-=_".includes(key))) action();
    return action !== null;
  }
}

// The dialog that lists the keys and what the mouse does.
export class Help {
  constructor(element, words, recorded) {
    this.labels = new Labels(words);
    const { labels } = this;
    const list = build("dl", "fsl-keys");
    for (const [key, name] of KEY_LIST) {
      if (recorded && LIVE_ONLY.includes(name)) continue;
      const said = (recorded && IN_RECORDING[name]) || `key.${name}`;
      const keys = key.split(" ").filter((one) => one !== "–");
      const shown = key.includes("–") ? [build("kbd", "", key)] : keys.map((one) => build("kbd", "", one));
      list.append(build("dt", "", ...shown), labels.put(build("dd", ""), said));
    }
    this.dialog = build(
      "dialog",
      "fsl-dialog",
      labels.put(build("h2", ""), "help.title"),
      labels.put(build("p", ""), recorded ? "help.mouse.recorded" : "help.mouse"),
      list,
      labels.button("help.close", "fsl-main-button", () => this.dialog.close()),
    );
    labels.put(this.dialog, "help.title", "aria-label");
    // A press on the ground behind the dialog closes it.
    this.dialog.addEventListener("click", (event) => {
      if (event.target === this.dialog) this.dialog.close();
    });
    this.dialog.addEventListener("keydown", (event) => {
      if (event.key !== "?" && event.key !== "Escape") return;
      event.preventDefault();
      event.stopPropagation();
      this.dialog.close();
    });
    mark(this.dialog, "tabindex", "-1");
    element.append(this.dialog);
  }

  set words(words) {
    this.labels.words = words;
  }

  open() {
    if (!this.dialog.open) this.dialog.showModal();
  }

  close() {
    if (this.dialog.open) this.dialog.close();
  }
}
