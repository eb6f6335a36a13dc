//! Framing made right, so that mutations get past it.

use firmware_model::wire::{CRC, FRAME_OVERHEAD, MAGIC};

/// A schedule whose framing is right whatever the bytes are: magic, and frames whose lengths stay inside the data, whose
/// numbers follow each other and whose CRCs are theirs.
pub fn schedule(data: &[u8]) -> Vec<u8> {
    let mut stream = MAGIC.to_vec();
    let mut rest = data.get(MAGIC.len()..).unwrap_or_default();
    let mut seq = 0u8;
    while rest.len() > FRAME_OVERHEAD {
        let len = usize::from(u16::from_le_bytes([rest[0], rest[1]])).clamp(1, rest.len() - FRAME_OVERHEAD);
        let start = stream.len();
        stream.extend((len as u16).to_le_bytes());
        stream.extend(&rest[2..2 + len]);
        // Numbers up to 127 take one byte; later frames keep what they have.
        if seq < 128 {
            stream[start + 2] = seq;
            seq += 1;
        }
        let crc = CRC.checksum(&stream[start..]);
        stream.extend(crc.to_le_bytes());
        rest = &rest[FRAME_OVERHEAD + len..];
    }
    stream
}
