//! A schedule that is to be loaded.

use std::path::{Path, PathBuf};

use firmware_model::link::messages::ScheduleId;
use firmware_model::photonic_core::Identity;
use firmware_model::seal::schedule_id;

use super::error::LoadError;
use super::expect::{Cells, inference};
use crate::schedule::header::header;

/// A schedule that was read whole and proved to be one.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// Its file.
    pub path: PathBuf,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Its name on the link.
    pub id: ScheduleId,
    /// The core that it is for.
    pub identity: Identity,
    /// Name of the device profile.
    pub device: String,
    /// Working memory that it needs, bytes.
    pub ram: usize,
    /// Its frames.
    pub frames: u32,
}

impl Schedule {
    /// Reads a schedule and carries it out once on a core in memory: what is loaded is known to be whole.
    ///
    /// # Errors
    /// [`LoadError::Schedule`].
    pub fn read(path: &Path) -> Result<Self, LoadError> {
        let fail = |why: String| LoadError::Schedule { path: path.to_owned(), why };
        let bytes = std::fs::read(path).map_err(|e| fail(format!("cannot be read: {e}")))?;
        let header =
            header(&bytes).map_err(|problem| fail(format!("{problem}: give the file that elight-plan wrote")))?;
        let identity = header.identity();
        let (device, ram) = (header.device.to_owned(), header.ram as usize);
        // A header that is not true would ask for any memory; no core needs as much.
        if ram > 1 << 30 || usize::from(header.rows) * usize::from(header.cols) > 1 << 20 {
            return Err(fail("its header asks for more memory than any core needs: plan again".to_owned()));
        }
        let mut cells = Cells::at(vec![0; usize::from(identity.rows) * usize::from(identity.cols)]);
        inference(&bytes, identity, ram, &mut cells).map_err(fail)?;
        let frames = firmware_model::seal::frames(&bytes, false).count() as u32;
        Ok(Self { path: path.to_owned(), id: schedule_id(&bytes), identity, device, ram, frames, bytes })
    }

    pub(super) fn cells(&self) -> usize {
        usize::from(self.identity.rows) * usize::from(self.identity.cols)
    }
}
