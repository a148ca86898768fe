// HTML elements made in one line, labels that follow the language, and drawers that open.

// A new element with children: elements or text.
export function build(tag, className, ...children) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...children);
  return element;
}

// Set an element's text, and leave the page alone where it already says so.
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// Set an attribute in the same way; null takes it away.
export function mark(element, name, value) {
  if (value === null) element.removeAttribute(name);
  else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
}

// Fixed texts of one part of the page. Texts that change with the run are written by draw().
export class Labels {
  constructor(words) {
    this.told = words;
    this.list = [];
  }

  get words() {
    return this.told;
  }

  set words(words) {
    this.told = words;
    for (const [element, key, attribute] of this.list) this.say(element, key, attribute);
  }

  // Let the element (or one of its attributes) say the key's text, in whichever language.
  put(element, key, attribute = null) {
    this.list.push([element, key, attribute]);
    this.say(element, key, attribute);
    return element;
  }

  say(element, key, attribute) {
    const text = this.told(key);
    if (attribute) mark(element, attribute, text);
    else write(element, text);
  }

  button(key, className, action) {
    return this.put(press(className, action), key);
  }
}

// A button that does something.
export function press(className, action) {
  const button = build("button", `fsl-button ${className}`.trim());
  button.type = "button";
  button.addEventListener("click", action);
  return button;
}

// A part of the page that a button opens and closes; Escape and a press elsewhere close it too.
export class Drawer {
  constructor(root, button, panel, signal) {
    this.button = button;
    this.panel = panel;
    panel.hidden = true;
    mark(button, "aria-expanded", "false");
    button.addEventListener("click", () => this.open(panel.hidden));
    panel.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      event.stopPropagation();
      this.open(false);
    });
    const elsewhere = (event) => {
      if (!panel.contains(event.target) && !button.contains(event.target)) this.open(false, false);
    };
    root.addEventListener("pointerdown", elsewhere, { signal });
  }

  get shown() {
    return !this.panel.hidden;
  }

  open(wanted, moveFocus = true) {
    if (wanted === !this.panel.hidden) return;
    const inside = this.panel.contains(document.activeElement);
    this.panel.hidden = !wanted;
    mark(this.button, "aria-expanded", String(wanted));
    if (wanted) this.panel.querySelector("input, button")?.focus();
    else if (moveFocus || inside) this.button.focus();
  }
}
