// A short ring when somebody new waits. Made here: nothing is fetched, nothing loops.

/** @type {AudioContext | null} */
let context = null;

/** Browsers allow sound only after a person has done something: call this from such a moment. */
export function allowSound() {
  context ??= new AudioContext();
  if (context.state === 'suspended') void context.resume();
}

/** Two soft tones, half a second together. */
export function ring() {
  if (!context || context.state !== 'running') return;
  const start = context.currentTime;
  tone(context, 660, start);
  tone(context, 880, start + 0.18);
}

/**
 * @param {AudioContext} audio
 * @param {number} hertz
 * @param {number} at
 */
function tone(audio, hertz, at) {
  const voice = audio.createOscillator();
  const volume = audio.createGain();
  voice.frequency.value = hertz;
  volume.gain.setValueAtTime(0, at);
  volume.gain.linearRampToValueAtTime(0.14, at + 0.015);
  volume.gain.exponentialRampToValueAtTime(0.001, at + 0.3);
  voice.connect(volume).connect(audio.destination);
  voice.start(at);
  voice.stop(at + 0.32);
}
