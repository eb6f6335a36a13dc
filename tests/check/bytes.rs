//! Faults in the bytes of a schedule.

use super::draft::*;
use elight::check::{Findings, Problem};
use firmware_model::wire;

/// Where each frame begins, its length field first.
fn frames(bytes: &[u8]) -> Vec<usize> {
    let mut starts = vec![8];
    while let Some(length) = bytes.get(starts[starts.len() - 1]..).and_then(|rest| rest.first_chunk::<2>()) {
        starts.push(starts[starts.len() - 1] + 6 + usize::from(u16::from_le_bytes(*length)));
    }
    starts
}

fn repair(frame: &mut [u8]) {
    let (content, crc) = frame.split_at_mut(frame.len() - 4);
    crc.copy_from_slice(&wire::CRC.checksum(content).to_le_bytes());
}

#[test]
fn every_flipped_bit_is_caught() {
    let layers = two_layers();
    let good = draft(&layers, wire::Reach::Row).encode();
    for bit in 0..good.len() * 8 {
        let mut bad = good.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        let error = check(&bad, &layers).expect_err("a flipped bit");
        match bit / 8 {
            0..=6 => assert_problem!(error, Problem::Magic { .. }),
            7 => assert_problem!(error, Problem::Version { .. }),
            _ => assert_problem!(error, Problem::Crc { .. } | Problem::FrameLength { .. } | Problem::Truncated { .. }),
        };
    }
}

/// With a CRC that fits, a flipped bit still says something else: whatever changes what is computed or written is caught.
#[test]
fn flipped_bits_with_a_new_crc_are_caught_too() {
    let layers = two_layers();
    for reach in [wire::Reach::Lane, wire::Reach::Row] {
        let good = draft(&layers, reach).encode();
        let truth = check(&good, &layers).unwrap();
        let starts = frames(&good);
        let (mut flips, mut harmless) = (0, 0);
        for (number, pair) in starts.windows(2).enumerate() {
            for bit in (pair[0] + 2) * 8..(pair[1] - 4) * 8 {
                let mut bad = good.clone();
                bad[bit / 8] ^= 1 << (bit % 8);
                repair(&mut bad[pair[0]..pair[1]]);
                flips += 1;
                if let Ok(found) = check(&bad, &layers) {
                    harmless += 1;
                    // The device's name and the nibble of no level may change; a step's records must mean the same.
                    let same = Findings { device: truth.device.clone(), ..found };
                    assert_eq!(same, truth, "{reach:?}: frame {number}, bit {}", bit - pair[0] * 8);
                }
            }
        }
        println!("{reach:?}: {harmless} of {flips} flips say the same");
        assert!(harmless * 50 < flips, "{harmless} of {flips}");
    }
}

#[test]
fn cut_short_at_every_byte() {
    let layers = two_layers();
    let good = draft(&layers, wire::Reach::Row).encode();
    for length in 0..good.len() {
        assert_problem!(check(&good[..length], &layers).unwrap_err(), Problem::Truncated { .. });
    }
    let longer = [&good[..], &[0]].concat();
    assert_problem!(check(&longer, &layers).unwrap_err(), Problem::Trailing);
}

#[test]
fn frames_lost_repeated_and_swapped() {
    let layers = two_layers();
    let good = draft(&layers, wire::Reach::Row).encode();
    let starts = frames(&good);
    let (first, second) = (&good[starts[2]..starts[3]], &good[starts[3]..starts[4]]);
    let (head, tail) = (&good[..starts[2]], &good[starts[4]..]);
    for (parts, expected, found) in
        [([head, second, &[], tail], 2, 3), ([head, first, first, tail], 3, 2), ([head, second, first, tail], 2, 3)]
    {
        let error = check(&parts.concat(), &layers).unwrap_err();
        assert_problem!(error, Problem::Sequence { expected: e, found: f } if (e, f) == (expected, found));
    }
    // A Layer frame in the place of the first TileRow, with a number that fits.
    let mut bad = [&good[..starts[2]], &good[starts[1]..starts[2]], &good[starts[3]..]].concat();
    let (from, to) = (starts[2], starts[2] + starts[2] - starts[1]);
    bad[from + 2] = 2;
    repair(&mut bad[from..to]);
    assert_problem!(check(&bad, &layers).unwrap_err(), Problem::FrameKind { expected: "2 (TileRow)", found: 1 });
}
