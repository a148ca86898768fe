// All texts of the page in two languages, looked up by key.
import { ENGLISH } from "./english.js";
import { KOREAN } from "./korean.js";

const TABLES = { en: ENGLISH, ko: KOREAN };
export const LANGUAGES = Object.keys(TABLES);

// (key, values) => text, with each {name} replaced by its value. A key without a text is its own.
export function words(language) {
  const table = TABLES[language];
  return (key, values = {}) => {
    const text = table[key] ?? key;
    return text.replace(/\{(\w+)\}/g, (whole, name) => String(values[name] ?? whole));
  };
}
