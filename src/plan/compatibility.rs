//! Which options go together: one table. The errors, the table in docs/trade.md and the test over all pairs of options come from it.

use std::fmt::Write as _;

use super::error::PlanError;
use super::options::PlanOptions;
use crate::geometry::{CoreSize, Reach};
use crate::order::cost::objective::Payment;
use crate::order::cost::pulse_cost::MOST_LEVELS;
use crate::order::extra_steps::ExtraSteps;
use crate::order::{Order, Rows};
use crate::weights::{LayerKind, Network};

/// Something that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feature {
    /// Rows share inputs.
    SharedInputs,
    /// Weights keep their lanes.
    ReachLane,
    /// Weights may leave their lanes.
    ReachRow,
    /// Weights may leave their core rows.
    ReachCore,
    /// Rows may sit anywhere.
    RowsAny,
    /// The stored or ELight's order is written.
    OrderStored,
    /// ELight's order is written.
    OrderSorted,
    /// What is made small is not in proportion to the writes on this device.
    Objective,
    /// The time or the worst cell.
    LatencyOrWear,
    /// What is made small is counted by the pulse on this device.
    PulseObjective,
    /// Cells with more levels than pulse orders are found for.
    ManyLevels,
    /// More steps than needed.
    ExtraSteps,
    /// Every cell keeps one level.
    FixedLevels,
    /// So many percent more steps.
    PercentSteps,
    /// Cells that cannot hold every level.
    Faults,
    /// Cells that hold every level.
    Intact,
    /// Cores that hold what an earlier schedule left.
    From,
    /// A plan that is rotated on its core.
    Rotation,
    /// The same, by lanes.
    LaneRotation,
}

/// All of them, in the order of the table.
const FEATURES: [Feature; 19] = [
    Feature::OrderStored,
    Feature::OrderSorted,
    Feature::RowsAny,
    Feature::ExtraSteps,
    Feature::FixedLevels,
    Feature::PercentSteps,
    Feature::Objective,
    Feature::LatencyOrWear,
    Feature::PulseObjective,
    Feature::Rotation,
    Feature::LaneRotation,
    Feature::From,
    Feature::SharedInputs,
    Feature::Faults,
    Feature::Intact,
    Feature::ReachLane,
    Feature::ReachRow,
    Feature::ReachCore,
    Feature::ManyLevels,
];

/// What becomes of features that are asked for together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Refused: the first of them needs something else.
    Needs(&'static str),
    /// The first of them changes nothing in the schedule.
    NoEffect,
}

/// A row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// Features that do not go together, the one that has to give way first.
    pub when: &'static [Feature],
    /// What becomes of them.
    pub verdict: Verdict,
    /// Why.
    pub why: &'static str,
}

const fn needs(when: &'static [Feature], needs: &'static str, why: &'static str) -> Rule {
    Rule { when, verdict: Verdict::Needs(needs), why }
}

const fn no_effect(when: &'static [Feature], why: &'static str) -> Rule {
    Rule { when, verdict: Verdict::NoEffect, why }
}

/// The table. What it does not name goes together; of several rows that refuse, the first is reported.
pub const RULES: [Rule; 36] = {
    use Feature::*;
    [
        needs(&[OrderSorted, SharedInputs], "--fanout cell", "ELight's order moves every weight by itself"),
        needs(&[RowsAny, SharedInputs], "--fanout cell", "rows that share an input move together"),
        needs(
            &[OrderStored, Faults, ReachRow],
            "--reach lane",
            "weights in their stored lanes take the levels that the cells there can hold",
        ),
        needs(&[RowsAny, Faults, ReachLane], "--rows stored", "weights are fitted to the cells of their stored places"),
        needs(&[ExtraSteps, OrderStored], "--order optimal", "weights of other orders have their steps"),
        needs(&[ExtraSteps, SharedInputs], "--fanout cell", "a cell idles by a dark input of its own"),
        needs(&[ExtraSteps, ReachLane], "--reach row", "weights are shared out anew over the lanes of their row"),
        needs(&[ExtraSteps, Faults], "intact cores", "the order around faults chooses its own steps"),
        needs(
            &[Objective, SharedInputs],
            "--fanout cell",
            "columns of shared inputs are ordered for the fewest writes",
        ),
        needs(&[Objective, Faults], "intact cores", "the order around faults is for the fewest writes"),
        needs(&[Objective, ReachLane, RowsAny], "--rows stored", "rows find their places by their writes"),
        needs(&[LatencyOrWear, ReachLane], "--reach row", "weights trade cells within their row"),
        needs(&[PulseObjective, ManyLevels], "at most 5 bits (--bits)", "exact orders are known for up to 63 levels"),
        needs(&[Rotation, OrderStored], "--order optimal", "other orders stay where they are stored"),
        needs(&[Rotation, Faults], "intact cores", "every cell plays the part of other cells"),
        needs(&[LaneRotation, ReachLane], "--reach row", "weights keep their lanes"),
        needs(&[ReachCore, OrderStored], "--order optimal", "other orders leave rows where they are stored"),
        needs(&[ReachCore, SharedInputs], "--fanout cell", "each cell of a visit takes an input of its own"),
        needs(&[ReachCore, Faults], "intact cores", "cells are chosen as if each could hold every level"),
        needs(&[ReachCore, Rotation], "--reach row", "outputs deal their weights out to certain core rows"),
        needs(
            &[ReachCore, Objective, PercentSteps],
            "--extra-steps fixed",
            "patterns are chosen for the fewest writes",
        ),
        no_effect(&[Objective, ReachCore], "nothing is written after the first load"),
        no_effect(&[From, ReachCore], "cells are laid out for the fewest steps"),
        no_effect(&[FixedLevels, ReachCore], "cells keep their levels in any case"),
        no_effect(&[RowsAny, ReachCore], "outputs visit any core row in any case"),
        no_effect(&[RowsAny, ReachRow], "rows are free with reach `row` in any case"),
        no_effect(&[RowsAny, OrderStored], "only the optimal order moves rows"),
        no_effect(&[ReachLane, OrderStored, Intact], "only the optimal order moves weights to other lanes"),
        no_effect(&[Objective, OrderStored], "only the optimal order follows an objective"),
        no_effect(&[Objective, FixedLevels], "nothing is written after the first load"),
        no_effect(&[From, OrderStored], "other orders stay where they are stored"),
        no_effect(&[From, SharedInputs], "the order of columns is not chosen for the first load"),
        no_effect(&[From, Faults], "rows sit where the cells suit them"),
        no_effect(&[From, Rotation], "rows sit where the rotation puts them"),
        no_effect(&[From, PulseObjective, ReachLane], "rows and their levels have their places"),
        no_effect(&[From, FixedLevels], "all core rows hold the same levels"),
    ]
};

impl Feature {
    /// Whether the options ask for it.
    fn is_in(self, options: &PlanOptions) -> bool {
        let payment = options.trade.objective.on(&options.device.cost);
        match self {
            Self::SharedInputs => options.fanout > 1,
            Self::ReachLane => options.reach == Reach::Lane,
            Self::ReachRow => options.reach == Reach::Row,
            Self::ReachCore => options.reach == Reach::Core,
            Self::RowsAny => options.rows == Rows::Any,
            Self::OrderStored => options.order != Order::Optimal,
            Self::OrderSorted => options.order == Order::Sorted,
            Self::Objective => !matches!(payment, Payment::Levels { .. }),
            Self::LatencyOrWear => matches!(payment, Payment::Time | Payment::WorstCell(_)),
            Self::PulseObjective => payment.pulse_law().is_some(),
            Self::ManyLevels => 2 * options.device.top_level() as usize + 1 > MOST_LEVELS,
            Self::ExtraSteps => options.trade.extra_steps.is_some(),
            Self::FixedLevels => options.trade.extra_steps == Some(ExtraSteps::FixedLevels),
            Self::PercentSteps => matches!(options.trade.extra_steps, Some(ExtraSteps::Percent(_))),
            Self::Faults => options.condition.damaged().is_some(),
            Self::Intact => options.condition.damaged().is_none(),
            Self::From => options.condition.from.is_some(),
            Self::Rotation => options.condition.rotation.is_some(),
            Self::LaneRotation => options.condition.rotation.is_some_and(|rotation| rotation.lanes > 0),
        }
    }

    /// How it is asked for.
    #[must_use]
    pub const fn flag(self) -> &'static str {
        match self {
            Self::SharedInputs => "--fanout column|N",
            Self::ReachLane => "--reach lane",
            Self::ReachRow => "--reach row",
            Self::ReachCore => "--reach core",
            Self::RowsAny => "--rows any",
            Self::OrderStored => "--order natural|sorted",
            Self::OrderSorted => "--order sorted",
            Self::Objective => "--objective latency|wear, or energy by the pulse",
            Self::LatencyOrWear => "--objective latency|wear",
            Self::PulseObjective => "--objective energy|wear by the pulse",
            Self::ManyLevels => "more than 5 bits",
            Self::ExtraSteps => "--extra-steps",
            Self::FixedLevels => "--extra-steps fixed",
            Self::PercentSteps => "--extra-steps P%",
            Self::Faults => "--faults",
            Self::Intact => "no --faults",
            Self::From => "--from",
            Self::Rotation => "--rotate",
            Self::LaneRotation => "--rotate by lanes",
        }
    }

    /// The same, with what was given.
    fn given(self, options: &PlanOptions) -> String {
        match self {
            Self::SharedInputs => format!("--fanout {} ({} rows share an input)", options.fanout, options.fanout),
            Self::Objective | Self::LatencyOrWear | Self::PulseObjective => {
                format!("--objective {} on the device `{}`", options.trade.objective, options.device.name)
            }
            Self::OrderStored if options.order == Order::Natural => "--order natural".to_owned(),
            Self::OrderStored => "--order sorted".to_owned(),
            Self::Intact => "intact cores".to_owned(),
            Self::ManyLevels => format!("{} bits", options.device.bits),
            Self::ExtraSteps => "--extra-steps or --sweep".to_owned(),
            Self::Faults => "faulty or worn-out cells".to_owned(),
            other => other.flag().to_owned(),
        }
    }
}

/// The features that options ask for, by which rules are looked up.
struct Features(Vec<Feature>);

impl Features {
    fn of(options: &PlanOptions) -> Self {
        Self(FEATURES.into_iter().filter(|feature| feature.is_in(options)).collect())
    }

    /// The same with another one.
    fn and(mut self, feature: Feature) -> Self {
        self.0.push(feature);
        self
    }

    fn rules(&self) -> impl Iterator<Item = &'static Rule> {
        RULES.iter().filter(|rule| rule.when.iter().all(|feature| self.0.contains(feature)))
    }

    fn refused(&self) -> Option<&'static Rule> {
        self.rules().find(|rule| matches!(rule.verdict, Verdict::Needs(_)))
    }

    fn check(&self, options: &PlanOptions) -> Result<(), PlanError> {
        let Some(Rule { when: [first, others @ ..], verdict: Verdict::Needs(needs), why }) = self.refused() else {
            return Ok(());
        };
        let others: Vec<String> = others.iter().map(|feature| feature.given(options)).collect();
        Err(PlanError::Incompatible { feature: first.given(options), needs, others: others.join(" and "), why })
    }
}

/// Refuses options that do not go together, or not with the network.
pub(super) fn check(network: &Network, options: &PlanOptions) -> Result<(), PlanError> {
    check_blocks(network, options.core)?;
    Features::of(options).check(options)
}

/// Refuses options with which no curve of steps against writes can be drawn.
pub(super) fn check_curve(options: &PlanOptions) -> Result<(), PlanError> {
    let optimal = PlanOptions { order: Order::Optimal, ..options.clone() };
    Features::of(&optimal).and(Feature::ExtraSteps).check(options)
}

/// Whether a plan with these options may be rotated on its core.
pub(super) fn may_rotate(options: &PlanOptions) -> bool {
    Features::of(options).and(Feature::Rotation).refused().is_none()
}

/// Options that change nothing in the schedule, one sentence each.
#[must_use]
pub fn without_effect(options: &PlanOptions) -> Vec<String> {
    let rules = Features::of(options);
    let rules = rules.rules().filter(|rule| rule.verdict == Verdict::NoEffect);
    rules
        .map(|rule| {
            let others: Vec<String> = rule.when[1..].iter().map(|feature| feature.given(options)).collect();
            let (first, others) = (rule.when[0].given(options), others.join(" and "));
            format!("{first} does not change the schedule with {others}: {}", rule.why)
        })
        .collect()
}

/// The table as docs/trade.md shows it.
#[must_use]
pub fn markdown() -> String {
    let mut table = "| asked for | together with | verdict | why |\n|---|---|---|---|\n".to_owned();
    for Rule { when, verdict, why } in &RULES {
        let verdict = match verdict {
            Verdict::Needs(needs) if needs.starts_with("--") => format!("needs `{needs}`"),
            Verdict::Needs(needs) => format!("needs {needs}"),
            Verdict::NoEffect => "no effect on the schedule".to_owned(),
        };
        let flags = |features: &[Feature]| {
            let flags: Vec<String> = features.iter().map(|f| format!("`{}`", f.flag().replace('|', "\\|"))).collect();
            flags.join(", ")
        };
        let (first, others) = (flags(&when[..1]), flags(&when[1..]));
        // Writing to a string does not fail.
        let _ = writeln!(table, "| {first} | {others} | {verdict} | {why} |");
    }
    table
}

fn check_blocks(network: &Network, core: CoreSize) -> Result<(), PlanError> {
    for layer in network.layers() {
        if let LayerKind::Blocks { k, .. } = layer.kind
            && (k > core.rows || k > core.cols)
        {
            return Err(PlanError::BlockSize { tensor: layer.name.clone(), k, core });
        }
    }
    Ok(())
}
