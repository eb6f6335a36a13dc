//! The PCM device of the emulated core. For another core: the transmissions of its levels, as `elight-plan --device` knows them.

use firmware_model::hardware::{Profile, Verify};
use firmware_model::photonic_core::{Identity, device_crc};

/// Core rows that share an input: none here, every weight cell has its own.
pub const FANOUT: u16 = 1;

/// Bits of a PCM cell.
pub const BITS: u8 = 4;

/// ELight's cell: 0.872^(15 - level).
pub const TRANSMISSIONS: [f32; 1 << BITS] = [
    0.128_158_46,
    0.146_970_7,
    0.168_544_4,
    0.193_284_85,
    0.221_656_93,
    0.254_193_75,
    0.291_506_6,
    0.334_296_52,
    0.383_367_6,
    0.439_641_74,
    0.504_176_3,
    0.578_183_8,
    0.663_054_8,
    0.760_384,
    0.872,
    1.0,
];

/// What the controller has to know of a core of `rows` x `cols` such cells.
#[must_use]
pub fn profile(rows: u16, cols: u16) -> Profile<'static> {
    let device_crc = device_crc(&TRANSMISSIONS);
    // Half of the smallest distance between two levels.
    // And some cells are read back at every start, to notice a core that was exchanged.
    let verify = Verify { tries: 3, tolerance: 0.009, spot_check: 64 };
    // A core whose cells are moved by pulses has them, and a tolerance for each level, here too.
    Profile::new(Identity { rows, cols, bits: BITS, fanout: FANOUT, device_crc }, &TRANSMISSIONS, verify)
}
