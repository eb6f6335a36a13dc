//! A grid of bad lines: loss x corruption x disorder x window. `UPDATE_FIXTURES=1` writes the table anew.

use std::fmt::Write as _;

use firmware_model::sim_cells::Power;

use crate::client::{Client, port, serve};
use crate::line::Faults;
use crate::support::device::{Fuse, Log, Plan, Scratch, Watch, World};
use crate::support::repository;
use crate::support::weights::Weights;

const INFERENCES: u32 = 2;

fn plan() -> Plan {
    let weights = Weights::new().random("a.weight", &[40, 300], 1).random("b.weight", &[10, 40], 2);
    Plan::new(&weights, &["--core", "9x9"])
}

#[test]
fn no_line_leads_to_a_wrong_write() {
    let plan = plan();
    let expected = plan.expected(INFERENCES);
    let mut table = String::new();
    writeln!(
        table,
        "{} schedule bytes, {INFERENCES} inferences, 9x9, 120 bytes a ms, 3 ms of latency\n",
        plan.bytes.len()
    )
    .unwrap();
    writeln!(table, "loss %  corrupt %  disorder %  window |  sent  again  overrun     ms  as planned").unwrap();
    for window in [1, 4, 16] {
        for disorder in [0, 10] {
            for loss in [0, 5, 20] {
                for corruption in [0, 5, 20] {
                    let faults = Faults { loss, corruption, disorder };
                    let mut world = World::new(&plan, 32);
                    let watch = Watch::new(&expected);
                    world.watch = Some(watch.clone());
                    let (fuse, mut scratch) = (Fuse::default(), Scratch::new(&plan));
                    let device = world.boot::<false>(&plan, &mut scratch, &fuse, &Log::default()).unwrap();
                    let mut server = serve(device, window);
                    let mut serial = port(window);
                    let seed = u64::from(window) << 32 | disorder << 24 | loss << 16 | corruption << 8;
                    let mut client = Client::new(&plan, INFERENCES, faults, seed);
                    let loaded = loop {
                        if let Some(loaded) = client.tick(&mut serial, &mut server) {
                            break loaded;
                        }
                    };
                    assert!(!fuse.is_off());
                    let levels = server.device().levels().to_vec();
                    drop(server);
                    let right = levels == expected.levels
                        && loaded.wear == expected.writes
                        && loaded.status.writes
                            == expected.writes.as_flattened().iter().map(|&w| u64::from(w)).sum::<u64>()
                        && world
                            .cells
                            .iter()
                            .zip(&expected.writes)
                            .all(|(pair, planned)| [pair[0].pulses, pair[1].pulses] == *planned)
                        && watch.wrong.take().is_none();
                    writeln!(
                        table,
                        "{loss:6}  {corruption:9}  {disorder:10}  {window:6} | {:5}  {:5}  {:7} {:6}  {}",
                        client.to_device.packets,
                        client.repeats(),
                        serial.overruns,
                        client.now,
                        if right { "yes" } else { "NO" },
                    )
                    .unwrap();
                }
            }
        }
    }
    println!("{table}");
    assert!(!table.contains("NO"), "a wrong write");
    let path = repository("tests/link_faults/grid.txt");
    if std::env::var_os("UPDATE_FIXTURES").is_some() {
        std::fs::write(&path, &table).unwrap();
    }
    assert_eq!(table, std::fs::read_to_string(&path).unwrap(), "UPDATE_FIXTURES=1 writes it anew");
}
