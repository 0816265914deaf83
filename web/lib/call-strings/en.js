// Calls in English, for the widget and the desk; loaded where there are calls.

/** @type {import('../i18n.js').Strings} */
export default {
  call: 'Call',
  call_video: 'Video call',
  call_place: 'Call',
  calling: 'Calling {who}…',
  calling_nobody: 'Nobody else is in the call.',
  mic_opening: 'Starting the microphone. Your browser may ask for permission.',
  connecting: 'Connecting…',
  reconnecting: 'Reconnecting. You do not have to do anything.',
  in_call: 'In the call',
  the_others: 'the others',
  recorded_chat: 'Chat recorded',

  s_ringing: 'Ringing',
  s_away: 'Connection lost. Reconnecting…',
  muted: 'Muted',
  holds_you: '{who} has put the call on hold. Until it resumes, nothing of it is heard or recorded.',
  you_hold: 'On hold. Until you resume, nothing of the call is sent or recorded.',
  you_muted: 'You are muted: nothing you say is sent.',
  you_show: 'You are showing your screen.',
  larger: 'Full screen',
  screen_of: '{who}: screen',
  ask_again: 'Ask me again',

  controls: 'Call controls',
  mic_off: 'Mute the microphone',
  mic_on: 'Unmute the microphone',
  cam_on: 'Turn the camera on',
  cam_off: 'Turn the camera off',
  screen_on: 'Show your screen',
  screen_off: 'Stop showing your screen',
  hold_on: 'Put the call on hold',
  hold_off: 'Resume the call',
  settings: 'Devices and consent',
  hang_up: 'Hang up',

  withdraw_audio: 'Withdraw consent to sound (you leave the call)',
  withdraw_video: 'Withdraw consent to cameras (nobody is seen any more)',
  withdraw_screen: 'Withdraw consent to screens (nobody’s is shown any more)',
};
