// The form with a run's settings; what is wrong is told at its field, and nothing typed is lost.
import { Labels, build, mark, write } from "./elements.js";
import { sameRun } from "./model.js";

const NUMBERS = ["clients", "riders", "seed"];
export const FIELDS = ["clients", "file_size", "origin_up", "peer_up", "latency", "riders", "seed"];

// Why a message was refused, in words.
export function refusalText(error, words) {
  const values = { ...error };
  if ("field" in error) values.field = words(`field.${error.field}`);
  return words(`error.${error.key}`, values);
}

export class SettingsForm {
  // Apply(settings) begins a run with them.
  constructor(element, words, apply) {
    this.labels = new Labels(words);
    this.scene = null;
    this.inputs = {};
    this.hints = {};
    this.refusals = {};
    this.ranges = {};
    this.form = build("form", "fsl-form");
    this.form.noValidate = true;
    this.form.append(this.labels.put(build("p", "fsl-form-about"), "form.about"));
    for (const field of FIELDS) this.form.append(this.buildField(field));
    const submit = this.labels.button("form.apply", "fsl-main-button", () => {});
    submit.type = "submit";
    this.form.append(submit);
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      apply(this.values());
    });
    element.append(this.form);
  }

  set words(words) {
    this.labels.words = words;
    for (const field of FIELDS) this.drawField(field);
  }

  buildField(field) {
    const input = build("input", "fsl-input");
    Object.assign(input, { type: "text", name: field, autocomplete: "off", spellcheck: false });
    if (NUMBERS.includes(field)) input.inputMode = "numeric";
    input.addEventListener("input", () => {
      input.dataset.typed = "yes";
      this.refuse(field, null);
    });
    const label = this.labels.put(build("span", "fsl-field-name"), `field.${field}`);
    const hint = build("span", "fsl-hint");
    [this.inputs[field], this.hints[field]] = [input, hint];
    return build("label", "fsl-field", label, input, hint);
  }

  values() {
    const all = {};
    for (const field of FIELDS) {
      const text = this.inputs[field].value.trim();
      all[field] = NUMBERS.includes(field) && /^\d+$/.test(text) ? Number(text) : text;
    }
    return all;
  }

  // A new run has settings of its own; within a run what was typed stays.
  takeScene(scene) {
    const anew = !sameRun(scene, this.scene);
    this.scene = scene;
    this.ranges = scene.ranges;
    for (const field of FIELDS) {
      const input = this.inputs[field];
      if (anew) {
        delete input.dataset.typed;
        this.refusals[field] = null;
      }
      if (!input.dataset.typed) input.value = scene.settings[field];
      this.drawField(field);
    }
  }

  // Show at a field why it was refused; null: it was not. Returns whether there is such a field.
  refuse(field, error) {
    if (!(field in this.inputs)) return false;
    this.refusals[field] = error;
    this.drawField(field);
    if (error) this.inputs[field].focus();
    return true;
  }

  drawField(field) {
    const words = this.labels.words;
    const error = this.refusals[field] ?? null;
    const [least, most] = this.ranges[field] ?? ["", ""];
    const hint = this.hints[field];
    const highest = field === "riders" ? words("form.riders") : most;
    write(hint, error ? refusalText(error, words) : words("form.range", { least, most: highest }));
    hint.classList.toggle("fsl-wrong", error !== null);
    mark(this.inputs[field], "aria-invalid", error ? "true" : null);
    mark(hint, "role", error ? "alert" : null);
  }
}
