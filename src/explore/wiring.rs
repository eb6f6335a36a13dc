//! The same network with the other wiring: an input for every cell, or inputs that a column shares.

use serde::{Deserialize, Serialize};

use crate::order::Effort;
use crate::order::{Order, Reach, Rows};
use crate::plan::{self, Condition, Observer, PlanError, PlanOptions, Trade};
use crate::weights::Network;

/// What a plan needs on the other wiring.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OtherWiring {
    /// Core rows that share an input there.
    pub fanout: u32,
    /// Modulators of a core there, each with a converter.
    pub modulators: u64,
    /// Writes per inference in the natural order; none without a quick plan.
    pub natural_writes: Option<u64>,
    /// Writes per inference of a quick plan: where inputs are shared, columns keep their lanes.
    pub writes: Option<u64>,
}

impl OtherWiring {
    /// The other wiring of a core, without a plan for it; none for a core of one row, where both are the same.
    #[must_use]
    pub fn of(options: &PlanOptions) -> Option<Self> {
        let (rows, cols) = (options.core.rows, options.core.cols);
        let fanout = if options.fanout == 1 { rows } else { 1 };
        let modulators = (rows * cols / fanout) as u64;
        (rows > 1).then_some(Self { fanout: fanout as u32, modulators, natural_writes: None, writes: None })
    }

    /// Plans quickly for it: intact cores, every weight in the fewest steps, the fewest writes.
    ///
    /// # Errors
    /// [`PlanError`].
    pub fn planned(
        mut self,
        network: &Network,
        options: &PlanOptions,
        observer: &dyn Observer,
    ) -> Result<Self, PlanError> {
        let fanout = self.fanout as usize;
        let options = PlanOptions {
            fanout,
            reach: if fanout > 1 { Reach::Lane } else { Reach::Row },
            rows: Rows::Stored,
            order: Order::Optimal,
            effort: Effort::Quick,
            condition: Condition { cores: options.condition.cores, ..Condition::default() },
            trade: Trade::default(),
            ..options.clone()
        };
        let folder = std::env::temp_dir();
        let failed = |source| PlanError::Output { path: folder.clone(), source };
        let place = tempfile::Builder::new().prefix("elight-").tempdir_in(&folder).map_err(failed)?;
        observer.writing_to(place.path());
        let outcome = plan::plan(network, &options, &place.path().join("plan.elight"), &[], observer)?;
        self.writes = Some(outcome.optimal.costs.per_inference.writes);
        self.natural_writes = Some(outcome.natural.costs.per_inference.writes);
        Ok(self)
    }
}
