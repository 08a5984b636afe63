//! Exports that tell of a whole trace, and not of its events one by one.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::exit::Failure;
use super::export::Export;
use super::output::Output;
use super::report::{moment, select};
use super::trace_file::{TraceFile, end_of};
use crate::event::call::Row;
use crate::event::facts::CaptureFacts;
use crate::export::hdr::hgrm::TagText;
use crate::export::hdr::{Names, encode};
use crate::export::openmetrics::{Dialect, Exposition, render};
use crate::export::sink::DeviceNames;
use crate::export::{Report, svg};
use crate::session::snapshot::TOP_DEFAULT;
use crate::session::{Session, Settings};

/// Bytes of a file's name that a tag may have; systems have 255, and the unfinished file has a few more.
const NAME_BYTES_MAX: usize = 200;

/// Names of the devices of a trace, which is read once for that: a mirror that is created has none at first. What comes on stdin can
/// be read only once; there a name counts from when it comes.
pub(super) fn names(file: &TraceFile) -> Result<Names, Failure> {
    let mut names = DeviceNames::default();
    if file.is_stdin() {
        return Ok(Names::Met(names));
    }
    let mut reader = file.open()?;
    let mut note = |row: &Row<'_>| {
        if let Row::Item(item) = row {
            names.note(item, encode);
        }
    };
    // Damage is told when the trace is exported.
    while let Ok(Some(_)) = reader.next_batch_rows(&mut note) {}
    Ok(Names::Known(names))
}

/// Facts of the capture, and a session of all that was asked for.
fn folded(
    export: &mut Export<'_>,
    prepared: impl FnOnce(Session) -> Session,
) -> Result<(CaptureFacts, Session), Failure> {
    let settings = Settings { since: export.selection.since.map(moment), until: export.selection.until.map(moment) };
    let facts = export.reader.facts().clone();
    let mut session = prepared(Session::new(Some(&facts), settings));
    export.fold(&mut session)?;
    Ok((facts, session))
}

/// The numbers at the end of a trace as OpenMetrics text.
pub(super) fn openmetrics(export: &mut Export<'_>, devices: &[String], regions: usize) -> Result<String, Failure> {
    let (facts, session) = folded(export, |session| session)?;
    let mut snapshot = session.snapshot(regions);
    let mut distributions = session.distributions();
    if !devices.is_empty() {
        let is_wanted: Vec<bool> =
            snapshot.devices.iter().map(|device| devices.iter().any(|name| device.is_called(name))).collect();
        select(&mut snapshot, devices, &export.file)?;
        let mut is_wanted = is_wanted.into_iter();
        distributions.retain(|_| is_wanted.next().unwrap_or(false));
    }
    let end = end_of(&export.reader);
    // A file is read later, when a sample without a time would be one of then.
    let realtime_ns = facts.clock.realtime_ns;
    let at_ns = (realtime_ns > 0).then(|| realtime_ns.saturating_add(snapshot.window.last_ns));
    let report = Report { source: &export.file.name(), facts: &facts, snapshot: &snapshot, end };
    let exposition = Exposition { report: &report, distributions: &distributions, regions, at_ns, serving: None };
    Ok(render(&exposition, Dialect::OpenMetrics))
}

/// Heat maps of the whole trace as one picture.
pub(super) fn heat_maps(export: &mut Export<'_>, devices: &[String]) -> Result<String, Failure> {
    let (facts, session) = folded(export, Session::with_maps)?;
    let mut snapshot = session.snapshot(TOP_DEFAULT);
    select(&mut snapshot, devices, &export.file)?;
    let end = end_of(&export.reader);
    let report = Report { source: &export.file.name(), facts: &facts, snapshot: &snapshot, end };
    Ok(svg::render(&report, &session.maps().unwrap_or_default()))
}

/// Writes each distribution to a file of a folder, which is made if it is not there; for `-` all of them to stdout.
pub(super) fn write_tags(folder: &Path, tags: &[TagText]) -> Result<(), (PathBuf, io::Error)> {
    if folder == Path::new("-") {
        let write = || {
            let mut out = io::stdout().lock();
            for TagText { tag, text } in tags {
                write!(out, "#[Tag     = {tag}]\n{text}\n")?;
            }
            out.flush()
        };
        return write().map_err(|error| (folder.to_owned(), error));
    }
    fs::create_dir_all(folder).map_err(|error| (folder.to_owned(), error))?;
    for (number, TagText { tag, text }) in tags.iter().enumerate() {
        let path = folder.join(file_name(tag, number));
        let written = Output::open(&path).and_then(|mut output| {
            output.write_all(text.as_bytes())?;
            output.commit()
        });
        written.map_err(|error| (path, error))?;
    }
    Ok(())
}

/// A tag as the name of a file: one that every system takes, and that is not hidden.
fn file_name(tag: &str, number: usize) -> String {
    let mut name = tag.replace('/', "%2F").replace(':', ".");
    if name.starts_with('.') {
        name.replace_range(..1, "%2E");
    }
    if name.len() > NAME_BYTES_MAX {
        // A tag is ASCII.
        name.truncate(NAME_BYTES_MAX);
        name.push_str(&format!("~{number}"));
    }
    name + ".hgrm"
}

#[cfg(test)]
mod tests {
    use super::file_name;

    #[test]
    fn every_tag_is_a_file_in_its_folder() {
        assert_eq!(file_name("vg/lv:flush:no_op", 3), "vg%2Flv.flush.no_op.hgrm");
        assert_eq!(file_name("../x:pass", 3), "%2E.%2Fx.pass.hgrm");
        let long = file_name(&"%FF".repeat(500), 7);
        assert!(long.len() < 255 && long.ends_with("~7.hgrm"), "{long}");
    }
}
