//! Every endpoint and message, against every role and the other client: the owner succeeds, others
//! are refused, and nothing has changed.
