//! LVM as people use it: each command makes, loads and drops tables of its own.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::fidelity::fold::check;
use crate::fidelity::stage::Stage;
use crate::support::write::{Direct, Load};
use crate::support::{run, wait_for};

/// Comparisons that no scenario here does without.
const WRITES: &[&str] =
    &["get_resync_work", "get_sync_count", "status", "flush", "in_sync", "mark_region", "clear_region", "rh_get_state"];

const GROUP: &str = "vg";
/// Where LVM finds its configuration.
const SYSTEM_DIR: &str = "/tmp/lvm";
/// There is no udev, no daemon, and nothing that should outlive the guest.
const CONFIGURATION: &str = r#"
devices {
    dir = "/dev"
    scan = [ "/dev" ]
    filter = [ "a|^/dev/ram[0-9]+$|", "r|.*|" ]
    obtain_device_list_from_udev = 0
    external_device_info_source = "none"
    use_devicesfile = 0
    types = [ "ramdisk", 16 ]
}
allocation { wipe_signatures_when_zeroing_new_lvs = 0 }
global { use_lvmpolld = 0 event_activation = 0 support_mirrored_mirror_log = 1 locking_dir = "/tmp/lvm/lock" }
backup { backup = 0 archive = 0 }
activation {
    udev_sync = 0
    udev_rules = 0
    verify_udev_operations = 1
    monitoring = 0
    raid_region_size = 512
    polling_interval = 0
}
"#;

fn lvm(command: &str) {
    let words: Vec<&str> = command.split_ascii_whitespace().collect();
    let output = Command::new("lvm").args(&words).env("LVM_SYSTEM_DIR", SYSTEM_DIR).stdin(Stdio::null()).output();
    let output = output.unwrap_or_else(|error| panic!("lvm: {error}"));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(
        output.status.success(),
        "lvm {command}: {}: {}{}",
        output.status,
        text(&output.stdout),
        text(&output.stderr)
    );
}

/// One that takes its time.
fn lvm_beside(command: &str) -> Child {
    let mut program = Command::new("lvm");
    program.args(command.split_ascii_whitespace()).env("LVM_SYSTEM_DIR", SYSTEM_DIR);
    program.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    program.spawn().unwrap_or_else(|error| panic!("lvm: {error}"))
}

/// A volume group that goes away at the end, whatever a test left in it.
#[derive(Debug)]
struct Group;

impl Group {
    fn create() -> Self {
        let folder = Path::new(SYSTEM_DIR);
        std::fs::create_dir_all(folder.join("lock")).unwrap_or_else(|error| panic!("`{SYSTEM_DIR}`: {error}"));
        crate::support::write_text(folder.join("lvm.conf"), CONFIGURATION);
        let disks: Vec<String> = (0..8).map(|number| format!("/dev/ram{number}")).collect();
        // What other tests left on them.
        for disk in &disks {
            let zeros = std::fs::OpenOptions::new().write(true).open(disk);
            let zeros = zeros.and_then(|mut disk| std::io::Write::write_all(&mut disk, &vec![0; 1 << 20]));
            zeros.unwrap_or_else(|error| panic!("`{disk}`: {error}"));
        }
        let disks = disks.join(" ");
        lvm(&format!("pvcreate -ff -y {disks}"));
        lvm(&format!("vgcreate -s 1m {GROUP} {disks}"));
        Self
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let mut remove = Command::new("lvm");
        remove.args(["vgremove", "-ff", "-y", GROUP]).env("LVM_SYSTEM_DIR", SYSTEM_DIR);
        let _ = remove.stdin(Stdio::null()).output();
    }
}

fn node(volume: &str) -> PathBuf {
    Path::new("/dev/mapper").join(format!("{GROUP}-{volume}"))
}

fn wait_in_sync(volume: &str) {
    wait_for(&format!("`{volume}` in sync"), || {
        let status = run("dmsetup", &["status", &format!("{GROUP}-{volume}")]);
        let mut ratios = status.split_ascii_whitespace().filter_map(|word| word.split_once('/'));
        ratios.all(|(in_sync, regions)| in_sync == regions).then_some(())
    });
}

/// A direct write to each of the first places of 512 KiB.
fn write(volume: &str) {
    let device = Direct::open(&node(volume));
    (0..16).for_each(|place| device.write(place * 1024));
}

fn create(volume: &str, log: &str) {
    lvm(&format!("lvcreate -y -Zn -Wn --type mirror -m1 --mirrorlog {log} --alloc anywhere -l 12 -n {volume} {GROUP}"));
    wait_in_sync(volume);
    write(volume);
}

fn remove(volume: &str) {
    lvm(&format!("lvremove -f -y {GROUP}/{volume}"));
}

/// Log types and legs change under a mirror that is written to.
fn convert() {
    create("changed", "disk");
    for change in ["--mirrorlog core", "--mirrorlog disk", "-m2", "-m1"] {
        lvm(&format!("lvconvert -y {change} {GROUP}/changed"));
        write("changed");
        wait_in_sync("changed");
    }
    remove("changed");
}

fn extend() {
    create("longer", "disk");
    lvm(&format!("lvextend -y -l +8 {GROUP}/longer"));
    write("longer");
    wait_in_sync("longer");
    Direct::open(&node("longer")).write(19 * 2048);
    remove("longer");
}

/// A volume in several segments, each of which has a short-lived mirror while it moves, is written to all the time.
fn move_under_load() {
    lvm(&format!("lvcreate -y -Zn -Wn -l 6 -n moved {GROUP} /dev/ram0"));
    for disk in [1, 0, 1, 0, 1, 0] {
        lvm(&format!("lvextend -y -l +2 {GROUP}/moved /dev/ram{disk}"));
    }
    let load = Load::start(&node("moved"), 18 * 2048);
    let mut mover = lvm_beside("pvmove -i 0 /dev/ram0 /dev/ram2 /dev/ram3");
    let status = wait_for("end of pvmove", || mover.try_wait().ok().flatten());
    let mut said = String::new();
    let stderr = mover.stderr.take().map(|mut stderr| stderr.read_to_string(&mut said));
    assert!(status.success(), "pvmove: {status}: {said} ({stderr:?})");
    assert!(load.writes() > 0);
    drop(load);
    remove("moved");
}

#[test]
fn volumes_of_lvm() {
    let mut stage = Stage::start("volumes");
    let group = Group::create();
    for (name, volume, log) in [
        ("lvcreate, core log", "incore", "core"),
        ("lvcreate, disk log", "ondisk", "disk"),
        ("lvcreate, mirrored log", "mirrored", "mirrored"),
    ] {
        stage.play(name, WRITES, || {
            create(volume, log);
            remove(volume);
            Vec::new()
        });
    }
    stage.play("lvconvert", WRITES, || {
        convert();
        Vec::new()
    });
    stage.play("lvextend", WRITES, || {
        extend();
        Vec::new()
    });
    stage.play("pvmove under load", WRITES, || {
        move_under_load();
        Vec::new()
    });
    drop(group);
    check(&stage.end());
}
