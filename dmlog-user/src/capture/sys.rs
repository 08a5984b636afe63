//! The `bpf(2)` calls that aya does not make: tracing programs on module functions, module BTF, program statistics.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use aya_obj::generated::bpf_insn;

const BPF_PROG_LOAD: u32 = 5;
const BPF_OBJ_GET_INFO_BY_FD: u32 = 15;
const BPF_RAW_TRACEPOINT_OPEN: u32 = 17;
const BPF_BTF_GET_FD_BY_ID: u32 = 19;
const BPF_BTF_GET_NEXT_ID: u32 = 23;

const BPF_PROG_TYPE_TRACING: u32 = 26;

/// Where a tracing program sits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TraceAttach {
    /// `BPF_TRACE_FENTRY`.
    Entry,
    /// `BPF_TRACE_FEXIT`.
    Exit,
}

/// Longest verifier log that is kept for an error message, in bytes.
const VERIFIER_LOG_BYTES: usize = 64 << 10;

/// Longest program name the kernel takes (`BPF_OBJ_NAME_LEN` less the NUL).
const PROGRAM_NAME_BYTES: usize = 15;

/// `union bpf_attr` as far as `BPF_PROG_LOAD` of a tracing program needs it.
#[repr(C)]
#[derive(Default)]
struct ProgLoad {
    prog_type: u32,
    insn_cnt: u32,
    insns: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log_buf: u64,
    kern_version: u32,
    prog_flags: u32,
    prog_name: [u8; 16],
    prog_ifindex: u32,
    expected_attach_type: u32,
    prog_btf_fd: u32,
    func_info_rec_size: u32,
    func_info: u64,
    func_info_cnt: u32,
    line_info_rec_size: u32,
    line_info: u64,
    line_info_cnt: u32,
    attach_btf_id: u32,
    attach_btf_obj_fd: u32,
    core_relo_cnt: u32,
    fd_array: u64,
    core_relos: u64,
    core_relo_rec_size: u32,
    log_true_size: u32,
}

#[repr(C)]
struct RawTracepointOpen {
    name: u64,
    prog_fd: u32,
    reserved: u32,
}

#[repr(C)]
#[derive(Default)]
struct GetId {
    id: u32,
    next_id: u32,
    open_flags: u32,
}

#[repr(C)]
struct GetInfo {
    fd: u32,
    info_len: u32,
    info: u64,
}

#[repr(C)]
#[derive(Default)]
struct BtfInfo {
    btf: u64,
    btf_size: u32,
    id: u32,
    name: u64,
    name_len: u32,
    kernel_btf: u32,
}

fn bpf<T>(command: u32, attribute: &mut T) -> io::Result<i64> {
    // SAFETY: `attribute` is a prefix of `union bpf_attr` whose pointers are valid for the call; the kernel treats the
    // rest of the union as zero.
    let result = unsafe {
        libc::syscall(libc::SYS_bpf, libc::c_long::from(command), std::ptr::from_mut(attribute), size_of::<T>())
    };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

fn owned(result: i64) -> io::Result<OwnedFd> {
    let fd = i32::try_from(result).map_err(io::Error::other)?;
    // SAFETY: the kernel just gave us this descriptor; nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

#[expect(clippy::cast_sign_loss, reason = "an open descriptor is not negative")]
fn raw(fd: BorrowedFd<'_>) -> u32 {
    fd.as_raw_fd() as u32
}

/// What the kernel said when it refused a program.
#[derive(Debug)]
pub(super) struct Refusal {
    /// errno.
    pub(super) error: io::Error,
    /// The last lines of the verifier's log.
    pub(super) log: String,
}

/// Loads one tracing program for function `btf_id` of the module whose BTF is `module`.
pub(super) fn load_tracing(
    name: &str,
    instructions: &[bpf_insn],
    attach: TraceAttach,
    module: BorrowedFd<'_>,
    btf_id: u32,
) -> Result<OwnedFd, Refusal> {
    let license = c"Dual MIT/GPL";
    let mut prog_name = [0; 16];
    for (to, from) in prog_name.iter_mut().zip(name.bytes().take(PROGRAM_NAME_BYTES)) {
        *to = from;
    }
    let mut attribute = ProgLoad {
        prog_type: BPF_PROG_TYPE_TRACING,
        insn_cnt: u32::try_from(instructions.len()).unwrap_or(u32::MAX),
        insns: instructions.as_ptr() as u64,
        license: license.as_ptr() as u64,
        prog_name,
        expected_attach_type: match attach {
            TraceAttach::Entry => 24,
            TraceAttach::Exit => 25,
        },
        attach_btf_id: btf_id,
        attach_btf_obj_fd: raw(module),
        ..ProgLoad::default()
    };
    if let Ok(result) = bpf(BPF_PROG_LOAD, &mut attribute) {
        return owned(result).map_err(|error| Refusal { error, log: String::new() });
    }
    // Once more, for the log.
    let mut log = vec![0u8; VERIFIER_LOG_BYTES];
    attribute.log_level = 1;
    attribute.log_size = u32::try_from(log.len()).unwrap_or(u32::MAX);
    attribute.log_buf = log.as_mut_ptr() as u64;
    match bpf(BPF_PROG_LOAD, &mut attribute) {
        Ok(result) => owned(result).map_err(|error| Refusal { error, log: String::new() }),
        Err(error) => Err(Refusal { error, log: last_lines(&log) }),
    }
}

fn last_lines(log: &[u8]) -> String {
    const LINES: usize = 12;
    let end = log.iter().position(|byte| *byte == 0).unwrap_or(log.len());
    let text = String::from_utf8_lossy(log.get(..end).unwrap_or_default());
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}

/// Attaches a loaded tracing program; it stays attached as long as the returned link is open.
pub(super) fn attach_tracing(program: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let mut attribute = RawTracepointOpen { name: 0, prog_fd: raw(program), reserved: 0 };
    owned(bpf(BPF_RAW_TRACEPOINT_OPEN, &mut attribute)?)
}

/// A descriptor of the BTF that the kernel holds for a module. Needs `CAP_SYS_ADMIN`.
pub(super) fn module_btf(module: &str) -> io::Result<OwnedFd> {
    let wanted = CString::new(module).map_err(io::Error::other)?;
    let mut id = 0;
    loop {
        let mut next = GetId { id, ..GetId::default() };
        bpf(BPF_BTF_GET_NEXT_ID, &mut next)?;
        id = next.next_id;
        let mut open = GetId { id, ..GetId::default() };
        let fd = match bpf(BPF_BTF_GET_FD_BY_ID, &mut open) {
            Ok(result) => owned(result)?,
            // Gone between the two calls.
            Err(error) if error.raw_os_error() == Some(libc::ENOENT) => continue,
            Err(error) => return Err(error),
        };
        let mut name = [0u8; 64];
        let mut info = BtfInfo { name: name.as_mut_ptr() as u64, name_len: 64, ..BtfInfo::default() };
        let mut get = GetInfo {
            fd: raw(fd.as_fd()),
            info_len: size_u32::<BtfInfo>(),
            info: std::ptr::from_mut(&mut info) as u64,
        };
        bpf(BPF_OBJ_GET_INFO_BY_FD, &mut get)?;
        if info.kernel_btf != 0 && name.starts_with(wanted.as_bytes_with_nul()) {
            return Ok(fd);
        }
    }
}

/// How often the kernel did not run a program because one was running on that CPU already (`recursion_misses`, from 5.12).
pub(super) fn recursion_misses(program: BorrowedFd<'_>) -> io::Result<u64> {
    /// Offset of `recursion_misses` in `struct bpf_prog_info`.
    const RECURSION_MISSES: usize = 208;
    let mut info = [0u8; 232];
    let mut get = GetInfo { fd: raw(program), info_len: 232, info: info.as_mut_ptr() as u64 };
    bpf(BPF_OBJ_GET_INFO_BY_FD, &mut get)?;
    let bytes = info.get(RECURSION_MISSES..RECURSION_MISSES + 8).and_then(|bytes| bytes.try_into().ok());
    Ok(u64::from_ne_bytes(bytes.unwrap_or([0; 8])))
}

fn size_u32<T>() -> u32 {
    u32::try_from(size_of::<T>()).unwrap_or(u32::MAX)
}

/// Lifts the limit on locked memory: before 5.11 BPF maps count against it.
pub(super) fn raise_memlock() -> io::Result<()> {
    let limit = libc::rlimit { rlim_cur: libc::RLIM_INFINITY, rlim_max: libc::RLIM_INFINITY };
    // SAFETY: a valid structure.
    if unsafe { libc::setrlimit(libc::RLIMIT_MEMLOCK, &raw const limit) } == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Sets the nice value of the calling thread. Going below its present value needs `CAP_SYS_NICE`.
pub(super) fn set_nice(nice: i32) -> io::Result<()> {
    // SAFETY: a system call on numbers; 0 is the calling thread.
    if unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, nice) } == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// `CLOCK_MONOTONIC` and `CLOCK_REALTIME` in nanoseconds, read one right after the other.
pub(super) fn clock_pair() -> (u64, u64) {
    (clock(libc::CLOCK_MONOTONIC), clock(libc::CLOCK_REALTIME))
}

/// `CLOCK_MONOTONIC` in nanoseconds.
pub fn monotonic_ns() -> u64 {
    clock(libc::CLOCK_MONOTONIC)
}

fn clock(id: libc::clockid_t) -> u64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: a valid structure; the clocks exist on every kernel in scope.
    unsafe { libc::clock_gettime(id, &raw mut now) };
    now.tv_sec.cast_unsigned() * 1_000_000_000 + now.tv_nsec.cast_unsigned()
}

/// `uname(2)`: node, release, version, machine.
pub(super) fn uname() -> [String; 4] {
    // SAFETY: all zero is a valid `utsname`, and the call fills it.
    let name = unsafe {
        let mut name: libc::utsname = std::mem::zeroed();
        libc::uname(&raw mut name);
        name
    };
    let text = |field: &[libc::c_char]| {
        let bytes: Vec<u8> = field.iter().map(|c| c.cast_unsigned()).take_while(|byte| *byte != 0).collect();
        String::from_utf8_lossy(&bytes).into_owned()
    };
    [text(&name.nodename), text(&name.release), text(&name.version), text(&name.machine)]
}
