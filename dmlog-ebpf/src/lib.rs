//! Empty on purpose: it only gives Cargo a library target, so that other packages can name this one.
#![no_std]
