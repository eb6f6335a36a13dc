//! A schedule that is to be loaded.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use firmware_model::link::messages::ScheduleId;
use firmware_model::photonic_core::Identity;
use firmware_model::seal::schedule_id;
use firmware_model::wire::{FRAME_OVERHEAD, MAGIC, MAX_HEADER};

use super::error::LoadError;
use super::expect::{Cells, Proof};
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
        let broken = |e: io::Error| fail(format!("cannot be read: {e}"));
        let mut file = File::open(path).map_err(broken)?;
        // What has no good header is not read to its end, which it may not have.
        let mut bytes = Vec::new();
        read_more(&mut file, MAGIC.len() + FRAME_OVERHEAD + MAX_HEADER, &mut bytes).map_err(broken)?;
        let header =
            header(&bytes).map_err(|problem| fail(format!("{problem}: give the file that elight-plan wrote")))?;
        let identity = header.identity();
        let (device, ram) = (header.device.to_owned(), header.ram as usize);
        // A header that is not true would ask for any memory; no core needs as much.
        if ram > 1 << 30 || usize::from(header.rows) * usize::from(header.cols) > 1 << 20 {
            return Err(fail("its header asks for more memory than any core needs: plan again".to_owned()));
        }
        let mut cells = Cells::at(vec![0; usize::from(identity.rows) * usize::from(identity.cols)]);
        let mut proof = Proof::new(identity, &mut cells);
        let mut memory = vec![0; ram.max(MAX_HEADER)];
        let mut controller = proof.controller(&mut memory);
        let mut proved = 0;
        // Nor is anything behind the first frame that is not good.
        loop {
            controller.feed(&bytes[proved..]).map_err(|why| fail(why.to_string()))?;
            proved = bytes.len();
            if read_more(&mut file, PIECE, &mut bytes).map_err(broken)? == 0 {
                break;
            }
        }
        controller.finish().map_err(|why| fail(why.to_string()))?;
        let frames = firmware_model::seal::frames(&bytes, false).count() as u32;
        Ok(Self { path: path.to_owned(), id: schedule_id(&bytes), identity, device, ram, frames, bytes })
    }

    pub(super) fn cells(&self) -> usize {
        usize::from(self.identity.rows) * usize::from(self.identity.cols)
    }
}

/// Bytes that are read before they are looked at.
const PIECE: usize = 1 << 16;

/// Appends at most `count` bytes of the file; returns how many.
fn read_more(file: &mut File, count: usize, bytes: &mut Vec<u8>) -> io::Result<usize> {
    file.take(count as u64).read_to_end(bytes)
}
