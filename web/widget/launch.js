// The launcher: a button on a client's page. It loads nothing, keeps nothing and says nothing to
// anybody until it is clicked.
//
//   <script async src="https://widget.example/launch.js" data-site="…"></script>
//
// Optional attributes: data-name (the client's name), data-accent (#rrggbb), data-lang.
// To call it before it has loaded:
//   window.Vestibule ??= (...call) => (window.Vestibule.q ??= []).push(call);
//   Vestibule('open' | 'close' | 'toggle' | 'show' | 'hide');

(() => {
  const script = /** @type {HTMLScriptElement | null} */ (document.currentScript);
  const site = script?.dataset.site;
  /** @type {any} */
  const page = window;
  if (!script || !site || page.Vestibule?.ready) return;

  const base = new URL(script.src).origin;
  const { name = '', accent = '', lang = document.documentElement.lang || navigator.language } = script.dataset;
  const german = /^de\b/i.test(lang);
  const words = german
    ? { talk: name ? `Mit ${name} sprechen` : 'Mit uns sprechen', close: 'Schließen', opening: 'Wird geöffnet…', unread: 'ungelesen',
      failed: 'Das Fenster lässt sich gerade nicht öffnen. Nichts wurde gesendet. Versuchen Sie es später noch einmal.' }
    : { talk: name ? `Talk to ${name}` : 'Talk to us', close: 'Close', opening: 'Opening…', unread: 'unread',
      failed: 'This cannot be opened just now. Nothing was sent. Try again later.' };

  const css = `
    :host { all: initial; }
    * { box-sizing: border-box; }
    :host, button { font: 15px/22px system-ui, sans-serif; }
    [hidden] { display: none !important; }
    .disc { position: fixed; z-index: 2147483000; inset: auto 20px 20px auto; inset: auto auto 20px auto; inset-inline-end: 20px;
      display: grid; place-items: center; width: 56px; height: 56px; padding: 0; border: 0; border-radius: 50%;
      color: var(--ink); background: var(--accent); box-shadow: 0 4px 16px rgb(20 24 32 / 28%); cursor: pointer; }
    button:focus-visible { outline: 2px solid var(--accent); outline-offset: 3px; box-shadow: 0 0 0 3px #fff; }
    .name { position: absolute; inset-inline-end: 64px; max-width: min(260px, 100vw - 112px); padding: 8px 12px; border-radius: 8px;
      overflow: hidden; text-overflow: ellipsis; white-space: nowrap; color: #1b1d21; background: #fff;
      box-shadow: 0 2px 12px rgb(20 24 32 / 24%); opacity: 0; pointer-events: none; transition: opacity 150ms; }
    .disc:hover .name, .disc:focus-visible .name { opacity: 1; }
    .open .name { display: none; }
    .count { position: absolute; inset-block-start: -4px; inset-inline-end: -4px; min-width: 22px; padding: 0 6px; border-radius: 11px;
      font-size: 13px; font-weight: 600; color: #fff; background: #1b1d21; border: 1px solid #fff; }
    .panel { position: fixed; z-index: 2147483000; inset-block-end: 88px; inset-inline-end: 20px; width: 376px; height: 620px;
      max-width: calc(100vw - 40px); max-height: calc(100dvh - 108px); border: 1px solid #0002; border-radius: 12px; overflow: hidden;
      background: #fff; color: #1b1d21; box-shadow: 0 8px 40px rgb(20 24 32 / 24%); }
    iframe { position: absolute; inset: 0; width: 100%; height: 100%; border: 0; color-scheme: light dark; }
    .cover { position: absolute; inset: 0; padding: 17px 60px 16px 16px; }
    p { margin: 0; }
    .cover button { position: absolute; inset-block-start: 6px; inset-inline-end: 6px; width: 44px; height: 44px; border: 0;
      border-radius: 8px; font-size: 24px; color: inherit; background: none; cursor: pointer; }
    @media (max-width: 480px), (max-height: 480px) {
      .panel { inset: 0; width: 100%; height: 100dvh; max-width: none; max-height: none; border: 0; border-radius: 0; }
      .open .disc { display: none; }
    }
    @media (prefers-color-scheme: dark) { .panel, .name { background: #1e2125; color: #eceef1; } }
    @media (prefers-reduced-motion: reduce) { * { transition: none !important; } }`;

  /**
   * @param {string} tag
   * @param {Record<string, string>} [attributes]
   * @param {...(Node | string)} children
   */
  const make = (tag, attributes = {}, ...children) => {
    const element = document.createElement(tag);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.append(...children);
    return element;
  };

  const host = make('vestibule-launcher', { lang: german ? 'de' : 'en' });
  const root = host.attachShadow({ mode: 'closed' });
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(css);
  root.adoptedStyleSheets = [sheet];
  // Where the panel fills the screen, the page behind it does not scroll.
  const still = new CSSStyleSheet();
  still.replaceSync('@media (max-width: 480px), (max-height: 480px) { html { overflow: hidden !important } }');
  /** @param {boolean} on */
  const hold = (on) => {
    document.adoptedStyleSheets = [...document.adoptedStyleSheets.filter((s) => s !== still), ...(on ? [still] : [])];
  };

  const space = 'http://www.w3.org/2000/svg';
  const svg = document.createElementNS(space, 'svg');
  const bubble = document.createElementNS(space, 'path');
  for (const [key, value] of Object.entries({ viewBox: '0 0 24 24', width: '26', height: '26', fill: 'none', stroke: 'currentColor',
    'stroke-width': '2', 'stroke-linejoin': 'round', 'aria-hidden': 'true' })) svg.setAttribute(key, value);
  bubble.setAttribute('d', 'M4 5h16v11h-9l-4 4v-4H4z');
  svg.append(bubble);

  const count = make('span', { class: 'count', hidden: '' });
  const disc = make('button', { class: 'disc', type: 'button', 'aria-expanded': 'false', 'aria-label': words.talk },
    svg, make('span', { class: 'name', 'aria-hidden': 'true' }, words.talk), count);
  const shut = make('button', { type: 'button', 'aria-label': words.close }, '×');
  const text = make('p', { role: 'status' });
  const cover = make('div', { class: 'cover' }, text, shut);
  const panel = make('div', { class: 'panel', role: 'dialog', 'aria-label': words.talk, hidden: '' });
  const wrap = make('div', {}, disc, panel);
  root.append(wrap);

  /** @type {HTMLIFrameElement | null} */
  let frame = null;
  /** Whether the frame holds a conversation, which closing must not end. */
  let live = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let failing;

  const colours = () => {
    const [r, g, b] = /^#[0-9a-f]{6}$/i.test(accent) ? [1, 3, 5].map((i) => parseInt(accent.slice(i, i + 2), 16) / 255) : [0.12, 0.37, 0.62];
    const bright = [r, g, b].map((c = 0) => (c <= 0.04 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    const luminance = 0.2126 * (bright[0] ?? 0) + 0.7152 * (bright[1] ?? 0) + 0.0722 * (bright[2] ?? 0);
    host.style.setProperty('--accent', `rgb(${[r, g, b].map((c = 0) => Math.round(c * 255)).join(' ')})`);
    host.style.setProperty('--ink', luminance > 0.18 ? '#000' : '#fff');
  };

  const open = () => {
    if (!panel.hidden) return;
    panel.hidden = false;
    hold(true);
    wrap.className = 'open';
    disc.setAttribute('aria-expanded', 'true');
    if (!frame) {
      text.textContent = words.opening;
      panel.append(cover);
      frame = /** @type {HTMLIFrameElement} */ (make('iframe', { title: words.talk, referrerpolicy: 'no-referrer',
        allow: 'camera; microphone; display-capture; autoplay; fullscreen; clipboard-write', src: `${base}/frame/${encodeURIComponent(site)}#lang=${encodeURIComponent(lang)}` }));
      frame.style.visibility = 'hidden';
      panel.append(frame);
      failing = setTimeout(() => { text.textContent = words.failed; }, 10_000);
      shut.focus();
    } else {
      tell('open');
      frame.focus();
    }
  };

  const close = () => {
    if (panel.hidden) return;
    panel.hidden = true;
    hold(false);
    wrap.className = '';
    disc.setAttribute('aria-expanded', 'false');
    if (live) {
      tell('closed');
    } else {
      clearTimeout(failing);
      frame?.remove();
      frame = null;
    }
    disc.focus();
  };

  /** @param {string} what */
  const tell = (what) => frame?.contentWindow?.postMessage({ vestibule: what }, base);

  /** @param {number} unread */
  const show = (unread) => {
    count.hidden = !unread;
    count.textContent = String(unread);
    disc.setAttribute('aria-label', unread ? `${words.talk}, ${unread} ${words.unread}` : words.talk);
  };

  addEventListener('message', ({ source, origin, data }) => {
    if (!frame || source !== frame.contentWindow || origin !== base) return;
    if (data?.vestibule === 'close') close();
    if (data?.vestibule !== 'state') return;
    live = data.live === true;
    show(Number(data.unread) || 0);
    if (frame.style.visibility) {
      clearTimeout(failing);
      cover.remove();
      frame.style.visibility = '';
      if (!panel.hidden) frame.focus();
    }
  });
  disc.addEventListener('click', () => (panel.hidden ? open() : close()));
  shut.addEventListener('click', close);
  root.addEventListener('keydown', (event) => {
    if (/** @type {KeyboardEvent} */ (event).key === 'Escape') close();
  });

  /** @type {Record<string, () => void>} */
  const commands = {
    open, close,
    toggle: () => disc.click(),
    show: () => { host.hidden = false; },
    hide: () => { host.hidden = true; },
  };
  const queued = page.Vestibule?.q ?? [];
  page.Vestibule = (/** @type {string} */ command) => commands[command]?.();
  page.Vestibule.ready = true;

  const start = () => {
    colours();
    document.body.append(host);
    for (const [command] of queued) page.Vestibule(command);
  };
  if (document.body) start();
  else addEventListener('DOMContentLoaded', start);
})();
