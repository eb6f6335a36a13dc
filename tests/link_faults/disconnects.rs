//! The line breaks, and the device loses power, again and again; the load goes on where it was.

use crate::client::{Client, port, serve};
use crate::line::{Faults, Rng};
use crate::support::device::{Fuse, Log, Plan, Scratch, Watch, World};
use crate::support::weights::Weights;

#[test]
fn a_load_survives_broken_lines_and_power_cuts() {
    let weights = Weights::new().random("a.weight", &[60, 100], 1).random("b.weight", &[30, 60], 2);
    let plan = Plan::new(&weights, &["--core", "9x9", "--order", "natural"]);
    let expected = plan.expected(2);
    let mut resumed = 0;
    for seed in 0..12u64 {
        let mut rng = Rng(seed);
        let mut world = World::new(&plan, 40);
        let watch = Watch::new(&expected);
        world.watch = Some(watch.clone());
        let (fuse, log) = (Fuse::default(), Log::default());
        let mut scratch = Scratch::new(&plan);
        let mut client = Client::new(&plan, 2, Faults { loss: 3, corruption: 3, disorder: 3 }, seed << 20);
        let mut cuts = 0;
        let loaded = loop {
            let cut_at = (cuts < 8).then(|| fuse.count.get() + 20 + rng.below(6000));
            fuse.mend(cut_at);
            // A cut while it starts is one more cut.
            let Ok(device) = world.boot::<true>(&plan, &mut scratch, &fuse, &log) else {
                cuts += 1;
                continue;
            };
            let mut server = serve(device, 4);
            let mut serial = port(4);
            let mut result = None;
            while result.is_none() && !fuse.blown() {
                if rng.below(4000) == 0 {
                    client.to_device.cut();
                    client.to_host.cut();
                }
                result = client.tick(&mut serial, &mut server);
            }
            // What the dying device said does not count.
            if fuse.blown() {
                cuts += 1;
                client.to_host.cut();
                continue;
            }
            break result.unwrap();
        };
        assert_eq!(watch.wrong.take(), None, "seed {seed}");
        let digest = {
            let bytes: Vec<u8> = expected.levels.iter().flat_map(|level| level.to_le_bytes()).collect();
            firmware_model::wire::CRC.checksum(&bytes)
        };
        assert_eq!(loaded.digest, digest, "seed {seed}");
        let numbers = expected.writes.as_flattened().iter().zip(loaded.wear.as_flattened());
        for (cell, (&planned, &counted)) in world.cells.as_flattened().iter().zip(numbers) {
            let pulses = cell.pulses;
            assert!((planned..=planned + cuts).contains(&pulses), "seed {seed}: {pulses} pulses, {planned} planned");
            assert!((pulses..=planned + cuts).contains(&counted), "seed {seed}: {counted} counted, {pulses} pulses");
        }
        resumed += client.resumed;
    }
    assert!(resumed > 20, "{resumed} times gone on: too few to show anything");
}
