// What happened in and about calls, in English; loaded when there is something.

/** @type {import('../../i18n.js').Strings} */
export default {
  n_agreed_audio: '{who} agreed to sound',
  n_agreed_video: '{who} agreed to the camera',
  n_agreed_screen: '{who} agreed to the screen',
  n_withdrew_audio: '{who} withdrew the agreement to sound',
  n_withdrew_video: '{who} withdrew the agreement to the camera',
  n_withdrew_screen: '{who} withdrew the agreement to the screen',
  n_rang: '{who} called',
  n_joined_call: '{who} joined the call',
  n_left_call: '{who} left the call',
  n_declined_declined: '{who} did not take the call',
  n_declined_busy: '{who} did not take the call: in another one',
  n_declined_no_permission: '{who} did not take the call: no microphone allowed',
  n_declined_no_device: '{who} did not take the call: no microphone',
  n_added_video: '{who} turned the camera on',
  n_added_screen: '{who} began to show a screen',
  n_removed_video: '{who} turned the camera off',
  n_removed_screen: '{who} stopped showing a screen',
  n_muted_audio: '{who} muted the microphone',
  n_unmuted_audio: '{who} opened the microphone again',
  n_held: '{who} put the call on hold',
  n_unheld: '{who} went on with the call',
  n_call_over: 'The call ended after {time}',
  n_call_over_never: 'The call ended before anyone talked',
  n_events: { one: '{n} event', other: '{n} events' },
};
