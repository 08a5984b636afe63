//! Rule files: whatever is done to a good one, it is read or its mistake has a place in it.

use dmlog_user::gate::rules::{built_in, file};
use proptest::prelude::{Strategy, any, prop, prop_assert, proptest};

/// The sample with some of its characters taken out, doubled, or replaced by others.
fn spoiled() -> impl Strategy<Value = String> {
    let changes = prop::collection::vec((any::<prop::sample::Index>(), 0..4_u8, any::<char>()), 1..6);
    changes.prop_map(|changes| {
        let mut text: Vec<char> = built_in::SAMPLE.chars().collect();
        for (at, change, other) in changes {
            let at = at.index(text.len());
            match change {
                0 => drop(text.remove(at)),
                1 => text.insert(at, text[at]),
                2 => text[at] = other,
                _ => text.insert(at, other),
            }
        }
        text.into_iter().collect()
    })
}

proptest! {
    #[test]
    fn a_spoiled_rule_file_is_read_or_has_a_mistake_with_a_place(text in spoiled()) {
        if let Err(error) = file::parse(&text) {
            let line = text.split('\n').nth(error.line - 1);
            prop_assert!(line.is_some_and(|line| error.column <= line.chars().count() + 1), "{error}\n{text}");
            prop_assert!(!error.to_string().chars().any(char::is_control), "{error:?}");
        }
    }

    #[test]
    fn any_text_is_refused_without_a_panic(text in any::<String>()) {
        let error = file::parse(&text).expect_err("no text of chance is a rule");
        let line = text.split('\n').nth(error.line - 1);
        prop_assert!(line.is_some_and(|line| error.column <= line.chars().count() + 1), "{error}\n{text}");
    }
}
