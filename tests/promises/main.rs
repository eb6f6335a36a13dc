//! The promises of `docs/controller.md`, section 5: each holds, and each of its tests notices the mistakes that would break it.

#[path = "../support/mod.rs"]
mod support;

mod checks;
mod flash;
mod host;
mod journal;
mod orders;
mod safety;

use std::panic::{AssertUnwindSafe, catch_unwind};

use firmware_model::mutants::Mutant;

/// Asserts that a promise holds, and that its test notices each of these mistakes.
#[track_caller]
fn promise(holds: impl Fn(), mistakes: &[Mutant]) {
    holds();
    for mistake in mistakes {
        let noticed = mistake.during(|| catch_unwind(AssertUnwindSafe(&holds)).is_err());
        assert!(noticed, "the test does not notice {mistake:?}");
    }
}
