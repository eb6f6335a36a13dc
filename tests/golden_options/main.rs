//! Small networks planned with many combinations of options: the schedule's CRC and the totals of its report.
//!
//! `fixtures/plans/table.txt` has a line for each plan: the options, then the figures. A line that has only options is a new plan; this
//! fills in its figures, and renews those that have changed:
//!
//! ```text
//! UPDATE_FIXTURES=1 cargo test --test golden_options
//! git diff fixtures/plans
//! ```

#[path = "../support/mod.rs"]
mod support;

mod figures;
mod networks;

use std::fmt::Write;
use std::path::PathBuf;
use std::sync::Once;

use rayon::prelude::*;
use support::repository;

use figures::{COLUMNS, Figures};

const TABLE: &str = "fixtures/plans/table.txt";
const RENEW: &str = "if this is meant: UPDATE_FIXTURES=1 cargo test --test golden_options, and commit fixtures/plans";

/// A line of the table: a network and options, and what they came to.
struct Line<'a> {
    plan: &'a str,
    figures: Option<Figures>,
}

/// The comment at the top of the table, and its lines.
fn parse(table: &str) -> (Vec<&str>, Vec<Line<'_>>) {
    let is_comment = |line: &&str| line.starts_with('#');
    let comment = table.lines().filter(is_comment).filter(|line| !line.contains(COLUMNS[0])).collect();
    let lines = table.lines().filter(|line| !is_comment(line) && !line.trim().is_empty()).map(|line| {
        let (plan, figures) = line.split_once('|').unwrap_or((line, ""));
        Line { plan: plan.trim(), figures: Figures::parse(figures) }
    });
    (comment, lines.collect())
}

/// The table with aligned columns.
fn print(comment: &[&str], plans: &[&str], figures: &[Figures]) -> String {
    let width = plans.iter().map(|plan| plan.len()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..COLUMNS.len())
        .map(|i| figures.iter().map(|row| row.0[i].len()).chain([COLUMNS[i].len()]).max().unwrap_or(0))
        .collect();
    let mut table = String::new();
    comment.iter().for_each(|line| writeln!(table, "{line}").unwrap());
    let heading = Figures(COLUMNS.map(str::to_owned).to_vec());
    for (plan, row) in std::iter::once((&"#", &heading)).chain(plans.iter().zip(figures)) {
        write!(table, "{plan:width$} |").unwrap();
        row.0.iter().zip(&widths).for_each(|(cell, width)| write!(table, " {cell:>width$}").unwrap());
        table.push('\n');
    }
    table
}

#[test]
fn plans_are_as_before() {
    if renews() {
        renew_networks();
    }
    let text = std::fs::read_to_string(repository(TABLE)).unwrap();
    let (comment, lines) = parse(&text);
    let plans: Vec<&str> = lines.iter().map(|line| line.plan).collect();
    let found: Vec<Figures> = plans.par_iter().with_max_len(1).map(|plan| Figures::of(plan)).collect();
    if renews() {
        std::fs::write(repository(TABLE), print(&comment, &plans, &found)).unwrap();
        return;
    }
    let mut differences = String::new();
    for (line, found) in lines.iter().zip(&found) {
        match &line.figures {
            None => writeln!(differences, "{}: no figures yet", line.plan).unwrap(),
            Some(expected) => {
                for ((column, expected), found) in COLUMNS.iter().zip(&expected.0).zip(&found.0) {
                    if expected != found {
                        writeln!(differences, "{}: {column} {found}, not {expected}", line.plan).unwrap();
                    }
                }
            }
        }
    }
    assert!(differences.is_empty(), "plans differ:\n{differences}{RENEW}");
}

/// The networks are what `networks.rs` says.
#[test]
fn networks_are_as_before() {
    if renews() {
        renew_networks();
    }
    for (name, bytes) in networks::all() {
        let path = network(name);
        assert!(std::fs::read(&path).unwrap() == bytes, "{} differs from what networks.rs makes", path.display());
    }
}

fn renews() -> bool {
    std::env::var_os("UPDATE_FIXTURES").is_some()
}

/// Writes the networks anew, once, before anybody plans them.
fn renew_networks() {
    static ONCE: Once = Once::new();
    let write = |(name, bytes): (&str, Vec<u8>)| std::fs::write(network(name), bytes).unwrap();
    ONCE.call_once(|| networks::all().into_iter().for_each(write));
}

fn network(name: &str) -> PathBuf {
    repository("fixtures/plans").join(format!("{name}.safetensors"))
}
