// Plays one recording: every person's picture on one clock, the words beside it, what is missing on
// the line. Without it each picture still has the browser's own controls.

const page = document.querySelector('.play');
const stage = page.querySelector('.stage');
if (stage) run();

function run() {
  const length = Number(page.dataset.length);
  const videos = [...stage.querySelectorAll('video')].map((video) => ({
    video,
    from: Number(video.dataset.from),
    to: Number(video.dataset.to),
    away: video.closest('figure').querySelector('.away'),
  }));
  const controls = stage.querySelector('.controls');
  const button = controls.querySelector('[data-play]');
  const slider = controls.querySelector('input');
  const shown = controls.querySelector('output');
  const speed = controls.querySelector('select');
  const gone = stage.querySelector('[data-gone]');
  const lines = [...page.querySelectorAll('.talk [data-at]')];
  let playing = false;
  let place = 0; // milliseconds
  let since = 0; // when `place` was right
  let current = null;

  controls.hidden = false;
  for (const { video } of videos) {
    video.controls = false;
    video.addEventListener('error', () => { gone.hidden = false; stop(); });
  }

  const marks = controls.querySelector('.marks');
  for (const missing of stage.querySelectorAll('.missing [data-from]')) {
    const mark = document.createElement('i');
    const from = Math.max(0, Number(missing.dataset.from));
    const to = Math.min(length, Number(missing.dataset.to));
    mark.style.insetInlineStart = `${(100 * from) / length}%`;
    mark.style.inlineSize = `max(3px, ${(100 * (to - from)) / length}%)`;
    marks.append(mark);
    missing.addEventListener('click', () => seek(Math.max(0, from - 2000)));
  }

  const now = () => (playing ? Math.min(length, place + (performance.now() - since) * speed.value) : place);

  const clock = (ms) => {
    const seconds = Math.floor(ms / 1000);
    const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
    return h ? `${h}:${String(m).padStart(2, '0')}:${String(s).padStart(2, '0')}` : `${m}:${String(s).padStart(2, '0')}`;
  };

  // Every picture where it should be: sought when it is far off, hurried or held when it is near.
  function keep(force) {
    const at = now();
    for (const { video, from, to, away } of videos) {
      const there = at >= from && at < to;
      away.hidden = there;
      video.classList.toggle('away', !there);
      if (!there) {
        if (!video.paused) video.pause();
        continue;
      }
      const off = video.currentTime * 1000 - at;
      if (force || Math.abs(off) > 300) video.currentTime = at / 1000;
      const rate = Number(speed.value);
      video.playbackRate = playing && !force && Math.abs(off) > 40 ? rate * (off > 0 ? 0.95 : 1.05) : rate;
      if (playing && video.paused) video.play().catch(() => {});
      if (!playing && !video.paused) video.pause();
    }
  }

  function draw() {
    const at = now();
    slider.value = at;
    slider.setAttribute('aria-valuetext', `${clock(at)} of ${clock(length)}`);
    shown.textContent = `${clock(at)} / ${clock(length)}`;
    const last = lines.filter((line) => Number(line.dataset.at) <= at).at(-1) ?? null;
    if (last !== current) {
      current?.removeAttribute('aria-current');
      last?.setAttribute('aria-current', 'true');
      current = last;
      const list = last?.closest('ol');
      if (playing && list) list.scrollTop = last.offsetTop - list.offsetTop - list.clientHeight / 3;
    }
  }

  function stop() {
    place = now();
    playing = false;
    button.textContent = 'Play';
    keep(false);
    draw();
  }

  function start() {
    if (place >= length) place = 0;
    since = performance.now();
    playing = true;
    button.textContent = 'Stop';
    keep(true);
  }

  function seek(to) {
    place = Math.min(length, Math.max(0, to));
    since = performance.now();
    keep(true);
    draw();
  }

  setInterval(() => {
    if (!playing) return;
    // Wait for whoever has nothing to show yet: the others do not run ahead.
    const late = videos.some(({ video, from, to }) => now() >= from && now() < to && video.readyState < 3 && !video.error);
    if (late) { place = now(); since = performance.now(); }
    keep(false);
    draw();
    if (now() >= length) stop();
  }, 100);

  button.addEventListener('click', () => (playing ? stop() : start()));
  slider.addEventListener('input', () => seek(Number(slider.value)));
  speed.addEventListener('change', () => { if (playing) { place = now(); since = performance.now(); } keep(false); });
  for (const line of lines) {
    line.querySelector('button').addEventListener('click', () => seek(Number(line.dataset.at)));
  }

  document.addEventListener('keydown', (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey || event.target.matches('select')) return;
    const step = (by) => {
      const at = now();
      const places = lines.map((line) => Number(line.dataset.at)).filter((t) => t >= 0 && t <= length);
      const to = by > 0 ? places.find((t) => t > at + 50) : places.filter((t) => t < at - 500).at(-1);
      if (to !== undefined) seek(to);
    };
    const keys = {
      ' ': () => (event.target.matches('button, a, summary') ? null : (playing ? stop() : start(), true)),
      ArrowLeft: () => (seek(now() - 5000), true),
      ArrowRight: () => (seek(now() + 5000), true),
      ArrowUp: () => (step(-1), true),
      ArrowDown: () => (step(1), true),
    };
    if (keys[event.key]?.()) event.preventDefault();
  });

  keep(true);
  draw();
}
