//! `elight-plan check`: a schedule against its weights.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use elight::check::{Findings, Options, Part, check_parts, limits};
use elight::cli;
use elight::core_state::CoreState;
use elight::faults::{CoreFaults, FaultFile};
use elight::plan::CoreSize;
use elight::show::names::printable;
use elight::show::screen::{Screen, Tone};
use elight::show::{count, thousands};

use crate::args::CheckArgs;
use crate::mistakes;

/// Checks and reports; an error names the first thing that is wrong, and where.
pub fn run(args: &CheckArgs) -> anyhow::Result<()> {
    mistakes::of_check("check", &args.schedules, &args.weights)?;
    mistakes::of_reading(&args.reading.levels, &args.reading.tensors)?;
    let (mut network, device, quantization) = args.reading.open(&args.weights)?;
    let options = Options { reparam: quantization.reparam, scale: quantization.scale };
    if args.reading.levels.calibrate {
        // By code of the check's own.
        let limits = limits(&network, &device, &options)?;
        network.limit(limits);
    }
    anyhow::ensure!(
        args.from.is_empty() || args.from.len() == args.schedules.len(),
        "--from is needed once for each of the {} schedules, in their order, and was given {}",
        args.schedules.len(),
        count(args.from.len() as u64, "time")
    );
    let mut files = Vec::with_capacity(args.schedules.len());
    for schedule in &args.schedules {
        let file = File::open(schedule);
        let file = file.map_err(|e| anyhow::anyhow!("{}: cannot open the schedule: {e}", schedule.display()))?;
        files.push(BufReader::new(file));
    }
    let fault_files = if args.wear.is_empty() { &args.faults } else { &args.wear };
    let mut faults = match fault_files.first() {
        None => Vec::new(),
        Some(first) => {
            let core = FaultFile::read(first)?.core.parse::<CoreSize>()?;
            elight::settings::faults(fault_files, args.schedules.len(), core, &device)?.unwrap_or_default()
        }
    };
    if !args.wear.is_empty() {
        elight::faults::retire(&mut faults, &device)?;
    }
    let mut parts = Vec::with_capacity(files.len());
    for (number, file) in files.iter_mut().enumerate() {
        let from = args.from.get(number).map(|from| CoreState::read(from));
        let origin = from.transpose()?.map(|state| state.levels().to_vec());
        let ranges = faults.get(number).map(CoreFaults::cells);
        parts.push(Part { schedule: file, origin, ranges });
    }
    let found = check_parts(&mut parts, &network, &device, &options)
        .map_err(|(number, e)| anyhow::anyhow!("{}: {e}", args.schedules[number].display()))?;
    if args.json {
        return match &found[..] {
            [findings] => cli::print_json(findings),
            all => cli::print_json(&all),
        };
    }
    let screen = cli::screen();
    let mut out = String::new();
    for (schedule, findings) in args.schedules.iter().zip(&found) {
        out += &table(&screen, schedule, findings, found.len());
    }
    if found.len() > 1 {
        let weights = count(found.iter().map(|findings| findings.weights).sum(), "weight");
        out += &screen.fact(
            "together",
            &format!("{} cores; each of {weights} is multiplied exactly once over all of them", found.len()),
        );
    }
    cli::print(&out)
}

/// The findings as a person reads them.
fn table(screen: &Screen, schedule: &Path, findings: &Findings, cores: usize) -> String {
    let weights = count(findings.weights, "weight");
    let weights = if cores == 1 { format!("each of {weights}") } else { format!("each of its {weights}") };
    let mut out = screen.fact_in(
        Tone::Good,
        "right",
        &format!(
            "{weights} is multiplied once, at its own level, with its own input, in {} and {}",
            count(findings.layers.len() as u64, "layer"),
            count(findings.steps, "step")
        ),
    );
    if findings.left_out > 0 {
        let left_out = count(findings.left_out, "weight");
        out += &screen.fact("left out", &format!("{left_out} of level 0, or without a cell that could hold the level"));
    }
    out += &screen.fact(
        "schedule",
        &format!(
            "{}: {}, {}, for a {}x{} core and device `{}`",
            printable(&schedule.display().to_string()),
            count(findings.bytes, "byte"),
            count(findings.frames, "frame"),
            findings.core_rows,
            findings.core_cols,
            printable(&findings.device)
        ),
    );
    for (name, counted) in [("first load", findings.first_load), ("inference", findings.per_inference)] {
        out += &screen.fact(
            "counted",
            &format!(
                "{name}: {}, {}, {} of the worst cell",
                count(counted.writes, "write"),
                count(counted.events, "event"),
                thousands(counted.max_cell_writes)
            ),
        );
    }
    out + &screen.fact(
        "bound",
        &format!(
            "the totals in the schedule are these; no order with rows in these places needs fewer than {}",
            count(findings.bound, "write")
        ),
    )
}
