//! The network in floating point and as it was trained, run with one arithmetic or another.

use std::sync::Arc;

use super::on_core::OnCore;
use super::outcome::Score;
use elight::cells::recording::{Recording, plain};
use elight_train::data::{Dataset, Normalization, Split};
use elight_train::eval::evaluate;
use elight_train::nn::product::Multiplier;
use elight_train::nn::{Sequential, loss};

/// Told how far a simulation is.
pub trait Watch {
    /// So many images begin.
    fn begin(&mut self, what: &str, images: usize);
    /// So many of them are done.
    fn done(&mut self, images: usize);
}

/// The network twice, and the images.
#[derive(Debug)]
pub(super) struct Networks {
    /// Everything in floating point: no input quantizers.
    pub float: Sequential,
    /// With the input quantizers that the weights were trained with.
    pub network: Sequential,
    /// Architecture.
    pub model: String,
    pub set: Dataset,
    pub norm: Normalization,
    pub batch: usize,
}

/// The multipliers of all planned layers.
pub(super) type Multipliers = Vec<Arc<OnCore>>;

/// Which arithmetic.
#[derive(Clone, Copy)]
pub(super) enum Kind<'a> {
    Float,
    All(&'a Multipliers),
    Alone(&'a Multipliers, usize),
}

impl Networks {
    /// Runs images through the network as it was trained, with the given multipliers for the planned layers.
    pub fn run_on_core(
        &mut self,
        recording: &Recording,
        split: &Arc<Split>,
        of: impl Fn(usize) -> Option<Arc<dyn Multiplier>>,
    ) -> loss::Score {
        put(&mut self.network, recording, of);
        evaluate(&mut self.network, split, &self.norm, self.batch, |_| {})
    }

    pub fn score(
        &mut self,
        recording: &Recording,
        what: &str,
        split: &Arc<Split>,
        kind: Kind<'_>,
        watch: &mut dyn Watch,
    ) -> Score {
        watch.begin(what, split.len());
        let dynamic = |core: &Arc<OnCore>| core.clone() as Arc<dyn Multiplier>;
        let network = match kind {
            Kind::All(_) => &mut self.network,
            Kind::Float | Kind::Alone(..) => &mut self.float,
        };
        put(network, recording, |i| match kind {
            Kind::Float => None,
            Kind::Alone(core, layer) => (i == layer).then(|| dynamic(&core[i])),
            Kind::All(core) => Some(dynamic(&core[i])),
        });
        evaluate(network, split, &self.norm, self.batch, |done| watch.done(done)).into()
    }
}

/// Gives every planned layer its multiplier.
fn put(network: &mut Sequential, recording: &Recording, of: impl Fn(usize) -> Option<Arc<dyn Multiplier>>) {
    for core in network.all_cores() {
        let planned = recording.layers.iter().position(|l| plain(&l.name) == core.name);
        *core.multiplier = planned.and_then(&of);
    }
}

/// The first images.
pub(super) fn front(split: &Arc<Split>, images: usize) -> Arc<Split> {
    if images >= split.len() { split.clone() } else { Arc::new(split.subset(|i| i < images)) }
}
