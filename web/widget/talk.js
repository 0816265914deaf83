// The conversation: header, messages, what is written, and the state of the connection.

import { Connection } from '../lib/connection.js';
import { fill, h, icon, register, webAddress } from '../lib/h.js';
import { importKeyPair } from '../lib/seal.js';
import { Composer } from './composer.js';
import { Gate } from './gate.js';
import { header } from './page.js';
import { Log } from './log.js';

/** @import { Item } from '../lib/model.js' */
/** @import { Kept } from './kept.js' */
/** @import { Page } from './page.js' */

/** A connection that is back before this is not worth a word. */
const HICCUP = 1500;

export class Talk extends HTMLElement {
  #page;
  #kept;
  #join;
  /** @type {Connection | null} */
  #connection = null;
  #top = h('div');
  #banner = h('div', { class: 'banner', role: 'alert', hidden: true });
  #foot = h('div', { class: 'foot' });
  #say = h('p', { class: 'visually-hidden', role: 'status' });
  #unread = 0;
  #drawn = '';
  #bannered = '';
  #lostSince = 0;

  /**
   * @param {Page} page
   * @param {Kept} kept
   * @param {{ token: string, name: string } | null} [join] where the visitor has just agreed
   */
  constructor(page, kept, join = null) {
    super();
    this.#page = page;
    this.#kept = kept;
    this.#join = join;
  }

  async connectedCallback() {
    const page = this.#page;
    page.tell(true);
    const pair = await importKeyPair(this.#kept.key);
    const credentials = this.#join ?? this.#kept.saved;
    if (!credentials) return this.#startOver('token_used');
    const connection = new Connection({ site: page.site, pair, credentials });
    this.#connection = connection;
    const { conversation } = connection;
    conversation.ended = this.#kept.ended;
    const log = new Log(page.words, connection, () => this.#card());
    const composer = new Composer(page.words, connection);
    fill(this, this.#top, this.#banner, log, this.#foot, this.#say);
    const draw = () => {
      this.#drawTop();
      this.#drawFoot(composer);
      this.#drawBanner();
      log.draw();
      composer.draw();
    };
    // Frames come in bursts, and a hidden frame is given no animation frames.
    let due = false;
    connection.addEventListener('change', () => {
      if (due) return;
      due = true;
      setTimeout(() => {
        due = false;
        draw();
      });
    });
    connection.addEventListener('item', (event) => this.#arrived(/** @type {CustomEvent<Item>} */ (event).detail));
    connection.addEventListener('keep', () => this.#keep());
    page.onshow = () => {
      this.#unread = 0;
      page.tell(true);
      log.look();
      this.querySelector('textarea')?.focus();
    };
    log.addEventListener('seen', () => this.#seen());
    draw();
    connection.start();
    composer.focus();
    if (conversation.ended) draw();
    setInterval(() => conversation.waiting && draw(), 15_000);
  }

  #keep() {
    const connection = this.#connection;
    const saved = connection?.saved();
    if (!connection || !saved || connection.code === 'superseded') return;
    this.#kept.saved = saved;
    this.#kept.ended = connection.conversation.ended;
    this.#page.keep(this.#kept);
  }

  /** @param {Item} item */
  #arrived(item) {
    const { words } = this.#page;
    const line = Log.line(words, /** @type {Connection} */ (this.#connection).conversation, item);
    fill(this.#say, item.text === undefined ? line : `${line}: ${item.text}`);
    if (this.#page.shown && document.visibilityState === 'visible') return;
    this.#unread += 1;
    this.#page.tell(true, this.#unread);
  }

  #seen() {
    if (!this.#unread) return;
    this.#unread = 0;
    this.#page.tell(true);
  }

  #drawTop() {
    const { words } = this.#page;
    const { conversation } = /** @type {Connection} */ (this.#connection);
    const state = `${conversation.recording !== null}${conversation.ended !== null}${conversation.session !== ''}`;
    if (state === this.#drawn) return;
    this.#drawn = state;
    const { client } = this.#kept;
    if (conversation.ended) return fill(this.#top, header(this.#page, client));
    const menu = h('div', { id: 'menu', popover: 'auto', class: 'menu' },
      ...[['copy', () => this.#save('copy')], ['receipt', () => this.#save('receipt')], ['end', () => this.#confirm()]].map(([key, act]) =>
        h('button', { class: 'plain', type: 'button', onclick: () => {
          menu.hidePopover();
          /** @type {() => void} */ (act)();
        } }, words.t(/** @type {string} */ (key)))));
    const live = conversation.session !== '';
    fill(this.#top, header(this.#page, client,
      live && (conversation.recording !== null ? h('span', { class: 'recorded' }, words.t('recorded'))
        : h('span', { class: 'small soft' }, words.t('not_recorded'))),
      live && h('button', { class: 'plain icon', type: 'button', popovertarget: 'menu', 'aria-label': words.t('menu'), title: words.t('menu') },
        icon('M4 12h2M11 12h2M18 12h2'))), menu);
  }

  #drawBanner() {
    const { words } = this.#page;
    const connection = /** @type {Connection} */ (this.#connection);
    const down = connection.state === 'retrying' || connection.state === 'connecting';
    if (!down) this.#lostSince = 0;
    else if (!this.#lostSince) {
      this.#lostSince = Date.now();
      setTimeout(() => this.#drawBanner(), HICCUP);
    }
    const lost = down && Date.now() - this.#lostSince >= HICCUP;
    const kind = lost ? (connection.saved() ? 'lost' : 'e_offline') : connection.conversation.damaged ? 'damaged' : '';
    if (kind === this.#bannered) return;
    if (this.#bannered && !kind) fill(this.#say, words.t('back'));
    this.#bannered = kind;
    this.#banner.hidden = !kind;
    fill(this.#banner, kind && words.t(kind), lost && h('button', { class: 'plain', type: 'button', onclick: () => connection.start() },
      words.t('retry_now')));
  }

  /** @param {Composer} composer */
  #drawFoot(composer) {
    const connection = /** @type {Connection} */ (this.#connection);
    const closed = connection.state === 'closed' ? connection.code ?? 'internal' : '';
    if (connection.conversation.ended) {
      if (this.#foot.dataset.kind === 'ended') return;
      this.#foot.dataset.kind = 'ended';
      import('./ended.js').then(({ Ended }) => fill(this.#foot, new Ended(this.#page, this.#kept, connection.conversation, () => this.#startOver())));
    } else if (this.#foot.dataset.kind !== closed) {
      this.#foot.dataset.kind = closed;
      fill(this.#foot, closed ? this.#closed(closed) : composer);
    }
  }

  /** @param {string} code */
  #closed(code) {
    const { words } = this.#page;
    const connection = /** @type {Connection} */ (this.#connection);
    const here = code === 'superseded';
    const again = here || code === 'flooding' || code === 'recording_unavailable';
    return h('div', { class: 'card', role: 'alert' }, h('p', null, this.#page.error(code)), h('div', { class: 'row' },
      h('button', { class: 'primary', type: 'button', onclick: () => (again ? connection.start() : this.#startOver()) },
        words.t(here ? 'continue_here' : again ? 'try_again' : 'start_over')),
      connection.saved() && h('button', { type: 'button', onclick: () => this.#save('receipt') }, words.t('receipt')),
      this.#contact()));
  }

  /** While nobody is there: that the visitor waits, and what can be done meanwhile. */
  #card() {
    const { words } = this.#page;
    const { conversation } = /** @type {Connection} */ (this.#connection);
    const { waiting } = conversation;
    if (!waiting || conversation.ended) return null;
    return h('div', { class: 'card waiting' },
      h('h2', null, words.t('waiting')),
      h('p', null, h('time', { title: words.exact(waiting.since) }, words.t('waited', {
        time: words.time(waiting.since), duration: words.duration(Date.now() + conversation.clock - waiting.since) }))),
      h('p', null, waiting.ahead ? words.t('ahead', { n: waiting.ahead }) : words.t('next')),
      h('p', { class: 'soft' }, words.t('meanwhile')),
      h('div', { class: 'row' }, this.#contact(),
        h('button', { type: 'button', onclick: () => this.#confirm() }, words.t('end'))));
  }

  #contact() {
    const address = webAddress(this.#kept.contact);
    return address && h('a', { class: 'button', href: address, target: '_blank', rel: 'noopener noreferrer' }, this.#page.words.t('contact_page'));
  }

  #confirm() {
    const { words } = this.#page;
    const dialog = h('dialog', { class: 'card', 'aria-labelledby': 'end-title', onclose: () => dialog.remove() },
      h('h2', { id: 'end-title' }, words.t('end_title')), h('p', null, words.t('end_text')),
      h('div', { class: 'row' },
        h('button', { type: 'button', onclick: () => dialog.close() }, words.t('end_no')),
        h('button', { class: 'stop', type: 'button', onclick: () => {
          this.#connection?.command({ t: 'end' });
          dialog.close();
        } }, words.t('end_yes'))));
    this.append(dialog);
    dialog.showModal();
  }

  /** @param {'copy' | 'receipt'} what */
  async #save(what) {
    const { saveCopy, saveReceipt } = await import('./ended.js');
    const { conversation } = /** @type {Connection} */ (this.#connection);
    if (what === 'copy') saveCopy(this.#page.words, this.#kept, conversation);
    else saveReceipt(this.#kept, conversation);
  }

  /** @param {string} [error] */
  #startOver(error) {
    this.#connection?.close();
    this.#page.keep(null);
    this.#page.onshow = () => {};
    this.#page.tell(false);
    this.replaceWith(new Gate(this.#page, error));
  }
}

register('vestibule-talk', Talk);
