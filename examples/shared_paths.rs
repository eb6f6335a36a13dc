//! Orders of single lanes whose rows share inputs, as closed tours, for a comparison with a general solver (`benches/lkh.py`).
//!
//!     cargo run --release --example shared_paths -- [PROBLEMS] [NODES] [ROWS] [fast|good|best]
//!
//! Prints a JSON object a line: the matrix of distances, the level steps of our order, and the seconds of processor time that it took.

use std::time::Instant;

use elight::level::{DeviceProfile, Quantizer, Reparam, ScaleMode};
use elight::observer::{StopToken, Unobserved};
use elight::order::Effort;
use elight::order::bundles::lane::Lane;
use elight::order::chain::boundary::Boundary;
use elight::order::tour::nodes::Nodes;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rand_distr::{Distribution, StandardNormal};

/// Time of this thread on a processor where the system tells it, else since `begun`; seconds.
fn seconds(begun: Instant) -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanoseconds = text.and_then(|text| text.split(' ').next().and_then(|ns| ns.parse::<f64>().ok()));
    nanoseconds.map_or_else(|| begun.elapsed().as_secs_f64(), |ns| ns / 1e9)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let number = |i: usize, default: usize| args.get(i).map_or(Ok(default), |text| text.parse());
    let (problems, nodes, rows) = (number(0, 20)?, number(1, 72)?, number(2, 64)?);
    let effort = match args.get(3).map_or("good", String::as_str) {
        "fast" => Effort::Fast,
        "good" => Effort::Good,
        "best" => Effort::Best,
        other => return Err(format!("effort `{other}`: expected fast, good or best").into()),
    };
    let quantizer =
        Quantizer::new(&DeviceProfile::preset("elight").ok_or("no preset")?, Reparam::None, ScaleMode::Layer);
    for problem in 0..problems {
        let mut rng = ChaCha8Rng::seed_from_u64(problem as u64);
        let weights: Vec<f32> = (0..rows * nodes).map(|_| StandardNormal.sample(&mut rng)).collect();
        let levels = quantizer.quantize(rows, nodes, &weights);
        let rows: Vec<&[i16]> = (0..rows).map(|row| levels.row(row)).collect();
        let columns = [Nodes::of(&rows, nodes, 15)];
        let begun = Instant::now();
        let before = seconds(begun);
        let plan = Lane::new(&columns, &Boundary::Cyclic).solve(effort, problem as u64, &StopToken::new(&Unobserved));
        let took = seconds(begun) - before;
        let matrix: Vec<Vec<i32>> =
            (0..nodes).map(|i| (0..nodes).map(|j| columns[0].distance(i, j)).collect()).collect();
        let line = serde_json::json!({"matrix": matrix, "writes": plan.writes, "bound": plan.bound, "seconds": took});
        println!("{line}");
    }
    Ok(())
}
