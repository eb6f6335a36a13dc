//! `elight-plan check`: a schedule against its weights.

use std::fmt::Write;
use std::fs::File;
use std::io::BufReader;

use anyhow::Context;
use elight::check::{Findings, Options, Part, check_parts};
use elight::held::Held;
use elight::report::thousands;

use crate::args::CheckArgs;

/// Checks and reports; an error names the first thing that is wrong, and where.
pub fn run(args: &CheckArgs) -> anyhow::Result<bool> {
    let (network, device, quantization) = args.reading.open(&args.weights)?;
    let file = File::open(&args.schedule)
        .map_err(|e| anyhow::anyhow!("{}: cannot open the schedule: {e}", args.schedule.display()))?;
    let options = Options { reparam: quantization.reparam, scale: quantization.scale };
    let mut part = Part { schedule: &mut BufReader::new(file), origin: None };
    if let Some(from) = &args.from {
        part.origin = Some(Held::read(from)?.levels().to_vec());
    }
    let findings = check_parts(&mut [part], &network, &device, &options)
        .map_err(|(_, e)| anyhow::anyhow!("{}: {e}", args.schedule.display()))?
        .swap_remove(0);
    if args.json {
        let json = serde_json::to_string_pretty(&findings).context("the findings as JSON")?;
        crate::print(format!("{json}\n").as_bytes())?;
        return Ok(true);
    }
    crate::print(table(args, &findings)?.as_bytes())?;
    Ok(true)
}

/// The findings as a person reads them.
fn table(args: &CheckArgs, findings: &Findings) -> Result<String, std::fmt::Error> {
    let mut out = String::new();
    writeln!(
        out,
        "checked   {}: {} bytes, {} frames, for a {}x{} core and device `{}`",
        args.schedule.display(),
        thousands(findings.bytes),
        thousands(findings.frames),
        findings.core_rows,
        findings.core_cols,
        findings.device
    )?;
    writeln!(
        out,
        "          {} layers; each of {} weights is multiplied once, at its own level, with its own input, in {} steps",
        findings.layers.len(),
        thousands(findings.weights),
        thousands(findings.steps)
    )?;
    if findings.left_out > 0 {
        writeln!(out, "          {} weights of level 0 are left out", thousands(findings.left_out))?;
    }
    for (name, counted) in [("first load", findings.first_load), ("inference", findings.per_inference)] {
        writeln!(
            out,
            "counted   {} writes, {} events, {} of the worst cell: {name}",
            thousands(counted.writes),
            thousands(counted.events),
            thousands(counted.max_cell_writes)
        )?;
    }
    writeln!(
        out,
        "          the totals in the schedule are these; no order with rows in these places needs fewer than {}",
        thousands(findings.bound)
    )?;
    Ok(out)
}
