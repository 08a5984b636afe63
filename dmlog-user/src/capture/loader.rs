//! Loads the BPF object and attaches what the plan says.
//!
//! Maps and kprobes go through aya. aya cannot load fentry programs for functions of modules, so that step is done here: the
//! object is parsed a second time, its instructions are relocated with the descriptors of aya's maps, and each program is
//! loaded with the descriptor of its module's BTF (`attach_btf_obj_fd`) and the function's type id.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::Write;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::atomic::Ordering;

use aya::maps::{Map, MapData, MapError, PerCpuArray, RingBuf};
use aya::programs::kprobe::KProbeLinkId;
use aya::programs::{KProbe, Program};
use aya::{Ebpf, EbpfLoader};
use aya_log::EbpfLogger;
use aya_obj::Object;
use dmlog_common::config::{Layout, Switches};
use dmlog_common::hooks::{HOOKS, Hook, Shape};
use dmlog_common::record::NAME_LEN;

use super::error::CaptureError;
use super::plan::{Action, Decision, Plan};
use super::shared::SharedArray;
use super::sys::{self, TraceAttach};

/// The object that the build script compiled.
static OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/dmlog.o"));

/// One attached hook.
#[derive(Debug, Default)]
struct Attached {
    /// Open links of fentry programs; closing them detaches.
    tracing: Vec<OwnedFd>,
    /// Programs of those links, for their statistics.
    programs: Vec<OwnedFd>,
    /// Links of kprobes: program name and link.
    kprobes: Vec<(String, KProbeLinkId)>,
}

/// The loaded object and everything attached.
pub(super) struct Loader {
    ebpf: Ebpf,
    /// The programs' switch.
    running: SharedArray,
    /// Records that found no room, for each hook.
    lost: SharedArray,
    /// The same object, relocated by us; its programs are not loaded yet.
    object: Object,
    attached: BTreeMap<u16, Attached>,
    module_btf: HashMap<&'static str, OwnedFd>,
    /// Shows the programs' own diagnostics, if that was asked for.
    logger: Option<EbpfLogger<ToStderr>>,
    /// The symbols that a hook may be given to the kernel as, in the order to try.
    ambiguous: HashSet<&'static str>,
}

impl std::fmt::Debug for Loader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Loader").field("attached", &self.attached.len()).finish_non_exhaustive()
    }
}

/// The integers of a record for `override_global`.
fn words<const N: usize>(bytes: &[u8]) -> [u32; N] {
    let mut words = [0; N];
    for (word, chunk) in words.iter_mut().zip(bytes.chunks_exact(4)) {
        *word = u32::from_ne_bytes([chunk[0], chunk[1], chunk[2], chunk[3]]);
    }
    words
}

fn bytes_of<T>(value: &T) -> &[u8] {
    // SAFETY: only used on `Layout` and `Switches`, which are `u32`s without padding.
    unsafe { std::slice::from_raw_parts(std::ptr::from_ref(value).cast(), size_of::<T>()) }
}

impl Loader {
    /// Loads the object: maps are created and globals set, nothing is attached.
    pub(super) fn new(
        layout: &Layout,
        switches: &Switches,
        ring_bytes: u32,
        devices: &[[u8; NAME_LEN]],
        bpf_log: bool,
    ) -> Result<Self, CaptureError> {
        // Off, the verifier removes the programs' diagnostics altogether.
        let log_level: u8 = if bpf_log { aya_log::Level::Warn as u8 } else { 0 };
        let layout: [u32; size_of::<Layout>() / 4] = words(bytes_of(layout));
        let switches: [u32; size_of::<Switches>() / 4] = words(bytes_of(switches));
        let mut ebpf = EbpfLoader::new()
            .override_global("LAYOUT", layout.as_slice(), true)
            .override_global("SWITCHES", switches.as_slice(), true)
            .override_global(aya_log::LEVEL, &log_level, true)
            .map_max_entries("EVENTS", ring_bytes)
            .load(OBJECT)
            .map_err(|source| CaptureError::Object { source: Box::new(source) })?;
        fill_devices(&mut ebpf, devices)?;
        let object = relocated(&ebpf)?;
        let logger = if bpf_log {
            let logger = EbpfLogger::init_with_logger(&mut ebpf, ToStderr);
            Some(logger.map_err(|error| CaptureError::DamagedObject { detail: error.to_string() })?)
        } else {
            None
        };
        Ok(Self {
            running: SharedArray::new(&ebpf, "RUNNING", 1)?,
            lost: SharedArray::new(&ebpf, "LOST", HOOKS.len())?,
            logger,
            ebpf,
            object,
            attached: BTreeMap::new(),
            module_btf: HashMap::new(),
            ambiguous: HashSet::new(),
        })
    }

    /// The ring buffer. Can be taken once.
    pub(super) fn take_ring(&mut self) -> Result<RingBuf<MapData>, CaptureError> {
        let map = self.ebpf.take_map("EVENTS").ok_or_else(|| damaged("EVENTS"))?;
        RingBuf::try_from(map).map_err(|source| CaptureError::Ring { source })
    }

    /// Attaches every hook that the plan wants and that is not attached yet. Where the kernel refuses an fentry program, a
    /// kprobe takes its place; where it refuses that too, the decision becomes `Absent` with both reasons.
    pub(super) fn attach(&mut self, plan: &mut Plan) {
        for decision in &mut plan.decisions {
            let Some(hook) = HOOKS.get(usize::from(decision.hook)) else { continue };
            if self.attached.contains_key(&decision.hook) {
                continue;
            }
            if let Action::Fentry { btf_id } = decision.action
                && let Err(refusal) = self.attach_fentry(decision.hook, hook, btf_id)
            {
                decision.action = Action::Kprobe;
                decision.reason = refusal;
            }
            if decision.action == Action::Kprobe
                && let Err(refusal) = self.attach_kprobe(decision.hook, hook)
            {
                decision.action = Action::Absent;
                push_reason(decision, &refusal);
            }
        }
    }

    /// Lets the programs record, or stop recording, all of them at once.
    pub(super) fn set_running(&self, runs: bool) {
        for value in self.running.values() {
            value.store(u64::from(runs), Ordering::SeqCst);
        }
    }

    /// Records so far that found no room. Asks nobody.
    pub(super) fn lost(&self) -> u64 {
        self.lost.values().iter().map(|lost| lost.load(Ordering::Relaxed)).sum()
    }

    fn attach_fentry(&mut self, number: u16, hook: &'static Hook, btf_id: u32) -> Result<(), String> {
        if !self.module_btf.contains_key(hook.module) {
            let fd = sys::module_btf(hook.module)
                .map_err(|error| format!("the kernel does not hand out the module's BTF ({error})"))?;
            self.module_btf.insert(hook.module, fd);
        }
        let module = self.module_btf.get(hook.module).ok_or("the module has no BTF")?;
        let mut sides = vec![("fentry", TraceAttach::Entry)];
        if hook.shape == Shape::Call {
            sides.push(("fexit", TraceAttach::Exit));
        }
        let mut attached = Attached::default();
        for (prefix, attach) in sides {
            let name = format!("{prefix}_{}", hook.function);
            let program = self.object.programs.get(&name).ok_or_else(|| format!("no program `{name}`"))?;
            let function = self.object.functions.get(&program.function_key()).ok_or("no code")?;
            let fd = sys::load_tracing(&name, &function.instructions, attach, module.as_fd(), btf_id)
                .map_err(|refusal| format!("{prefix} was refused ({}) {}", refusal.error, refusal.log.trim()))?;
            let link = sys::attach_tracing(fd.as_fd()).map_err(|error| format!("{prefix} did not attach ({error})"))?;
            attached.programs.push(fd);
            attached.tracing.push(link);
        }
        self.attached.insert(number, attached);
        Ok(())
    }

    fn attach_kprobe(&mut self, number: u16, hook: &'static Hook) -> Result<(), String> {
        let mut names = vec![format!("kprobe_{}", hook.function)];
        if hook.shape == Shape::Call {
            names.push(format!("kretprobe_{}", hook.function));
        }
        let mut attached = Attached::default();
        for name in names {
            match self.attach_one_kprobe(&name, hook) {
                Ok(link) => attached.kprobes.push((name, link)),
                Err(refusal) => {
                    self.detach_kprobes(attached);
                    return Err(refusal);
                }
            }
        }
        self.attached.insert(number, attached);
        Ok(())
    }

    fn attach_one_kprobe(&mut self, name: &str, hook: &'static Hook) -> Result<KProbeLinkId, String> {
        let unique = !self.ambiguous.contains(hook.function);
        let program = kprobe(&mut self.ebpf, name)?;
        if program.fd().is_err() {
            program.load().map_err(|error| format!("`{name}` was refused ({})", chain(&error)))?;
        }
        // Some 6.1 kernels refuse the qualified name; the plain one is safe where it is unique.
        let qualified = format!("{}:{}", hook.module, hook.function);
        match program.attach(&qualified, 0) {
            Ok(link) => Ok(link),
            Err(error) if unique => program
                .attach(hook.function, 0)
                .map_err(|_plain| format!("`{name}` did not attach ({})", chain(&error))),
            Err(error) => Err(format!("`{name}` did not attach ({})", chain(&error))),
        }
    }

    fn detach_kprobes(&mut self, attached: Attached) {
        for (name, link) in attached.kprobes {
            if let Ok(program) = kprobe(&mut self.ebpf, &name) {
                // The probe may be gone already, with its module.
                let _ = program.detach(link);
            }
        }
    }

    /// Detaches everything of a module, so that it can be attached anew.
    pub(super) fn detach_module(&mut self, module: &str) {
        let of_module: Vec<u16> = self
            .attached
            .keys()
            .copied()
            .filter(|number| HOOKS.get(usize::from(*number)).is_some_and(|hook| hook.module == module))
            .collect();
        for number in of_module {
            if let Some(attached) = self.attached.remove(&number) {
                self.detach_kprobes(attached);
            }
        }
        self.module_btf.remove(module);
    }

    /// Detaches everything, by ascending number, on which `session::model::finding` relies. Records that are in the ring stay there.
    pub(super) fn detach_all(&mut self) -> u64 {
        let mut missed = 0;
        for (_, attached) in std::mem::take(&mut self.attached) {
            for program in &attached.programs {
                missed += sys::recursion_misses(program.as_fd()).unwrap_or(0);
            }
            self.detach_kprobes(attached);
        }
        missed + self.kprobe_misses()
    }

    fn kprobe_misses(&self) -> u64 {
        let mut missed = 0;
        for (_, program) in self.ebpf.programs() {
            if let Program::KProbe(program) = program
                && let Ok(fd) = program.fd()
            {
                missed += sys::recursion_misses(fd.as_fd()).unwrap_or(0);
            }
        }
        missed
    }

    /// What the programs counted, for when they record no more: these maps are asked by `bpf(2)`, see [`super::shared`].
    pub(super) fn counts(&self) -> Result<Counts, MapError> {
        Ok(Counts { sequences: self.sequences()?, unpaired: self.unpaired()? })
    }

    fn sequences(&self) -> Result<Vec<[u64; 2]>, MapError> {
        let map = self.ebpf.map("SEQUENCE").ok_or(MapError::KeyNotFound)?;
        let values = PerCpuArray::<_, [u64; 2]>::try_from(map)?.get(&0, 0)?;
        Ok(values.iter().copied().collect())
    }

    fn unpaired(&self) -> Result<u64, MapError> {
        let map = self.ebpf.map("UNPAIRED").ok_or(MapError::KeyNotFound)?;
        let map = PerCpuArray::<_, u64>::try_from(map)?;
        (0..map.len()).map(|hook| Ok(map.get(&hook, 0)?.iter().sum::<u64>())).sum()
    }

    /// Shows what the programs had to say since the last call.
    pub(super) fn show_log(&mut self) {
        if let Some(logger) = &mut self.logger {
            logger.flush();
        }
    }

    /// How many hooks are attached.
    pub(super) fn attached(&self) -> usize {
        self.attached.len()
    }
}

/// Diagnostics of the BPF programs go where a person looks for them.
#[derive(Debug)]
struct ToStderr;

impl log::Log for ToStderr {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        // Without stderr nobody is there to be told.
        let _ = writeln!(std::io::stderr(), "bpf: {}", record.args());
    }

    fn flush(&self) {}
}

/// What the programs counted.
#[derive(Debug, Default)]
pub(super) struct Counts {
    /// Records that were given a number: fentry and kprobe for each CPU.
    pub(super) sequences: Vec<[u64; 2]>,
    /// Returns without their entry.
    pub(super) unpaired: u64,
}

fn push_reason(decision: &mut Decision, more: &str) {
    if !decision.reason.is_empty() {
        decision.reason.push_str("; ");
    }
    decision.reason.push_str(more);
}

pub(super) fn damaged(what: &str) -> CaptureError {
    CaptureError::DamagedObject { detail: format!("`{what}` is not in it") }
}

/// An error with everything below it. The verifier's log can have megabytes and goes into every trace: its beginning says
/// which step failed, its end says why.
fn chain(error: &dyn std::error::Error) -> String {
    const BEGIN_CHARS: usize = 160;
    const END_CHARS: usize = 480;
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    let chars = text.chars().count();
    if chars <= BEGIN_CHARS + END_CHARS {
        return text;
    }
    let begin: String = text.chars().take(BEGIN_CHARS).collect();
    let end: String = text.chars().skip(chars - END_CHARS).collect();
    format!("{begin} … {end}")
}

fn kprobe<'a>(ebpf: &'a mut Ebpf, name: &str) -> Result<&'a mut KProbe, String> {
    match ebpf.program_mut(name) {
        Some(Program::KProbe(program)) => Ok(program),
        _ => Err(format!("no program `{name}`")),
    }
}

fn fill_devices(ebpf: &mut Ebpf, devices: &[[u8; NAME_LEN]]) -> Result<(), CaptureError> {
    let map = ebpf.map_mut("DEVICES").ok_or_else(|| damaged("DEVICES"))?;
    let mut map =
        aya::maps::HashMap::<_, [u8; NAME_LEN], u8>::try_from(map).map_err(|source| CaptureError::Ring { source })?;
    for device in devices {
        map.insert(device, 1, 0).map_err(|source| CaptureError::Ring { source })?;
    }
    Ok(())
}

/// The object once more, with its instructions pointing at aya's maps.
fn relocated(ebpf: &Ebpf) -> Result<Object, CaptureError> {
    let failed = |detail: String| CaptureError::DamagedObject { detail };
    let mut object = Object::parse(OBJECT).map_err(|error| failed(error.to_string()))?;
    let definitions: Vec<(String, aya_obj::Map)> =
        object.maps.iter().map(|(name, map)| (name.clone(), map.clone())).collect();
    let mut with_fds = Vec::new();
    for (name, definition) in &definitions {
        let map = ebpf.map(name).ok_or_else(|| damaged(name))?;
        let data = map_data(map).ok_or_else(|| failed(format!("map `{name}` has an unexpected type")))?;
        with_fds.push((name.as_str(), data.fd().as_fd().as_raw_fd(), definition));
    }
    let text: HashSet<usize> = object.functions.keys().map(|(section, _)| *section).collect();
    object.relocate_maps(with_fds.into_iter(), &text).map_err(|error| failed(error.to_string()))?;
    object.relocate_calls(&text).map_err(|error| failed(error.to_string()))?;
    Ok(object)
}

pub(super) fn map_data(map: &Map) -> Option<&MapData> {
    match map {
        Map::Array(data) | Map::HashMap(data) | Map::PerCpuArray(data) | Map::RingBuf(data) => Some(data),
        _ => None,
    }
}
