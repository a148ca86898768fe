// What was done and what happened, a line each with its time; and notices that go away again.
import { Labels, build, mark, write } from "./elements.js";
import { digitsText, timeText } from "./figures.js";

// Lines that are kept on the page.
const MOST_LINES = 400;
// Events that are read out to those who do not see the page.
const READ_OUT = ["kill", "revive", "add", "finished", "stalled", "failed"];
// Milliseconds that a notice stays.
const NOTICE_STAYS = 7000;

// The text of one event: [t, key, values].
export function eventText([, key, values], scene, words) {
  const told = { ...values };
  if ("who" in values) {
    if (values.who === 0 && `log.${key}.server` !== words(`log.${key}.server`)) {
      return words(`log.${key}.server`);
    }
    told.who = scene.hosts[values.who]?.name ?? String(values.who);
  }
  if ("side" in values) {
    const name = scene.sides[values.side]?.name ?? values.side;
    told.side = words(`log.side.${name}`);
  }
  if ("t" in values) told.t = timeText(values.t, words);
  if ("speed" in values) told.speed = digitsText(values.speed);
  return words(`log.${key}`, told);
}

export class Log {
  // Speak(text) reads something out.
  constructor(element, words, speak) {
    this.labels = new Labels(words);
    this.speak = speak;
    this.list = build("ol", "fsl-log");
    this.labels.put(this.list, "log.title", "aria-label");
    this.list.tabIndex = 0;
    element.append(this.list);
    this.clear(null);
  }

  set words(words) {
    this.labels.words = words;
    this.clear(null);
  }

  clear(events) {
    this.events = events;
    this.shown = 0;
    this.list.replaceChildren();
  }

  draw(model) {
    const anew = this.events !== model.events;
    if (anew) this.clear(model.events);
    const fresh = model.events.slice(this.shown);
    if (fresh.length === 0) return;
    // Who has scrolled back to read is left there.
    const following = this.list.scrollHeight - this.list.scrollTop - this.list.clientHeight < 30;
    for (const event of fresh) this.add(event, model.scene);
    this.shown = model.events.length;
    while (this.list.children.length > MOST_LINES) this.list.firstChild.remove();
    if (following || anew) this.list.scrollTop = this.list.scrollHeight;
    const said = anew ? [] : fresh.filter(([, key]) => READ_OUT.includes(key));
    if (said.length) {
      this.speak(said.map((one) => eventText(one, model.scene, this.labels.words)).join(". "));
    }
  }

  add(event, scene) {
    const [t, key] = event;
    const last = this.list.lastElementChild;
    // A slider that is moved would fill the log with speeds.
    if (key === "speed" && last?.dataset.key === "speed") last.remove();
    const line = build(
      "li",
      "fsl-line",
      build("span", "fsl-line-time", timeText(t, this.labels.words)),
      build("span", "fsl-line-text", eventText(event, scene, this.labels.words)),
    );
    line.dataset.key = key;
    this.list.append(line);
  }
}

// One line over the page for what could not be done, and a hidden one that is read out.
export class Notices {
  constructor(element, words) {
    this.told = words;
    this.say = null; // words => the text that is shown
    this.shown = build("div", "fsl-notice");
    this.shown.hidden = true;
    this.shown.addEventListener("click", () => this.hide());
    this.spoken = build("div", "fsl-spoken");
    mark(this.spoken, "role", "status");
    mark(this.spoken, "aria-live", "polite");
    element.append(this.shown, this.spoken);
    this.timer = null;
  }

  // What is shown is said in the new language; it is not read out again.
  set words(words) {
    this.told = words;
    if (!this.shown.hidden) write(this.shown, this.say(words));
  }

  // Show a text for a while, and read it out. Say(words) gives it in a language.
  show(say) {
    clearTimeout(this.timer);
    this.say = say;
    const text = say(this.told);
    write(this.shown, text);
    this.shown.hidden = false;
    this.speak(text);
    this.timer = setTimeout(() => this.hide(), NOTICE_STAYS);
  }

  hide() {
    clearTimeout(this.timer);
    this.shown.hidden = true;
  }

  // A text of its own each time: the same words again are read out again.
  speak(text) {
    this.spoken.replaceChildren(text);
  }

  close() {
    clearTimeout(this.timer);
  }
}
