//! E: the running kernel. Host facts → attach plan → loader → ring; and the devices that the records belong to.
//!
//! ```text
//! HostFacts::probe ─▶ Plan::new (pure) ─▶ Loader::attach ─▶ ring ─▶ event::decode ─▶ event::resolve ─▶ Item
//!        └─▶ layout::propose ────────────────▲                              names and checks from device ─┘
//! ```
//!
//! The only part of the library with `unsafe`, besides the daemon. Nothing here interprets what it records.
#![expect(unsafe_code, reason = "bpf(2), device-mapper ioctls and clocks have no safe form")]

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Command, Stdio};

use aya::maps::{MapData, RingBuf};
use dmlog_common::config::Switches;
use dmlog_common::record::{IdentityRecord, NAME_LEN};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use self::device::DeviceMapper;
use self::error::CaptureError;
use self::host::{HostFacts, capability, module_generation};
use self::layout::{ModuleBtf, Proposal};
use self::loader::{Counts, Loader};
use self::plan::{Action, Plan, Wishes};
use self::privileges::Keep;
use self::witness::Witness;
use crate::event::decode::decode;
use crate::event::facts::{CaptureFacts, ClockPair, Probe};
use crate::event::ids::{DevNum, MonoNs};
use crate::event::item::{Gap, Item, LossCause};
use crate::event::resolve::Resolver;

pub mod btf;
pub mod device;
pub mod error;
pub mod host;
pub mod layout;
mod loader;
pub mod plan;
mod privileges;
mod shared;
mod sys;
mod witness;

pub use self::sys::monotonic_ns;

/// Nice value of the thread that drains the ring. On a machine without an idle CPU the load that makes the records, and the
/// writer, would otherwise keep it from them until the ring is full: seen with one CPU, where 0 lost 1,025 of 380,000 records.
const READER_NICE: i32 = -10;

/// Bytes of the longest record that counts as one when the ring is drained; only those of bits are longer.
const ITEM_BYTES: usize = size_of::<IdentityRecord>();

/// Gives the calling thread, which may have been started by the one that drains the ring, the usual priority back.
pub fn use_normal_priority() {
    // Going up is always allowed.
    let _ = sys::set_nice(0);
}

/// Runs something that creates files, with the access to them that this thread's capture kept.
pub fn with_file_access<T>(run: impl FnOnce() -> T) -> T {
    privileges::with_file_access(run)
}

/// What to capture.
#[derive(Clone, Debug)]
pub struct CaptureOptions {
    /// Devices as typed; empty means all mirrors.
    pub devices: Vec<String>,
    /// Which probes, and which groups of hooks.
    pub wishes: Wishes,
    /// Size of the ring in bytes, a power of two and a multiple of the page size.
    pub ring_bytes: u32,
    /// Show the BPF programs' own diagnostics on stderr.
    pub bpf_log: bool,
    /// Whether files are to be created while it runs, by [`with_file_access`].
    pub keeps_file_access: bool,
    /// Arguments of the program, for the trace's header.
    pub command_line: Vec<String>,
}

/// What a capture lost, by the kernel's own counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    /// Records that found no room in the ring.
    pub ring: u64,
    /// Returns without their entry: the call has no duration (fentry) or is missing (kprobe).
    pub unpaired: u64,
    /// Programs that the kernel did not run because one was running on that CPU.
    pub recursion: u64,
    /// Bios and kernel objects beyond the limits of the resolver.
    pub forgotten: u64,
}

/// A running capture.
pub struct Capture {
    facts: CaptureFacts,
    plan: Plan,
    wishes: Wishes,
    loader: Loader,
    ring: RingBuf<MapData>,
    resolver: Resolver,
    generations: Vec<(&'static str, Option<u64>)>,
    witness: Witness,
    /// Items of the identification at the start; the first drain gives them out.
    pending: Vec<Item>,
}

impl std::fmt::Debug for Capture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Capture")
            .field("loader", &self.loader)
            .field("resolver", &self.resolver)
            .finish_non_exhaustive()
    }
}

impl Capture {
    /// Attaches to the running kernel and identifies the mirrors that exist.
    ///
    /// # Errors
    /// [`CaptureError`]; nothing stays attached then.
    pub fn start(options: &CaptureOptions) -> Result<Self, CaptureError> {
        let (facts, btf) = ready_host()?;
        let Proposal { layout, notes } = layout::propose(&btf, &facts.release);
        let device_mapper = DeviceMapper::open().map_err(|source| CaptureError::DeviceMapper { source })?;
        let devices = find_devices(&device_mapper, &options.devices)?;
        let witness = Witness::new(device_mapper);
        let names: Vec<[u8; NAME_LEN]> = devices.iter().map(|device| padded(&device.to_string())).collect();
        let switches = Switches {
            filter: u32::from(!devices.is_empty()),
            reads: u32::from(options.wishes.reads),
            callback_context_argument: callback_argument(&facts),
            asking_tid: witness.tid(),
        };
        let mut plan = Plan::new(&facts, &options.wishes);
        let mut loader = Loader::new(&layout, &switches, options.ring_bytes, &names, options.bpf_log)?;
        let ring = loader.take_ring()?;
        loader.attach(&mut plan);
        if loader.attached() == 0 {
            let first = plan.decisions.iter().find(|decision| decision.action == Action::Absent);
            return Err(CaptureError::NothingAttached { first: first.map_or(String::new(), |d| d.reason.clone()) });
        }
        // From here on everything is seen.
        let (monotonic_ns, realtime_ns) = sys::clock_pair();
        loader.set_running(true);
        let header = CaptureFacts {
            tool_version: env!("CARGO_PKG_VERSION").to_owned(),
            command_line: options.command_line.clone(),
            host: facts.host.clone(),
            kernel_release: facts.release.clone(),
            kernel_version: facts.version.clone(),
            machine: facts.machine.clone(),
            cpus: facts.cpus,
            clock: ClockPair { monotonic_ns, realtime_ns },
            ring_bytes: u64::from(options.ring_bytes),
            devices: devices.iter().map(ToString::to_string).collect(),
            reads: options.wishes.reads,
            io: options.wishes.io,
            coverage: plan.coverage(),
            layout: notes,
        };
        let mut capture = Self {
            facts: header,
            plan,
            wishes: options.wishes.clone(),
            loader,
            ring,
            resolver: Resolver::new(),
            generations: host::modules_of_hooks().into_iter().map(|m| (m, module_generation(m))).collect(),
            witness,
            pending: Vec::new(),
        };
        capture.identify_mirrors();
        // Before the right to do so is given up. Where it is not there, the ring fills a little earlier.
        let _ = sys::set_nice(READER_NICE);
        capture.drop_privileges(options.keeps_file_access)?;
        Ok(capture)
    }

    /// Facts for the header of a trace.
    pub fn facts(&self) -> &CaptureFacts {
        &self.facts
    }

    /// Becomes readable when the ring asks for attention; between that, look every
    /// `dmlog_common::record::RING_POLL_MS`. Must be called inside a tokio runtime with I/O.
    ///
    /// # Errors
    /// The system's.
    pub fn ring_readiness(&self) -> io::Result<AsyncFd<OwnedFd>> {
        let fd = self.ring.as_fd().try_clone_to_owned()?;
        // SAFETY: the descriptor is owned by the `AsyncFd` alone and does not change while it is registered.
        unsafe { AsyncFd::register_with_interest(fd, Interest::READABLE) }.map_err(io::Error::from)
    }

    /// Takes what is in the ring, at most `most` records; a record of bits counts for as many as it is longer than others, so
    /// that `most` bounds memory too. Returns how many there were.
    pub fn drain(&mut self, out: &mut Vec<Item>, most: usize) -> usize {
        out.append(&mut self.pending);
        let before = out.len();
        let mut taken = 0;
        while taken < most {
            let Some(bytes) = self.ring.next() else { break };
            taken += 1 + bytes.len() / (ITEM_BYTES + 1);
            match decode(&bytes) {
                Ok(record) => self.resolver.apply(&record, out),
                Err(error) => self.resolver.undecodable(error.to_string(), out),
            }
        }
        for item in &mut out[before..] {
            if let Item::Event(event) = item {
                self.witness.complete(event);
            }
        }
        taken
    }

    /// Looks after modules: attaches to those that have come, and again to those that were unloaded and loaded (their
    /// kprobes are silently dead). Call about once a second.
    pub fn follow_modules(&mut self, out: &mut Vec<Item>) {
        self.loader.show_log();
        let mut changed = false;
        for (module, generation) in &mut self.generations {
            let now = module_generation(module);
            if now == *generation {
                continue;
            }
            if generation.is_some() {
                self.loader.detach_module(module);
                out.push(Item::Gap(Gap {
                    time: MonoNs(monotonic_ns()),
                    cpu: None,
                    lost: None,
                    cause: LossCause::ModuleReload,
                }));
            }
            *generation = now;
            changed |= now.is_some();
        }
        if changed {
            privileges::with_permitted(|| {
                let (facts, _) = HostFacts::probe();
                let mut plan = Plan::new(&facts, &self.wishes);
                self.loader.attach(&mut plan);
                self.plan = plan;
            });
        }
    }

    /// Coverage as it is now.
    pub fn coverage(&self) -> Vec<crate::event::facts::HookCoverage> {
        self.plan.coverage()
    }

    /// Records lost so far for want of room, by the programs' count.
    pub fn lost_so_far(&self) -> u64 {
        self.loader.lost()
    }

    /// Ends the capture: detaches, takes what is left in the ring, and accounts for everything that is missing.
    pub fn stop(mut self, out: &mut Vec<Item>) -> Losses {
        self.loader.set_running(false);
        let recursion = privileges::with_permitted(|| self.loader.detach_all());
        self.loader.show_log();
        while self.drain(out, usize::MAX) > 0 {}
        let time = MonoNs(monotonic_ns());
        let counts = privileges::with_permitted(|| self.loader.counts());
        let counts = counts.unwrap_or_else(|_refused| {
            // Without the kernel's counts nobody can say that nothing was lost: that is a loss of unknown size.
            out.push(Item::Gap(Gap { time, cpu: None, lost: None, cause: LossCause::RingFull }));
            Counts::default()
        });
        self.resolver.finish(&counts.sequences, time, out);
        let losses = Losses {
            ring: self.loader.lost(),
            unpaired: counts.unpaired,
            recursion,
            forgotten: self.resolver.forgotten(),
        };
        for (lost, cause) in [(losses.unpaired, LossCause::Unpaired), (losses.recursion, LossCause::Recursion)] {
            if lost > 0 {
                out.push(Item::Gap(Gap { time, cpu: None, lost: Some(lost), cause }));
            }
        }
        losses
    }

    /// Asks every mirror for its table, one after the other, and takes in what that makes their logs say.
    fn identify_mirrors(&mut self) {
        let mut all = Vec::new();
        for device in self.witness.devices() {
            let tables = self.witness.ask(device);
            // Only what this question made them say: an answer of the device before would be taken for a wrong one.
            let mut items = Vec::new();
            self.drain(&mut items, usize::MAX);
            self.witness.hear(device, &tables, &mut items);
            all.append(&mut items);
        }
        self.pending = all;
        self.facts.layout.extend(self.witness.findings());
    }

    fn drop_privileges(&mut self, file_access: bool) -> Result<(), CaptureError> {
        let awaited = self.facts.coverage.iter().any(|hook| hook.probe == Probe::Waiting);
        let unpinned = self.facts.coverage.iter().any(|hook| hook.probe == Probe::Kprobe);
        let unchecked = !self.witness.has_checked();
        let keep = if awaited || unpinned || unchecked { Keep::ToAttachLater } else { Keep::ToCount };
        privileges::drop_to(keep, file_access)
            .map_err(|error| CaptureError::DropPrivileges { detail: error.to_string() })
    }
}

/// Facts, after making sure that a capture is possible at all.
fn ready_host() -> Result<(HostFacts, ModuleBtf), CaptureError> {
    let (facts, btf) = HostFacts::probe();
    let missing: Vec<&str> =
        [(capability::SYS_ADMIN, "CAP_SYS_ADMIN"), (capability::BPF, "CAP_BPF"), (capability::PERFMON, "CAP_PERFMON")]
            .into_iter()
            .filter(|(bit, _)| !facts.can(*bit))
            .map(|(_, name)| name)
            .collect();
    if !missing.is_empty() {
        let verb = if missing.len() == 1 { "is" } else { "are" };
        return Err(CaptureError::Privileges { missing: format!("{} {verb}", missing.join(", ")) });
    }
    if facts.lockdown == "confidentiality" {
        return Err(CaptureError::Lockdown { mode: facts.lockdown });
    }
    sys::raise_memlock().map_err(|source| CaptureError::Memlock { source })?;
    if facts.modules.contains_key("dm_mirror") {
        return Ok((facts, btf));
    }
    load_mirror_module(&facts.release)?;
    Ok(HostFacts::probe())
}

/// Without the module there is nothing to probe, and no BTF to read offsets from: it is loaded, as `dmsetup` would.
fn load_mirror_module(release: &str) -> Result<(), CaptureError> {
    let refused = |detail: String| CaptureError::NoMirrorModule { release: release.to_owned(), detail };
    let output = Command::new("modprobe")
        .arg("dm-mirror")
        .stdin(Stdio::null())
        .output()
        .map_err(|error| refused(format!("modprobe: {error}")))?;
    if output.status.success() {
        Ok(())
    } else {
        Err(refused(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
    }
}

/// Which argument of dm-raid1's callbacks holds the bio; told by the number of parameters, where BTF says it.
fn callback_argument(facts: &HostFacts) -> u32 {
    let callback = facts.btf.get(&("dm_mirror".to_owned(), "write_callback".to_owned()));
    if callback.is_some_and(|function| function.parameters == 3) { 2 } else { 1 }
}

fn find_devices(device_mapper: &DeviceMapper, wanted: &[String]) -> Result<Vec<DevNum>, CaptureError> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let all = device_mapper.devices().map_err(|source| CaptureError::DeviceMapper { source })?;
    let is_mirror = |device: &DevNum| device_mapper.mirrors(*device).is_ok_and(|mirrors| !mirrors.is_empty());
    let known = || {
        let names: Vec<String> = all.iter().filter(|d| is_mirror(d)).map(|d| device::display_name(*d)).collect();
        if names.is_empty() { "none".to_owned() } else { names.join(", ") }
    };
    let mut found = Vec::new();
    for name in wanted {
        let device = device::find(name, &all).filter(|device| all.contains(device));
        let Some(device) = device else {
            return Err(CaptureError::UnknownDevice { name: name.clone(), known: known() });
        };
        if !is_mirror(&device) {
            return Err(CaptureError::NotAMirror { name: name.clone(), known: known() });
        }
        found.push(device);
    }
    Ok(found)
}

fn padded(text: &str) -> [u8; NAME_LEN] {
    let mut bytes = [0; NAME_LEN];
    for (to, from) in bytes.iter_mut().zip(text.bytes().take(NAME_LEN - 1)) {
        *to = from;
    }
    bytes
}
