//! What a plan comes to.

use std::path::Path;

use elight::level::DeviceProfile;
use elight::order::{Order, Reach, Rows};
use elight::plan::{self, PlanOptions, Unobserved};
use elight::weights::{Filter, Layout, Network};
use serde_json::Value;

use crate::support::program::Sandbox;
use crate::support::repository;

/// Writes are level steps per inference in steady state, unless a column says more.
pub const COLUMNS: [&str; 14] = [
    "crc32",
    "bytes",
    "steps",
    "writes",
    "bound",
    "events",
    "first",
    "worst",
    "energy_pJ",
    "time_us",
    "value",
    "at_least",
    "natural",
    "sorted",
];

/// A cell of the table for each of [`COLUMNS`].
#[derive(PartialEq, Eq)]
pub struct Figures(pub Vec<String>);

impl Figures {
    pub fn parse(text: &str) -> Option<Self> {
        let cells: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
        (cells.len() == COLUMNS.len()).then_some(Self(cells))
    }

    /// Plans; `plan`: the network's name and options, where files are those of `fixtures/plans`.
    pub fn of(plan: &str) -> Self {
        let (network, options) = plan.split_once(' ').unwrap_or((plan, ""));
        let args: Vec<&str> = options.split_whitespace().collect();
        if args.contains(&"--segment-bytes") { in_segments(network, &args) } else { of_program(network, &args) }
    }
}

/// Plans with the program.
fn of_program(network: &str, args: &[&str]) -> Figures {
    let mut sandbox = Sandbox::empty();
    for file in std::fs::read_dir(repository("fixtures/plans")).unwrap().map(|file| file.unwrap()) {
        let name = file.file_name().into_string().unwrap();
        if args.contains(&name.as_str()) || name == format!("{network}.safetensors") {
            sandbox = sandbox.file(&name, std::fs::read(file.path()).unwrap());
        }
    }
    let weights = format!("{network}.safetensors");
    if args.contains(&"before.elight") {
        // What the core holds: the natural order, which ends anywhere.
        let same = ["--core", "--cores", "--bits", "--device", "--fanout", "--layout"];
        let same = args.windows(2).filter(|pair| same.contains(&pair[0])).flatten().copied();
        sandbox.run([&weights, "-o", "before.elight", "--order", "natural"].into_iter().chain(same)).success();
    }
    let report = sandbox.run([&weights, "-o", "plan.elight", "--json"].iter().chain(args)).json();
    assert_eq!(report["verified"]["writes_match"], true, "{network} {args:?}");
    assert_eq!(report["verified"]["outputs_match"], true, "{network} {args:?}");
    let schedules = sandbox.files().into_iter().filter(|name| name.starts_with("plan"));
    let bytes: Vec<u8> = schedules.flat_map(|name| sandbox.read(&name)).collect();
    let chosen = report["order"].as_str().unwrap();
    let (first, steady) = (&report["orders"][chosen]["first_load"], &report["orders"][chosen]["per_inference"]);
    let writes = |order: &str| number(&report["orders"][order]["per_inference"]["writes"]);
    Figures(vec![
        crc(&bytes),
        bytes.len().to_string(),
        number(&report["steps"]),
        number(&steady["writes"]),
        number(&report["lower_bound_writes"]),
        number(&steady["events"]),
        number(&first["writes"]),
        number(&steady["max_cell_wear"]),
        number(&steady["energy_pj"]),
        number(&steady["time_us"]),
        number(&report["objective"]["value"]),
        number(&report["objective"]["lower_bound"]),
        writes("natural"),
        writes("sorted"),
    ])
}

/// Plans in segments of so many bytes, which the program does only with large networks.
fn in_segments(network: &str, args: &[&str]) -> Figures {
    let value = |name: &str| args.iter().position(|arg| *arg == name).map(|at| args[at + 1]);
    let path = repository("fixtures/plans").join(format!("{network}.safetensors"));
    let network = Network::open(&path, Layout::Matrix, &Filter::new(&[], &[]).unwrap()).unwrap();
    let core = value("--core").unwrap().parse().unwrap();
    let mut options = PlanOptions::new(core, DeviceProfile::load("elight", None).unwrap());
    options.segment_bytes = value("--segment-bytes").unwrap().parse().unwrap();
    if let Some(fanout) = value("--fanout") {
        options.fanout = fanout.parse::<plan::Fanout>().unwrap().rows(core).unwrap();
    }
    match value("--reach") {
        None => {}
        Some("lane") => options.reach = Reach::Lane,
        Some(other) => panic!("--reach {other}"),
    }
    match value("--rows") {
        None => {}
        Some("any") => options.rows = Rows::Any,
        Some(other) => panic!("--rows {other}"),
    }
    let folder = tempfile::tempdir().unwrap();
    let schedule = folder.path().join("plan.elight");
    let outcome = plan::plan(&network, &options, Path::new(&schedule), &[], &Unobserved).unwrap();
    let bytes = std::fs::read(&schedule).unwrap();
    let (steady, first) = (&outcome.optimal.costs.per_inference, &outcome.optimal.costs.first_load);
    let writes = |order: Order| outcome.of(order).costs.per_inference.writes;
    Figures(vec![
        crc(&bytes),
        bytes.len().to_string(),
        outcome.end.steps.to_string(),
        steady.writes.to_string(),
        outcome.lower_bound_writes.to_string(),
        steady.events.to_string(),
        first.writes.to_string(),
        steady.max_cell_wear.to_string(),
        seven_digits(steady.energy_pj),
        seven_digits(steady.time_us),
        steady.writes.to_string(),
        seven_digits(outcome.objective_lower_bound),
        writes(Order::Natural).to_string(),
        writes(Order::Sorted).to_string(),
    ])
}

fn crc(bytes: &[u8]) -> String {
    format!("{:08x}", crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC).checksum(bytes))
}

fn number(value: &Value) -> String {
    match value.as_u64() {
        Some(whole) => whole.to_string(),
        None => value.as_f64().map_or("-".to_owned(), seven_digits),
    }
}

/// Sums of fractions differ in their last places from machine to machine.
fn seven_digits(value: f64) -> String {
    format!("{value:.6e}").parse::<f64>().unwrap().to_string()
}
