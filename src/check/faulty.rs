//! Weights that faulty cells cannot hold: where they may be multiplied, and at which levels (docs/cores.md).
//!
//! A column of a row group may be lit in a lane, each of its weights at the nearest level that its cell holds, or left dark, whichever changes the
//! weights least: the sum of the squared changes. Every choice is accepted that some reading of the ties can justify.

use std::collections::BTreeMap;

use super::levels::{Levels, Own};
use crate::geometry::CellRange;

/// How near two sums may be for either to be the smaller, relative to that of darkness: scales count in single precision.
const TIE: f64 = 1e-6;

/// A weight in a column that no lane holds as it is.
#[derive(Clone, Debug, Default)]
pub(super) struct Choice {
    /// The lanes where it may be multiplied, and the levels that will do there.
    pub(super) lit: Vec<(usize, Own)>,
    /// Whether it may be left out.
    pub(super) dark: bool,
}

/// A core row in use: its part of a row group.
pub(super) struct Part<'a> {
    /// The levels of its weights, column by column.
    pub(super) own: &'a [Own],
    /// What the highest level stands for.
    pub(super) scale: f64,
    /// What its cells can hold.
    pub(super) ranges: &'a [CellRange],
}

/// Least and greatest sum of squared changes, by the ties.
type Span = [f64; 2];

/// The choices of each core row in use of a row group; columns that some lane holds as they are have none. `own_lane`: each column keeps to lane `column % C`.
pub(super) fn choices(levels: &Levels, parts: &[Part<'_>], own_lane: bool) -> Vec<BTreeMap<usize, Choice>> {
    let mut choices = vec![BTreeMap::new(); parts.len()];
    let Some(first) = parts.first() else { return choices };
    let cells = first.ranges.len();
    for column in 0..first.own.len() {
        let lanes = if own_lane { column % cells..column % cells + 1 } else { 0..cells };
        let holds = |part: &Part<'_>, lane: usize| {
            let CellRange { lowest, highest } = part.ranges[lane];
            part.own[column].levels().all(|level| lowest <= level && level <= highest)
        };
        if lanes.clone().any(|lane| parts.iter().all(|part| holds(part, lane))) {
            continue;
        }
        let dark = sum(parts.iter().map(|part| {
            let changes = part.own[column].levels().map(|level| levels.signed(level) * part.scale);
            Some(span(changes))
        }));
        let spans: Vec<(usize, Span)> = lanes
            .filter_map(|lane| {
                let spans = parts.iter().map(|part| {
                    let change = |level: i16| {
                        let held = nearest(levels, level, part.ranges[lane])?;
                        Some((levels.signed(held) - levels.signed(level)) * part.scale)
                    };
                    let changes: Option<Vec<f64>> = part.own[column].levels().map(change).collect();
                    Some(span(changes?.into_iter()))
                });
                Some((lane, sum(spans)?))
            })
            .collect();
        let dark = dark.unwrap_or_default();
        let surely = spans.iter().fold(f64::INFINITY, |least, (_, span)| least.min(span[1]));
        let near = TIE * dark[1];
        for (part, choices) in parts.iter().zip(&mut choices) {
            let may = spans.iter().filter(|(_, span)| span[0] <= surely.min(dark[1]) + near);
            let held = |&(lane, _): &(usize, Span)| {
                let levels = part.own[column].levels().filter_map(|level| nearest(levels, level, part.ranges[lane]));
                (lane, Own::of(levels.collect()))
            };
            choices.insert(column, Choice { lit: may.map(held).collect(), dark: dark[0] <= surely + near });
        }
    }
    choices
}

/// Of all levels that a cell can hold, the one that stands for the nearest weight.
fn nearest(levels: &Levels, level: i16, range: CellRange) -> Option<i16> {
    let error = |held: i16| (levels.signed(held) - levels.signed(level)).abs();
    (range.lowest..=range.highest).min_by(|a, b| error(*a).total_cmp(&error(*b)))
}

fn span(changes: impl Iterator<Item = f64>) -> Span {
    changes.fold([f64::INFINITY, 0.0], |[least, most], change| [least.min(change * change), most.max(change * change)])
}

fn sum(spans: impl Iterator<Item = Option<Span>>) -> Option<Span> {
    spans.into_iter().try_fold([0.0; 2], |sum, span| span.map(|span| [sum[0] + span[0], sum[1] + span[1]]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::level::{DeviceProfile, Reparam};

    #[test]
    fn columns_go_where_they_are_changed_least() {
        // Levels stand for 0, 1, 2, 4 quarters.
        let text = "name='x'\ntitle='y'\nsource='z'\n[transmission]\ntable=[0.0, 0.25, 0.5, 1.0]\n[write]\n\
                    energy_up_pj_per_level=1\nenergy_down_pj_per_level=1\ntime_up_us_per_level=1\ntime_down_us_per_level=1";
        let device = DeviceProfile::from_toml_str(text, "a test", None).unwrap();
        let levels = Levels::new(&device, Reparam::None);
        let all = CellRange { lowest: -3, highest: 3 };
        let at = |level: i16| CellRange { lowest: level, highest: level };
        let own: [Vec<Own>; 2] =
            [vec![3, 1, 0], vec![2, -1, 0]].map(|row| row.iter().map(|&l| Own::of(vec![l])).collect());
        // Lane 0: the upper cell is stuck at 2; lane 1: the lower one holds no level below 0; lane 2 is dead.
        let ranges = [[at(2), all, CellRange::DEAD], [all, CellRange { lowest: 0, highest: 3 }, all]];
        let parts = [0, 1].map(|j| Part { own: &own[j], scale: 1.0, ranges: &ranges[j] });
        let found = choices(&levels, &parts, false);
        // Column 0 is held by lane 1, column 2 by lane 1 too; column 1 changes by 1/4 in each of lanes 0 and 1.
        assert_eq!(found[0].keys().collect::<Vec<_>>(), [&1]);
        let lit = |j: usize| found[j][&1].lit.iter().map(|(lane, own)| (*lane, own.level())).collect::<Vec<_>>();
        assert_eq!((lit(0), lit(1)), (vec![(0, 2), (1, 1)], vec![(0, -1), (1, 0)]));
        assert!(!found[0][&1].dark);
        let own_lane = choices(&levels, &parts, true);
        // Each in its own lane: column 0 at level 2, column 1 in lane 1; column 2 stays dark.
        assert_eq!(own_lane[0][&0].lit.iter().map(|(lane, own)| (*lane, own.level())).collect::<Vec<_>>(), [(0, 2)]);
        assert!(own_lane[0][&2].dark && own_lane[0][&2].lit.is_empty() && !own_lane[0][&0].dark);
    }
}
