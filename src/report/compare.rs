//! Two plans side by side: from two reports that `--json` has printed, from two schedules, or from one of each.

use std::fs;
use std::path::{Path, PathBuf};

use firmware_model::wire::MAGIC;
use serde::Serialize;
use thiserror::Error;

use super::Report;
use super::words::network_name;
use crate::inspect::{self, Inspection};
use crate::show::Screen;
use crate::show::names::printable;
use crate::show::number::{energy, short, span, thousands, time};
use crate::show::screen::Tone;
use crate::show::table::Table;

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

    /// A report at hand; `path` is what it is called.
    #[must_use]
    pub fn of_report(path: &str, report: Report) -> Self {
        Self { path: path.to_owned(), source: Source::Report(Box::new(report)) }
    }

    /// What it is, in the order of [`FACTS`]; none where a schedule does not say.
    fn facts(&self) -> [Option<String>; 9] {
        let text = |s: &str| Some(s.to_owned());
        match &self.source {
            Source::Report(r) => [
                text(network_name(&r.network)),
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

/// Which way a figure is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Wanted {
    /// Less of it.
    Less,
    /// More of it.
    More,
    /// It says what a plan is, not how good it is.
    Neither,
}

/// Names of the figures, how each is written, and which way it is better.
const FIGURES: [(&str, Show, Wanted); 20] = [
    ("weights", whole, Wanted::Neither),
    ("steps", whole, Wanted::Less),
    ("writes per inference", whole, Wanted::Less),
    ("writes of the first load", whole, Wanted::Less),
    ("events per inference", whole, Wanted::Less),
    ("energy per inference", energy, Wanted::Less),
    ("programming per inference", time, Wanted::Less),
    ("writes of the worst cell", whole, Wanted::Less),
    ("lifetime, inferences", whole, Wanted::More),
    ("lifetime", span, Wanted::More),
    ("lower bound, writes", whole, Wanted::Neither),
    ("gap to the bound", percent, Wanted::Neither),
    ("writes, natural order", whole, Wanted::Neither),
    ("writes, sorted order", whole, Wanted::Neither),
    ("writes, best order", whole, Wanted::Neither),
    ("largest error of a layer", percent, Wanted::Less),
    ("schedule, bytes", whole, Wanted::Less),
    ("schedule, bits a weight", short, Wanted::Less),
    ("schedule, frames", whole, Wanted::Neither),
    ("decoder RAM, bytes", whole, Wanted::Less),
];

/// The figures that decide which plan is better, and how a sentence says that there is less, or more, of it.
const DECIDING: [(&str, &str); 4] = [
    ("writes per inference", "fewer writes"),
    ("energy per inference", "less energy"),
    ("programming per inference", "less time to program"),
    ("lifetime, inferences", "longer life"),
];

fn whole(n: f64) -> String {
    thousands(n as u64)
}

fn percent(n: f64) -> String {
    format!("{:.1} %", 100.0 * n)
}

/// A figure of both sides.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Pair {
    /// What it is.
    pub name: String,
    /// Which way it is better.
    pub wanted: Wanted,
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

    /// Which side is better: 0 for A, 1 for B; none where they are equal, or nobody knows.
    #[must_use]
    pub fn better(&self) -> Option<usize> {
        let [Some(a), Some(b)] = self.exact else { return None };
        match self.wanted {
            Wanted::Neither => None,
            _ if a == b => None,
            Wanted::Less => Some(usize::from(b < a)),
            Wanted::More => Some(usize::from(b > a)),
        }
    }

    /// How many times better the better side is; none where the other has none of it.
    fn times(&self) -> Option<f64> {
        let r = self.ratio()?;
        (r > 0.0).then(|| r.max(1.0 / r))
    }
}

/// Which plan is better, and by how much, with the files' names.
fn verdict(paths: &[String; 2], figures: &[Pair]) -> Vec<String> {
    let name = |side: usize| {
        let file = paths[side].rsplit(['/', '\\']).next().unwrap_or_default();
        format!("{} ({file})", ["A", "B"][side])
    };
    let deciding = DECIDING.iter().filter_map(|(figure, words)| {
        let pair = figures.iter().find(|pair| pair.name == *figure)?;
        let side = pair.better()?;
        let by = match pair.times() {
            Some(times) if times < 1.005 => return None,
            Some(times) => format!("{} {words}", ratio(Some(times))),
            None => format!("none against {}: {words}", pair.shown[1 - side]),
        };
        Some((side, by))
    });
    let deciding: Vec<(usize, String)> = deciding.collect();
    let of = |side| deciding.iter().filter(|(s, _)| *s == side).map(|(_, by)| by.as_str()).collect::<Vec<_>>();
    let (a, b) = (of(0), of(1));
    match (a.is_empty(), b.is_empty()) {
        (true, true) => vec!["neither is better in writes, energy, time to program or life".to_owned()],
        (false, true) => vec![format!("{} is better: {}", name(0), a.join(", "))],
        (true, false) => vec![format!("{} is better: {}", name(1), b.join(", "))],
        (false, false) => {
            vec![format!("{} has {}", name(0), a.join(", ")), format!("{} has {}", name(1), b.join(", "))]
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
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// The files.
    pub paths: [String; 2],
    /// Which is better, and by how much: a sentence or two.
    pub verdict: Vec<String>,
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
        let pair = |name: &str, exact: [Option<f64>; 2], show: Show, wanted: Wanted| Pair {
            name: name.to_owned(),
            wanted,
            exact,
            shown: exact.map(|n| dash(n.map(show))),
        };
        let (in_a, in_b) = (a.layers(), b.layers());
        let only_b = in_b.iter().filter(|(name, _)| in_a.iter().all(|(other, _)| other != name));
        let names = in_a.iter().chain(only_b).map(|(name, _)| *name);
        let of = |layers: &[(&str, u64)], name: &str| layers.iter().find(|(n, _)| *n == name).map(|(_, w)| *w as f64);
        let figures: Vec<Pair> =
            figures.map(|((name, show, wanted), (a, b))| pair(name, [a, b], *show, *wanted)).collect();
        let paths = [a.path.clone(), b.path.clone()];
        Self {
            verdict: verdict(&paths, &figures),
            paths,
            facts: facts.map(|(name, (a, b))| ((*name).to_owned(), [dash(a), dash(b)])).collect(),
            figures,
            layers: names.map(|name| pair(name, [of(&in_a, name), of(&in_b, name)], whole, Wanted::Less)).collect(),
        }
    }

    /// As text; `verbose`: with a line for each layer.
    #[must_use]
    pub fn print(&self, screen: &Screen, verbose: bool) -> String {
        let mut out = String::new();
        for sentence in &self.verdict {
            out += &screen.paragraph(Tone::Strong, &printable(sentence));
        }
        let [a, b] = self.paths.each_ref().map(|path| printable(path));
        out += &format!("\n{}{}", screen.fact("A", &a), screen.fact("B", &b));
        let mut table = Table::new(&[("", 0), ("A", 0), ("B", 0), ("B / A", 0)]);
        for (name, [a, b]) in &self.facts {
            let same = if a == b { "same" } else { "" };
            table.row([name.clone(), printable(a), printable(b), same.to_owned()]);
        }
        for pair in self.figures.iter().chain(self.layers.iter().filter(|_| verbose)) {
            let [a, b] = pair.shown.clone();
            let tone = match pair.better() {
                Some(0) => Tone::Bad,
                Some(_) => Tone::Good,
                None => Tone::Plain,
            };
            table.row_in(tone, [printable(&pair.name), a, b, ratio(pair.ratio())]);
        }
        out += &format!("\n{}", table.print(screen));
        let note = "of the order in each schedule, per inference in steady state, where nothing else is said; green: B is better, red: A is";
        out + &screen.paragraph(Tone::Quiet, note)
    }
}
