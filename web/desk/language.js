// The desk's words in the agent's language, chosen once when the page loads.

import { chooseLanguage, Words } from '../lib/i18n.js';
import de from './strings/de.js';
import en from './strings/en.js';

const languages = { en, de };
const language = /** @type {keyof typeof languages} */ (chooseLanguage(navigator.languages, Object.keys(languages)));
/** With the agent's own region, which decides how times are written. */
const tag = navigator.languages.find((wanted) => wanted.split('-')[0] === language) ?? language;

export const words = new Words(tag, en, languages[language]);

document.documentElement.lang = tag;
document.documentElement.dir = words.direction;

/**
 * What a refusal means to an agent: what happened, what still holds, what to do.
 * @param {string} code from the closed list, or `offline`
 */
export function refusal(code) {
  const key = `refused_${code}`;
  return words.t(words.has(key) ? key : 'refused_internal');
}
