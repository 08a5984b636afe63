//! The tiers that boot guests, as one queue of jobs, whatever tier they are of, with as many at a time as there are processors. A guest
//! waits for a third of its time, yet with three on two processors each takes half as long again and nothing is won: the slower a guest is,
//! the larger the part of its time that ticks and loads of a fixed length take.

use std::num::NonZero;
use std::panic::resume_unwind;
use std::sync::{Mutex, PoisonError};
use std::thread;

use anyhow::Result;

use crate::test::tally::Tally;

/// One guest with everything that is done with it.
pub(crate) struct Job {
    /// What stands before the names of its tests: `vm 6.1`.
    pub(crate) name: String,
    /// The work.
    pub(crate) work: Box<dyn FnOnce() -> Result<Tally> + Send>,
}

/// Runs the jobs in their order, as many side by side as there are processors; whoever is done takes the next.
pub(crate) fn run(jobs: Vec<Job>) -> Tally {
    let at_once = thread::available_parallelism().map_or(1, NonZero::get).min(jobs.len());
    let queue = Mutex::new(jobs.into_iter());
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
    let work = || {
        let mut results = Vec::new();
        while let Some(Job { name, work }) = next() {
            results.push((work(), name));
        }
        results
    };
    let results = thread::scope(|scope| {
        let workers: Vec<_> = (0..at_once).map(|_| scope.spawn(work)).collect();
        let joined = workers.into_iter().map(thread::ScopedJoinHandle::join);
        joined.flat_map(|result| result.unwrap_or_else(|panic| resume_unwind(panic))).collect::<Vec<_>>()
    });
    let mut total = Tally::default();
    for (result, name) in results {
        let tally = result.unwrap_or_else(|error| {
            eprintln!("error: {name}: {error:#}");
            let mut tally = Tally::default();
            tally.fail("the guest itself (see the error above)".to_owned());
            tally
        });
        total.add(&format!("{name} "), tally);
    }
    total
}

#[cfg(test)]
mod tests {
    use anyhow::{Result, anyhow};

    use super::{Job, run};
    use crate::test::tally::Tally;

    #[test]
    fn every_job_is_done_once_and_one_that_breaks_has_failed() {
        let job = |name: &str, result: Result<Tally>| Job { name: name.to_owned(), work: Box::new(move || result) };
        let mut passed = Tally::default();
        passed.pass();
        let mut jobs: Vec<Job> = (0..5).map(|_| job("vm", Ok(passed.clone()))).collect();
        jobs.push(job("gate", Err(anyhow!("no boot"))));
        let total = run(jobs);
        assert_eq!(total.to_string(), "5 passed, 1 failed, 0 skipped");
        assert_eq!(total.details(), "failed gate the guest itself (see the error above)\n");
        assert_eq!(run(Vec::new()).total(), 0);
    }
}
