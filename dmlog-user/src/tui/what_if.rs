//! The what-if of a screen: a pass over the trace by itself, a batch for every frame.

use super::frame::WhatIfState;
use super::source::{Open, Reader};
use crate::analysis::whatif::WhatIf;
use crate::analysis::whatif::settings::Settings;
use crate::event::ids::MonoNs;
use crate::trace::error::TraceError;

/// A what-if in the making.
pub struct Job {
    until: MonoNs,
    events: u64,
    state: State,
}

enum State {
    Running(Box<(Reader, WhatIf)>),
    Failed(TraceError),
    /// The result was handed over.
    Over,
}

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Job").field("until", &self.until).field("events", &self.events).finish_non_exhaustive()
    }
}

impl Job {
    /// Opens the trace for everything up to a time.
    pub fn new(open: &Open, until: MonoNs) -> Self {
        let state = match open() {
            Ok(reader) => {
                let what_if = WhatIf::new(Some(reader.facts()), Settings::default());
                State::Running(Box::new((reader, what_if)))
            }
            Err(error) => State::Failed(error),
        };
        Self { until, events: 0, state }
    }

    /// The time up to which it looks.
    pub fn until(&self) -> MonoNs {
        self.until
    }

    /// Whether there is more to do.
    pub fn is_running(&self) -> bool {
        matches!(self.state, State::Running(_))
    }

    /// Takes in the next batch. The result is told once; after that, nothing is.
    pub fn go_on(&mut self) -> WhatIfState {
        let Self { until, events, state } = self;
        let (until, mut is_beyond) = (*until, false);
        match std::mem::replace(state, State::Over) {
            State::Over => WhatIfState::NotAsked,
            State::Failed(error) => WhatIfState::Failed(error.to_string()),
            State::Running(mut both) => {
                let (reader, what_if) = both.as_mut();
                let batch = reader.next_batch_with(|item| {
                    // Times of CPUs are not in order, but an item that is later ends what the cursor folds.
                    is_beyond |= until < item.time();
                    if !is_beyond {
                        *events += 1;
                        what_if.apply(&item);
                    }
                });
                match batch {
                    Err(error) => WhatIfState::Failed(error.to_string()),
                    Ok(Some(_)) if !is_beyond => {
                        *state = State::Running(both);
                        WhatIfState::Running { events: *events }
                    }
                    Ok(_) => WhatIfState::Done { until_ns: until.0, result: Box::new(both.1.result()) },
                }
            }
        }
    }
}
