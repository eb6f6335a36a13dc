//! Inferences that are run from the controller's own memory, a packet's worth of bytes at a time, as if a host sent them.

use embedded_storage::nor_flash::NorFlash;

use super::host::CHUNK;
use super::messages::{PIECE, Refused, RunState, Start, Started};
use crate::device::Device;
use crate::hardware::Hardware;
use crate::seal::TAG;
use crate::store::Store;
use crate::stored_run::{Kept, Phase, StoredRun};
use crate::trace::Trace;
use crate::wire::{FRAME_OVERHEAD, MAGIC};

/// Frames that are passed over in one call, on the way to where a run goes on.
const SKIPPED: u32 = 64;

/// Keeps a schedule, and runs it. Without a memory for schedules it has no bytes.
pub(super) struct Player<S: Store> {
    store: S,
    run: S::Run,
}

impl<S: Store> Player<S> {
    pub(super) fn new(store: S) -> Self {
        Self { store, run: S::Run::default() }
    }

    pub(super) fn capacity(&self) -> u32 {
        self.store.capacity()
    }

    /// The run, and the memory.
    fn parts(&mut self) -> Option<(&mut StoredRun, &mut S)> {
        Some((self.run.as_mut().first_mut()?, &mut self.store))
    }

    /// Begins to keep a schedule.
    pub(super) fn keep(&mut self, kept: Kept) -> Result<(), Refused> {
        let bytes = self.store.capacity();
        if kept.bytes == 0 || kept.bytes > bytes {
            return Err(Refused::Store { bytes });
        }
        let (run, store) = self.parts().ok_or(Refused::Store { bytes })?;
        run.stop();
        store.begin().map_err(|_| Refused::StoreFailed)?;
        run.keeping = Some((kept, 0));
        Ok(())
    }

    /// Writes a piece: the next one, or the last one again.
    pub(super) fn piece(&mut self, at: u32, bytes: &[u8]) -> Result<(), Refused> {
        let (run, store) = self.parts().ok_or(Refused::NotKept)?;
        let Some((kept, next)) = run.keeping else { return Err(Refused::NotKept) };
        let end = at.saturating_add(bytes.len() as u32);
        let is_whole = bytes.len() == PIECE || end == kept.bytes && !bytes.is_empty() && bytes.len() < PIECE;
        if end == next && is_whole {
            return Ok(());
        }
        if at != next || !is_whole || end > kept.bytes {
            return Err(Refused::NotKept);
        }
        store.write(at, bytes).map_err(|_| Refused::StoreFailed)?;
        run.keeping = Some((kept, end));
        if end == kept.bytes {
            store.finish(kept).map_err(|_| Refused::StoreFailed)?;
        }
        Ok(())
    }

    /// Runs the schedule that is kept on `device`, which is core `core`.
    pub(super) fn play<H: Hardware, F: NorFlash, T: Trace>(
        &mut self,
        (core, device): (u8, &mut Device<'_, H, F, T>),
        start: Start,
        inferences: u32,
    ) -> Result<Started, Refused> {
        let (run, store) = self.parts().ok_or(Refused::NotKept)?;
        if !matches!(run.phase, Phase::Idle) && (run.core, run.start.run) == (core, start.run) {
            // Asked again.
            return Ok(run.began);
        }
        let kept = store.kept().map_err(|_| Refused::StoreFailed)?;
        let kept = kept.filter(|kept| kept.schedule == start.schedule && inferences > 0).ok_or(Refused::NotKept)?;
        let began = device.play(start, inferences)?;
        (run.core, run.began, run.left, run.bytes) = (core, began, inferences, kept.bytes);
        run.sealed = device.is_keyed();
        run.begin(start, began);
        Ok(began)
    }

    /// Goes on a little; whether there is more to do.
    #[inline(never)]
    pub(super) fn advance<H: Hardware, F: NorFlash, T: Trace>(&mut self, cores: &mut [Device<'_, H, F, T>]) -> bool {
        self.parts().is_some_and(|(run, store)| run.advance(store, cores))
    }
}

impl StoredRun {
    /// Runs nothing any more.
    const fn stop(&mut self) {
        self.phase = Phase::Idle;
    }

    fn begin(&mut self, start: Start, began: Started) {
        self.start = start;
        self.phase = match began {
            Started::Beginning => Phase::Running { parts: [(0, self.bytes), (0, 0), (0, 0)], seq: 0 },
            Started::Resume { layer, tile_row } => {
                Phase::Seeking { frame: 0, at: MAGIC.len() as u32, layer, tile_row, header: 0, found: (0, 0) }
            }
            // Over: the next one begins with the next call.
            Started::Ended => Phase::Running { parts: [(0, 0); 3], seq: 0 },
        };
    }

    fn advance<S: Store, H: Hardware, F: NorFlash, T: Trace>(
        &mut self,
        store: &mut S,
        cores: &mut [Device<'_, H, F, T>],
    ) -> bool {
        let Some(device) = cores.get_mut(usize::from(self.core)) else { return false };
        match self.phase {
            Phase::Idle => return false,
            Phase::Seeking { .. } => {
                if self.seek(store).is_none() {
                    self.stop();
                }
            }
            Phase::Running { parts, seq } => {
                let mut chunk = [0; CHUNK];
                let len = take(store, parts, seq, &mut chunk);
                let ack = match len {
                    Some(len) if len > 0 => device.data(self.start.run, seq, chunk.get(..len).unwrap_or_default()),
                    _ => device.ack(self.start.run),
                };
                match ack.state {
                    // The host has stopped it, or begun another run.
                    RunState::Failed(_) | RunState::Unknown => self.stop(),
                    RunState::Open if len.is_none_or(|len| len == 0) || ack.next != seq.wrapping_add(1) => self.stop(),
                    RunState::Open => self.phase = Phase::Running { parts, seq: seq.wrapping_add(1) },
                    RunState::Ended => self.next(device),
                }
            }
        }
        !matches!(self.phase, Phase::Idle)
    }

    /// The next inference, if there is one more.
    fn next<H: Hardware, F: NorFlash, T: Trace>(&mut self, device: &mut Device<'_, H, F, T>) {
        self.left = self.left.saturating_sub(1);
        self.stop();
        if self.left > 0 {
            let start = Start { inference: self.start.inference.wrapping_add(1), ..self.start };
            if let Ok(began) = device.play_on(start) {
                self.begin(start, began);
            }
        }
    }

    /// Passes over some frames; `None` when the schedule has no such frames, or the memory fails.
    fn seek<S: Store>(&mut self, store: &mut S) -> Option<()> {
        let Phase::Seeking { mut frame, mut at, layer, tile_row, mut header, mut found } = self.phase else {
            return Some(());
        };
        for _ in 0..SKIPPED {
            if frame == tile_row {
                let parts = [(0, header), found, (at, self.bytes)];
                self.phase = Phase::Running { parts, seq: 0 };
                return Some(());
            }
            let mut len = [0; 2];
            store.read(at, &mut len).ok()?;
            let around = FRAME_OVERHEAD as u32 + if self.sealed { TAG as u32 } else { 0 };
            let end = at.checked_add(u32::from(u16::from_le_bytes(len)))?.checked_add(around)?;
            if end > self.bytes {
                return None;
            }
            header = if frame == 0 { end } else { header };
            found = if frame == layer { (at, end) } else { found };
            (frame, at) = (frame.wrapping_add(1), end);
        }
        self.phase = Phase::Seeking { frame, at, layer, tile_row, header, found };
        Some(())
    }
}

/// The bytes of packet `seq` of these parts; `None` when the memory fails.
fn take<S: Store>(store: &mut S, parts: [(u32, u32); 3], seq: u32, chunk: &mut [u8; CHUNK]) -> Option<usize> {
    let mut skip = u64::from(seq) * CHUNK as u64;
    let mut done = 0;
    for (from, to) in parts {
        let len = u64::from(to.saturating_sub(from));
        let now = skip.min(len);
        skip -= now;
        let room = chunk.get_mut(done..).unwrap_or_default();
        let count = room.len().min(usize::try_from(len - now).unwrap_or(usize::MAX));
        let room = room.get_mut(..count).unwrap_or_default();
        if !room.is_empty() {
            store.read(from + now as u32, room).ok()?;
        }
        done += count;
    }
    Some(done)
}
