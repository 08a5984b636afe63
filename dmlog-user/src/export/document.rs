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

/// A document by its parts.
#[derive(Clone, Debug, Default)]
pub struct Outline<'a> {
    /// What must not be overlooked.
    pub alarms: Vec<Group<'a>>,
    /// What is known of the whole trace.
    pub facts: Vec<Group<'a>>,
    /// The sentence instead of mirrors.
    pub empty: Option<&'static str>,
    /// The mirrors.
    pub mirrors: Vec<MirrorPart<'a>>,
}

/// A fact or an alarm, with what more is said of it.
#[derive(Clone, Debug)]
pub struct Group<'a> {
    /// What it is about.
    pub label: &'static str,
    /// Sentences, at least one.
    pub texts: Vec<&'a str>,
    /// Tables of it.
    pub tables: Vec<&'a Table>,
}

/// Everything about one mirror.
#[derive(Clone, Debug)]
pub struct MirrorPart<'a> {
    /// Its place in the snapshot.
    pub place: usize,
    /// Its name.
    pub name: &'a str,
    /// Its number, if known.
    pub number: Option<&'a str>,
    /// What is known of it.
    pub facts: Vec<Group<'a>>,
    /// What is told of it.
    pub sections: Vec<Section<'a>>,
}

/// A heading and what is below it.
#[derive(Clone, Debug)]
pub struct Section<'a> {
    /// What it is about.
    pub topic: Topic,
    /// Its heading.
    pub text: &'a str,
    /// Sentences and tables.
    pub blocks: Vec<&'a Block>,
}

impl<'a> MirrorPart<'a> {
    fn new(place: usize, name: &'a str, number: Option<&'a str>) -> Self {
        Self { place, name, number, facts: Vec::new(), sections: Vec::new() }
    }

    fn add(&mut self, block: &'a Block) {
        match (block, self.sections.last_mut()) {
            (Block::Heading { topic, text }, _) => {
                self.sections.push(Section { topic: *topic, text, blocks: Vec::new() });
            }
            (block, Some(section)) => section.blocks.push(block),
            (block, None) => add_to(&mut self.facts, block),
        }
    }
}

/// Adds a fact or an alarm to those before.
fn add_to<'a>(groups: &mut Vec<Group<'a>>, block: &'a Block) {
    match (block, groups.last_mut()) {
        (Block::Fact { label: "", text } | Block::Alarm { label: "", text } | Block::Note(text), Some(group)) => {
            group.texts.push(text);
        }
        (Block::Table(table), Some(group)) => group.tables.push(table),
        (Block::Fact { label, text } | Block::Alarm { label, text }, _) => {
            groups.push(Group { label, texts: vec![text], tables: Vec::new() });
        }
        (Block::Note(_) | Block::Table(_) | Block::Heading { .. } | Block::Mirror { .. } | Block::Empty(_), _) => {}
    }
}

impl Document {
    /// The same by parts, for formats that are more than lines.
    pub fn outline(&self) -> Outline<'_> {
        let mut outline = Outline::default();
        let mut is_alarm = false;
        for block in &self.blocks {
            if let Block::Mirror { place, name, number } = block {
                outline.mirrors.push(MirrorPart::new(*place, name, number.as_deref()));
            } else if let Some(mirror) = outline.mirrors.last_mut() {
                mirror.add(block);
            } else if let Block::Empty(text) = block {
                outline.empty = Some(text);
            } else {
                is_alarm = match block {
                    Block::Alarm { .. } => true,
                    // A fact without a label is more about what was before.
                    Block::Fact { label, .. } => is_alarm && label.is_empty(),
                    _ => is_alarm,
                };
                add_to(if is_alarm { &mut outline.alarms } else { &mut outline.facts }, block);
            }
        }
        outline
    }

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

#[cfg(test)]
mod tests {
    use super::{Block, Document, Topic};
    use crate::export::table::Table;

    #[test]
    fn what_follows_an_alarm_without_a_label_is_of_it() {
        let mut document = Document::default();
        document.fact("trace", "a");
        document.alarm("LOSSES", "two records:");
        document.fact("", "too short");
        document.table(Table::default().words("cause"));
        document.fact("model", "fine");
        document.fact("", "really");
        document.blocks.push(Block::Mirror { place: 0, name: "vg/lv".to_owned(), number: None });
        document.fact("mirror", "core log");
        document.heading(Topic::Regions, "Regions");
        document.note("none");
        let outline = document.outline();
        assert_eq!(outline.alarms.len(), 1);
        assert_eq!(
            (&outline.alarms[0].texts[..], outline.alarms[0].tables.len()),
            (&["two records:", "too short"][..], 1)
        );
        let facts: Vec<_> = outline.facts.iter().map(|group| (group.label, group.texts.len())).collect();
        assert_eq!(facts, [("trace", 1), ("model", 2)]);
        let [mirror] = &outline.mirrors[..] else { panic!("one mirror") };
        assert_eq!((mirror.facts.len(), mirror.sections.len(), mirror.sections[0].blocks.len()), (1, 1, 1));
    }
}
