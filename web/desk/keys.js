// The desk's keys. A single letter works while no field has the focus; with Alt it works while
// writing too. People whose speech input types letters can switch them off in the help.

/** @typedef {'call' | 'mute' | 'camera' | 'screen' | 'hold' | 'hang_up'} CallAction */
/** @typedef {'accept' | 'reply' | 'next' | 'previous' | 'invite' | 'transfer' | 'end' | 'help' | CallAction} Action */

/** @type {ReadonlyArray<readonly [Action, string]>} */
export const KEYS = [
  ['accept', 'a'],
  ['reply', 'r'],
  ['next', 'j'],
  ['previous', 'k'],
  ['invite', 'i'],
  ['transfer', 't'],
  ['end', 'e'],
  ['call', 'c'],
  ['mute', 'm'],
  ['camera', 'v'],
  ['screen', 's'],
  ['hold', 'o'],
  ['hang_up', 'h'],
  ['help', '?'],
];

const SWITCH = 'desk.keys';

/** Whether single letters act. */
export function keysOn() {
  return localStorage.getItem(SWITCH) !== 'off';
}

/** @param {boolean} on */
export function switchKeys(on) {
  localStorage.setItem(SWITCH, on ? 'on' : 'off');
}

/**
 * @param {KeyboardEvent} event
 * @returns {Action | null}
 */
export function actionOf(event) {
  if (event.defaultPrevented || event.isComposing || event.repeat) return null;
  if (event.ctrlKey || event.metaKey || event.getModifierState('AltGraph')) return null;
  if (!event.altKey && (!keysOn() || writes(event))) return null;
  const pressed = event.key.toLowerCase();
  return KEYS.find(([, key]) => key === pressed)?.[0] ?? null;
}

/** @param {KeyboardEvent} event */
function writes(event) {
  const target = event.composedPath()[0];
  return target instanceof HTMLElement && target.matches('input:not([type=checkbox]), textarea, select, [contenteditable], [data-quiet]');
}
