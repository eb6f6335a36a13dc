//! Wear and faults as a file for the next plan.

use std::io::Write;
use std::path::Path;

use elight::faults::{FaultEntry, FaultFile, Kind, Side, WearTable};
use elight::link::Loaded;
use elight::plan::{OutputFile, PlanError};
use firmware_model::photonic_core::Identity;

/// The file, as `elight-plan --wear` and `--faults` read it.
fn file(loaded: &Loaded, identity: Identity) -> FaultFile {
    let (cols, lanes) = (usize::from(identity.cols), u32::from(identity.cols));
    let wear = loaded.wear.as_deref().unwrap_or_default();
    let side =
        |side: usize| wear.chunks(cols).map(|row| row.iter().map(|pair| u64::from(pair[side])).collect()).collect();
    let faults = loaded.faults.iter().map(|fault| FaultEntry {
        row: fault.cell / 2 / lanes,
        col: fault.cell / 2 % lanes,
        side: if fault.cell.is_multiple_of(2) { Side::Plus } else { Side::Minus },
        kind: Kind::Stuck,
        level: Some(fault.read.into()),
    });
    FaultFile {
        core: loaded.core.clone(),
        device: loaded.device.clone(),
        device_crc: loaded.device_crc,
        faults: faults.collect(),
        wear: Some(WearTable { plus: side(0), minus: side(1) }),
    }
}

/// A file that is made beside its place before a load begins: where it cannot be written is known before anything is written to a core.
pub struct Output<'p> {
    path: &'p Path,
    file: OutputFile,
}

impl<'p> Output<'p> {
    /// Makes it.
    pub fn new(path: &'p Path) -> anyhow::Result<Self> {
        Ok(Self { path, file: OutputFile::create(path)? })
    }

    /// Writes the file, whole or not at all.
    pub fn write(mut self, loaded: &Loaded, identity: Identity) -> anyhow::Result<()> {
        let text = file(loaded, identity).to_toml()?;
        let written = self.file.temporary().write_all(text.as_bytes()).and_then(|()| self.file.keep(self.path));
        Ok(written.map_err(|source| PlanError::Output { path: self.path.to_owned(), source })?)
    }
}
