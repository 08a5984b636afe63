//! The text form loses nothing and shows nothing harmful.

use dmlog_user::event::flat::OP_NAMES;
use dmlog_user::event::item::Item;
use dmlog_user::event::text::parse::parse;
use dmlog_user::event::text::render;
use proptest::prelude::ProptestConfig;
use proptest::strategy::Strategy;
use proptest::test_runner::TestRunner;
use proptest::{prop_assert, prop_assert_eq};

use crate::items;

fn check(cases: u32, strategy: &impl Strategy<Value = Item>) {
    let mut runner = TestRunner::new(ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() });
    runner
        .run(strategy, |item| {
            let line = render(&item);
            prop_assert!(!line.chars().any(char::is_control), "{line:?}");
            prop_assert_eq!(parse(&line), Ok(item), "{}", line);
            Ok(())
        })
        .unwrap();
}

#[test]
fn text_round_trip_of_every_operation() {
    for (code, _) in OP_NAMES {
        check(100, &items::event(*code));
    }
}

#[test]
fn text_round_trip_of_every_kind_of_item() {
    check(2000, &items::item());
}

#[test]
fn every_operation_is_made() {
    let mut runner = TestRunner::deterministic();
    for (code, name) in OP_NAMES {
        let op = items::op(*code).new_tree(&mut runner).map(|tree| proptest::strategy::ValueTree::current(&tree));
        assert_eq!(op.map(|op| op.code()), Ok(*code), "{name}");
    }
}

#[test]
fn no_line_panics_the_parser() {
    let mut runner = TestRunner::new(ProptestConfig { cases: 5000, failure_persistence: None, ..Default::default() });
    // A whole line with one character changed, taken out or put in.
    let damaged = (items::item(), proptest::prelude::any::<(u16, char, u8)>()).prop_map(|(item, (place, c, how))| {
        let mut chars: Vec<char> = render(&item).chars().collect();
        let place = usize::from(place) % chars.len();
        match how % 3 {
            0 => chars[place] = c,
            1 => chars.insert(place, c),
            _ => {
                chars.remove(place);
            }
        }
        chars.into_iter().collect::<String>()
    });
    runner
        .run(&damaged, |line| {
            match parse(&line) {
                // What is still a line is a line of exactly one item.
                Ok(item) => prop_assert_eq!(parse(&render(&item)), Ok(item)),
                Err(error) => prop_assert!(!error.to_string().chars().any(char::is_control)),
            }
            Ok(())
        })
        .unwrap();
}
