// Plays one recording: every person's picture on one clock, the words beside it, what is missing on
// the line. Without it each picture still has the browser's own controls.

const page = document.querySelector('.play');
const stage = page.querySelector('.stage');
if (stage) run();

// What is left is forgotten at once: by the recorder, and here, should the browser bring the page back.
const left = new URLSearchParams({ opening: page.dataset.opening });
addEventListener('pagehide', () => navigator.sendBeacon(location.pathname, left), { once: true });
addEventListener('pageshow', (event) => { if (event.persisted) location.reload(); });

// Shares are locked again, cases are closed, officers sign out.
const asking = setInterval(ask, 15_000);

async function ask() {
  const answer = await fetch(location.pathname, { method: 'HEAD', redirect: 'error' }).catch(() => null);
  if (!answer?.ok) forget();
}

function forget() {
  clearInterval(asking);
  for (const video of page.querySelectorAll('video')) {
    video.removeAttribute('src');
    video.load();
  }
  page.replaceChildren();
  document.querySelector('[data-gone]').hidden = false;
}

function run() {
  const length = Number(page.dataset.length);
  const controls = stage.querySelector('.controls');
  const button = controls.querySelector('[data-play]');
  const slider = controls.querySelector('input');
  const shown = controls.querySelector('output');
  const speed = controls.querySelector('select');
  const lines = [...page.querySelectorAll('.talk [data-at]')].map((line) => ({ line, at: Number(line.dataset.at), go: line.querySelector('button') }));
  const missing = [...stage.querySelectorAll('.missing button')].map((button) => ({
    button,
    from: Math.min(length, Math.max(0, Number(button.dataset.from))),
    to: Math.min(length, Number(button.dataset.to)),
    screens: button.dataset.screens.split(' '),
    why: button.lastElementChild.textContent,
  }));
  const whose = (film) => film.closest('figure').querySelector('.name').textContent.split(',')[0];
  const films = [...stage.querySelectorAll('video')].map((video, place) => ({
    video,
    from: Number(video.dataset.from),
    to: Number(video.dataset.to),
    still: video.dataset.still.split(' ').map((span) => span.split('-').map(Number)),
    state: video.closest('figure').querySelector('[data-state]'),
    missing: missing.filter(({ screens }) => screens.includes(String(place)))
      .map((one) => ({ ...one, why: one.why.replace(`${whose(video)} `, '') })),
  }));
  let playing = false;
  let waiting = false; // for a film that has nothing to show yet: none runs ahead
  let rate = 1;
  let place = 0; // milliseconds
  let since = 0; // when `place` was right
  let current = null;

  const now = () => (playing && !waiting ? Math.min(length, place + (performance.now() - since) * rate) : place);
  const isThere = ({ from, to }, at) => at >= from && at <= to;
  const isLate = ({ video }) => !video.ended && !video.error && (video.seeking || video.readyState < HTMLMediaElement.HAVE_FUTURE_DATA);

  const clock = (ms) => {
    const seconds = Math.floor(ms / 1000);
    const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
    return h ? `${h}:${String(m).padStart(2, '0')}:${String(s).padStart(2, '0')}` : `${m}:${String(s).padStart(2, '0')}`;
  };

  // Every film where it should be: sought when it is far off, hurried or held when it is near.
  function keep(force) {
    const at = now();
    for (const film of films) {
      const { video, from, to } = film;
      const off = video.currentTime * 1000 - Math.min(Math.max(at, from), to);
      if (Math.abs(off) > (force ? 20 : 300)) video.currentTime -= off / 1000;
      const there = isThere(film, at);
      const runs = there && playing && !waiting && !video.ended && !video.error;
      if (!runs && !video.paused) video.pause();
      if (runs) {
        video.playbackRate = Math.abs(off) > 40 ? rate * (1 - Math.max(-0.2, Math.min(0.2, off / 500))) : rate;
        if (video.paused) video.play().catch(() => {});
      }
      const still = film.still.some(([begins, ends]) => at >= begins && at < ends);
      video.classList.toggle('away', !there || still);
      const hurt = film.missing.find((m) => at >= m.from && at < m.to);
      film.state.textContent = video.error ? 'cannot be played by this browser' : !there ? 'not there' : waiting && isLate(film) ? 'loading' : still ? 'no picture' : hurt?.why ?? '';
    }
  }

  function draw() {
    const at = now();
    slider.value = at;
    slider.setAttribute('aria-valuetext', `${clock(at)} of ${clock(length)}`);
    shown.textContent = `${clock(at)} / ${clock(length)}`;
    const last = lines.filter((line) => line.at <= at).at(-1)?.line ?? null;
    if (last === current) return;
    current?.removeAttribute('aria-current');
    last?.setAttribute('aria-current', 'true');
    current = last;
    if (!last) return;
    const list = last.parentElement;
    const top = last.offsetTop - list.offsetTop;
    if (top < list.scrollTop || top + last.offsetHeight > list.scrollTop + list.clientHeight) list.scrollTop = top - list.clientHeight / 3;
  }

  /** Goes on from here: playing or not, at this place. */
  function set(plays, to) {
    place = Math.min(length, Math.max(0, to));
    since = performance.now();
    playing = plays;
    button.textContent = plays ? 'Pause' : 'Play';
  }

  function seek(to) {
    set(playing, to);
    waiting = false;
    keep(true);
    draw();
  }

  function toggle() {
    const ended = place >= length;
    set(!playing, playing ? now() : ended ? 0 : place);
    for (const { video } of films) video.preload = 'auto';
    keep(playing);
    draw();
  }

  setInterval(() => {
    if (!playing || !stage.isConnected) return;
    const late = films.some((film) => isThere(film, now()) && isLate(film));
    if (late !== waiting) {
      set(playing, now());
      waiting = late;
    }
    keep(false);
    draw();
    if (now() >= length) toggle();
  }, 100);

  controls.hidden = false;
  for (const { video } of films) {
    video.controls = false;
    video.addEventListener('error', ask);
  }
  for (const { button: entry, from, to } of missing) {
    const mark = document.createElement('i');
    mark.style.insetInlineStart = `${(100 * from) / length}%`;
    mark.style.inlineSize = `max(3px, ${(100 * (to - from)) / length}%)`;
    controls.querySelector('.marks').append(mark);
    entry.addEventListener('click', () => seek(from - 2000));
  }
  for (const { go, at } of lines) go?.addEventListener('click', () => seek(at));
  button.addEventListener('click', toggle);
  slider.addEventListener('input', () => seek(Number(slider.value)));
  speed.addEventListener('change', () => {
    set(playing, now());
    rate = Number(speed.value);
    keep(false);
  });

  const step = (places) => { if (places.length) seek(places.at(0)); };
  const keys = {
    ' ': toggle,
    ArrowLeft: () => seek(now() - 5000),
    ArrowRight: () => seek(now() + 5000),
    ArrowUp: () => step(lines.filter(({ go, at }) => go && at < now() - 500).map(({ at }) => at).reverse()),
    ArrowDown: () => step(lines.filter(({ go, at }) => go && at > now() + 50).map(({ at }) => at)),
  };
  document.addEventListener('keydown', (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey || event.target.matches('select') || !stage.isConnected) return;
    if (!keys[event.key] || (event.key === ' ' && event.target.matches('button, a'))) return;
    event.preventDefault();
    keys[event.key]();
  });

  keep(true);
  draw();
}
