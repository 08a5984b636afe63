//! The string of a `CTR`: the target's length and the arguments that the kernel does not keep for itself.
//!
//! ```text
//! table    0 32768 mirror userspace 5 UUID integrated_flush clustered-disk /dev/log 1024 2 …
//! string   32768 clustered-disk /dev/log 1024
//! ```
//!
//! The comment in the kernel's source has an argument count behind the daemon's log type; neither LVM nor cmirrord ever
//! had one.

use crate::log::arguments::{ArgumentError, CoreArguments, DiskArguments};

/// `build_constructor_string`: what the kernel sends.
pub fn build(target_sectors: u64, daemon_arguments: &[String]) -> String {
    //= linux v6.12 drivers/md/dm-log-userspace-base.c build_constructor_string
    //= `str_size = sprintf(str, "%llu", (unsigned long long)ti->len);`
    //= `str_size += sprintf(str + str_size, " %s", argv[i]);`
    let mut text = target_sectors.to_string();
    for argument in daemon_arguments {
        text.push(' ');
        text.push_str(argument);
    }
    text
}

/// Which log the daemon is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DaemonLog {
    /// `core`: in the daemon's memory.
    Core(CoreArguments),
    /// `disk`: on a log device, by the daemon.
    Disk(DiskArguments),
    /// `clustered-core`: in the memory of all nodes.
    ClusteredCore(CoreArguments),
    /// `clustered-disk`: in the memory of all nodes and on a shared log device.
    ClusteredDisk(DiskArguments),
}

/// What a daemon reads from the string.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DaemonTable {
    /// The log.
    pub log: DaemonLog,
    /// `block_on_error`, which tables of old LVM have. It was accepted and has never had an effect.
    pub is_block_on_error: bool,
}

/// The string of a `CTR` asks for no log that a daemon could make.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConstructorError {
    /// It does not begin with a length.
    #[error("the constructor string does not begin with the target's length in sectors")]
    Length,
    /// No daemon has this log.
    #[error("log type `{}` is not known; `core`, `disk`, `clustered-core` and `clustered-disk` are", .name.escape_debug())]
    UnknownLog {
        /// As it was written.
        name: String,
    },
    /// The arguments of the log are wrong.
    #[error("the arguments of the log are wrong")]
    Arguments {
        /// What a kernel log would say.
        #[source]
        source: ArgumentError,
    },
}

impl DaemonTable {
    /// Reads the string.
    ///
    /// # Errors
    /// [`ConstructorError`].
    pub fn parse(text: &str) -> Result<Self, ConstructorError> {
        let mut words: Vec<&str> = text.split_ascii_whitespace().collect();
        let is_block_on_error = words.last() == Some(&"block_on_error");
        if is_block_on_error {
            words.pop();
        }
        let [length, name, arguments @ ..] = words.as_slice() else { return Err(ConstructorError::Length) };
        let target_sectors: u64 = length.parse().ok().ok_or(ConstructorError::Length)?;
        let wrong = |source| ConstructorError::Arguments { source };
        let core = || CoreArguments::parse(arguments, target_sectors).map_err(wrong);
        let disk = || DiskArguments::parse(arguments, target_sectors).map_err(wrong);
        let log = match *name {
            "core" => DaemonLog::Core(core()?),
            "disk" => DaemonLog::Disk(disk()?),
            "clustered-core" | "clustered_core" => DaemonLog::ClusteredCore(core()?),
            "clustered-disk" | "clustered_disk" => DaemonLog::ClusteredDisk(disk()?),
            name => return Err(ConstructorError::UnknownLog { name: name.to_owned() }),
        };
        Ok(Self { log, is_block_on_error })
    }
}

#[cfg(test)]
mod tests {
    use super::{ConstructorError, DaemonLog, DaemonTable, build};
    use crate::log::arguments::{ArgumentError, SyncOption};

    #[test]
    fn the_string_is_the_length_and_the_arguments() {
        let arguments = ["clustered-disk", "/dev/log", "1024"].map(str::to_owned);
        assert_eq!(build(32_768, &arguments), "32768 clustered-disk /dev/log 1024");
        assert_eq!(build(u64::MAX, &[]), "18446744073709551615");
    }

    #[test]
    fn what_lvm_wrote_is_read() {
        let table = DaemonTable::parse("32768 clustered-disk 253:3 1024 nosync block_on_error").unwrap();
        assert!(table.is_block_on_error);
        let DaemonLog::ClusteredDisk(disk) = table.log else { panic!("not a clustered disk log") };
        assert_eq!((disk.log_dev.as_str(), disk.sync_option), ("253:3", SyncOption::Nosync));
        assert_eq!(disk.geometry.region_count(), 32);
        let table = DaemonTable::parse("32768 clustered-core 1024").unwrap();
        assert!(!table.is_block_on_error);
        let DaemonLog::ClusteredCore(core) = table.log else { panic!("not a clustered core log") };
        assert_eq!(core.geometry.region_size_sectors(), 1024);
    }

    #[test]
    fn refusals_say_why() {
        let refused = |text| DaemonTable::parse(text).unwrap_err();
        assert_eq!(refused(""), ConstructorError::Length);
        assert_eq!(refused("32768"), ConstructorError::Length);
        assert_eq!(refused("core 1024"), ConstructorError::Length);
        assert_eq!(refused("32768 striped 1"), ConstructorError::UnknownLog { name: "striped".to_owned() });
        let source = ArgumentError::RegionSize { text: "1000".to_owned() };
        // It comes from another machine, and errors go to terminals.
        assert_eq!(
            refused("32768 a\u{1b}k 1").to_string(),
            "log type `a\\u{1b}k` is not known; `core`, `disk`, `clustered-core` and `clustered-disk` are"
        );
        assert_eq!(refused("32768 core 1000"), ConstructorError::Arguments { source });
    }
}
