// Was das Fenster am Ende sagt, auf Deutsch; erst dann geladen.

/** @type {import('../../../lib/i18n.js').Strings} */
export default {
  kept_what: 'Was gesagt wurde und wann, ist versiegelt aufbewahrt.',
  kept_until: 'Mindestens bis {min}; vorgesehenes Ende: {max}.',
  receipt_title: 'Ihr Beleg',
  receipt_why: 'Bewahren Sie ihn auf: Nur er beweist, dass dieses Gespräch Ihres ist.',
  receipt_only: 'Er sagt, wozu Sie zugestimmt haben. Sonst bleibt von dem Gespräch nichts.',
  as_file: 'Als Datei speichern',
  as_words: 'Als Wörter zeigen',
  words_why: 'Schreiben Sie diese 24 Wörter in dieser Reihenfolge auf und zeigen Sie sie niemandem.',
  copy_words: 'Wörter kopieren',
  copied: 'Kopiert',
  copy_made: '{client}: Kopie eines Gesprächs',
  copy_hash: 'Hinweis: {hash}',
  copy_record: 'Aufzeichnung: {recording}',
  close_anyway: 'Ohne Beleg schließen',
  continue_here: 'Hier fortsetzen',
  start_over: 'Neu beginnen',

  e_session_ended: 'Das Gespräch ist beendet. {kept}',
  e_flooding: 'Es kamen zu viele Nachrichten auf einmal. {kept} Versuchen Sie es in einer Minute erneut.',
  e_token_expired: 'Das Gespräch begann nicht, nichts wurde gesendet. Stimmen Sie noch einmal zu.',
  e_token_used: 'Dieses Gespräch wurde anderswo fortgesetzt. Stimmen Sie noch einmal zu.',
  e_token_invalid: 'Das Gespräch begann nicht, nichts wurde gesendet. Stimmen Sie noch einmal zu.',
  e_resume_stale: 'Dieses Gespräch wurde anderswo fortgesetzt oder ist vorbei. {kept}',
  e_superseded: 'Dieses Gespräch ist anderswo offen. Nichts ging verloren.',
  e_unsupported_version: 'Diese Seite ist veraltet. Laden Sie sie neu.',
};
