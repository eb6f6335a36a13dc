//! The seam between the controller and the hardware: what a photonic tensor core is asked to do.

use crate::crc32::Crc32;
use crate::wire;
pub use crate::wire::Identity;

/// CRC-32 of a device's transmissions (level 0 first, dimensionless) as little-endian `f32`: its identity in a schedule.
#[must_use]
pub fn device_crc(transmissions: &[f32]) -> u32 {
    let mut digest = Crc32::new();
    for t in transmissions {
        digest.update(&t.to_le_bytes());
    }
    digest.finalize()
}

/// Which output row of a layer a core row computes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Output {
    /// Output row, below the layer's rows.
    pub row: u32,
    /// First element of the layer's input vector that the row uses: not 0 only in grouped layers.
    pub base: u32,
    /// What the accumulated sum is multiplied by.
    pub scale: f32,
}

/// How far a schedule is carried out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Frames carried out.
    pub frames: u32,
    /// Layers begun.
    pub layers: u32,
    /// Tile rows begun, in all layers.
    pub tile_rows: u64,
    /// Steps carried out.
    pub steps: u64,
    /// Weights multiplied: active cells, summed over the steps.
    pub weights: u64,
    /// Whether the End frame has come.
    pub ended: bool,
}

/// A tile row from which a schedule can be gone on with: a TileRow frame is a key frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResumePoint {
    /// Number of the Layer frame before it.
    pub layer_frame: u32,
    /// Number of the TileRow frame.
    pub tile_frame: u32,
    /// Position of the layer.
    pub layer: u32,
    /// Position of the tile row in its layer.
    pub tile_row: u32,
    /// Progress before the TileRow frame.
    pub before: Progress,
}

/// A frame is carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameEnd {
    /// Number of the frame that comes next.
    pub frames: u32,
    /// Whether it was the End frame.
    pub ended: bool,
    /// Where to go on after an interruption, if it was a TileRow frame.
    pub key: Option<ResumePoint>,
}

/// A photonic tensor core.
///
/// The controller calls, for one inference:
///
/// ```text
/// (begin_layer, (begin_tile_row, assign for each core row, ((assign?, program*, route*) for each used core row, step)+)*)*
/// ```
///
/// A core row is assigned anew between the steps of a tile row where the schedule's reach is `Core`, and only there.
/// All arguments lie inside the core and the layer: the controller has checked them. An error of any call ends the
/// schedule. Nothing that the calls ask for depends on what was called before a tile row's first `assign`, but for the levels that
/// the cells hold: so a schedule may be run again, or from any tile row on, at any time.
pub trait Core {
    /// What can go wrong with the hardware.
    type Fault: core::fmt::Debug + core::fmt::Display;

    /// Whether rows may share inputs. Without it the decoder has no code for schedules whose fanout is above 1.
    const SHARED_INPUTS: bool = true;

    /// The following tile rows belong to `layer`.
    ///
    /// # Errors
    /// The hardware's.
    fn begin_layer(&mut self, layer: &wire::Layer<'_>) -> Result<(), Self::Fault>;

    /// A tile row begins: all core rows are assigned next, from the first on.
    ///
    /// # Errors
    /// The hardware's.
    #[inline]
    fn begin_tile_row(&mut self) -> Result<(), Self::Fault> {
        Ok(())
    }

    /// In the following steps core row `row` computes `output`, or nothing. All cells of the row become dark (no
    /// input), and keep their levels.
    ///
    /// # Errors
    /// The hardware's.
    fn assign(&mut self, row: u16, output: Option<Output>) -> Result<(), Self::Fault>;

    /// Weight cell (`row`, `col`) shall hold signed level `level`, within `-B..=B`: absolute, so saying it twice does no
    /// harm, and a cell that is there already is not written.
    ///
    /// # Errors
    /// The hardware's.
    fn program(&mut self, row: u16, col: u16, level: i16) -> Result<(), Self::Fault>;

    /// Cell (`row`, `col`) gets column `input` of its output row from now on: element `base + input` of the layer's input
    /// vector, with the base of the row's [`Output`]. `None`: it is dark.
    ///
    /// Where rows share inputs (fanout N > 1), rows `g N` to `g N + N - 1` for a whole g, this is called once for all of
    /// them, with the first that computes an output; all that do have the same base.
    ///
    /// # Errors
    /// The hardware's.
    fn route(&mut self, row: u16, col: u16, input: Option<u32>) -> Result<(), Self::Fault>;

    /// All cells of the step are programmed and routed: stream all input vectors through and add what comes out to the
    /// assigned outputs.
    ///
    /// # Errors
    /// The hardware's.
    fn step(&mut self) -> Result<(), Self::Fault>;

    /// A whole frame is carried out: what it asked for is to be lasting now. Called between frames of any kind.
    ///
    /// # Errors
    /// The hardware's.
    #[inline]
    fn end_frame(&mut self, _end: &FrameEnd) -> Result<(), Self::Fault> {
        Ok(())
    }
}

impl<C: Core> Core for &mut C {
    type Fault = C::Fault;

    fn begin_layer(&mut self, layer: &wire::Layer<'_>) -> Result<(), Self::Fault> {
        (**self).begin_layer(layer)
    }

    fn begin_tile_row(&mut self) -> Result<(), Self::Fault> {
        (**self).begin_tile_row()
    }

    fn assign(&mut self, row: u16, output: Option<Output>) -> Result<(), Self::Fault> {
        (**self).assign(row, output)
    }

    #[inline]
    fn program(&mut self, row: u16, col: u16, level: i16) -> Result<(), Self::Fault> {
        (**self).program(row, col, level)
    }

    #[inline]
    fn route(&mut self, row: u16, col: u16, input: Option<u32>) -> Result<(), Self::Fault> {
        (**self).route(row, col, input)
    }

    fn step(&mut self) -> Result<(), Self::Fault> {
        (**self).step()
    }

    fn end_frame(&mut self, end: &FrameEnd) -> Result<(), Self::Fault> {
        (**self).end_frame(end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_its_transmissions() {
        // CRC-32 of the eight bytes of 0.0f32 and 1.0f32, as any zlib gives it.
        assert_eq!(device_crc(&[0.0, 1.0]), wire::CRC.checksum(&[0, 0, 0, 0, 0, 0, 0x80, 0x3F]));
        assert_ne!(device_crc(&[0.0, 1.0]), device_crc(&[1.0, 0.0]));
    }
}
