//! Two plans side by side: from two reports that `--json` has printed, from two schedules, or from one of each.

use std::fs;
use std::path::{Path, PathBuf};

use firmware_model::wire::MAGIC;
use thiserror::Error;

use super::number::{energy, short, span, thousands, time};
use super::{Report, plain_table};
use crate::inspect::{self, Inspection};

/// Why two plans cannot be compared.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CompareError {
    /// It cannot be read.
    #[error("{}: cannot open it: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A schedule that is damaged.
    #[error("{}: {problem}", path.display())]
    Schedule {
        /// The file.
        path: PathBuf,
        /// What a controller says.
        problem: String,
    },
    /// JSON, but no report.
    #[error(
        "{}: it is JSON, but not the report of a plan ({source}): give what `elight-plan ... --json` has printed, or a schedule",
        path.display()
    )]
    Report {
        /// The file.
        path: PathBuf,
        /// What is missing or wrong.
        source: serde_json::Error,
    },
    /// Something else.
    #[error(
        "{}: neither a report nor a schedule: give what `elight-plan ... --json` has printed, or the .elight file that it has written",
        path.display()
    )]
    Neither {
        /// The file.
        path: PathBuf,
    },
}

/// One of the two.
#[derive(Clone, Debug)]
pub struct Side {
    /// The file, as given.
    pub path: String,
    source: Source,
}

#[derive(Clone, Debug)]
enum Source {
    Report(Box<Report>),
    Schedule(Box<Inspection>),
}

impl Side {
    /// Reads a report or a schedule; which of them it is, its first bytes say.
    ///
    /// # Errors
    /// [`CompareError`].
    pub fn read(path: &Path) -> Result<Self, CompareError> {
        let file = path.to_owned();
        let bytes = fs::read(path).map_err(|source| CompareError::Read { path: file.clone(), source })?;
        let source = if bytes.starts_with(&MAGIC[..6]) {
            // Nothing is asked for that a schedule could not have.
            let found = inspect::inspect(&bytes, &inspect::Request::default())
                .map_err(|e| CompareError::Schedule { path: file.clone(), problem: e.to_string() })?;
            if let Some(problem) = found.error {
                return Err(CompareError::Schedule { path: file, problem });
            }
            Source::Schedule(Box::new(found))
        } else if serde_json::from_slice::<serde_json::Value>(&bytes).is_ok() {
            let report = serde_json::from_slice(&bytes);
            Source::Report(report.map_err(|source| CompareError::Report { path: file, source })?)
        } else {
            return Err(CompareError::Neither { path: file });
        };
        Ok(Self { path: path.display().to_string(), source })
    }

    /// What it is, in the order of [`FACTS`]; none where a schedule does not say.
    fn facts(&self) -> [Option<String>; 9] {
        let text = |s: &str| Some(s.to_owned());
        match &self.source {
            Source::Report(r) => [
                text(&r.network),
                text(&r.core),
                text(&r.device),
                Some(r.bits.to_string()),
                Some(r.fanout.to_string()),
                Some(format!("{:?}", r.reach).to_lowercase()),
                Some(format!("{:?}", r.order).to_lowercase()),
                text(&r.scale),
                text(&r.reparam),
            ],
            Source::Schedule(s) => {
                let header = s.header.as_ref();
                [
                    None,
                    header.map(|h| format!("{}x{}", h.rows, h.cols)),
                    header.map(|h| h.device.clone()),
                    header.map(|h| h.bits.to_string()),
                    header.map(|h| h.fanout.to_string()),
                    header.map(|h| h.reach.clone()),
                    None,
                    None,
                    None,
                ]
            }
        }
    }

    /// Its figures, in the order of [`FIGURES`]; none where a schedule does not say.
    fn figures(&self) -> [Option<f64>; 20] {
        match &self.source {
            Source::Report(r) => {
                let c = r.orders.of(r.order);
                let n = |n: u64| Some(n as f64);
                [
                    n(r.weights),
                    n(r.steps),
                    n(c.per_inference.writes),
                    n(c.first_load.writes),
                    n(c.per_inference.events),
                    Some(c.per_inference.energy_pj),
                    Some(c.per_inference.time_us),
                    n(c.per_inference.max_cell_writes),
                    *r.lifetime_inferences.of(r.order),
                    *r.lifetime_years.of(r.order),
                    n(r.lower_bound_writes),
                    r.gap,
                    n(r.orders.natural.per_inference.writes),
                    n(r.orders.sorted.per_inference.writes),
                    n(r.orders.optimal.per_inference.writes),
                    worst_error(r),
                    n(r.schedule.bytes),
                    Some(r.schedule.bits_per_weight),
                    n(r.schedule.frames),
                    n(r.schedule.decoder_ram_bytes.into()),
                ]
            }
            Source::Schedule(s) => {
                let mut figures = [None; 20];
                let n = |n: u64| Some(n as f64);
                let weights = s.end.map(|end| end.weights);
                figures[0] = weights.and_then(n);
                figures[1] = s.end.and_then(|end| n(end.steps));
                figures[2] = s.per_inference.and_then(|c| n(c.writes));
                figures[3] = n(s.first_load.writes);
                figures[4] = s.per_inference.and_then(|c| n(c.events));
                figures[16] = n(s.bytes);
                figures[17] = weights.filter(|w| *w > 0).map(|w| 8.0 * s.bytes as f64 / w as f64);
                figures[18] = n(s.frames_read);
                figures[19] = s.header.as_ref().and_then(|h| n(h.ram.into()));
                figures
            }
        }
    }

    /// Its layers, each with the writes per inference of the order in the schedule.
    fn layers(&self) -> Vec<(&str, u64)> {
        match &self.source {
            Source::Report(r) => {
                r.layers.iter().map(|l| (l.name.as_str(), l.orders.of(r.order).per_inference.writes)).collect()
            }
            Source::Schedule(s) => {
                s.layers.iter().map(|l| (l.name.as_str(), l.per_inference.map_or(0, |c| c.writes))).collect()
            }
        }
    }
}

fn worst_error(r: &Report) -> Option<f64> {
    r.layers.iter().map(|l| l.relative_error).max_by(f64::total_cmp)
}

/// What is said of both sides before the figures.
const FACTS: [&str; 9] = ["network", "core", "device", "bits", "fanout", "reach", "order", "scale", "reparam"];

type Show = fn(f64) -> String;

/// Names of the figures, and how each is written.
const FIGURES: [(&str, Show); 20] = [
    ("weights", whole),
    ("steps", whole),
    ("writes per inference", whole),
    ("writes of the first load", whole),
    ("events per inference", whole),
    ("energy per inference", energy),
    ("programming per inference", time),
    ("writes of the worst cell", whole),
    ("lifetime, inferences", whole),
    ("lifetime", span),
    ("lower bound, writes", whole),
    ("gap to the bound", percent),
    ("writes, natural order", whole),
    ("writes, sorted order", whole),
    ("writes, best order", whole),
    ("largest error of a layer", percent),
    ("schedule, bytes", whole),
    ("schedule, bits a weight", short),
    ("schedule, frames", whole),
    ("decoder RAM, bytes", whole),
];

fn whole(n: f64) -> String {
    thousands(n as u64)
}

fn percent(n: f64) -> String {
    format!("{:.1} %", 100.0 * n)
}

/// A figure of both sides.
#[derive(Clone, Debug, PartialEq)]
pub struct Pair {
    /// What it is.
    pub name: String,
    /// Of A and of B, exactly; none where it is not known.
    pub exact: [Option<f64>; 2],
    /// The same as a person reads them; `-` where not known.
    pub shown: [String; 2],
}

impl Pair {
    /// B over A; none when either is not known, or A is 0.
    #[must_use]
    pub fn ratio(&self) -> Option<f64> {
        match self.exact {
            [Some(a), Some(b)] if a != 0.0 => Some(b / a),
            _ => None,
        }
    }
}

/// A ratio as a person reads it: `0.51x`, `13.7x`.
#[must_use]
pub fn ratio(ratio: Option<f64>) -> String {
    match ratio {
        None => "-".to_owned(),
        Some(r) if r >= 100.0 => format!("{r:.0}x"),
        Some(r) if r >= 10.0 => format!("{r:.1}x"),
        Some(r) if r >= 0.1 => format!("{r:.2}x"),
        Some(r) => format!("{r:.3}x"),
    }
}

/// Two plans, figure by figure.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// The files.
    pub paths: [String; 2],
    /// What they are: name, A, B.
    pub facts: Vec<(String, [String; 2])>,
    /// Their figures.
    pub figures: Vec<Pair>,
    /// Writes per inference of the layers that either of them has.
    pub layers: Vec<Pair>,
}

impl Comparison {
    /// Compares; what neither knows is left out.
    #[must_use]
    pub fn new(a: &Side, b: &Side) -> Self {
        let dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        let facts = FACTS.iter().zip(a.facts().into_iter().zip(b.facts()));
        let facts = facts.filter(|(_, (a, b))| a.is_some() || b.is_some());
        let figures = FIGURES.iter().zip(a.figures().into_iter().zip(b.figures()));
        let figures = figures.filter(|(_, (a, b))| a.is_some() || b.is_some());
        let pair = |name: &str, exact: [Option<f64>; 2], show: Show| Pair {
            name: name.to_owned(),
            exact,
            shown: exact.map(|n| dash(n.map(show))),
        };
        let (in_a, in_b) = (a.layers(), b.layers());
        let only_b = in_b.iter().filter(|(name, _)| in_a.iter().all(|(other, _)| other != name));
        let names = in_a.iter().chain(only_b).map(|(name, _)| *name);
        let of = |layers: &[(&str, u64)], name: &str| layers.iter().find(|(n, _)| *n == name).map(|(_, w)| *w as f64);
        Self {
            paths: [a.path.clone(), b.path.clone()],
            facts: facts.map(|(name, (a, b))| ((*name).to_owned(), [dash(a), dash(b)])).collect(),
            figures: figures.map(|((name, show), (a, b))| pair(name, [a, b], *show)).collect(),
            layers: names.map(|name| pair(name, [of(&in_a, name), of(&in_b, name)], whole)).collect(),
        }
    }

    /// As text; `verbose`: with a line for each layer.
    #[must_use]
    pub fn print(&self, verbose: bool) -> String {
        let [a, b] = &self.paths;
        let mut out = format!("A         {a}\nB         {b}\n");
        let mut table = plain_table(["", "A", "B", "B / A"]);
        for (name, [a, b]) in &self.facts {
            let same = if a == b { "same" } else { "" };
            table.add_row([name.clone(), a.clone(), b.clone(), same.to_owned()]);
        }
        for pair in self.figures.iter().chain(self.layers.iter().filter(|_| verbose)) {
            let [a, b] = pair.shown.clone();
            table.add_row([pair.name.clone(), a, b, ratio(pair.ratio())]);
        }
        out += &format!("\n{table}\n");
        out += "          figures are of the order in each schedule, per inference in steady state, where nothing else is said\n";
        out
    }
}
