// The top line: what this is, the time of the run, who watches; and a banner where something is amiss.
import { Labels, build, mark, press, write } from "./elements.js";
import { clockText, digitsText } from "./figures.js";

// The reached pace is told where it is less than so much of the asked one.
const AS_ASKED = 0.9;

export class Head {
  // Actions: language() and help() on a press, take() to take over control; title: a tag.
  constructor(element, words, actions, title) {
    this.labels = new Labels(words);
    this.time = build("span", "fsl-time");
    mark(this.time, "role", "timer"); // which is not read out at each change
    this.labels.put(this.time, "head.time", "aria-label");
    this.state = build("span", "fsl-state");
    this.pace = build("span", "fsl-pace");
    this.role = build("span", "fsl-role");
    this.takeButton = this.labels.button("head.take", "", actions.take);
    this.takeButton.hidden = true;
    this.language = press("fsl-quiet", actions.language);
    this.labels.put(this.language, "head.language");
    this.labels.put(this.language, "head.language.name", "aria-label");
    this.labels.put(this.language, "head.language.code", "lang");
    this.help = press("fsl-quiet fsl-help-button", actions.help);
    this.help.append("?");
    this.labels.put(this.help, "help.title", "aria-label");
    element.append(
      this.labels.put(build(title, "fsl-title"), "head.title"),
      build("div", "fsl-clock", this.time, build("div", "fsl-pacing", this.state, this.pace)),
      build("div", "fsl-who", this.role, this.takeButton),
      build("div", "fsl-head-buttons", this.language, this.help),
    );
  }

  set words(words) {
    this.labels.words = words;
  }

  // Replay: the player of a recording, or undefined; ended: there is no demo any more.
  draw(model, replay, ended) {
    const { words } = this.labels;
    write(this.time, clockText(model.t, words));
    const state = replay && model.state !== "over" && !replay.playing ? "held" : model.state;
    const begun = replay && replay.waiting ? "ready" : state;
    const shown = ended ? "ended" : begun;
    mark(this.state, "data-state", shown);
    write(this.state, words(`state.${shown}`));
    write(this.pace, ended ? "" : this.paceText(model, replay));
    this.drawRole(model.role, replay);
  }

  paceText({ state, speed, pace }, replay) {
    const { words } = this.labels;
    // A recording passes at its own speed, times that of its player.
    const times = replay ? replay.speed : 1;
    const asked = words("head.speed", { speed: digitsText(times * speed) });
    const slow = !replay && state === "running" && pace !== null && pace < AS_ASKED * speed;
    return slow ? words("head.slow", { speed: digitsText(speed), pace: digitsText(Number(pace.toPrecision(2))) }) : asked;
  }

  drawRole({ role, watchers, contested }, replay) {
    const { words } = this.labels;
    this.takeButton.hidden = !contested;
    if (replay) write(this.role, words("head.recording"));
    else if (contested) write(this.role, words("head.contested"));
    else if (role === "student") write(this.role, words("head.watching"));
    else write(this.role, this.othersText(watchers - 1));
  }

  othersText(count) {
    if (count < 1) return "";
    return this.labels.words(count === 1 ? "head.watcher" : "head.watchers", { count });
  }
}

// A line across the page while the connection is lost, or when the demo has ended.
export class Banner {
  constructor(element, words) {
    this.element = element;
    this.labels = new Labels(words);
    this.state = "open";
    mark(element, "role", "alert");
    element.hidden = true;
  }

  set words(words) {
    this.labels.words = words;
    this.show(this.state);
  }

  // State: "waiting" (for the first message), "open", "lost" or "ended".
  show(state) {
    this.state = state;
    this.element.hidden = state === "open";
    mark(this.element, "data-state", state);
    write(this.element, state === "open" ? "" : this.labels.words(`connection.${state}`));
  }
}
