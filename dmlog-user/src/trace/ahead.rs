//! Reading ahead: one thread inflates the next batch and compares its seal while another one takes the rows of this one.
//!
//! ```text
//! reader's thread   load ─▶ lanes ─────────────▶ ┐ one batch waits at most
//! caller's thread          lanes ◀─ used up ─── rows ─▶ take
//! ```
//!
//! The rows are the same in the same order, and an error comes behind the same rows, as without it. Memory is that of two
//! batches instead of one.

use std::io::Read;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;

use super::error::TraceError;
use super::lanes::Lanes;
use super::reader::{SealedBatch, TraceReader};
use super::rows::{Meanings, Rows};
use crate::event::call::Row;

/// A batch on its way to whoever takes its rows.
struct Loaded {
    lanes: Lanes,
    meanings: Arc<Meanings>,
    batch: SealedBatch,
}

impl<R: Read + Send> TraceReader<R> {
    /// Hands over the rows of all batches that are left, as [`next_batch_rows`](Self::next_batch_rows) does batch by batch.
    /// A second thread works for it.
    ///
    /// # Errors
    /// [`TraceError::Corrupt`], [`TraceError::Read`].
    pub fn rows_ahead(&mut self, mut take: impl FnMut(&Row<'_>)) -> Result<(), TraceError> {
        let spare = Lanes::new().map_err(|source| self.read_error(source))?;
        let (loaded, next) = sync_channel(0);
        let (used, empty) = channel();
        // The other end is at hand, so this cannot fail.
        drop(used.send(spare));
        thread::scope(|scope| {
            // Both ends go with it, so that either side sees the other one's end.
            scope.spawn(move || self.load_all(&loaded, &empty));
            take_all(&next, &used, &mut take)
        })
    }

    /// Loads one batch after the other, until there are no more or nobody wants them.
    fn load_all(&mut self, loaded: &SyncSender<Result<Loaded, TraceError>>, empty: &Receiver<Lanes>) {
        loop {
            let next = match self.load_batch() {
                Ok(None) => return,
                Ok(Some(batch)) => {
                    let Ok(empty) = empty.recv() else { return };
                    let (lanes, meanings) = self.swap_lanes(empty);
                    Ok(Loaded { lanes, meanings, batch })
                }
                Err(error) => Err(error),
            };
            // After an error there is no more.
            let is_last = next.is_err();
            if loaded.send(next).is_err() || is_last {
                return;
            }
        }
    }
}

fn take_all(
    next: &Receiver<Result<Loaded, TraceError>>,
    used: &Sender<Lanes>,
    take: &mut impl FnMut(&Row<'_>),
) -> Result<(), TraceError> {
    // The loader lets go of its end when it is done.
    while let Ok(loaded) = next.recv() {
        let Loaded { lanes, meanings, batch } = loaded?;
        match Rows::new(&lanes, &meanings) {
            Ok(rows) => rows.for_each_row(&mut *take),
            Err(fault) => return Err(TraceError::Corrupt { batch: batch.number + 1, offset: batch.bytes.end, fault }),
        }
        // A loader that is done needs no lanes.
        drop(used.send(lanes));
    }
    Ok(())
}
