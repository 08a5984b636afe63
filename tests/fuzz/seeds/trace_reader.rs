//! Traces: of each recording the first items of each operation in two batches, compressed as they are written and stored as
//! they are, where seals can be made to fit; and the first batch of two recordings as it is, of schema version 1.0.

use std::error::Error;

use arrow_ipc::reader::StreamReader;
use arrow_ipc::writer::StreamWriter;
use dmlog_user::event::facts::CaptureFacts;
use dmlog_user::event::item::Item;
use dmlog_user::event::text::parse::parse;
use dmlog_user::trace::reader::TraceReader;
use dmlog_user::trace::writer::TraceWriter;

use crate::lines::{RARE, first_of_each};
use crate::{Recording, Seed};

/// Whose recordings are taken: the oldest and the newest.
const KERNELS: [&str; 2] = ["-5.10", "-7.3"];

pub(crate) fn seeds(recordings: &[Recording]) -> Result<Vec<Seed>, Box<dyn Error>> {
    let mut seeds = Vec::new();
    // Kernels differ in times and numbers only.
    for recording in recordings.iter().filter(|recording| KERNELS.iter().any(|kernel| recording.name.ends_with(kernel)))
    {
        let items: Vec<Item> = first_of_each(&recording.items, 1).into_iter().cloned().collect();
        add(&mut seeds, &recording.name, &items)?;
    }
    let rare: Vec<Item> = RARE.iter().map(|line| parse(line)).collect::<Result<_, _>>()?;
    add(&mut seeds, "rare", &rare)?;
    add(&mut seeds, "empty", &[])?;
    for recording in recordings.iter().filter(|recording| ["core-5.10", "disk-7.3"].contains(&recording.name.as_str()))
    {
        let mut reader = TraceReader::new(recording.file.as_slice())?;
        let end = reader.check_batch()?.map_or(0, |batch| batch.bytes.end);
        let first = recording.file.get(..usize::try_from(end)?).unwrap_or_default();
        seeds.push((format!("{}-first-batch", recording.name), first.to_vec()));
    }
    Ok(seeds)
}

fn add(seeds: &mut Vec<Seed>, name: &str, items: &[Item]) -> Result<(), Box<dyn Error>> {
    let file = trace(items)?;
    seeds.push((format!("{name}-stored"), stored(&file)?));
    seeds.push((name.to_owned(), file));
    Ok(())
}

fn trace(items: &[Item]) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut file = Vec::new();
    let mut writer = TraceWriter::new(&mut file, &CaptureFacts::default())?;
    for part in items.chunks(items.len().div_ceil(2).max(1)) {
        for item in part {
            writer.push(item)?;
        }
        writer.flush_batch()?;
    }
    writer.finish()?;
    Ok(file)
}

/// The same stream without compression, which seals do not see.
fn stored(file: &[u8]) -> Result<Vec<u8>, Box<dyn Error>> {
    let reader = StreamReader::try_new(file, None)?;
    let mut writer = StreamWriter::try_new(Vec::new(), &reader.schema())?;
    for batch in reader {
        writer.write(&batch?)?;
    }
    writer.finish()?;
    Ok(writer.into_inner()?)
}
