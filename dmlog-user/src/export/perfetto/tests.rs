//! Tracks, lanes, flows: what a reader of the file sees.
