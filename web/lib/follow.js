// Keeps a log at its end: neither what comes, nor less room for it, hides what was there last.

/**
 * Follows what grows in a box that scrolls. Only who goes up in it leaves the end.
 * @param {HTMLElement} box
 */
export function follow(box) {
  let top = 0;
  const look = () => {
    end.at = box.scrollHeight - box.scrollTop - box.clientHeight < 48;
  };
  const end = {
    /** Whether it is at its end. */
    at: true,
    go() {
      end.at = true;
      box.scrollTop = box.scrollHeight;
      top = box.scrollTop;
    },
    stay() {
      if (end.at) end.go();
    },
  };
  box.addEventListener('scroll', () => {
    // Told a moment later: meanwhile there may be more in the box, or less room for it.
    if (box.scrollTop < top || !end.at) look();
    top = box.scrollTop;
  });
  // What somebody has opened in it is to be read.
  box.addEventListener('toggle', look, true);
  new ResizeObserver(end.stay).observe(box);
  return end;
}
