//! L3: the screen.
//!
//! ```text
//! keys, ticks ─▶ App::update ─▶ commands ─▶ Source (replay, live)
//!                   │                          │ Frame: snapshot, history, what is looked at
//!                   └──── App::draw ◀──────────┘
//!                          views: pure functions of a frame and a choice ─▶ Page (lines, tables, a map) ─▶ cells
//! ```
//!
//! Views make a [`page`] of facts, which is drawn, printed as lines (`--plain`) and exported by the same code. [`keys`] is the one table
//! that dispatches keys and prints the help. The [`app`] does no I/O: tests feed it keys and read its buffer. Only [`terminal`] and [`run`]
//! touch the terminal. Files and the kernel are handed in by `cli`.

pub mod app;
pub mod cells;
mod chrome;
pub mod error;
pub mod events;
pub mod export;
pub mod frame;
pub mod grid;
pub mod help;
pub mod history;
pub mod keys;
pub mod live;
mod motion;
pub mod page;
pub mod plain;
pub mod prompt;
pub mod replay;
pub mod run;
pub mod screen;
pub mod settings;
pub mod source;
mod stream;
pub mod terminal;
pub mod theme;
pub mod views;
pub mod what_if;
