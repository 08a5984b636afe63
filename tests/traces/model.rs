//! The model against real kernels: no divergence, and comparisons enough to say so.

use std::path::{Path, PathBuf};

use dmlog_user::session::model::rules::Rules;
use dmlog_user::session::snapshot::Snapshot;
use dmlog_user::session::{Session, Settings};
use dmlog_user::trace::reader::TraceReader;

/// Committed traces of every schema version.
pub(crate) fn recordings() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/traces/data");
    let versions = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir());
    let mut paths: Vec<PathBuf> = versions
        .flat_map(|version| std::fs::read_dir(version).unwrap())
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "dmlog"))
        .collect();
    paths.sort();
    paths
}

fn fold(path: &Path, rules: Rules) -> Snapshot {
    let mut reader = TraceReader::new(std::fs::File::open(path).unwrap()).unwrap();
    let facts = reader.facts().clone();
    let mut session = Session::new(Some(&facts), Settings::default()).with_rules(Some(&facts), rules);
    while reader.next_batch_with(|item| session.apply(&item)).unwrap().is_some() {}
    session.snapshot(10)
}

#[test]
fn real_kernels_do_what_the_model_says() {
    let recordings = recordings();
    assert!(recordings.len() >= 8, "core and disk of four kernels at least: {recordings:?}");
    for path in recordings {
        let snapshot = fold(&path, Rules::Kernel);
        let model = snapshot.model.as_ref().unwrap();
        let name = path.file_name().unwrap().to_string_lossy();
        println!("{name}: {} compared, {} unknown, {} concurrent", model.compared, model.unknown, model.concurrent);
        for row in snapshot.devices.iter().flat_map(|device| &device.comparisons) {
            println!("    {:<16} {:>4} {:>4} {:>4}", row.name, row.compared, row.unknown, row.concurrent);
        }
        assert_eq!((model.divergences, model.unsettled), (0, 0), "{name}: {:#?}", model.differences);
        assert!(model.compared > 400, "{name}: {} comparisons", model.compared);
        assert!(model.unknown * 50 < model.compared, "{name}: {} unknown", model.unknown);
    }
}

/// Wrong rules that show on every trace of a log type, whatever the mirror does: resync, one write after the other. Snapshots
/// of bits may show them on others too.
const SHOWS_ON: [(Rules, &[&str]); 3] = [
    (Rules::RecoveringDoesNotTouch, &["disk"]),
    (Rules::ClearDoesNotTouch, &["disk"]),
    (Rules::MarkLosesSync, &["core", "disk"]),
];

#[test]
fn a_wrong_rule_is_found_on_real_traces() {
    for path in recordings() {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        for (rules, log_types) in SHOWS_ON {
            let model = fold(&path, rules).model.unwrap();
            let shows = log_types.iter().any(|log_type| name.starts_with(log_type));
            println!("{name} {rules:?}: {} divergences, {} unsettled", model.divergences, model.unsettled);
            assert!(model.divergences > 0 || !shows, "{name} {rules:?}");
        }
    }
}
