//! Wrong input of every kind, and what it gets: a typed error, its close code, one line, and a node
//! that goes on.
