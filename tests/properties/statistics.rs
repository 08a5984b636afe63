//! The statistics of the gate against reference values: `tests/support/statistics.py` computes them with SciPy.

use dmlog_user::gate::statistics::holm;
use dmlog_user::gate::statistics::quantile::ranks;
use dmlog_user::gate::statistics::rank::{mann_whitney, mann_whitney_normal};
use dmlog_user::gate::statistics::shift::hodges_lehmann;
use serde::Deserialize;

#[derive(Deserialize)]
struct Reference {
    pairs: Vec<Pair>,
    quantiles: Vec<Quantile>,
    holm: Vec<Holm>,
}

#[derive(Deserialize)]
struct Pair {
    left: Vec<f64>,
    right: Vec<f64>,
    u: f64,
    exact_p: f64,
    asymptotic_p: Option<f64>,
    shift: f64,
    interval95: Option<(f64, f64)>,
    interval99: Option<(f64, f64)>,
}

#[derive(Deserialize)]
struct Quantile {
    n: u64,
    p: f64,
    confidence: f64,
    ranks: (Option<u64>, Option<u64>),
}

#[derive(Deserialize)]
struct Holm {
    p: Vec<f64>,
    adjusted: Vec<f64>,
}

fn reference() -> Reference {
    serde_json::from_str(include_str!("../support/statistics.json")).unwrap()
}

fn close(ours: f64, theirs: f64) -> bool {
    (ours - theirs).abs() < 1e-9
}

#[test]
fn mann_whitney_is_scipys() {
    for Pair { left, right, u, exact_p, asymptotic_p, .. } in reference().pairs {
        let test = mann_whitney(&left, &right).unwrap();
        assert!(test.is_exact && close(test.u, u) && close(test.p, exact_p), "{left:?} {right:?}: {test:?}, {exact_p}");
        let normal = mann_whitney_normal(&left, &right).unwrap();
        assert!(close(normal.p, asymptotic_p.unwrap_or(1.0)), "{left:?} {right:?}: {normal:?}, {asymptotic_p:?}");
    }
}

#[test]
fn the_shift_and_its_interval_are_those_of_the_inverted_test() {
    for Pair { left, right, shift, interval95, interval99, .. } in reference().pairs {
        for (confidence, interval) in [(0.95, interval95), (0.99, interval99)] {
            let ours = hodges_lehmann(&left, &right, confidence).unwrap();
            assert!(close(ours.estimate, shift), "{left:?} {right:?}: {ours:?}");
            let is_same = match (ours.interval, interval) {
                (Some(ours), Some(theirs)) => close(ours.0, theirs.0) && close(ours.1, theirs.1),
                (ours, theirs) => ours.is_none() && theirs.is_none(),
            };
            assert!(is_same, "{left:?} {right:?} at {confidence}: {ours:?}, {interval:?}");
        }
    }
}

#[test]
fn order_statistics_are_scipys() {
    for Quantile { n, p, confidence, ranks: theirs } in reference().quantiles {
        assert_eq!(ranks(n, p, confidence), theirs, "n {n}, p {p}, {confidence}");
    }
}

#[test]
fn holm_is_step_down() {
    for Holm { p, adjusted } in reference().holm {
        let ours = holm::adjusted(&p);
        assert!(ours.iter().zip(&adjusted).all(|(ours, theirs)| close(*ours, *theirs)), "{p:?}: {ours:?}");
    }
    assert_eq!(holm::adjusted(&[]), [0.0; 0]);
}
