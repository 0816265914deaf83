//! Many real participants over the real protocol, as named scenarios.
