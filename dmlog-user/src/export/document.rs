//! What a report says, before any format: facts, headings, sentences and tables in their order.
//!
//! ```text
//! Report ─▶ report::document ─▶ Document ─┬▶ text       a page for a terminal
//!                                         ├▶ html       a page for a browser, with charts
//!                                         └▶ markdown   tables for a ticket
//! ```
//!
//! Words are already [`harmless`](super::number::harmless); what a format escapes beyond that is its own.

use super::table::Table;

/// A report.
#[derive(Clone, Debug, Default)]
pub struct Document {
    /// Its parts, in order.
    pub blocks: Vec<Block>,
}

/// A part of a report.
#[derive(Clone, Debug)]
pub enum Block {
    /// Something that is known, with what it is about; without a label, more about the same.
    Fact {
        /// What it is about.
        label: &'static str,
        /// What is known.
        text: String,
    },
    /// Something that must not be overlooked: losses, limits, differences.
    Alarm {
        /// What it is about.
        label: &'static str,
        /// What is wrong.
        text: String,
    },
    /// From here on everything is about one mirror.
    Mirror {
        /// Its place in the snapshot.
        place: usize,
        /// Its name.
        name: String,
        /// Its number, if known.
        number: Option<String>,
    },
    /// From here on everything is about this, up to the next one.
    Heading {
        /// What about, for what a format adds.
        topic: Topic,
        /// The same in words.
        text: String,
    },
    /// A sentence.
    Note(String),
    /// A table.
    Table(Table),
    /// A sentence instead of everything else.
    Empty(&'static str),
}

/// What a part of a mirror is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    /// What went wrong.
    Failures,
    /// Reads and writes.
    Io,
    /// Flushes of the log.
    Flushes,
    /// Regions and how often they are marked.
    Regions,
    /// How many regions are dirty over time.
    OverTime,
    /// Anything else.
    Other,
}

impl Document {
    /// Adds something that is known. An empty label says more about the fact before.
    pub fn fact(&mut self, label: &'static str, text: impl Into<String>) {
        self.blocks.push(Block::Fact { label, text: text.into() });
    }

    /// Adds something that must not be overlooked.
    pub fn alarm(&mut self, label: &'static str, text: impl Into<String>) {
        self.blocks.push(Block::Alarm { label, text: text.into() });
    }

    /// Begins a part.
    pub fn heading(&mut self, topic: Topic, text: impl Into<String>) {
        self.blocks.push(Block::Heading { topic, text: text.into() });
    }

    /// Adds a sentence.
    pub fn note(&mut self, text: impl Into<String>) {
        self.blocks.push(Block::Note(text.into()));
    }

    /// Adds a table.
    pub fn table(&mut self, table: Table) {
        self.blocks.push(Block::Table(table));
    }
}
