//! Bytes that cross the line between the BPF programs and user space.
//!
//! Everything here is plain integers in `#[repr(C)]` with named padding, because the bytes are written by one
//! program and read by another: a `bool` or an `enum` with a bad value would be undefined behaviour in the reader.
//! What the integers mean to a person is decided in `dmlog-user::event`, never here.
//!
//! Three parts: [`record`] (what the ring buffer carries), [`hooks`] (the fixed list of kernel functions that may be
//! probed, one number each), [`config`] (what user space tells the programs before they are loaded).
#![no_std]

pub mod config;
pub mod hooks;
pub mod record;
