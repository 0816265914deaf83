//! What was altered or cut short after it was kept: the damage is named with its place.
