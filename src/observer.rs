//! Progress of long work: the library tells, whoever watches paints it; and whether to go on.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

/// Told how far planning is; and asked whether to go on.
pub trait Observer: Sync {
    /// A phase begins that goes through this many weights.
    fn begin(&self, phase: &'static str, weights: u64);
    /// So many more of them are done.
    fn advance(&self, weights: u64);
    /// This file or folder stands for something that is not whole yet. Planning itself removes it after an error.
    fn writing_to(&self, _temporary: &Path) {}
    /// Whether the user wants to stop: the plan then ends with [`PlanError::Interrupted`](crate::plan::PlanError::Interrupted), and leaves no file.
    /// Asked again and again by all threads, so it should be quick.
    fn interrupted(&self) -> bool {
        false
    }
}

/// Nobody watches.
pub struct Unobserved;

impl Observer for Unobserved {
    fn begin(&self, _: &'static str, _: u64) {}
    fn advance(&self, _: u64) {}
}

/// An observer as a stop token: asked from any thread, and once it has said stop, it says stop.
///
/// What a search returns after that is of no use, but of the right form: whoever made the token looks at it before the result.
pub struct StopToken<'a> {
    observer: &'a dyn Observer,
    stopped: AtomicBool,
}

impl<'a> StopToken<'a> {
    /// Nobody has said stop yet.
    #[must_use]
    pub fn new(observer: &'a dyn Observer) -> Self {
        Self { observer, stopped: AtomicBool::new(false) }
    }

    /// Reports weights as done; whether to go on.
    pub fn advance(&self, weights: u64) -> bool {
        self.observer.advance(weights);
        self.go_on()
    }

    /// Whether to go on.
    #[must_use]
    pub fn go_on(&self) -> bool {
        if self.stopped() {
            return false;
        }
        let stop = self.observer.interrupted();
        if stop {
            self.stopped.store(true, Ordering::Relaxed);
        }
        !stop
    }

    /// Whether somebody has said stop.
    #[must_use]
    pub fn stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    /// For one long loop.
    #[must_use]
    pub fn meter(&self) -> Meter<'_> {
        Meter { token: self, left: 0 }
    }
}

/// Operations between two questions of a [`Meter`]. An operation is a distance, a step of a dynamic program, a weight: a few nanoseconds, at the very worst some
/// microseconds.
pub const STRIDE: u64 = 1 << 18;

/// The work of one long loop: asks its token at once, and then each time after [`STRIDE`] operations.
pub struct Meter<'a> {
    token: &'a StopToken<'a>,
    left: u64,
}

impl Meter<'_> {
    /// Counts operations that come now; whether to go on.
    #[inline]
    pub fn work(&mut self, operations: u64) -> bool {
        if operations < self.left {
            self.left -= operations;
            return true;
        }
        let go_on = self.token.go_on();
        self.left = if go_on { STRIDE } else { 0 };
        go_on
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::atomic::AtomicU64;

    use super::*;

    /// Says stop from the n-th question on, and counts questions.
    pub struct StopAfter {
        questions: u64,
        asked: AtomicU64,
    }

    impl StopAfter {
        pub fn new(questions: u64) -> Self {
            Self { questions, asked: AtomicU64::new(0) }
        }

        pub fn asked(&self) -> u64 {
            self.asked.load(Ordering::Relaxed)
        }
    }

    impl Observer for StopAfter {
        fn begin(&self, _: &'static str, _: u64) {}
        fn advance(&self, _: u64) {}
        fn interrupted(&self) -> bool {
            self.asked.fetch_add(1, Ordering::Relaxed) >= self.questions
        }
    }

    /// Notes the most operations between two questions; says stop after some.
    pub struct Gaps<'a> {
        done: &'a AtomicU64,
        last: AtomicU64,
        widest: AtomicU64,
        asked: AtomicU64,
        stop_after: u64,
    }

    impl<'a> Gaps<'a> {
        /// `done`: operations so far, counted by the test.
        pub fn new(done: &'a AtomicU64, stop_after: u64) -> Self {
            let [last, widest, asked] = Default::default();
            Self { done, last, widest, asked, stop_after }
        }

        pub fn widest(&self) -> u64 {
            self.widest.load(Ordering::Relaxed)
        }
    }

    impl Observer for Gaps<'_> {
        fn begin(&self, _: &'static str, _: u64) {}
        fn advance(&self, _: u64) {}
        fn interrupted(&self) -> bool {
            let now = self.done.load(Ordering::Relaxed);
            self.widest.fetch_max(now - self.last.swap(now, Ordering::Relaxed), Ordering::Relaxed);
            self.asked.fetch_add(1, Ordering::Relaxed) >= self.stop_after
        }
    }

    #[test]
    fn questions_come_by_the_work_and_a_stop_stays() {
        let observer = StopAfter::new(3);
        let token = StopToken::new(&observer);
        let mut meter = token.meter();
        assert!(meter.work(1) && observer.asked() == 1);
        for _ in 1..STRIDE {
            assert!(meter.work(1));
        }
        assert_eq!(observer.asked(), 1);
        assert!(meter.work(1) && observer.asked() == 2);
        assert!(meter.work(10 * STRIDE) && observer.asked() == 3);
        assert!(!token.stopped() && !meter.work(STRIDE) && token.stopped());
        // From then on the observer is left alone.
        assert!(!token.go_on() && !token.advance(1) && !token.meter().work(1));
        assert_eq!(observer.asked(), 4);
    }
}
