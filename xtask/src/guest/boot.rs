//! Stage three of a guest: QEMU.
//!
//! Emulation (TCG) is the only accelerator: it runs everywhere, hardware virtualization hides in half of all build
//! machines or hangs there, and guest time has to mean the same in every run. Address randomisation and mitigations
//! make emulation two to three times slower, so they are off unless the stock command line is asked for.

use std::io::{self, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::guest::kernel::Kernel;
use crate::guest::{GuestSpec, Machine, Start, Timing};
use crate::process;

/// The emulator; it belongs to Debian's package `qemu-system-x86`.
const QEMU: &str = "qemu-system-x86_64";
/// Before this release a processor can execute code that another one has just patched, if each has its own thread: a
/// stock kernel patches itself while it boots, probes make it do so again, and on a busy host one boot in some dozens
/// dies of an `int3` that is nobody's. Fixed by QEMU's commit deba78709a ("accel/tcg: Always lock pages before
/// translation"); Debian 12 has 7.2.
const THREADS_ARE_SAFE: (u32, u32) = (8, 1);
/// QEMU connects its second serial port at once, or does not work at all.
const CONNECT_LIMIT: Duration = Duration::from_secs(20);
/// Always on the kernel's command line: warnings and worse on the first port; a panic ends the machine at once; the
/// processor's own random numbers are trusted, because an idle guest gathers no others for minutes; an emulated processor may stand still while
/// the host is busy, so the kernel's watchdogs are patient.
const COMMAND_LINE: &str = "console=ttyS0 loglevel=5 panic=-1 random.trust_cpu=on sysrq_always_enabled \
                            watchdog_thresh=60 rcupdate.rcu_cpu_stall_timeout=120";
/// What makes a hung kernel explain itself: QEMU's escape for a break on the serial line, then the sysrq letter.
/// `9` lets all messages through, `w` lists blocked tasks, `l` shows what every processor does.
const EXPLAIN_HANG: [&[u8]; 3] = [b"\x01b9", b"\x01bw", b"\x01bl"];
/// On it unless the stock one is asked for. Every probe that is taken off waits for all processors to have passed the
/// kernel's read sections; being told to hurry, they need not come by at their next tick.
const FAST: &str = "norandmaps nokaslr mitigations=off rcupdate.rcu_expedited=1";

/// A running QEMU; dropping it ends the process.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    /// The first serial port's other direction; absent where somebody sits at the terminal.
    keyboard: Option<ChildStdin>,
    /// Kernel messages; absent there too.
    pub(crate) kernel_console: Option<ChildStdout>,
    /// Output of the script; absent there too: the terminal has it.
    pub(crate) script_console: Option<UnixStream>,
}

impl Running {
    /// Asks the kernel what it is waiting for; a kernel that is really dead does not answer.
    pub(crate) fn explain_hang(&mut self) {
        for keys in EXPLAIN_HANG {
            let Some(keyboard) = &mut self.keyboard else { return };
            // QEMU may be gone; then there is nobody to ask.
            drop(keyboard.write_all(keys).and_then(|()| keyboard.flush()));
            // The kernel takes the letter that follows a break, if it does not follow too fast.
            thread::sleep(Duration::from_millis(200));
        }
    }

    /// True once QEMU has ended.
    pub(crate) fn has_ended(&mut self) -> Result<bool> {
        Ok(self.child.try_wait().context("QEMU cannot be waited for")?.is_some())
    }

    /// Waits for QEMU's end, at most so long, and ends it then.
    pub(crate) fn end_within(&mut self, limit: Duration) -> Result<()> {
        let deadline = Instant::now() + limit;
        while !self.has_ended()? {
            if deadline <= Instant::now() {
                // It may have ended by itself between the two calls.
                drop(self.child.kill());
                self.child.wait().context("QEMU cannot be waited for")?;
                break;
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail when the process is gone already, which is what is wanted.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Starts the machine. Its files are in `scratch`; a shell's kernel messages go straight to `log`.
pub(crate) fn start(
    spec: &GuestSpec,
    kernel: &Kernel,
    initramfs: &Path,
    scratch: &Path,
    log: &Path,
) -> Result<Running> {
    let socket = scratch.join("console");
    let mut command = Command::new(QEMU);
    machine(&mut command, &spec.machine, tcg_threads(&process::output(Command::new(QEMU).arg("--version"))?));
    command.arg("-kernel").arg(&kernel.image).arg("-initrd").arg(initramfs);
    command.arg("-append").arg(command_line(&spec.machine));
    command.arg("-fsdev").arg(format!("local,id=out,path={},security_model=none", escaped(&spec.out)));
    command.args(["-device", "virtio-9p-pci,fsdev=out,mount_tag=out", "-device", "virtio-rng-pci"]);
    let missing = || format!("`{QEMU}` did not start; run `cargo xtask setup` to install it");
    match spec.start {
        Start::Terminal(_) => {
            command.arg("-serial").arg(format!("file:{}", escaped(log))).args(["-serial", "mon:stdio"]);
            let child = command.spawn().with_context(missing)?;
            Ok(Running { child, keyboard: None, kernel_console: None, script_console: None })
        }
        Start::Script(_) => {
            let listener = UnixListener::bind(&socket)
                .with_context(|| format!("the console's socket `{}` cannot be made", socket.display()))?;
            // With a monitor on the same channel QEMU understands the escape that sends a break.
            command.args(["-serial", "mon:stdio"]);
            command.arg("-chardev").arg(format!("socket,id=script,path={}", escaped(&socket)));
            command.args(["-serial", "chardev:script"]);
            // What QEMU itself has to say belongs into the log too, but it says it before there is one: show it.
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
            let mut child = command.spawn().with_context(missing)?;
            let (keyboard, kernel_console) = (child.stdin.take(), child.stdout.take());
            let mut running = Running { child, keyboard, kernel_console, script_console: None };
            running.script_console = Some(accept(&listener, &mut running, &process::shown(&command))?);
            Ok(running)
        }
    }
}

/// Options that do not depend on the run's files.
fn machine(command: &mut Command, machine: &Machine, threads: &str) {
    let Machine { cpus, memory_mib, timing, stock_command_line: _, append: _ } = machine;
    command.args([
        "-nodefaults",
        "-no-user-config",
        "-no-reboot",
        "-display",
        "none",
        "-machine",
        "q35",
        "-cpu",
        "max",
    ]);
    command.args(["-m", &memory_mib.to_string()]);
    match timing {
        Timing::Wall => command.args(["-accel", &format!("tcg,thread={threads}"), "-smp", &cpus.to_string()]),
        Timing::InstructionCount => command.args([
            "-accel",
            "tcg,thread=single",
            "-icount",
            "shift=0,sleep=off",
            "-rtc",
            "clock=vm",
            "-smp",
            "1",
        ]),
    };
}

/// One thread for each processor, or one for all, by what `--version` prints: `QEMU emulator version 7.2.22 (…)`.
fn tcg_threads(version: &str) -> &'static str {
    let mut numbers = version.split("version ").nth(1).unwrap_or_default().split(['.', ' ']).map(str::parse::<u32>);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor))) if THREADS_ARE_SAFE <= (major, minor) => "multi",
        _ => "single",
    }
}

fn command_line(machine: &Machine) -> String {
    let mut words = vec![COMMAND_LINE];
    if !machine.stock_command_line {
        words.push(FAST);
    }
    words.extend(machine.append.iter().map(String::as_str));
    words.join(" ")
}

/// In an option of QEMU a comma separates, and two stand for one.
fn escaped(path: &Path) -> String {
    path.to_string_lossy().replace(',', ",,")
}

/// Waits for QEMU to connect its second port, but not for a QEMU that has already given up.
fn accept(listener: &UnixListener, running: &mut Running, command: &str) -> Result<UnixStream> {
    listener.set_nonblocking(true).context("the console's socket cannot be set up")?;
    let deadline = Instant::now() + CONNECT_LIMIT;
    loop {
        match listener.accept() {
            Ok((stream, _)) => {
                stream.set_nonblocking(false).context("the console's socket cannot be set up")?;
                return Ok(stream);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error).context("the console's socket does not accept"),
        }
        if running.has_ended()? {
            bail!("QEMU ended before the machine started; the command was `{command}`");
        }
        if deadline <= Instant::now() {
            bail!("QEMU did not connect its console; the command was `{command}`");
        }
        thread::sleep(Duration::from_millis(5));
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{FAST, command_line, escaped, tcg_threads};
    use crate::guest::Machine;

    #[test]
    fn the_stock_command_line_leaves_randomisation_on() {
        let mut machine = Machine { append: vec!["dm_mod.x=1".to_owned()], ..Machine::default() };
        assert!(command_line(&machine).contains(FAST));
        machine.stock_command_line = true;
        assert!(!command_line(&machine).contains("nokaslr"));
        assert!(command_line(&machine).ends_with(" dm_mod.x=1"));
    }

    #[test]
    fn processors_share_a_thread_where_qemu_has_the_race() {
        assert_eq!(tcg_threads("QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7)\n"), "single");
        assert_eq!(tcg_threads("QEMU emulator version 8.1.0\n"), "multi");
        assert_eq!(tcg_threads("QEMU emulator version 10.0.2 (Debian)\n"), "multi");
        assert_eq!(tcg_threads("something else"), "single");
    }

    #[test]
    fn a_comma_in_a_path_does_not_end_the_option() {
        assert_eq!(escaped(Path::new("/a,b")), "/a,,b");
    }
}
