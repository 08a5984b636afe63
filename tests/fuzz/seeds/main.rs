//! Writes the corpora in `tests/fuzz/corpus` anew (`cargo xtask fuzz --seeds`): small inputs of every kind, so that the fuzzer begins where the code is.
//!
//! ```text
//! tests/traces/data ─▶ items ─┬▶ traces of two batches, compressed and not      trace_reader
//!                             ├▶ records as the kernel side would send them     ring_decode
//!                             ├▶ lines                                          text, exports
//!                             └▶ runs, beside rule files                         gate
//! encoders ─▶ requests, replies, cluster messages                               codec
//!          ─▶ tables with images of log devices                                 disk_header
//! ```
//!
//! Files of earlier findings are named `found-*` and stay.

mod codec;
mod disk_header;
mod gate;
mod lines;
mod ring_decode;
mod trace_reader;

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use dmlog_user::event::facts::CaptureFacts;
use dmlog_user::event::item::Item;
use dmlog_user::trace::reader::TraceReader;

/// A file of a corpus: its name and what is in it.
type Seed = (String, Vec<u8>);

/// A committed trace.
struct Recording {
    name: String,
    file: Vec<u8>,
    facts: CaptureFacts,
    items: Vec<Item>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fuzz");
    let recordings = recordings(&root.join("../traces/data/v1"))?;
    let corpora = [
        ("codec", codec::seeds()?),
        ("disk_header", disk_header::seeds()),
        ("trace_reader", trace_reader::seeds(&recordings)?),
        ("ring_decode", ring_decode::seeds(&recordings)),
        ("text", lines::seeds(&recordings)),
        ("exports", lines::hostile_seeds(&recordings)),
        ("gate", gate::seeds(&recordings)),
    ];
    for (target, seeds) in corpora {
        write(&root.join("corpus").join(target), &seeds)?;
    }
    Ok(())
}

fn recordings(folder: &Path) -> Result<Vec<Recording>, Box<dyn Error>> {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<Result<_, Box<dyn Error>>>()?;
    paths.sort();
    let read = |path: &PathBuf| {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let file = fs::read(path)?;
        let (mut reader, mut items) = (TraceReader::new(file.as_slice())?, Vec::new());
        while reader.next_batch(&mut items)?.is_some() {}
        let facts = reader.facts().clone();
        Ok(Recording { name, file, facts, items })
    };
    paths.iter().map(read).collect()
}

/// Replaces all that is there but what was found.
fn write(folder: &Path, seeds: &[Seed]) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(folder)?;
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if !path.file_name().unwrap_or_default().to_string_lossy().starts_with("found-") {
            fs::remove_file(path)?;
        }
    }
    for (name, bytes) in seeds {
        fs::write(folder.join(name), bytes)?;
    }
    Ok(())
}
