// Stands in for a person before camera and microphone. Runs in each page before its own scripts: what
// `getUserMedia` and `getDisplayMedia` hand out flashes and beeps once a second from one clock, and
// each connection that the page makes is kept where a test can look at it.
(() => {
  const TONE = 1000;
  const LASTS = 0.12;
  const RATE = 25;
  const devices = navigator.mediaDevices;
  if (!devices) return;

  const performer = {
    /** Every connection that the page made, the newest last. */
    connections: [],
    /** Every SDP that went in or out, and every candidate that was found. */
    seen: [],
    /** What the next request for a device is refused with: a DOMException's name by kind. */
    refuse: {},
    /** When connections came up and were closed, by the wall clock. */
    times: [],
    /** What was handed out. */
    tracks: [],
    /** The performer's own seconds, and the wall clock's milliseconds of the same moment. */
    clock: () => ({ own: stage().context.currentTime, wall: Date.now() }),
    stats: async () => {
      const open = performer.connections.filter((c) => c.connectionState !== 'closed').at(-1);
      return open ? [...(await open.getStats()).values()] : [];
    },
    connected: () => performer.connections.some((c) => c.connectionState === 'connected'),
  };
  Object.defineProperty(window, 'performer', { value: performer });

  let made;
  const stage = () => made ??= build();

  /** One clock, one tone, a picture for the camera and one for the screen. */
  function build() {
    const context = new AudioContext({ sampleRate: 48000 });
    const tone = new OscillatorNode(context, { frequency: TONE });
    const gain = new GainNode(context, { gain: 0 });
    const sink = new MediaStreamAudioDestinationNode(context, { channelCount: 1 });
    tone.connect(gain).connect(sink);
    tone.start();
    const canvases = [[640, 480], [960, 540]].map(([width, height]) => {
      const canvas = document.createElement('canvas');
      Object.assign(canvas, { width, height });
      return canvas;
    });
    let planned = Math.floor(context.currentTime);
    let slot = -1;
    setInterval(() => {
      const now = context.currentTime;
      while (planned < now + 3) {
        planned += 1;
        gain.gain.setValueAtTime(0.5, planned);
        gain.gain.setValueAtTime(0, planned + LASTS);
      }
      if (Math.floor(now * RATE) === slot) return;
      slot = Math.floor(now * RATE);
      for (const canvas of canvases) draw(canvas, now);
    }, 4);
    return { context, sink, canvases };
  }

  /**
   * The upper half is lit in a flash; below, eight blocks show the second, and eight more how many 256ths of it have
   * passed: whichever picture of a flash arrives, it tells when the flash began.
   */
  function draw(canvas, now) {
    const { width, height } = canvas;
    const paint = canvas.getContext('2d');
    const second = Math.floor(now);
    const passed = now - second;
    const lit = passed < LASTS;
    paint.fillStyle = '#000';
    paint.fillRect(0, 0, width, height);
    paint.fillStyle = '#fff';
    if (lit) paint.fillRect(0, 0, width, height / 2);
    for (const [row, number] of [second, Math.floor(passed * 256)].entries()) {
      for (let block = 0; block < 8; block += 1) {
        if (number >> (7 - block) & 1) paint.fillRect(block * width / 8, (2 + row) * height / 4, width / 8, height / 4);
      }
    }
    // Something moves in each picture.
    paint.fillStyle = '#888';
    paint.fillRect(passed * width, height / 2 - 4, width / RATE, 8);
  }

  const policy = document.permissionsPolicy ?? document.featurePolicy;

  /** Refuses as a browser would: by the frame's policy, or because the test says so. */
  function ask(kind, feature) {
    const name = performer.refuse[kind] ?? (policy?.allowsFeature(feature) === false ? 'NotAllowedError' : null);
    if (name) throw new DOMException(`${kind} is refused`, name);
  }

  function handOut(track) {
    const copy = track.clone();
    performer.tracks.push(copy);
    return copy;
  }

  devices.getUserMedia = async ({ audio, video }) => {
    if (audio) ask('audio', 'microphone');
    if (video) ask('video', 'camera');
    const { context, sink, canvases } = stage();
    await context.resume();
    const stream = new MediaStream();
    if (audio) stream.addTrack(handOut(sink.stream.getAudioTracks()[0]));
    if (video) stream.addTrack(canvases[0].captureStream().getVideoTracks()[0]);
    performer.tracks.push(...stream.getVideoTracks());
    return stream;
  };

  devices.getDisplayMedia = async () => {
    ask('screen', 'display-capture');
    const { context, canvases } = stage();
    await context.resume();
    const stream = canvases[1].captureStream();
    performer.tracks.push(...stream.getTracks());
    return stream;
  };

  devices.enumerateDevices = async () => [['audioinput', 'Microphone'], ['audioinput', 'Headset'], ['videoinput', 'Camera'], ['audiooutput', 'Speaker']]
    .map(([kind, label]) => ({ kind, label, deviceId: label.toLowerCase(), groupId: '', toJSON: () => ({ kind, label }) }));

  const Native = window.RTCPeerConnection;
  window.RTCPeerConnection = class RTCPeerConnection extends Native {
    constructor(...how) {
      super(...how);
      performer.connections.push(this);
      this.addEventListener('connectionstatechange', () => performer.times.push([this.connectionState, Date.now()]));
      this.addEventListener('icecandidate', ({ candidate }) => candidate && performer.seen.push(`candidate ${candidate.candidate}`));
    }

    close() {
      performer.times.push(['closed', Date.now()]);
      super.close();
    }

    async setLocalDescription(description) {
      await super.setLocalDescription(description);
      performer.seen.push(`local ${this.localDescription?.sdp}`);
    }

    async setRemoteDescription(description) {
      performer.seen.push(`remote ${description.sdp}`);
      await super.setRemoteDescription(description);
    }
  };
})();
