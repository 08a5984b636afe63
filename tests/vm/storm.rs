//! A storm of direct writes at the guest's full speed: with the ring at its default size nothing is lost, neither by the ring nor
//! because the kernel left out a program. It leaves them out where somebody is inside a question to a BPF map, so the recorder asks
//! none while it records.

use crate::support::map_calls::MapCalls;
use crate::support::mirrors::{LogKind, Mirror};
use crate::support::recorder::{Recorder, trace_path};
use crate::support::{kernel, out_dir, run};

/// Bios of a storm that is worth the name.
const BIOS_MIN: usize = 2_000;

#[test]
fn a_storm_of_writes_loses_nothing() {
    let mirror = Mirror::create("storm", LogKind::Disk, 0);
    mirror.wait_in_sync();
    let path = trace_path("storm");
    let recorder = Recorder::start(&path, &[]);
    let calls = MapCalls::start();
    let fio = std::env::var("DMLOG_FIO").unwrap_or_else(|_| "/usr/bin/fio".to_owned());
    let file = format!("--filename={}", mirror.path().display());
    let job = "--name=storm --rw=randwrite --bs=4k --direct=1 --ioengine=libaio --iodepth=16 --numjobs=2 --thread \
               --time_based --runtime=8 --randseed=7 --norandommap --group_reporting";
    let mut arguments: Vec<&str> = job.split_ascii_whitespace().collect();
    arguments.push(&file);
    run(&fio, &arguments);
    let calls = calls.so_far();
    assert!(calls.is_empty(), "{} questions to BPF maps meanwhile, such as {:?}", calls.len(), calls.first());
    let said = recorder.said();
    let trace = recorder.stop();
    let gaps: Vec<_> = trace.gaps().collect();
    assert!(gaps.is_empty(), "the storm lost: {gaps:?}; {said}");
    assert_eq!(trace.decode_errors(), 0, "records that were not understood");
    let bios = trace.mirror_ops().filter(|(op, _)| matches!(op, dmlog_user::event::op::MirrorOp::Map(_))).count();
    assert!(bios >= BIOS_MIN, "only {bios} bios");
    let target = out_dir().join(format!("storm-{}.dmlog", kernel()));
    std::fs::copy(&path, &target).unwrap_or_else(|error| panic!("`{}`: {error}", target.display()));
    let bytes = std::fs::metadata(&path).map_or(0, |metadata| metadata.len());
    let events = trace.events().count();
    println!("storm: {bios} bios, {events} events in 8 s, {bytes} bytes, {:.2} B/event", bytes as f64 / events as f64);
}
