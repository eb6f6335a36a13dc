use super::*;
use crate::system::{Bits, Split};

fn near(got: f64, want: f64, tolerance: f64, what: &str) {
    assert!((got / want - 1.0).abs() <= tolerance, "{what}: {got}, expected {want}");
}

/// Layers as a matrix of `outputs x inputs` and its vectors an inference, tile by tile on one core.
fn load(hardware: Hardware, layers: &[(u64, u64, u64)]) -> Load {
    let layers = layers.iter().map(|&(outputs, inputs, vectors)| LayerLoad {
        name: format!("{outputs}x{inputs}"),
        vectors: Some(vectors),
        inputs,
        outputs,
        macs: outputs * inputs,
        cores: vec![CoreLoad {
            steps: inputs.div_ceil(hardware.cols as u64) * outputs.div_ceil(hardware.rows as u64),
            ..CoreLoad::default()
        }],
    });
    Load { hardware, layers: layers.collect(), worst_wear: 0.0, endurance: None }
}

const GEMM: [(u64, u64, u64); 1] = [(512, 4608, 64)];
const LONG_GEMM: [(u64, u64, u64); 1] = [(512, 4608, 1024)];
const VGG8: [(u64, u64, u64); 8] = [
    (128, 27, 1024),
    (128, 1152, 1024),
    (256, 1152, 256),
    (256, 2304, 256),
    (512, 2304, 64),
    (512, 4608, 64),
    (1024, 8192, 1),
    (10, 1024, 1),
];

/// A run of the simulator: core, rows that share an input, bits, workload, batch; then microjoules of modulators with converters, ADC with amplifiers,
/// photodetectors, writes, laser, all; and microseconds.
type Run = ((usize, usize), usize, u8, &'static [(u64, u64, u64)], u64, [f64; 6], f64);

/// What SimPhony says of crossbars, its reported time corrected by its factor of 10.
const RUNS: [Run; 8] = [
    ((64, 64), 64, 4, &GEMM, 1, [2.010, 3.161, 33.22, 2359.3, 2028.4, 4426.09], 583.4),
    ((64, 64), 1, 4, &GEMM, 1, [128.62, 3.161, 33.22, 2359.3, 2028.4, 4552.69], 583.4),
    ((64, 64), 64, 4, &LONG_GEMM, 1, [32.15, 50.58, 531.5, 2359.3, 2412.9, 5386.47], 694.0),
    ((64, 64), 64, 8, &GEMM, 1, [9.488, 4.907, 33.22, 2359.3, 32454.0, 34861.0], 583.4),
    ((64, 64), 64, 4, &VGG8, 1, [8.263, 13.00, 136.6, 13033.0, 11169.0, 24361.0], 3212.0),
    ((64, 64), 64, 4, &VGG8, 16, [132.2, 208.0, 2185.0, 13033.0, 12750.0, 28309.0], 3667.0),
    ((64, 64), 1, 4, &VGG8, 16, [8461.0, 208.0, 2185.0, 13033.0, 12750.0, 36638.0], 3667.0),
    ((128, 128), 128, 4, &VGG8, 16, [67.0, 105.4, 2215.0, 13107.0, 13135.0, 28629.0], 922.9),
];

#[test]
fn runs_of_a_published_simulator() {
    let system = SystemProfile::preset("simphony").unwrap();
    for ((rows, cols), fanout, bits, workload, batch, parts, us) in RUNS {
        let found = infer(&system, &load(Hardware { rows, cols, fanout, bits }, workload), batch, None);
        let e = found.energy.unwrap();
        let what = format!("{rows}x{cols}, fanout {fanout}, {bits} bits, batch {batch}");
        // Its amplifiers are listed with the converters, ours with the detectors.
        let steps = |l: &LayerInference| (l.load.cores[0].steps * l.load.vectors.unwrap()) as f64;
        let amplifiers = found.per_layer.iter().map(steps).sum::<f64>() * rows as f64 * 3.0 / 5.0;
        let got = [e.modulators + e.dac, e.adc + amplifiers, e.detectors - amplifiers, e.write, e.laser, e.total()];
        let names = ["modulators", "ADC", "photodetectors", "write", "laser", "all"];
        for ((name, got), want) in names.into_iter().zip(got).zip(parts) {
            // The simulator adds up a whole batch.
            near(got * batch as f64 * 1e-6, want, 1e-3, &format!("{what}: {name}"));
        }
        near(found.time_us.unwrap() * batch as f64, us, 1e-3, &format!("{what}: time"));
    }
}

#[test]
fn runs_without_the_split_and_at_another_clock() {
    let mut system = SystemProfile::preset("simphony").unwrap();
    system.laser.split = Split::None;
    let hardware = Hardware { rows: 64, cols: 64, fanout: 64, bits: 4 };
    let found = infer(&system, &load(hardware, &GEMM), 1, None);
    near(found.energy_pj.unwrap() * 1e-6, 2398.18, 1e-3, "no split");
    near(found.energy.unwrap().laser * 1e-6, 0.495, 2e-3, "laser without split");
    let mut system = SystemProfile::preset("simphony").unwrap();
    system.timing.vector_rate_ghz.value = 4.64;
    let hardware = Hardware { rows: 256, cols: 144, fanout: 256, bits: 4 };
    let found = infer(&system, &load(hardware, &GEMM), 1, None);
    near(found.time_us.unwrap(), 64.9, 1e-3, "time");
    near(found.energy_pj.unwrap() * 1e-6, 4523.13, 1e-3, "energy");
    near(found.energy.unwrap().laser * 1e-6, 2126.1, 1e-3, "laser");
}

/// Lightening-Transformer is no crossbar, but its published runs check the laws of converters and laser.
#[test]
fn laws_of_an_output_stationary_design() {
    let system = SystemProfile::preset("simphony").unwrap();
    for (bits, uj) in [(4u8, 155.70), (6, 231.47), (8, 467.25)] {
        let (r, c, h, w, n) = (4.0, 2.0, 12.0, 12.0, 12.0);
        let (busy, all) = (65_899.0, 66_378.0);
        let inputs = h * r * n * c + w * c * n;
        // 2.0 coupling, 0.1 x 4 splitters, 2 x 0.93 rings, 1.2 modulator, 0.76 node: what the crossbar's 1 dB cell stands for here.
        let mut system = system.clone();
        system.laser.cell_loss_db.value = 2.0 * 0.93 + 0.76;
        system.laser.split = Split::None;
        let hardware = Hardware { rows: 12, cols: 12, fanout: 1, bits };
        let laser = laser_power_mw(&system, &hardware);
        let dynamic = inputs * (0.45 + dac_energy_pj(&system, bits))
            + h * w * r * adc_energy_pj(&system, bits) / 3.0
            + h * w * r * c * 3.0 / 5.0 / 3.0
            + 2.0 * h * w * r * c * 1.1 / 5.0;
        let rings = 2.0 * (h + w) * n * c * r * 0.275;
        let energy = busy * dynamic + all / 5.0 * (rings + (r + c) * laser);
        near(energy * 1e-6, uj, 1e-3, &format!("{bits} bits"));
    }
}

#[test]
fn laws_by_hand() {
    let mut system = SystemProfile::preset("simphony").unwrap();
    near(dac_energy_pj(&system, 4), 0.402, 1e-3, "DAC, 4 bits");
    near(dac_energy_pj(&system, 6), 1.148, 1e-3, "DAC, 6 bits");
    near(dac_energy_pj(&system, 8), 50.0 / 14.0, 1e-12, "DAC, 8 bits");
    near(adc_energy_pj(&system, 1), 0.185, 1e-12, "ADC, a bit");
    system.adc.bits = Bits::Number(8);
    near(adc_energy_pj(&system, 1), 1.48, 1e-12, "ADC, 8 bits whatever the cell");
}

fn plan(system: &SystemProfile) -> Load {
    let hardware = Hardware { rows: 8, cols: 16, fanout: 8, bits: 4 };
    let core = |steps, write_us| CoreLoad {
        steps,
        weights: 1000,
        events: 50,
        schedule_bytes: 700,
        write_us,
        write_pj: 2500.0,
        worst_wear: 3.0,
    };
    let layer = |name: &str, vectors, cores| LayerLoad {
        name: name.into(),
        vectors,
        inputs: 32,
        outputs: 24,
        macs: 768,
        cores,
    };
    assert!(system.every_cell.is_none());
    let layers =
        vec![layer("conv", Some(100), vec![core(6, 40.0), core(5, 90.0)]), layer("fc", Some(1), vec![core(6, 10.0)])];
    Load { hardware, layers, worst_wear: 5.0, endurance: Some(1000.0) }
}

#[test]
fn parts_add_up_and_a_batch_shares_the_writes() {
    for name in SystemProfile::presets().filter(|name| *name != "simphony") {
        let system = SystemProfile::preset(name).unwrap();
        let load = plan(&system);
        let one = infer(&system, &load, 1, Some(1e9));
        let many = infer(&system, &load, 64, Some(1e9));
        for found in [&one, &many] {
            let us: f64 = found.per_layer.iter().map(|l| l.time_us.unwrap()).sum();
            let pj: f64 = found.per_layer.iter().map(|l| l.energy_pj.unwrap()).sum();
            near(us, found.time_us.unwrap(), 1e-12, "layers' time");
            near(pj, found.energy_pj.unwrap(), 1e-12, "layers' energy");
            near(found.time.unwrap().total(), found.time_us.unwrap(), 1e-12, "parts of the time");
            near(found.energy.unwrap().total(), found.energy_pj.unwrap(), 1e-12, "parts of the energy");
        }
        near(many.time.unwrap().write * 64.0, one.time.unwrap().write, 1e-12, "writes are shared");
        near(many.energy.unwrap().write * 64.0, one.energy.unwrap().write, 1e-12, "their energy, too");
        near(many.time.unwrap().light, one.time.unwrap().light, 1e-12, "light is not");
        near(many.energy.unwrap().adc.max(1e-30), one.energy.unwrap().adc.max(1e-30), 1e-12, "nor converters");
        assert!(many.time_us < one.time_us && many.energy_pj < one.energy_pj);
        assert_eq!(many.life_inferences, Some(12_800.0));
        assert_eq!(one.life_inferences, Some(200.0));
    }
}

#[test]
fn cores_side_by_side_wait_for_the_slowest() {
    let system = SystemProfile::preset("lightening").unwrap();
    let load = plan(&system);
    let found = infer(&system, &load, 1, None);
    let (one, other) = (load.layers[0].cores[0], load.layers[0].cores[1]);
    // 90 us against 40 us of writing decide; the light of both is below 1 us.
    assert_eq!(found.per_layer[0].time.unwrap().write, 90.0);
    assert_eq!(found.per_layer[0].energy.unwrap().write, one.write_pj + other.write_pj);
}

#[test]
fn decoding_hides_under_the_light_or_not() {
    let mut system = SystemProfile::preset("lightening").unwrap();
    let load = plan(&system);
    let apart = |system: &SystemProfile, batch| infer(system, &load, batch, Some(1e12));
    let hidden = apart(&system, 1_000_000);
    assert_eq!((hidden.time.unwrap().link, hidden.time.unwrap().decode), (0.0, 0.0));
    assert!(hidden.hidden.unwrap().decode > 0.0);
    system.timing.overlap = Overlap::None;
    let open = apart(&system, 1_000_000);
    let (t, h) = (open.time.unwrap(), hidden.hidden.unwrap());
    near(t.decode, h.decode, 1e-9, "what was hidden");
    assert_eq!(open.hidden, Some(Hidden::default()));
    near(open.time_us.unwrap(), hidden.time_us.unwrap() + h.link + h.decode, 1e-9, "one after the other");
}

#[test]
fn a_small_buffer_cuts_a_layer_into_passes() {
    let system = SystemProfile::preset("bench").unwrap();
    let load = plan(&system);
    let need = 100.0 * (32.0 + 24.0 * 4.0);
    assert_eq!(buffer_bytes(&system, &load.layers[0]), Some(need));
    let whole = infer(&system, &load, 4, Some(4.0 * need));
    let cut = infer(&system, &load, 4, Some(4.0 * need - 1.0));
    assert_eq!(whole.per_layer[0].passes, Some(1));
    assert_eq!((cut.per_layer[0].passes, cut.per_layer[1].passes), (Some(2), Some(1)));
    near(
        cut.per_layer[0].energy.unwrap().write,
        2.0 * whole.per_layer[0].energy.unwrap().write,
        1e-12,
        "written twice",
    );
    near(cut.time.unwrap().light, whole.time.unwrap().light, 1e-12, "the light is the same");
    // 5 cycles a pass, and 3 more of the layer that is run twice.
    assert_eq!((whole.life_inferences, cut.life_inferences), (Some(800.0), Some(500.0)));
    assert_eq!(whole.buffer_bytes, Some(4 * need as u64));
}

#[test]
fn the_batch_of_the_balance() {
    let system = SystemProfile::preset("lightening").unwrap();
    let mut load = plan(&system);
    load.layers[0].cores.remove(0);
    let found = infer(&system, &load, 1, None);
    let balance = found.balance_batch.unwrap();
    // 100 us of writing against 5 x 100 and 6 vectors of 0.2 ns.
    assert_eq!(balance, (100.0_f64 / (506.0 * 0.2e-3)).ceil() as u64);
    let light = |batch| infer(&system, &load, batch, Some(1e12)).time.unwrap();
    assert!(light(balance).light >= light(balance).write && light(balance - 1).light < light(balance - 1).write);
    assert_eq!(auto_batch(&system, &load, Some(1e12)), Some(balance));
    let one = buffer_bytes(&system, &load.layers[0]).unwrap();
    assert_eq!(auto_batch(&system, &load, Some(7.5 * one)), Some(7));
    assert_eq!(auto_batch(&system, &load, Some(0.5 * one)), Some(1));
}

#[test]
fn what_is_not_known_is_not_said() {
    let system = SystemProfile::preset("lightening").unwrap();
    let mut load = plan(&system);
    load.layers[1].vectors = None;
    let found = infer(&system, &load, 8, None);
    assert_eq!((found.time_us, found.energy_pj, found.light_fraction), (None, None, None));
    assert_eq!((found.balance_batch, found.life_seconds, found.macs_per_joule), (None, None, None));
    assert!(found.per_layer[0].time_us.is_some() && found.per_layer[1].time_us.is_none());
    assert_eq!((found.life, found.life_inferences), (Life::Limited, Some(1600.0)));
    assert_eq!(load.unknown_vectors(), ["fc"]);
    assert_eq!(auto_batch(&system, &load, None), None);
}

#[test]
fn no_wear_is_not_an_unknown_endurance() {
    let system = SystemProfile::preset("lightening").unwrap();
    let mut load = plan(&system);
    load.endurance = None;
    assert_eq!(infer(&system, &load, 1, None).life, Life::Unknown);
    load.worst_wear = 0.0;
    load.layers.iter_mut().flat_map(|l| &mut l.cores).for_each(|core| core.worst_wear = 0.0);
    assert_eq!(infer(&system, &load, 1, None).life, Life::NoWear);
    load.endurance = Some(1e4);
    assert_eq!(
        (infer(&system, &load, 1, None).life, infer(&system, &load, 1, None).life_inferences),
        (Life::NoWear, None)
    );
}
