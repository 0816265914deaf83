// Words and numbers in the reader's language. Each language is one file of strings per page.

/**
 * A string with `{places}`, or one per plural form, chosen by `{n}`.
 * @typedef {string | Partial<Record<Intl.LDMLPluralRule, string>>} Text
 */

/** @typedef {Record<string, Text>} Strings */

const RIGHT_TO_LEFT = /^(ar|arc|ckb|dv|fa|ha-arab|he|khw|ks|ps|sd|ug|ur|yi)\b/i;

export class Words {
  /** BCP 47 tag of the language. */
  language;
  /** @type {Strings} */
  #strings;
  #plural;

  /**
   * @param {string} language
   * @param {...Strings} strings later ones win
   */
  constructor(language, ...strings) {
    this.language = language;
    this.#strings = Object.assign({}, ...strings);
    this.#plural = new Intl.PluralRules(language);
  }

  /** @param {Strings} strings further ones */
  learn(strings) {
    Object.assign(this.#strings, strings);
  }

  /** `rtl` where the language is written from right to left. */
  get direction() {
    return direction(this.language);
  }

  /**
   * The string `key` with its places filled in.
   * @param {string} key
   * @param {Record<string, string | number>} [places]
   * @returns {string}
   */
  t(key, places = {}) {
    const text = this.#strings[key];
    if (text === undefined) return key;
    const form = typeof text === 'string' ? text : text[this.#plural.select(Number(places.n))] ?? text.other ?? key;
    return form.replace(/\{(\w+)\}/g, (whole, name) => {
      const value = places[name];
      return value === undefined ? whole : typeof value === 'number' ? this.number(value) : value;
    });
  }

  /**
   * Whether there is such a string.
   * @param {string} key
   */
  has(key) {
    return key in this.#strings;
  }

  /** @param {number} value */
  number(value) {
    return new Intl.NumberFormat(this.language).format(value);
  }

  /**
   * The time of day.
   * @param {number} at milliseconds since 1970
   */
  time(at) {
    return new Intl.DateTimeFormat(this.language, { timeStyle: 'short' }).format(at);
  }

  /**
   * Day and time, to the second: what stands on hover.
   * @param {number} at
   */
  exact(at) {
    return new Intl.DateTimeFormat(this.language, { dateStyle: 'long', timeStyle: 'medium' }).format(at);
  }

  /**
   * The day.
   * @param {number} at
   */
  day(at) {
    return new Intl.DateTimeFormat(this.language, { dateStyle: 'long' }).format(at);
  }

  /**
   * How long something has taken, in its largest whole unit.
   * @param {number} ms
   */
  duration(ms) {
    const seconds = Math.max(0, Math.floor(ms / 1000));
    /** @type {[number, string]} */
    const [value, unit] = seconds < 60 ? [seconds, 'second']
      : seconds < 3600 ? [Math.floor(seconds / 60), 'minute']
      : seconds < 86400 ? [Math.floor(seconds / 3600), 'hour'] : [Math.floor(seconds / 86400), 'day'];
    return new Intl.NumberFormat(this.language, { style: 'unit', unit, unitDisplay: 'long' }).format(value);
  }

  /**
   * A language's own name for itself.
   * @param {string} tag
   */
  languageName(tag) {
    try {
      return new Intl.DisplayNames(tag, { type: 'language' }).of(tag) ?? tag;
    } catch {
      return tag;
    }
  }
}

/**
 * The direction in which a language is written.
 * @param {string} language
 * @returns {'ltr' | 'rtl'}
 */
export function direction(language) {
  return RIGHT_TO_LEFT.test(language) ? 'rtl' : 'ltr';
}

/**
 * The best of `offered` for a reader who wants `wanted`, in order; the first offered if none fits.
 * @param {readonly string[]} wanted
 * @param {readonly string[]} offered
 * @returns {string}
 */
export function chooseLanguage(wanted, offered) {
  for (const want of wanted) {
    const exact = offered.find((o) => o.toLowerCase() === want.toLowerCase());
    const near = exact ?? offered.find((o) => primary(o) === primary(want));
    if (near) return near;
  }
  return offered[0] ?? 'en';
}

/** @param {string} tag */
function primary(tag) {
  return tag.toLowerCase().split('-')[0];
}
