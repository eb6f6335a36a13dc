//! Which reading each tensor has, and how sure that is.
//!
//! 1. *Tables.* A tensor that is called a lookup table is one, unless its rows are what later layers read.
//! 2. *Biases.* A bias as long as one dimension, and not the other, proves which one is the outputs.
//! 3. *Orientation.* All matrices of one convention are stored alike. The usual orientation is proved when every one of them reads what
//!    an earlier layer gives, and some would not if they were turned round; the other one is proved the other way.
//! 4. *Transposed convolutions* are judged by families: modules whose names differ in numbers only.
//! 5. *Groups* come from the layer before (`super::groups`).
//! 6. A layer whose usual reading reads what no earlier layer gives, and that another reading fits, has that reading if it is the
//!    only one; otherwise it is unknown.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::flow::{Around, Fit, Flow, is_recurrent};
use super::groups::{self, Seen, Sure};
use super::names::Table;
use super::readings::{Reading, many_taps, readings};
use super::sift::{Candidate, Convention};
use crate::weights::WeightsError;
use crate::weights::description::{Axis, Certainty, Layer, Operation, OrderSource};
use crate::weights::file::Tensor;

/// What a candidate is.
pub(super) enum Judged<'a> {
    Layer(Box<Layer>),
    Table { tensor: &'a Tensor, reason: String },
}

/// A candidate at work.
struct Case<'a> {
    candidate: Candidate<'a>,
    /// All readings; the first is the usual one.
    readings: Vec<Reading>,
    chosen: Reading,
    /// Something but the flow decides.
    settled: Option<(Certainty, String)>,
    /// Whether only these groups fit.
    groups: Sure,
    /// It has no bias, though most layers have one.
    without_bias: bool,
}

/// Judges the candidates, which come in the model's order.
pub(super) fn judge<'a>(
    candidates: Vec<Candidate<'a>>,
    metadata: &BTreeMap<String, String>,
    order: OrderSource,
) -> Result<Vec<Judged<'a>>, WeightsError> {
    let cases: Vec<Case<'a>> = candidates.into_iter().map(Case::new).collect();
    let (mut cases, tables) = without_tables(cases);
    let widths = tables.iter().map(|(tensor, _)| tensor.shape.last().copied().unwrap_or(0)).collect();
    let around = &Around { tables: widths, sorted: order == OrderSource::Names };
    let biased = cases.iter().filter(|case| case.candidate.bias.is_some()).count();
    let usual = 2 * biased > cases.len();
    cases.iter_mut().for_each(|case| case.without_bias = usual && case.candidate.bias.is_none());
    cases.iter_mut().for_each(Case::ask_bias);
    orient(&mut cases, around);
    transposed(&mut cases, around);
    group(&mut cases, metadata, around)?;
    let flow = flow(&cases, around);
    let proved = families_with_groups(&cases, &flow);
    let layers = cases.iter().enumerate().map(|(number, case)| case.layer(number, &flow, &proved));
    let tables = tables.into_iter().map(|(tensor, reason)| Judged::Table { tensor, reason });
    Ok(tables.collect::<Vec<_>>().into_iter().chain(layers).collect())
}

impl<'a> Case<'a> {
    fn new(candidate: Candidate<'a>) -> Case<'a> {
        let readings = readings(&candidate);
        let chosen = readings[0].clone();
        Case { candidate, readings, chosen, settled: None, groups: Sure::Yes, without_bias: false }
    }

    /// A bias has as many elements as there are outputs.
    fn ask_bias(&mut self) {
        let Some(bias) = self.candidate.bias else { return };
        let matrices = self.chosen.matrices;
        let outs = match *bias {
            [outs] => outs,
            [stack, outs] if stack == matrices => outs,
            _ => return,
        };
        let fits: Vec<&Reading> = self.readings.iter().filter(|reading| reading.outs == outs).collect();
        if let [only] = fits[..]
            && self.readings.len() > 1
        {
            self.chosen = only.clone();
            self.settled = Some((Certainty::Proved, format!("its bias has {outs} elements")));
        }
    }

    fn taps(&self) -> usize {
        self.chosen.taps(&self.candidate.tensor.shape)
    }
}

fn flow(cases: &[Case<'_>], around: &Around) -> Flow {
    Flow::new(cases.iter().map(|case| (&case.candidate, &case.chosen)), around)
}

/// Takes out the lookup tables: a table's columns, not its rows, are what later layers read.
fn without_tables<'a>(cases: Vec<Case<'a>>) -> (Vec<Case<'a>>, Vec<(&'a Tensor, String)>) {
    let mut readers: HashMap<usize, usize> = HashMap::new();
    for case in cases.iter().filter(|case| case.candidate.table == Table::No) {
        *readers.entry(case.chosen.ins).or_default() += 1;
    }
    let verdict = |case: &Case<'_>, perhaps: bool| -> Option<String> {
        let shape = &case.candidate.tensor.shape;
        let (rows, cols) = (case.chosen.outs, shape.last().copied().unwrap_or(0));
        let (rows_read, cols_read) = (rows > 4 && readers.contains_key(&rows), readers.contains_key(&cols));
        if case.candidate.table == Table::No || case.candidate.bias.is_some() {
            return None;
        }
        let table = match case.candidate.table {
            Table::Known => true,
            Table::Yes => !rows_read || cols_read && rows == cols,
            _ => perhaps && !rows_read,
        };
        if case.candidate.table == Table::Perhaps && table {
            return Some(
                "it is taken for a lookup table: nothing reads its rows; if it is a layer, name it with --include"
                    .into(),
            );
        }
        let read = if cols_read { ", and its columns, not its rows, are what later layers read" } else { "" };
        table.then(|| format!("its name says that it is a lookup table, not a matrix product{read}"))
    };
    let columns_read =
        |case: &Case<'_>| readers.contains_key(&case.candidate.tensor.shape.last().copied().unwrap_or(0));
    // One encoder whose columns are read is a table; the others beside it are, too.
    let perhaps = cases
        .iter()
        .any(|case| case.candidate.table == Table::Perhaps && columns_read(case) && verdict(case, true).is_some());
    let (mut kept, mut tables) = (Vec::new(), Vec::new());
    for mut case in cases {
        match verdict(&case, perhaps) {
            Some(reason) => tables.push((case.candidate.tensor, reason)),
            None => {
                let doubtful = case.candidate.table != Table::No && case.candidate.bias.is_none();
                let rows_read = readers.contains_key(&case.chosen.outs);
                if doubtful && (!rows_read || case.candidate.table == Table::Perhaps) {
                    let note = "it might be a lookup table, too: nothing shows which; exclude it if it is".to_owned();
                    case.settled = Some((Certainty::Assumed, note));
                }
                kept.push(case);
            }
        }
    }
    (kept, tables)
}

/// How many layers of a class read what nothing before them gives, how well the rest fits, and what flows then.
fn weigh(
    cases: &[Case<'_>],
    members: &[usize],
    around: &Around,
    least: Fit,
    choice: impl Fn(&Case<'_>) -> Reading,
) -> (usize, usize, Flow) {
    let chosen: Vec<Reading> = {
        let members: HashSet<usize> = members.iter().copied().collect();
        let reading = |(number, case): (usize, &Case<'_>)| match members.contains(&number) {
            true => choice(case),
            false => case.chosen.clone(),
        };
        cases.iter().enumerate().map(reading).collect()
    };
    let flow = Flow::new(cases.iter().map(|case| &case.candidate).zip(&chosen), around);
    let (mut none, mut score) = (0, 0);
    for &number in members {
        let fit = flow.fit(number, &chosen[number], is_recurrent(&cases[number].candidate));
        none += usize::from(fit < least);
        score += fit as usize;
    }
    (none, score, flow)
}

/// Decides which way round the matrices of each convention are stored.
fn orient(cases: &mut [Case<'_>], around: &Around) {
    let mut classes: Vec<(Convention, Vec<usize>)> = Vec::new();
    for (number, case) in cases.iter().enumerate() {
        let turned =
            case.readings.len() > 1 && case.chosen.kind == Operation::Linear && case.candidate.tensor.shape.len() <= 3;
        if !turned
            || many_taps(&case.candidate)
            || (case.candidate.tensor.shape.len() == 3 && case.chosen.matrices == 1)
        {
            continue;
        }
        match classes.iter_mut().find(|(convention, _)| *convention == case.candidate.convention) {
            Some((_, members)) => members.push(number),
            None => classes.push((case.candidate.convention, vec![number])),
        }
    }
    for (convention, members) in classes {
        // A bias that shows the usual orientation shows that of all, one that shows the other shows that.
        let by_bias = |usual: bool| {
            let shows = |&&number: &&usize| {
                let case = &cases[number];
                matches!(case.settled, Some((Certainty::Proved, _))) && (case.chosen == case.readings[0]) == usual
            };
            members.iter().filter(shows).count()
        };
        let (usual, other) = (by_bias(true), by_bias(false));
        let (usual_none, usual_score, _) =
            weigh(cases, &members, around, Fit::Derived, |case| case.readings[0].clone());
        let (other_none, other_score, _) =
            weigh(cases, &members, around, Fit::Earlier, |case| case.readings[1].clone());
        let square = members.iter().all(|&number| cases[number].readings[0].ins == cases[number].readings[0].outs);
        let turn = match (usual, other) {
            (0, 1..) => true,
            (1.., _) => false,
            _ => usual_none > 0 && other_none < usual_none && (other_none == 0 || other_score > usual_score),
        };
        let certainty = match () {
            () if usual + other > 0 => Certainty::Proved,
            () if turn && other_none == 0 => Certainty::Proved,
            () if turn => Certainty::Unknown,
            () if square => Certainty::Assumed,
            () if usual_none < other_none => Certainty::Proved,
            () => Certainty::Assumed,
        };
        let usual_name = convention != Convention::Unsure;
        for &number in &members {
            let case = &mut cases[number];
            if matches!(case.settled, Some((Certainty::Proved, _))) {
                continue;
            }
            if turn {
                case.chosen = case.readings[1].clone();
            }
            let doubt = case.settled.take();
            case.settled = match (certainty, doubt) {
                (_, Some(doubt)) => Some(doubt),
                (Certainty::Proved, None) if usual_name => None,
                (Certainty::Assumed, None) if usual_name => {
                    let other = &case.readings[usize::from(!turn)];
                    (case.chosen.ins != case.chosen.outs || square).then(|| {
                        (
                            Certainty::Assumed,
                            format!("usual; nothing around it excludes {}: {}", other.say(), other.line()),
                        )
                    })
                }
                (certainty, None) => Some((certainty, String::new())),
            };
        }
    }
}

/// Finds the families of convolutions that are transposed.
fn transposed(cases: &mut [Case<'_>], around: &Around) {
    let mut families: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (number, case) in cases.iter().enumerate() {
        let may_be =
            case.candidate.convention == Convention::OutFirst || case.candidate.convention == Convention::Unsure;
        if may_be
            && case.settled.is_none()
            && case.chosen.kind.dims() > 0
            && case.readings.len() == 2
            && case.taps() > 1
        {
            families.entry(case.candidate.name.family()).or_default().push(number);
        }
    }
    let plain = flow(cases, around);
    let mut decided: Vec<(usize, Certainty, String)> = Vec::new();
    for members in families.into_values() {
        // Only where the layer just before gives what a transposed convolution would read.
        let suspicious = members.iter().any(|&number| {
            let (usual, other) = (&cases[number].readings[0], &cases[number].readings[1]);
            usual.ins != usual.outs && usual.ins > 1 && plain.fit(number, other, false) == Fit::Next
                || plain.fit(number, usual, false) < Fit::Derived && usual.ins > 1
        });
        if !suspicious {
            continue;
        }
        let (usual_none, usual_score, _) =
            weigh(cases, &members, around, Fit::Derived, |case| case.readings[0].clone());
        let (other_none, other_score, turned) =
            weigh(cases, &members, around, Fit::Earlier, |case| case.readings[1].clone());
        let read = |transposed: usize| {
            let flow = if transposed == 1 { &turned } else { &plain };
            let is = |&&number: &&usize| flow.is_read(number, &cases[number].readings[transposed]);
            members.iter().filter(is).count()
        };
        let even = members.iter().filter(|&&number| is_even(&cases[number])).count();
        let named = members.iter().any(|&number| says_transposed(&cases[number].candidate));
        let grouped = members.iter().all(|&number| {
            let case = &cases[number];
            let usual = &case.readings[0];
            plain.is_read(number, usual)
                && (plain.fit(number, usual, false) >= Fit::Derived
                    || !groups::that_fit(&plain, number, &case.candidate, usual).is_empty())
        });
        let all_read = read(1) == members.len();
        let say = |number: usize, reading: usize| {
            let reading = &cases[number].readings[reading];
            format!("{}: {}", reading.say(), reading.line())
        };
        if usual_none > 0 && other_none == 0 && all_read && (!grouped || named) {
            decided.extend(members.iter().map(|&number| (number, Certainty::Proved, "nothing else fits".to_owned())));
        } else if named && other_none == 0 {
            decided.extend(
                members.iter().map(|&number| {
                    (number, Certainty::Assumed, format!("by its name; it might be {}", say(number, 0)))
                }),
            );
        } else if other_none == 0
            && other_score + even > usual_score
            && all_read
            && read(1) + even > read(0)
            && members.len() > 1
        {
            let note = |number| format!("a layer of either kind fits: {}, or {}", say(number, 0), say(number, 1));
            decided.extend(members.iter().map(|&number| (number, Certainty::Unknown, note(number))));
        }
    }
    for (number, certainty, note) in decided {
        if certainty != Certainty::Unknown {
            cases[number].chosen = cases[number].readings[1].clone();
        }
        cases[number].settled = Some((certainty, note));
    }
}

/// A kernel of 2 or 4 taps along each side: what doubles the positions.
fn is_even(case: &Case<'_>) -> bool {
    case.candidate.tensor.shape[2..].iter().all(|taps| matches!(taps, 2 | 4))
}

fn says_transposed(candidate: &Candidate<'_>) -> bool {
    const WORDS: [&str; 8] =
        ["transpose", "transposed", "deconv", "upconv", "convtranspose", "tconv", "deconvolution", "convt"];
    candidate.name.words().any(|word| WORDS.contains(&word.as_str()))
}

/// Decides the groups of convolutions, in order.
fn group(cases: &mut [Case<'_>], metadata: &BTreeMap<String, String>, around: &Around) -> Result<(), WeightsError> {
    let flow = flow(cases, around);
    let mut seen: Vec<Seen<'_>> = Vec::with_capacity(cases.len());
    for case in cases.iter_mut() {
        let name = case.candidate.name.full;
        let plain_conv = case.candidate.convention != Convention::OutLast && !case.chosen.kind.is_transposed();
        let stated = groups::stated(metadata, name, case.chosen.outs)?;
        let (channels, outs) = (case.chosen.ins, case.chosen.outs);
        let (groups, sure) = match stated {
            Some(groups) => {
                case.settled = Some((Certainty::Stated, String::new()));
                (groups, Sure::Yes)
            }
            None if plain_conv && case.chosen.groups == 1 => {
                groups::infer(&seen, &flow, name, &case.chosen, case.taps())
            }
            None => (1, Sure::Yes),
        };
        case.groups = sure;
        if groups > 1 {
            case.chosen = case.chosen.grouped(groups);
        }
        seen.push(Seen { name, outs, channels, groups, sure });
    }
    Ok(())
}

/// Families of which a member must be grouped: without groups it would read what no earlier layer gives.
fn families_with_groups(cases: &[Case<'_>], flow: &Flow) -> HashSet<String> {
    let must = |(number, case): (usize, &Case<'_>)| {
        let plain = &case.readings[0];
        let must = case.chosen.groups > 1 && plain.ins > 1 && flow.fit(number, plain, false) < Fit::Derived;
        must.then(|| case.candidate.name.family())
    };
    cases.iter().enumerate().filter_map(must).collect()
}

impl<'a> Case<'a> {
    /// The layer, with its certainty.
    fn layer(&self, number: usize, flow: &Flow, grouped_families: &HashSet<String>) -> Judged<'a> {
        let (reading, certainty, note) = self.verdict(number, flow, grouped_families);
        let candidate = &self.candidate;
        let shape = &candidate.tensor.shape;
        let groups = (reading.groups > 1 && reading.axes.count(Axis::Group) == 0).then_some(reading.groups);
        let usual = reading.axes == reading.kind.usual_axes() && reading.axes.iter().len() == shape.len();
        Judged::Layer(Box::new(Layer {
            name: candidate.tensor.name.clone(),
            kind: reading.kind,
            axes: (!usual).then(|| reading.axes.clone()),
            groups,
            scale: candidate.scale.clone(),
            zero_point: candidate.zero_point.clone(),
            weight_norm: candidate.weight_norm.clone(),
            certainty,
            note: (!note.is_empty()).then_some(note),
            ..Layer::default()
        }))
    }

    fn verdict(&self, number: usize, flow: &Flow, grouped_families: &HashSet<String>) -> (Reading, Certainty, String) {
        let candidate = &self.candidate;
        let chosen = self.chosen.clone();
        if let Some((certainty, note)) = &self.settled
            && !matches!(certainty, Certainty::Proved)
            && !(note.is_empty() && candidate.convention == Convention::Unsure)
        {
            return (chosen, *certainty, note.clone());
        }
        let fit = flow.fit(number, &chosen, is_recurrent(candidate));
        let proved_by_bias = matches!(self.settled, Some((Certainty::Proved, _)));
        if many_taps(candidate) && !candidate.named {
            let others: Vec<_> =
                self.readings.iter().map(|reading| format!("{}: {}", reading.say(), reading.line())).collect();
            let taps = candidate.tensor.shape[2];
            let note = format!("a convolution of {taps} taps is unusual; it is one of: {}", others.join("; "));
            return (self.readings[2].clone(), Certainty::Unknown, note);
        }
        if chosen.matrices > 1 && candidate.convention == Convention::OutLast || stacked(&self.readings) {
            let others: Vec<_> =
                self.readings.iter().map(|reading| format!("{}: {}", reading.say(), reading.line())).collect();
            let pick = self.readings.iter().find(|reading| reading.matrices > 1).unwrap_or(&chosen).clone();
            return (pick, Certainty::Unknown, format!("it is one of: {}", others.join("; ")));
        }
        if candidate.convention == Convention::Unsure && !candidate.named {
            let certainty = match chosen.kind.dims() {
                0 => Certainty::Unknown,
                _ if fit >= Fit::Split => Certainty::Assumed,
                _ => Certainty::Unknown,
            };
            let note = format!(
                "its name does not say that it is a weight; if it is: {}, or turned round; if not, list it under `left_out`",
                chosen.line()
            );
            return (chosen, certainty, note);
        }
        if fit >= Fit::Split || proved_by_bias && chosen.groups == 1 && chosen.kind.dims() == 0 {
            return self.fitting(number, flow, grouped_families, fit);
        }
        // Nothing before it gives what it reads.
        let others = groups::that_fit(flow, number, candidate, &self.readings[0]);
        match &others[..] {
            _ if chosen.kind.dims() == 0 || chosen.groups > 1 || chosen.ins <= 4 => (
                chosen,
                Certainty::Assumed,
                "it reads what no earlier layer gives: an input of its own, or a shape that changes".into(),
            ),
            [] => (
                chosen,
                Certainty::Assumed,
                format!("it reads {} channels, which no earlier layer gives", self.chosen.ins),
            ),
            [only] if self.taps() == 1 => {
                let note = format!(
                    "usual, though no earlier layer gives its {} channels; it might be {}: {}",
                    self.chosen.ins,
                    only.say(),
                    only.line()
                );
                (chosen, Certainty::Assumed, note)
            }
            [only] if flow.is_sorted() => {
                let note =
                    format!("as it is usual it reads {} channels, which no earlier layer gives", self.chosen.ins);
                (only.clone(), Certainty::Assumed, note)
            }
            [only] => (only.clone(), Certainty::Proved, "nothing else fits".into()),
            several => {
                let all: Vec<_> =
                    several.iter().chain([&self.readings[0]]).map(|r| format!("{}: {}", r.say(), r.line())).collect();
                let note = format!(
                    "as it is usual it reads {} channels, which no earlier layer gives; it is one of: {}",
                    self.chosen.ins,
                    all.join("; ")
                );
                (chosen, Certainty::Unknown, note)
            }
        }
    }

    /// A layer that reads what comes before it: proved, unless it might as well be grouped, or plain.
    fn fitting(
        &self,
        number: usize,
        flow: &Flow,
        grouped_families: &HashSet<String>,
        fit: Fit,
    ) -> (Reading, Certainty, String) {
        let chosen = self.chosen.clone();
        let plain = &self.readings[0];
        if self.without_bias && chosen.kind.dims() == 0 && !flow.is_read(number, &chosen) {
            let note = "it has no bias, and nothing reads its outputs: it might be a lookup table; exclude it if it is";
            return (chosen, Certainty::Assumed, note.to_owned());
        }
        if chosen.kind.dims() == 0 || chosen.kind.is_transposed() || self.candidate.convention != Convention::OutFirst {
            return (chosen, Certainty::Proved, String::new());
        }
        if chosen.groups > 1 || plain.ins == 1 {
            let family = grouped_families.contains(&self.candidate.name.family());
            let also_plain = plain.ins > 1 && flow.fit(number, plain, false) >= Fit::Derived;
            return match self.groups == Sure::No || (also_plain && !family) {
                true => (chosen, Certainty::Assumed, format!("its groups are not certain; without: {}", plain.line())),
                false => (chosen, Certainty::Proved, String::new()),
            };
        }
        let others = match self.groups {
            Sure::Yes => Vec::new(),
            Sure::No => groups::that_fit(flow, number, &self.candidate, plain),
        };
        let grouped = others.iter();
        let turned = self.readings.get(1).filter(|turned| {
            let square = turned.ins == turned.outs;
            square && is_even(self) || !square && fit <= Fit::Derived && flow.fit(number, turned, false) == Fit::Next
        });
        let turned = turned.filter(|_| !matches!(self.settled, Some((Certainty::Proved, _))));
        match grouped.chain(turned).map(|other| format!("{}: {}", other.say(), other.line())).collect::<Vec<_>>() {
            others if others.is_empty() => (chosen, Certainty::Proved, String::new()),
            others => (chosen, Certainty::Assumed, format!("usual; it might be {}", others.join("; or "))),
        }
    }
}

/// Whether a tensor may be a stack of matrices or a single kernel.
fn stacked(readings: &[Reading]) -> bool {
    readings[0].matrices == 1 && readings.len() > 1 && readings[1..].iter().any(|reading| reading.matrices > 1)
}
