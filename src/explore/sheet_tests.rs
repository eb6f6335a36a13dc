use super::*;
use crate::explore::{Axes, PlanKey};
use crate::system::{CellsAtOnce, CoreLoad, Hardware, LayerLoad, Load};
use proptest::prelude::*;

fn plain(aims: [f64; 5], life: Life) -> Point {
    Point {
        core: "9x9".into(),
        fanout: "cell".into(),
        modulators: 81,
        device: "elight".into(),
        bits: 4,
        extra_steps: "none".into(),
        batch: 1,
        time_us: Some(aims[0]),
        energy_pj: Some(aims[1]),
        light_fraction: None,
        life,
        life_inferences: (life == Life::Limited).then_some(aims[2]),
        schedule_bytes: aims[3] as u64,
        weight_error: aims[4],
        steps: 1,
        writes: 1,
        natural_writes: 1,
        lower_bound_writes: 1,
        front: false,
    }
}

fn front(mut points: Vec<Point>) -> Vec<bool> {
    mark_front(&mut points);
    points.iter().map(|point| point.front).collect()
}

#[test]
fn the_front_by_hand() {
    let base = [10.0, 10.0, 100.0, 10.0, 0.1];
    let faster = [9.0, 10.0, 100.0, 10.0, 0.1];
    let longer = [11.0, 11.0, 200.0, 11.0, 0.1];
    let worse = [10.0, 12.0, 50.0, 10.0, 0.1];
    let points = [base, faster, longer, worse].map(|aims| plain(aims, Life::Limited));
    assert_eq!(front(points.to_vec()), [false, true, true, false]);
    // Equal points are both on it; no wear beats any life, an unknown life none.
    let equal = vec![plain(base, Life::Limited), plain(base, Life::Limited)];
    assert_eq!(front(equal), [true, true]);
    assert_eq!(front(vec![plain(base, Life::Limited), plain(base, Life::NoWear)]), [false, true]);
    assert_eq!(front(vec![plain(base, Life::Limited), plain(base, Life::Unknown)]), [true, false]);
}

proptest! {
    #[test]
    fn whoever_is_beaten_is_beaten_by_the_front(numbers in prop::collection::vec(prop::collection::vec(1u8..4, 5), 1..30)) {
        let aims: Vec<[f64; 5]> = numbers.iter().map(|n| [n[0], n[1], n[2], n[3], n[4]].map(f64::from)).collect();
        let points: Vec<Point> = aims.iter().map(|aims| plain(*aims, Life::Limited)).collect();
        let on = front(points);
        prop_assert!(on.iter().any(|on| *on));
        let beats = |a: &[f64; 5], b: &[f64; 5]| {
            let better = [a[0] <= b[0], a[1] <= b[1], a[2] >= b[2], a[3] <= b[3], a[4] <= b[4]];
            a != b && better.into_iter().all(|better| better)
        };
        for (i, own) in aims.iter().enumerate() {
            let by_front = aims.iter().zip(&on).any(|(other, on)| *on && beats(other, own));
            prop_assert_eq!(on[i], !by_front);
        }
    }
}

#[test]
fn batches_of_one_plan_share_it() {
    let axes = Axes {
        cores: vec!["9x9".into()],
        fanouts: vec!["cell".into(), "column".into()],
        bits: vec![],
        devices: vec!["elight".into()],
        extra_steps: vec!["none".into()],
    };
    let grid = Grid {
        format: Grid::FORMAT,
        network: "net".into(),
        fingerprint: String::new(),
        vectors: vec![Some(100)],
        axes,
        batches: vec![1, 64, 1, 0],
        effort: "fast".into(),
        seed: 1,
        buffer: Some(1 << 40),
        endurance: Some(1e6),
        system: "lightening".into(),
        system_text: String::new(),
        at_once: CellsAtOnce::Core,
    };
    let core = CoreLoad { steps: 10, write_us: 50.0, worst_wear: 4.0, ..CoreLoad::default() };
    let layer = LayerLoad { name: "a".into(), vectors: None, inputs: 9, outputs: 9, macs: 81, cores: vec![core] };
    let planned = |key: &PlanKey| Planned {
        bits: 4,
        writes: 40,
        natural_writes: 400,
        lower_bound_writes: 30,
        steps: 10,
        schedule_bytes: 99,
        weight_error: 0.05,
        wear_per_cycle: 1.0,
        load: Load {
            hardware: Hardware { rows: 9, cols: 9, fanout: if key.fanout == "cell" { 1 } else { 9 }, bits: 4 },
            layers: vec![layer.clone()],
            worst_wear: 4.0,
            endurance: None,
        },
    };
    let system = SystemProfile::preset("lightening").unwrap();
    let mut asked = 0;
    let sheet = Sheet::of(&grid, &system, |key| {
        asked += 1;
        let kept = match key.fanout.as_str() {
            "cell" => Kept::Planned(Box::new(planned(key))),
            _ => return None,
        };
        Some(Record { key: key.clone(), kept })
    });
    assert_eq!((asked, sheet.points.len(), sheet.missing.len()), (2, 3, 1));
    let batches: Vec<u64> = sheet.points.iter().map(|point| point.batch).collect();
    // 50 us of writing, 10 x 100 vectors of 0.2 ns.
    assert_eq!(batches, [1, 64, 250]);
    assert_eq!(sheet.points[1].life_inferences, Some(1e6 / 4.0 * 64.0));
    assert!(sheet.points[1].time_us < sheet.points[0].time_us);
    let csv = crate::explore::csv(&sheet);
    assert_eq!(csv.lines().count(), 4);
    assert!(csv.lines().all(|line| line.split(',').count() == 19), "{csv}");
    let text = crate::explore::table(&sheet, &crate::show::Screen { width: None, colour: false }, true);
    assert!(text.contains("missing") && text.contains("9x9, fanout column"), "{text}");
}
