//! The sample of the rules, files of figures, and the runs of recordings.

use dmlog_user::gate::rules::built_in;
use dmlog_user::gate::run::saved::to_json;
use dmlog_user::gate::run::summary::Summary;

use crate::{Recording, Seed};

/// Rules with every key, and some that are wrong; figures.
const TEXTS: [(&str, &str); 3] = [
    (
        "every_key.toml",
        "confidence = 0.95\nallow = [\"kernel\"]\nbuilt_in = true\n[[rule]]\nmetric = \"write.p99.9\"\nworse = \"lower\"\n\
         relative_floor = \"7.5%\"\nabsolute_floor = \"5us\"\nminimum_samples = 9\nconfidence = 0.999\nexact = true\n\
         devices = [\"vg/lv\"]\noptional = true\n",
    ),
    ("mistake.toml", "# \u{fc}\r\n[[rule]]\r\nmetric = \"flush.dirty\"\r\n"),
    (
        "figures.json",
        "{\"schema\": \"dmlog-top gate runs\", \"version\": 1, \"runs\": [\n{\"name\": \"a\", \"figures\": {\"x.y\": {\"value\": 1.5, \
         \"unit\": \"B\"}}},\n{\"name\": \"b\", \"figures\": {\"x.y\": {\"value\": 2}}}]}\n",
    ),
];

pub(crate) fn seeds(recordings: &[Recording]) -> Vec<Seed> {
    let texts = TEXTS.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec()));
    let sample = ("sample.toml".to_owned(), built_in::SAMPLE.as_bytes().to_vec());
    // One of each kind of log; all of them would be as much as all other corpora.
    let runs = recordings.iter().filter(|recording| recording.name.contains("6.12")).map(|recording| {
        let mut summary = Summary::new(&recording.name, &recording.facts);
        recording.items.iter().take(400).for_each(|item| summary.see(item));
        (format!("{}.json", recording.name), to_json(&[summary.finish(0)]).into_bytes())
    });
    texts.chain([sample]).chain(runs).collect()
}
