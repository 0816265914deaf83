//! Starts relay and recorder on one machine with demo clients, and serves a shop page that carries the widget.
