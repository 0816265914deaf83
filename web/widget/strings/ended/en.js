// What the widget says at the end, in English; loaded then.

/** @type {import('../../../lib/i18n.js').Strings} */
export default {
  kept_what: 'What was said and when is kept, sealed.',
  kept_until: 'At least until {min}; its planned end is {max}.',
  receipt_title: 'Your receipt',
  receipt_why: 'Keep this: it is the only proof that this conversation is yours.',
  receipt_only: 'It says what you agreed to. Nothing else of the conversation is left.',
  as_file: 'Save as a file',
  as_words: 'Show as words',
  words_why: 'Write these 24 words down in this order, and show them to nobody.',
  copy_words: 'Copy the words',
  copied: 'Copied',
  copy_made: '{client}: copy of a conversation',
  copy_hash: 'Notice: {hash}',
  copy_record: 'Record: {recording}',
  close_anyway: 'Close without the receipt',
  continue_here: 'Continue here',
  start_over: 'Start over',

  e_session_ended: 'The conversation has ended. {kept}',
  e_flooding: 'Too many messages came at once. {kept} Try again in a minute.',
  e_token_expired: 'The conversation did not begin, and nothing was sent. Agree again to start over.',
  e_token_used: 'This conversation was opened elsewhere. Agree again to start over.',
  e_token_invalid: 'The conversation did not begin, and nothing was sent. Agree again to start over.',
  e_resume_stale: 'This conversation was continued elsewhere, or is over. {kept}',
  e_superseded: 'This conversation is open elsewhere. Nothing was lost.',
  e_unsupported_version: 'This page is out of date. Reload it.',
};
