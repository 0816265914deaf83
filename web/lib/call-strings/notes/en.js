// What happened in and about calls, in English; loaded when there is something.

/** @type {import('../../i18n.js').Strings} */
export default {
  n_agreed_audio: '{who} agreed to sound',
  n_agreed_video: '{who} agreed to cameras',
  n_agreed_screen: '{who} agreed to screens',
  n_withdrew_audio: '{who} withdrew consent to sound',
  n_withdrew_video: '{who} withdrew consent to cameras',
  n_withdrew_screen: '{who} withdrew consent to screens',
  n_rang: '{who} called',
  n_joined_call: '{who} joined the call',
  n_left_call: '{who} left the call',
  n_declined_declined: '{who} declined the call',
  n_declined_busy: '{who} was in another call',
  n_declined_no_permission: '{who} could not answer: microphone not allowed',
  n_declined_no_device: '{who} could not answer: no microphone',
  n_added_video: '{who} turned the camera on',
  n_added_screen: '{who} started showing a screen',
  n_removed_video: '{who} turned the camera off',
  n_removed_screen: '{who} stopped showing a screen',
  n_muted_audio: '{who} muted the microphone',
  n_unmuted_audio: '{who} unmuted the microphone',
  n_held: '{who} put the call on hold',
  n_unheld: '{who} resumed the call',
  n_call_over: 'The call ended after {time}',
  n_call_over_never: 'The call was not answered',
  n_events: { one: '{n} event', other: '{n} events' },
};
