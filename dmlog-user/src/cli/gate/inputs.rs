//! The runs of a side: traces, folders, files of saved runs.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};

use super::super::exit::{Exit, Failure};
use super::super::trace_file::TraceFile;
use crate::event::text::quote::quote;
use crate::export::TraceEnd;
use crate::gate::run::Run;
use crate::gate::run::saved::{self, BYTES_MAX};
use crate::gate::run::summary::Summary;

/// What every trace begins with, as Arrow streams do: the mark of a message.
const TRACE_MARK: [u8; 4] = [0xff; 4];

/// All runs of these paths, one at least, in their order; those of a folder by name.
pub(super) fn runs_of(paths: &[PathBuf]) -> Result<Vec<Run>, Failure> {
    let mut runs = Vec::new();
    for path in paths {
        if path.is_dir() {
            for path in folder(path)? {
                runs.extend(runs_in(&path)?);
            }
        } else {
            runs.extend(runs_in(path)?);
        }
    }
    Ok(runs)
}

/// Traces and saved runs of a folder, by name.
fn folder(path: &Path) -> Result<Vec<PathBuf>, Failure> {
    let shown = quote(&path.display().to_string());
    let entries =
        fs::read_dir(path).and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>, _>>());
    let entries = entries.with_context(|| format!("cannot read the folder {shown}"));
    let mut paths = entries.map_err(|error| Failure::new(Exit::Io, error))?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "dmlog" || extension == "json"));
    paths.sort();
    if paths.is_empty() {
        let error = anyhow!("the folder {shown} has no trace (`*.dmlog`) and no saved runs (`*.json`)");
        return Err(Failure::new(Exit::Io, error));
    }
    Ok(paths)
}

/// The runs of one file, told apart by how it begins.
fn runs_in(path: &Path) -> Result<Vec<Run>, Failure> {
    if path == Path::new("-") {
        return Ok(vec![trace(path)?]);
    }
    let shown = quote(&path.display().to_string());
    let io = |error: anyhow::Error| Failure::new(Exit::Io, error);
    let mut file = File::open(path).with_context(|| format!("cannot open {shown}")).map_err(io)?;
    let mut begin = Vec::new();
    file.by_ref().take(4).read_to_end(&mut begin).with_context(|| format!("cannot read {shown}")).map_err(io)?;
    if begin == TRACE_MARK || begin.first().is_none_or(|byte| *byte != b'{') {
        return Ok(vec![trace(path)?]);
    }
    let mut text = String::from_utf8_lossy(&begin).into_owned();
    let rest = file.take(BYTES_MAX).read_to_string(&mut text);
    rest.with_context(|| format!("cannot read {shown}")).map_err(io)?;
    saved::from_json(&text).map_err(|error| io(anyhow!("{shown} {error}")))
}

fn trace(path: &Path) -> Result<Run, Failure> {
    let file = TraceFile::from(path);
    let mut reader = file.open_for("gate")?;
    let mut summary = Summary::new(&file.name(), reader.facts());
    let end = file.read_items(&mut reader, |item| summary.see(item))?;
    let torn_tail_bytes = match end {
        TraceEnd::Torn { bytes } => bytes,
        TraceEnd::Clean => 0,
    };
    Ok(summary.finish(torn_tail_bytes))
}

/// Keeps the mirrors that were asked for.
pub(super) fn narrow(runs: &mut [Run], wanted: &[String]) -> Result<(), Failure> {
    if wanted.is_empty() {
        return Ok(());
    }
    for name in wanted {
        if !runs.iter().flat_map(|run| &run.devices).any(|device| device.is_called(name)) {
            let mut known: Vec<String> =
                runs.iter().flat_map(|run| &run.devices).map(|device| quote(&device.name)).collect();
            known.sort();
            known.dedup();
            let there =
                if known.is_empty() { "they have none".to_owned() } else { format!("there are {}", known.join(", ")) };
            let error = anyhow!("no run has a mirror {}; {there}", quote(name));
            return Err(Failure::new(Exit::Usage, error));
        }
    }
    for run in runs {
        run.devices.retain(|device| wanted.iter().any(|name| device.is_called(name)));
    }
    Ok(())
}
