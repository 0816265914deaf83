// The line on top: whom one talks to, the sign of recording, the way out.

import { h, icon } from '../lib/h.js';

/** @import { Child } from '../lib/h.js' */
/** @import { Page } from './page.js' */

/**
 * @param {Page} page
 * @param {string} title
 * @param {...Child} controls
 */
export function header(page, title, ...controls) {
  const name = page.words.t('close');
  return h('header', null, h('h1', { tabindex: -1, title }, title), ...controls,
    page.framed && h('button', { class: 'plain icon', type: 'button', 'aria-label': name, title: name, onclick: () => page.close() },
      icon('M6 6l12 12M18 6L6 18')));
}
