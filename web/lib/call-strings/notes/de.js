// Was in und um Anrufe geschah, auf Deutsch; geladen, wenn etwas geschah.

/** @type {import('../../i18n.js').Strings} */
export default {
  n_agreed_audio: '{who}: Ton zugestimmt',
  n_agreed_video: '{who}: Kameras zugestimmt',
  n_agreed_screen: '{who}: Bildschirmen zugestimmt',
  n_withdrew_audio: '{who}: Zustimmung zum Ton widerrufen',
  n_withdrew_video: '{who}: Zustimmung zu Kameras widerrufen',
  n_withdrew_screen: '{who}: Zustimmung zu Bildschirmen widerrufen',
  n_rang: '{who}: angerufen',
  n_joined_call: '{who}: im Anruf',
  n_left_call: '{who}: nicht mehr im Anruf',
  n_declined_declined: '{who}: Anruf abgelehnt',
  n_declined_busy: '{who}: war in einem anderen Anruf',
  n_declined_no_permission: '{who}: konnte nicht annehmen, Mikrofon nicht erlaubt',
  n_declined_no_device: '{who}: konnte nicht annehmen, kein Mikrofon',
  n_added_video: '{who}: Kamera eingeschaltet',
  n_added_screen: '{who}: zeigt den Bildschirm',
  n_removed_video: '{who}: Kamera ausgeschaltet',
  n_removed_screen: '{who}: zeigt den Bildschirm nicht mehr',
  n_muted_audio: '{who}: Mikrofon stumm',
  n_unmuted_audio: '{who}: Mikrofon eingeschaltet',
  n_held: '{who}: Anruf gehalten',
  n_unheld: '{who}: Anruf fortgesetzt',
  n_call_over: 'Der Anruf endete nach {time}',
  n_call_over_never: 'Der Anruf wurde nicht angenommen',
  n_events: { one: '{n} Ereignis', other: '{n} Ereignisse' },
};
