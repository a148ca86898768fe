// The guided mode on the page: scene and question, the prediction, the answer that the run gave.
import { build, mark, press, write } from "./elements.js";
import { timeText } from "./figures.js";
import { ANSWERS, LESSONS, findings, lessonPhase, lessonValues } from "./lessons.js";

export class Guide {
  // Orders start runs and lessons; replay is the player of a recording, or undefined.
  constructor(element, words, orders, replay) {
    this.element = element;
    this.said = words;
    this.orders = orders;
    this.replay = replay;
    this.choice = null; // the prediction: an answer's number
    this.asked = null; // the lesson, run and settings that it is for
    this.phase = null;
    this.drawn = "";
    this.changed = () => {}; // called when a prediction was made
  }

  get words() {
    return this.said;
  }

  set words(words) {
    this.said = words;
    this.drawn = "";
  }

  draw(model) {
    this.phase = lessonPhase(model, this.replay?.waiting);
    const { scene } = model;
    // A demo that was started anew counts its runs from 1 again.
    const asked = scene && JSON.stringify([scene.lesson, scene.run, scene.settings]);
    if (asked !== this.asked) [this.asked, this.choice] = [asked, null];
    const look = `${asked} ${scene?.hosts.length} ${this.phase} ${this.choice} ${this.orders.allowed}`;
    if (look === this.drawn) return;
    this.drawn = look;
    this.element.hidden = this.phase === null;
    mark(this.element, "data-phase", this.phase);
    const parts = { ask: () => this.ask(model), run: () => this.remind(model), over: () => this.tell(model) };
    const focused = this.answers().indexOf(document.activeElement);
    this.element.replaceChildren(...(parts[this.phase]?.() ?? []));
    this.answers()[focused]?.focus();
  }

  answers() {
    return [...this.element.querySelectorAll(".fsl-answer")];
  }

  button(key, className, action) {
    const button = press(className, action);
    write(button, this.words(key));
    return button;
  }

  title({ scene }) {
    const number = LESSONS.indexOf(scene.lesson) + 1;
    const text = `${this.words("lesson.number", { number })} · ${this.words(`lesson.${scene.lesson}.title`)}`;
    return build("h2", "fsl-guide-title", text);
  }

  answer(model, number) {
    return this.words(`lesson.${model.scene.lesson}.answer${number}`, lessonValues(model));
  }

  ask(model) {
    const values = lessonValues(model);
    const key = `lesson.${model.scene.lesson}`;
    const answers = ANSWERS.map((number) => {
      const button = press("fsl-answer", () => this.predict(number));
      write(button, this.answer(model, number));
      mark(button, "aria-pressed", String(this.choice === number));
      return button;
    });
    return [
      this.title(model),
      build("p", "fsl-guide-scene", this.words(`${key}.scene`, values)),
      build("p", "fsl-guide-question", this.words(`${key}.question`, values)),
      build("div", "fsl-answers", ...answers),
      this.running(),
    ];
  }

  // The prediction is this page's own: it is not sent.
  predict(number) {
    this.choice = number;
    this.changed();
  }

  running() {
    if (!this.orders.allowed && !this.replay) {
      return build("p", "", this.words("lesson.wait"));
    }
    const key = this.replay ? "lesson.play" : "lesson.run";
    return this.button(key, "fsl-main-button", () => this.orders.start());
  }

  remind(model) {
    return [this.title(model), build("p", "fsl-guide-said", this.prediction(model))];
  }

  prediction(model) {
    if (this.choice === null) return this.words("lesson.unsaid");
    return this.words("lesson.said", { answer: this.answer(model, this.choice) });
  }

  tell(model) {
    const { figures, values, times, supported, why } = findings(model);
    for (const [name, seconds] of Object.entries(times)) values[name] = timeText(seconds, this.words);
    const text = build("div", "fsl-guide-text", this.title(model));
    text.append(build("p", "fsl-guide-figures", this.words(figures, values)));
    text.append(build("p", "", this.words(why, values)));
    if (this.choice !== null) text.append(this.verdict(model, supported));
    return [text, this.onward(model)];
  }

  verdict(model, supported) {
    const right = this.choice === supported;
    const key = supported === null ? "undecided" : right ? "right" : "wrong";
    const verdict = build("p", "fsl-guide-verdict", this.prediction(model), " ");
    verdict.append(build("strong", `fsl-${key}`, this.words(`lesson.${key}`)));
    return verdict;
  }

  onward({ scene }) {
    const row = build("div", "fsl-onward");
    if (!this.orders.allowed) return row;
    const number = LESSONS.indexOf(scene.lesson) + 1;
    if (number < LESSONS.length) {
      const next = () => this.orders.lesson(number + 1);
      row.append(this.button("lesson.next", "fsl-main-button", next));
    }
    row.append(this.button("lesson.again", "", () => this.orders.reset()));
    row.append(this.button("lesson.free", "", () => this.orders.lesson(0)));
    return row;
  }
}
