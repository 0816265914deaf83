// The desk's words in the agent's language, chosen once when the page loads.

import { chooseLanguage, Words } from '../lib/i18n.js';
import callDe from '../lib/call-strings/de.js';
import callEn from '../lib/call-strings/en.js';
import notesDe from '../lib/call-strings/notes/de.js';
import notesEn from '../lib/call-strings/notes/en.js';
import panelsDe from '../lib/call-strings/panels/de.js';
import panelsEn from '../lib/call-strings/panels/en.js';
import de from './strings/de.js';
import en from './strings/en.js';

const languages = { en: { ...callEn, ...notesEn, ...panelsEn, ...en }, de: { ...callDe, ...notesDe, ...panelsDe, ...de } };
const language = /** @type {keyof typeof languages} */ (chooseLanguage(navigator.languages, Object.keys(languages)));
/** With the agent's own region, which decides how times are written. */
const tag = navigator.languages.find((wanted) => wanted.split('-')[0] === language) ?? language;

export const words = new Words(tag, languages.en, languages[language]);

document.documentElement.lang = tag;
document.documentElement.dir = words.direction;

/**
 * What a refusal means to an agent: what happened, what still holds, what to do.
 * @param {string} code from the closed list, or `offline`
 * @param {{ unrecorded: boolean }} [conversation] the one that it is about
 */
export function refusal(code, conversation) {
  const key = `refused_${code}`;
  const kept = !conversation ? 'still_kept_recorded' : conversation.unrecorded ? 'still_kept_nothing' : 'still_kept';
  return words.t(words.has(key) ? key : 'refused_internal', { kept: words.t(kept) });
}

/**
 * How long ago something was, in its largest whole unit.
 * @param {number} ms
 * @param {string} [language]
 */
export function ago(ms, language = words.language) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  /** @type {[number, Intl.RelativeTimeFormatUnit]} */
  const [value, unit] = seconds < 60 ? [seconds, 'second']
    : seconds < 3600 ? [Math.floor(seconds / 60), 'minute']
    : seconds < 86400 ? [Math.floor(seconds / 3600), 'hour'] : [Math.floor(seconds / 86400), 'day'];
  return new Intl.RelativeTimeFormat(language).format(-value, unit);
}

/** @param {number} days */
export function inDays(days) {
  return words.duration(days * 86_400_000);
}

/**
 * As notices say it: from half a year on in whole months or years, where that is exact to the day.
 * @param {number} days
 */
export function asNoticesSay(days) {
  const months = Math.round(days / 30.4375);
  const years = Math.round(days / 365);
  const [value, unit] = days === years * 365 ? [years, 'year'] : [months, 'month'];
  if (days < 180 || (unit === 'month' && Math.abs(months * 30.4375 - days) > 1)) return inDays(days);
  return new Intl.NumberFormat(words.language, { style: 'unit', unit, unitDisplay: 'long' }).format(value);
}
