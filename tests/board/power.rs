//! Power cuts: at chosen stores into the controller's flash and the cells, and at random ones.

use std::sync::atomic::{AtomicU64, Ordering};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::map;
use crate::plan::{assert_truth, expected, load_on, options, plan};
use crate::qemu::{Counts, Watch, Window, built};

/// All stores that matter: those that change the flash, where the log is, or the cells.
fn watch(cut: u64) -> Watch {
    Watch { lo: 0, hi: map::ROUTES, cut, out: None }
}

/// How many emulators run at a time.
const LANES: usize = 3;

/// Loads a schedule on a new 9x9 board, with the power cut after every `stride`-th store, each on a board of its own.
fn sweep(rows: usize, cols: usize, order: &str, stride: usize) {
    let stride = std::env::var("ELIGHT_CUT_STRIDE").map_or(stride, |n| n.parse().expect("ELIGHT_CUT_STRIDE: a number"));
    let (sandbox, schedule) = plan("9x9", rows, cols, &["--order", order]);
    let (image, planned) = (built("core-9x9"), expected(&schedule, 1));
    let folder = |n: u64| {
        let folder = sandbox.folder.path().join(n.to_string());
        std::fs::create_dir(&folder).expect("a folder");
        folder
    };
    let whole = folder(0);
    let window = Window::new(&whole);
    let out = whole.join("counts");
    let (loaded, _) =
        load_on(&image, &window, &schedule, &options(1), |_| Watch { out: Some(out.clone()), ..watch(0) });
    let loaded = loaded.expect("a load without a cut");
    assert_truth(&window, &planned, &loaded.wear.expect("wear"), 0);
    let stores = Counts::read(&out).stores;
    let next = AtomicU64::new(1);
    let lane = || {
        loop {
            let cut = next.fetch_add(stride as u64, Ordering::Relaxed);
            if cut > stores {
                return;
            }
            let folder = folder(cut);
            let window = Window::new(&folder);
            let (loaded, boots) =
                load_on(&image, &window, &schedule, &options(1), |boot| if boot == 0 { watch(cut) } else { watch(0) });
            let loaded = loaded.unwrap_or_else(|e| panic!("cut after store {cut}: {e}"));
            // After the last store everything may be acknowledged already.
            assert!(boots == 2 || boots == 1 && cut == stores, "the power did not fail at store {cut} of {stores}");
            assert_truth(&window, &planned, &loaded.wear.expect("wear"), boots - 1);
            std::fs::remove_dir_all(&folder).expect("the folder");
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..LANES {
            scope.spawn(lane);
        }
    });
    let cuts = stores.div_ceil(stride as u64);
    println!(
        "power cuts, 9x9, {rows} x {cols} weights: behind {cuts} of {stores} stores into log and cells, all recovered"
    );
}

/// From a blank flash to the end of a small schedule.
#[test]
fn a_cut_after_any_store_does_no_harm() {
    sweep(9, 40, "optimal", 11);
}

/// So many writes that the log goes on in the other bank.
#[test]
fn nor_does_one_when_the_log_changes_banks() {
    sweep(27, 120, "natural", 199);
}

/// One load on a 64x64 board, through 30 power cuts at random stores. After a cut it goes on at the tile row that it had reached, so tile rows
/// are shorter than most cuts are apart.
#[test]
fn thirty_random_cuts_do_no_harm() {
    const CUTS: u32 = 30;
    let (sandbox, schedule) = plan("64x64", 2048, 64, &["--order", "natural"]);
    let (image, planned) = (built("core-64x64"), expected(&schedule, 1));
    let window = Window::new(sandbox.folder.path());
    let mut random = ChaCha8Rng::seed_from_u64(5);
    let (loaded, boots) = load_on(&image, &window, &schedule, &options(1), |boot| {
        watch(if boot < CUTS { 1 + u64::from(random.next_u32() % 20_000) } else { 0 })
    });
    let loaded = loaded.expect("a load through all cuts");
    assert_eq!(boots, CUTS + 1, "the load ended before all cuts were made");
    assert_truth(&window, &planned, &loaded.wear.expect("wear"), CUTS);
    println!("power cuts, 64x64: {CUTS} at random stores of one load, all recovered");
}
