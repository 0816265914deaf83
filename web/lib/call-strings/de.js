// Gespräche mit Ton und Bild auf Deutsch, für Fenster und Arbeitsplatz; geladen, wo es sie gibt.

/** @type {import('../i18n.js').Strings} */
export default {
  call: 'Anrufen',
  call_video: 'Videoanruf',
  call_place: 'Anruf',
  calling: 'Es klingelt bei {who}…',
  calling_nobody: 'Sonst ist niemand im Anruf.',
  mic_opening: 'Das Mikrofon startet. Vielleicht fragt der Browser um Erlaubnis.',
  connecting: 'Verbindet…',
  reconnecting: 'Verbindet neu. Sie müssen nichts tun.',
  in_call: 'Im Anruf',
  the_others: 'den anderen',
  recorded_chat: 'Chat-Aufzeichnung',

  s_ringing: 'Es klingelt',
  s_away: 'Verbindung verloren. Verbindet neu…',
  muted: 'Stumm',
  holds_you: '{who} hält den Anruf. So lange wird nichts davon gehört oder aufgezeichnet.',
  you_hold: 'Gehalten. Bis Sie fortfahren, wird nichts vom Anruf gesendet oder aufgezeichnet.',
  you_muted: 'Sie sind stumm: Nichts von Ihnen ist zu hören.',
  you_show: 'Sie zeigen Ihren Bildschirm.',
  larger: 'Vollbild',
  screen_of: '{who}: Bildschirm',
  ask_again: 'Noch einmal fragen',

  controls: 'Anrufsteuerung',
  mic_off: 'Mikrofon stummschalten',
  mic_on: 'Mikrofon einschalten',
  cam_on: 'Kamera einschalten',
  cam_off: 'Kamera ausschalten',
  screen_on: 'Bildschirm zeigen',
  screen_off: 'Bildschirm nicht mehr zeigen',
  hold_on: 'Anruf halten',
  hold_off: 'Anruf fortsetzen',
  settings: 'Geräte und Zustimmung',
  hang_up: 'Auflegen',

  withdraw_audio: 'Zustimmung zum Ton widerrufen (Sie verlassen den Anruf)',
  withdraw_video: 'Zustimmung zu Kameras widerrufen (niemand ist mehr zu sehen)',
  withdraw_screen: 'Zustimmung zu Bildschirmen widerrufen (keiner ist mehr zu sehen)',
};
