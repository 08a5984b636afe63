//! Direct writes at given sectors.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Bytes of a write; direct writes need a buffer that is aligned to a block.
#[repr(align(4096))]
struct Buffer([u8; WRITE_BYTES]);

/// Length of every write.
pub(crate) const WRITE_BYTES: usize = 4096;

/// Sectors of every write.
pub(crate) const WRITE_SECTORS: u64 = WRITE_BYTES as u64 / 512;

/// A device that is written past the page cache.
#[derive(Debug)]
pub(crate) struct Direct {
    file: File,
    name: String,
}

impl Direct {
    pub(crate) fn open(path: &Path) -> Self {
        let name = path.display().to_string();
        let file = OpenOptions::new().write(true).custom_flags(libc::O_DIRECT).open(path);
        let file = file.unwrap_or_else(|error| panic!("`{name}` cannot be opened: {error}"));
        Self { file, name }
    }

    /// Writes [`WRITE_BYTES`] at a sector and waits for them.
    pub(crate) fn write(&self, sector: u64) {
        let buffer = Buffer([0x5a; WRITE_BYTES]);
        let written = self.file.write_all_at(&buffer.0, sector * 512);
        written.unwrap_or_else(|error| panic!("`{}`: write at sector {sector}: {error}", self.name));
    }

    /// An empty flush.
    pub(crate) fn flush(&self) {
        self.file.sync_all().unwrap_or_else(|error| panic!("`{}`: flush: {error}", self.name));
    }
}

/// Pause after each write of a [`Load`]. Without one a load takes an emulated guest's whole time, and what is done beside it, such
/// as attaching a hundred programs, takes minutes; full speed is what the storm is for.
const LOAD_PAUSE: Duration = Duration::from_millis(3);

/// Writes round and round in its own thread until dropped.
#[derive(Debug)]
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    writes: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl Load {
    /// Starts writing to a device of that many sectors.
    pub(crate) fn start(path: &Path, sectors: u64) -> Self {
        let device = Direct::open(path);
        let (stop, writes) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let thread = std::thread::spawn({
            let (stop, writes) = (Arc::clone(&stop), Arc::clone(&writes));
            move || {
                // A stride without common factor visits every place.
                let mut place = 0;
                while !stop.load(Ordering::Relaxed) {
                    device.write(place * WRITE_SECTORS);
                    writes.fetch_add(1, Ordering::Relaxed);
                    std::thread::sleep(LOAD_PAUSE);
                    place = (place + 641) % (sectors / WRITE_SECTORS);
                }
            }
        });
        Self { stop, writes, thread: Some(thread) }
    }

    /// Writes so far.
    pub(crate) fn writes(&self) -> u64 {
        self.writes.load(Ordering::Relaxed)
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
            && !std::thread::panicking()
        {
            panic!("the writer of the load failed");
        }
    }
}
