// Was in und um Anrufe geschah, auf Deutsch; geladen, wenn etwas geschah.

/** @type {import('../../i18n.js').Strings} */
export default {
  n_agreed_audio: '{who}: dem Ton zugestimmt',
  n_agreed_video: '{who}: der Kamera zugestimmt',
  n_agreed_screen: '{who}: dem Bildschirm zugestimmt',
  n_withdrew_audio: '{who}: Zustimmung zum Ton widerrufen',
  n_withdrew_video: '{who}: Zustimmung zur Kamera widerrufen',
  n_withdrew_screen: '{who}: Zustimmung zum Bildschirm widerrufen',
  n_rang: '{who}: angerufen',
  n_joined_call: '{who}: im Anruf',
  n_left_call: '{who}: nicht mehr im Anruf',
  n_declined_declined: '{who}: Anruf nicht angenommen',
  n_declined_busy: '{who}: Anruf nicht angenommen, in einem anderen',
  n_declined_no_permission: '{who}: Anruf nicht angenommen, kein Mikrofon erlaubt',
  n_declined_no_device: '{who}: Anruf nicht angenommen, kein Mikrofon',
  n_added_video: '{who}: Kamera eingeschaltet',
  n_added_screen: '{who}: zeigt den Bildschirm',
  n_removed_video: '{who}: Kamera ausgeschaltet',
  n_removed_screen: '{who}: zeigt den Bildschirm nicht mehr',
  n_muted_audio: '{who}: Mikrofon stumm',
  n_unmuted_audio: '{who}: Mikrofon wieder offen',
  n_held: '{who}: Anruf angehalten',
  n_unheld: '{who}: Anruf fortgesetzt',
  n_call_over: 'Der Anruf endete nach {time}',
  n_call_over_never: 'Der Anruf endete, bevor jemand sprach',
  n_events: { one: '{n} Ereignis', other: '{n} Ereignisse' },
};
