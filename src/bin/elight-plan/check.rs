//! `elight-plan check`: a schedule against its weights.

use std::fs::File;
use std::io::BufReader;

use anyhow::Context;
use elight::check::{Options, check_schedule};
use elight::report::thousands;

use crate::args::CheckArgs;

/// Checks and reports; an error names the first thing that is wrong, and where.
pub fn run(args: &CheckArgs) -> anyhow::Result<bool> {
    let (network, device, quantization) = args.reading.open(&args.weights)?;
    let file = File::open(&args.schedule)
        .map_err(|e| anyhow::anyhow!("{}: cannot open the schedule: {e}", args.schedule.display()))?;
    let options = Options { reparam: quantization.reparam, scale: quantization.scale };
    let findings = check_schedule(&mut BufReader::new(file), &network, &device, &options)
        .map_err(|e| anyhow::anyhow!("{}: {e}", args.schedule.display()))?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&findings).context("the findings as JSON")?);
        return Ok(true);
    }
    println!(
        "checked   {}: {} bytes, {} frames, for a {}x{} core and device `{}`",
        args.schedule.display(),
        thousands(findings.bytes),
        thousands(findings.frames),
        findings.core_rows,
        findings.core_cols,
        findings.device
    );
    println!(
        "          {} layers; each of {} weights is multiplied once, at its own level, with its own input, in {} steps",
        findings.layers.len(),
        thousands(findings.weights),
        thousands(findings.steps)
    );
    if findings.left_out > 0 {
        println!("          {} weights of level 0 are left out", thousands(findings.left_out));
    }
    for (name, counted) in [("first load", findings.first_load), ("inference", findings.per_inference)] {
        println!(
            "counted   {} writes, {} events, {} of the worst cell: {name}",
            thousands(counted.writes),
            thousands(counted.events),
            thousands(counted.max_cell_writes)
        );
    }
    println!(
        "          the totals in the schedule are these; no order with rows in these places needs fewer than {}",
        thousands(findings.bound)
    );
    Ok(true)
}
