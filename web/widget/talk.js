// The conversation: header, messages, what is written, and the state of the connection.

import { Connection } from '../lib/connection.js';
import { fill, h, icon, register, webAddress } from '../lib/h.js';
import { Composer } from './composer.js';
import { Gate } from './gate.js';
import { Log } from './log.js';
import { header } from './page.js';

/** @import { Item, Saved } from '../lib/model.js' */
/** @import { KeyPair } from '../lib/seal.js' */
/** @import { Kept } from './kept.js' */
/** @import { Page } from './page.js' */

/** A connection that is back before this is not worth a word. */
const HICCUP = 1500;

export class Talk extends HTMLElement {
  #page;
  #kept;
  #connection;
  #log;
  #composer;
  #top = h('div');
  /** Where a call is begun, and where it stands. */
  #door = h('span', { class: 'door' });
  #stage = h('div');
  #calls = false;
  #banner = h('div', { class: 'banner', role: 'alert', hidden: true });
  #since = h('p');
  #ahead = h('p');
  #foot = h('div', { class: 'foot' });
  #say = h('p', { class: 'visually-hidden', role: 'status' });
  /** What the parts above show now, so that they are built anew only for another reason. */
  #shows = { top: '', banner: '', foot: 'nothing' };
  #unread = 0;
  #lostSince = 0;
  #clock = 0;

  /**
   * @param {Page} page
   * @param {Kept} kept
   * @param {KeyPair} pair
   * @param {{ token: string, name: string } | Saved} credentials
   */
  constructor(page, kept, pair, credentials) {
    super();
    this.#page = page;
    this.#kept = kept;
    this.#connection = new Connection({ site: page.site, pair, credentials });
    this.#log = new Log(page.words, this.#connection, this.#waiting());
    this.#composer = new Composer(page.words, this.#connection);
  }

  connectedCallback() {
    const page = this.#page;
    const connection = this.#connection;
    this.role = 'main';
    connection.conversation.ended = this.#kept.ended;
    fill(this, this.#top, this.#banner, this.#stage, this.#log, this.#foot, this.#say);
    // Frames come in bursts, and a hidden frame is given no animation frames.
    let due = false;
    connection.addEventListener('change', () => {
      if (!due) setTimeout(() => {
        due = false;
        this.#draw();
      });
      due = true;
    });
    connection.addEventListener('item', (event) => this.#arrived(/** @type {CustomEvent<Item>} */ (event).detail));
    connection.addEventListener('keep', () => this.#keep());
    this.#log.addEventListener('seen', () => this.#count(0));
    page.onshow = () => {
      this.#log.look();
      this.#composer.focus();
    };
    this.#clock = window.setInterval(() => this.#draw(), 15_000);
    page.tell(true);
    connection.start();
    this.#draw();
    this.#composer.focus();
  }

  #draw() {
    if (!this.#calls && this.#connection.conversation.calls) {
      this.#calls = true;
      import('./call.js').then(({ attach }) => attach(this.#page, this.#kept, this.#connection, this.#door, this.#stage),
        () => { this.#calls = false; });
    }
    this.#drawTop();
    this.#drawFoot();
    this.#drawBanner();
    this.#drawWaiting();
    this.#log.draw();
    this.#composer.draw();
  }

  #keep() {
    const saved = this.#connection.saved();
    if (!saved || this.#connection.code === 'superseded') return;
    this.#page.keep(Object.assign(this.#kept, { saved, ended: this.#connection.conversation.ended }));
  }

  /** @param {Item} item */
  #arrived(item) {
    const line = Log.line(this.#page.words, this.#connection.conversation, item);
    fill(this.#say, item.text === undefined ? line : `${line}: ${item.text}`);
    if (!this.#page.shown || document.visibilityState !== 'visible') this.#count(this.#unread + 1);
  }

  /** @param {number} unread */
  #count(unread) {
    if (unread !== this.#unread) this.#page.tell(true, unread);
    this.#unread = unread;
  }

  #drawTop() {
    const { words } = this.#page;
    const { over, conversation: { recording, session } } = this.#connection;
    if (!this.#is('top', `${over} ${recording} ${session}`)) return;
    const live = !over && session !== '';
    const name = words.t('menu');
    const menu = h('div', { id: 'menu', popover: 'auto', class: 'menu' });
    fill(menu, ...['copy', 'receipt', 'end'].map((what) => h('button', { class: 'plain', type: 'button', onclick: () => {
      menu.hidePopover();
      if (what === 'end') this.#confirm();
      else this.#save(what);
    } }, words.t(what))));
    fill(this.#top, header(this.#page, this.#kept.client,
      live && h('span', { class: recording ? 'recorded' : 'small soft' }, words.t(recording ? 'recorded' : 'not_recorded')),
      this.#door, live && h('button', { class: 'plain icon', type: 'button', popovertarget: 'menu', 'aria-label': name, title: name },
        icon('M4 12h2M11 12h2M18 12h2'))), menu);
  }

  #drawBanner() {
    const { words } = this.#page;
    const connection = this.#connection;
    const down = connection.state === 'retrying' || connection.state === 'connecting';
    if (!down || connection.conversation.ended) this.#lostSince = 0;
    else if (!this.#lostSince) {
      this.#lostSince = Date.now();
      setTimeout(() => this.#drawBanner(), HICCUP);
    }
    const lost = this.#lostSince > 0 && Date.now() - this.#lostSince >= HICCUP;
    const kind = lost ? (connection.saved() ? 'lost' : 'e_offline') : connection.conversation.damaged ? 'damaged' : '';
    const before = this.#shows.banner;
    if (!this.#is('banner', kind)) return;
    if (before && !kind) fill(this.#say, words.t('back'));
    this.#banner.hidden = !kind;
    fill(this.#banner, kind && words.t(kind, { kept: this.#still() }),
      lost && h('button', { type: 'button', onclick: () => connection.start() }, words.t('try_again')));
  }

  #drawFoot() {
    const { code, conversation, state } = this.#connection;
    const kind = conversation.ended ? 'ended' : state === 'closed' ? `e_${code}` : '';
    if (!this.#is('foot', kind)) return;
    if (!kind) return fill(this.#foot, this.#composer);
    this.#ending().then(({ Ended, closed }) => {
      const over = () => this.#startOver();
      if (this.#shows.foot === kind) fill(this.#foot, kind === 'ended' ? new Ended(this.#page, this.#kept, conversation, over)
        : closed(this.#page, this.#kept, this.#connection, this.#still(), over, this.#contact()));
    });
  }

  /**
   * Whether a part has to be built anew.
   * @param {'top' | 'banner' | 'foot'} part
   * @param {string} what it is to show
   */
  #is(part, what) {
    const other = this.#shows[part] !== what;
    this.#shows[part] = what;
    return other;
  }

  /** While nobody is there: that the visitor waits, and what can be done meanwhile. */
  #waiting() {
    const { words } = this.#page;
    return h('div', { class: 'card waiting' }, h('h2', null, words.t('waiting')), this.#since, this.#ahead,
      h('p', { class: 'soft meanwhile' }, words.t('meanwhile')),
      h('div', { class: 'row' }, this.#contact(), h('button', { type: 'button', onclick: () => this.#confirm() }, words.t('end'))));
  }

  #drawWaiting() {
    const { words } = this.#page;
    const { clock, waiting } = this.#connection.conversation;
    if (!waiting) return;
    const { since, ahead } = waiting;
    this.#since.title = words.exact(since);
    fill(this.#since, words.t('waited', { time: words.time(since), duration: words.duration(Date.now() + clock - since) }));
    fill(this.#ahead, ahead ? words.t('ahead', { n: ahead }) : words.t('next'));
  }

  /** What is kept, whatever becomes of the connection. */
  #still() {
    return this.#page.words.t(this.#connection.conversation.unrecorded ? 'kept_nothing' : 'kept_confirmed');
  }

  #contact() {
    const href = webAddress(this.#kept.contact);
    return href && h('a', { class: 'button', href, target: '_blank', rel: 'noopener noreferrer' }, this.#page.words.t('contact_page'));
  }

  #confirm() {
    const { words } = this.#page;
    const connection = this.#connection;
    // Now, or as soon as there is a connection again.
    const end = () => connection.command({ t: 'end' }) || connection.addEventListener('change', end, { once: true });
    const dialog = h('dialog', { class: 'card', 'aria-labelledby': 'end-title', onclose: () => dialog.remove() },
      h('h2', { id: 'end-title' }, words.t('end_title')), h('p', null, words.t('end_text')),
      h('div', { class: 'row' },
        h('button', { type: 'button', onclick: () => dialog.close() }, words.t('end_no')),
        h('button', { class: 'stop', type: 'button', onclick: () => {
          end();
          dialog.close();
        } }, words.t('end_yes'))));
    this.append(dialog);
    dialog.showModal();
  }

  /** @param {string} what */
  async #save(what) {
    const { saveCopy, saveReceipt } = await this.#ending();
    const { conversation } = this.#connection;
    if (what === 'copy') saveCopy(this.#page.words, this.#kept, conversation);
    else saveReceipt(this.#kept, conversation);
  }

  /** What is there for the end, and its words. */
  async #ending() {
    await this.#page.learn('./strings/ended');
    return import('./ended.js');
  }

  #startOver() {
    const page = this.#page;
    clearInterval(this.#clock);
    this.#connection.close();
    page.keep(null);
    page.onshow = () => {};
    page.tell(false);
    this.replaceWith(new Gate(page));
  }
}

register('vestibule-talk', Talk);
