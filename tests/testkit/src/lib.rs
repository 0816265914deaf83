//! What whole-system tests share: processes, databases, browsers.
