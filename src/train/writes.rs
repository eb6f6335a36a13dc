//! Writes per inference of a network's present levels, under several orders: what the metrics of training show.
//!
//! *ELight accounting*: every tile row starts from an erased core, the erase is free, a write is one step of the signed
//! level. *Steady state*: one core, its state carried from step to step, layer to layer and inference to inference, every
//! write counted. Padding is not written.

use super::write_loss::Core;
use elight::level::LevelMatrix;
use elight::observer::{StopToken, Unobserved};
use elight::order::Effort;
use elight::order::chain::boundary::CoreBoundary;
use elight::order::families::sorted_rows::quantile;
use elight::order::rows::profile::Profiles;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Writes per inference.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Writes {
    /// ELight accounting, weights as stored.
    pub elight_natural: u64,
    /// ELight accounting, every cell in ascending order.
    pub elight_sorted: u64,
    /// Steady state, weights as stored.
    pub natural: u64,
    /// Steady state, every cell in ascending order.
    pub sorted: u64,
    /// Steady state, the planner's best order (inputs per cell, any lane of a row).
    pub optimal: u64,
}

/// Counts the writes of layers, given in the order in which they run; `top` is the highest level.
pub fn count(layers: &[&LevelMatrix], core: Core, top: i16) -> Writes {
    let profiles: Vec<Profiles> = layers.iter().map(|m| Profiles::of(&m.levels, m.rows, m.cols, top)).collect();
    let never = StopToken::new(&Unobserved);
    let optimal =
        quantile::arrange(&profiles, core.rows, core.columns, &CoreBoundary::Cyclic, Effort::Good, 0, &never).writes;
    let (elight_natural, natural) = both(layers, core, false);
    let (elight_sorted, sorted) = both(layers, core, true);
    Writes { elight_natural, elight_sorted, natural, sorted, optimal }
}

/// ELight accounting and steady state. Cells do not influence each other: each core row is counted on its own.
fn both(layers: &[&LevelMatrix], core: Core, sorted: bool) -> (u64, u64) {
    let rows: Vec<(u64, u64)> = (0..core.rows)
        .into_par_iter()
        .map(|r| {
            let mut state = vec![0i16; core.columns];
            let mut walk = || {
                let (mut elight, mut steady) = (0, 0);
                let mut path = Vec::new();
                for m in layers {
                    for o in (r..m.rows).step_by(core.rows) {
                        for (c, state) in state.iter_mut().enumerate().take(m.cols) {
                            path.clear();
                            path.extend(m.row(o)[c..].iter().step_by(core.columns));
                            if sorted {
                                path.sort_unstable();
                            }
                            let steps = |from: i16| {
                                path.iter().fold((0u64, from), |(n, at), l| (n + u64::from(at.abs_diff(*l)), *l))
                            };
                            elight += steps(0).0;
                            let (n, end) = steps(*state);
                            (steady, *state) = (steady + n, end);
                        }
                    }
                }
                (elight, steady)
            };
            walk();
            // The second inference starts where the first one ended, as every later one does.
            walk()
        })
        .collect();
    rows.iter().fold((0, 0), |a, b| (a.0 + b.0, a.1 + b.1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use elight::level::Scales;

    #[test]
    fn by_hand() {
        // One core row, two lanes, a row of three tiles (the last one half padding), then a row of one.
        let m = |cols, levels: &[i16]| LevelMatrix {
            rows: levels.len() / cols,
            cols,
            levels: levels.to_vec(),
            scales: Scales::Layer(1.0),
        };
        let (a, b) = (m(5, &[3, 0, -2, 4, 1]), m(2, &[-1, 2]));
        let w = count(&[&a, &b], Core { rows: 1, columns: 2 }, 15);
        // Lane 0: 3, -2, 1 | -1; lane 1: 0, 4 | 2.
        assert_eq!(w.elight_natural, (3 + 5 + 3) + 4 + 1 + 2);
        assert_eq!(w.natural, (4 + 5 + 3 + 2) + (2 + 4 + 2));
        // Sorted: -2, 1, 3 | -1; 0, 4 | 2.
        assert_eq!(w.elight_sorted, (2 + 5) + 4 + 1 + 2);
        assert_eq!(w.sorted, (1 + 5 + 4) + (2 + 4 + 2));
        // -2, 0, 1 | -1 in one lane: up to 1 and back; 3, 4 | 2 in the other: up to 4 and back.
        assert_eq!(w.optimal, 2 * 3 + 2 * 2);
    }

    #[test]
    fn equals_the_reference() {
        // `noreorder` and `reorder` of fixtures/golden/b4_p2_q3_k9.json, from its own level arrays.
        let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/golden");
        let bytes = std::fs::read(dir.join("b4_p2_q3_k9.safetensors")).unwrap();
        let t = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        let blocks: Vec<i16> =
            t.tensor("level_comb").unwrap().data().chunks(2).map(|b| i16::from_le_bytes([b[0], b[1]])).collect();
        let at = |row: usize, col: usize| blocks[((row / 9 * 3 + col / 9) * 9 + row % 9) * 9 + col % 9];
        let levels = (0..18 * 27).map(|i| at(i / 27, i % 27)).collect();
        let m = LevelMatrix { rows: 18, cols: 27, levels, scales: Scales::Layer(1.0) };
        let w = count(&[&m], Core { rows: 9, columns: 9 }, 15);
        assert_eq!((w.elight_natural, w.elight_sorted), (3291, 2801));
    }
}
