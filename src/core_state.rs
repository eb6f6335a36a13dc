//! What a core holds after an earlier schedule: read from the schedule itself, by the controller's own decoder.

use std::convert::Infallible;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use firmware_model::controller::Controller;
use firmware_model::photonic_core::{Core, Identity, Output};
use firmware_model::wire::{self, MAGIC, MAX_HEADER};
use thiserror::Error;

use crate::geometry::CoreSize;
use crate::level::DeviceProfile;
use crate::schedule::header::header;
use crate::weights::Network;

/// Why a new plan cannot start from an earlier schedule.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CoreStateError {
    /// It cannot be read.
    #[error("cannot read the earlier schedule {path}: {source}")]
    Read {
        /// The schedule.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is damaged, or no schedule.
    #[error("{path}: the earlier schedule cannot be carried out: {source}")]
    Schedule {
        /// The schedule.
        path: PathBuf,
        /// What a controller says.
        source: firmware_model::error::Error<Infallible>,
    },
    /// It is for something else.
    #[error(
        "{path}: the earlier schedule was planned with {what} {old}, the new plan with {what} {new}: plan with the same, or without --from"
    )]
    Mismatch {
        /// The schedule.
        path: PathBuf,
        /// What differs.
        what: &'static str,
        /// Of the earlier schedule.
        old: String,
        /// Of the new plan.
        new: String,
    },
    /// It has more layers, or fewer.
    #[error(
        "{path}: the earlier schedule is of another network: it has {old} layer{}, the weights have {new}; --from is for new weights of the same layers, \
         so plan without it, or choose the same tensors with --include and --exclude", if *.old == 1 { "" } else { "s" }
    )]
    Layers {
        /// The schedule.
        path: PathBuf,
        /// Layers of the earlier schedule.
        old: usize,
        /// Layers of the new plan.
        new: usize,
    },
    /// It is of another network.
    #[error(
        "{path}: the earlier schedule is of another network: its layer {index} is {old}, that of the weights is {new}; --from is for new weights of the same layers"
    )]
    Layer {
        /// The schedule.
        path: PathBuf,
        /// Number of the layer, from 0.
        index: usize,
        /// In the earlier schedule.
        old: String,
        /// In the weights.
        new: String,
    },
}

/// A layer as a schedule names it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct ScheduledLayer {
    name: String,
    rows: u32,
    cols: u32,
    groups: u32,
}

impl std::fmt::Display for ScheduledLayer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`{}`, {}x{}", self.name, self.rows, self.cols)?;
        if self.groups > 1 { write!(f, " in {} groups", self.groups) } else { Ok(()) }
    }
}

/// What one core holds after every inference of an earlier schedule, and what that schedule was for.
#[derive(Clone, Debug)]
pub struct CoreState {
    path: PathBuf,
    identity: Identity,
    device: String,
    layers: Vec<ScheduledLayer>,
    levels: Vec<i16>,
}

impl CoreState {
    /// Reads a schedule from its first byte to its last. Levels are absolute, so that every inference leaves the same behind.
    ///
    /// # Errors
    /// [`CoreStateError::Read`], [`CoreStateError::Schedule`].
    pub fn read(path: &Path) -> Result<Self, CoreStateError> {
        let unreadable = |source| CoreStateError::Read { path: path.to_owned(), source };
        let refused = |source| CoreStateError::Schedule { path: path.to_owned(), source };
        let mut file = File::open(path).map_err(unreadable)?;
        let mut front = Vec::new();
        let longest = MAGIC.len() + wire::FRAME_OVERHEAD + MAX_HEADER;
        (&mut file).take(longest as u64).read_to_end(&mut front).map_err(unreadable)?;
        // The controller proves the header; before that, it has to be told what core it drives and how much memory it has.
        let header = header(&front).ok();
        let (identity, ram, device) = match &header {
            Some(h) => (h.identity(), h.working_memory().total(), h.device.to_owned()),
            None => (Identity { rows: 1, cols: 1, bits: 1, fanout: 1, device_crc: 0 }, 0, String::new()),
        };
        let small = |side: u16| usize::from(side.min(wire::MAX_CORE));
        let recorder = Recorder {
            cols: small(identity.cols),
            levels: vec![0; small(identity.rows) * small(identity.cols)],
            layers: Vec::new(),
        };
        // A header's memory is bounded by its fields: at most some 10 MB for the largest core.
        let mut memory = vec![0u8; ram.clamp(MAX_HEADER, 1 << 26)];
        let mut controller = Controller::new(recorder, identity, &mut memory);
        controller.feed(&front).map_err(refused)?;
        let mut chunk = vec![0; 1 << 16];
        loop {
            let n = file.read(&mut chunk).map_err(unreadable)?;
            if n == 0 {
                break;
            }
            controller.feed(&chunk[..n]).map_err(refused)?;
        }
        controller.finish().map_err(refused)?;
        let Recorder { levels, layers, .. } = controller.into_core();
        Ok(Self { path: path.to_owned(), identity, device, layers, levels })
    }

    /// The schedule that it was read from.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Signed level of each weight cell, row by row.
    #[must_use]
    pub fn levels(&self) -> &[i16] {
        &self.levels
    }

    /// Whether a plan of `network` can start from it: the same core, device and fanout, the same layers.
    ///
    /// # Errors
    /// [`CoreStateError::Mismatch`], [`CoreStateError::Layer`]: the first thing that differs.
    pub fn fits(
        &self,
        network: &Network,
        core: CoreSize,
        device: &DeviceProfile,
        fanout: u16,
    ) -> Result<(), CoreStateError> {
        let differ = |what, old: String, new: String| {
            let path = self.path.clone();
            if old == new { Ok(()) } else { Err(CoreStateError::Mismatch { path, what, old, new }) }
        };
        let own = CoreSize { rows: self.identity.rows.into(), cols: self.identity.cols.into() };
        differ("core", own.to_string(), core.to_string())?;
        differ("bits", self.identity.bits.to_string(), device.bits.to_string())?;
        let named = |name: &str, crc: u32| format!("`{name}` (CRC {crc:08x})");
        if self.identity.device_crc != device.identity_crc() {
            let (old, new) =
                (named(&self.device, self.identity.device_crc), named(&device.name, device.identity_crc()));
            differ("device", old, new)?;
        }
        differ("fanout", self.identity.fanout.to_string(), fanout.to_string())?;
        let (old, new) = (self.layers.len(), network.layers().len());
        if old != new {
            return Err(CoreStateError::Layers { path: self.path.clone(), old, new });
        }
        for (index, (old, info)) in self.layers.iter().zip(network.layers()).enumerate() {
            let new = ScheduledLayer {
                name: info.name.clone(),
                rows: info.rows as u32,
                cols: info.cols as u32,
                groups: info.groups as u32,
            };
            if *old != new {
                let path = self.path.clone();
                return Err(CoreStateError::Layer { path, index, old: old.to_string(), new: new.to_string() });
            }
        }
        Ok(())
    }
}

/// A core that remembers levels and layers, and computes nothing.
struct Recorder {
    cols: usize,
    levels: Vec<i16>,
    layers: Vec<ScheduledLayer>,
}

impl Core for Recorder {
    type Fault = Infallible;

    fn begin_layer(&mut self, layer: &wire::Layer<'_>) -> Result<(), Infallible> {
        let wire::Layer { rows, cols, groups, name, .. } = *layer;
        self.layers.push(ScheduledLayer { name: name.to_owned(), rows, cols, groups });
        Ok(())
    }

    fn assign(&mut self, _: u16, _: Option<Output>) -> Result<(), Infallible> {
        Ok(())
    }

    fn program(&mut self, row: u16, col: u16, level: i16) -> Result<(), Infallible> {
        self.levels[usize::from(row) * self.cols + usize::from(col)] = level;
        Ok(())
    }

    fn route(&mut self, _: u16, _: u16, _: Option<u32>) -> Result<(), Infallible> {
        Ok(())
    }

    fn step(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}
