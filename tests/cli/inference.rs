//! The whole inference: its figures, and what they come from.

use serde_json::Value;

use crate::support::program::Sandbox;

const VECTORS: [&str; 6] = ["--vectors", "*=64", "--vectors", "fc*=1", "--vectors", "dw.weight=16"];

fn with(args: &[&str]) -> Value {
    let sandbox = Sandbox::with_network();
    sandbox.report(&[&VECTORS, args].concat())["inference"].clone()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

fn near(got: f64, want: f64, what: &str) {
    assert!((got - want).abs() <= 1e-9 * want.abs().max(1e-30), "{what}: {got}, by hand {want}");
}

/// The formulas of docs/system-model.md once more, from nothing but the JSON object.
fn by_hand(inference: &Value, rows: f64, cols: f64, fanout: f64, cell_bits: f64, bits: [f64; 2], overlap: bool) {
    let constants = inference["system"]["constants"].as_array().unwrap();
    let constant = |key: &str| constants.iter().find(|c| c["key"] == key).map_or(0.0, |c| number(&c["value"]));
    let has = |table: &str| constants.iter().any(|c| c["key"].as_str().unwrap().starts_with(table));
    let batch = number(&inference["batch"]);
    let modulators = rows * cols / fanout;
    let capacitor = |b: f64| b.exp2() / (b + 1.0);
    let [dac_bits, adc_bits] = bits;
    let dac = constant("dac.energy_pj_per_sample") * capacitor(dac_bits) / capacitor(constant("dac.reference_bits"));
    let adc = constant("adc.energy_pj_per_sample") * adc_bits / constant("adc.reference_bits");
    let stages = rows.max(cols).log2().ceil();
    let dbm = constant("laser.coupling_loss_db")
        + constant("laser.splitter_loss_db") * stages
        + constant("modulators.loss_db")
        + constant("laser.cell_loss_db")
        + constant("laser.sensitivity_dbm")
        + 10.0 * (rows * cols).log10();
    let contrast = 1.0 - 10f64.powf(-constant("modulators.extinction_ratio_db") / 10.0);
    let laser_mw = 10f64.powf(dbm / 10.0) / constant("laser.efficiency") * adc_bits.exp2() / contrast;
    assert!(cell_bits > 0.0);

    let (mut all_time, mut all_energy, mut all_light) = (0.0, 0.0, 0.0);
    for layer in inference["per_layer"].as_array().unwrap() {
        let core = &layer["cores"][0];
        let of = |key: &str| number(&core[key]);
        let (vectors, passes) = (number(&layer["vectors"]) * batch, number(&layer["passes"]));
        let light = of("steps") * vectors / constant("timing.vector_rate_ghz") / 1e3;
        let settle = passes * of("steps") * constant("timing.settle_us");
        let link = if has("link") { of("schedule_bytes") / constant("link.bytes_per_second") * 1e6 } else { 0.0 };
        let cycles = of("weights") * constant("controller.cycles_per_weight")
            + of("events") * constant("controller.cycles_per_written_cell");
        let decode = if has("controller") { cycles / constant("controller.clock_mhz") } else { 0.0 };
        let behind = passes * (link + decode);
        let waited = if overlap { (behind - light - settle).max(0.0) } else { behind };
        let us = passes * of("write_us") + light + settle + waited;
        let samples = of("steps") * vectors;
        let pj = passes * of("write_pj")
            + samples * modulators * (constant("modulators.energy_pj_per_sample") + dac)
            + samples * rows * adc
            + laser_mw * light * 1e3
            + (rows * constant("detectors.power_mw") + rows * constant("detectors.amplifier_power_mw")) * light * 1e3
            + samples * modulators * constant("buffer.input_bytes") * constant("buffer.read_pj_per_byte")
            + samples
                * rows
                * constant("buffer.partial_sum_bytes")
                * (constant("buffer.read_pj_per_byte") + constant("buffer.write_pj_per_byte"))
            + vectors
                * number(&layer["inputs"])
                * constant("buffer.input_bytes")
                * constant("buffer.write_pj_per_byte")
            + passes * of("schedule_bytes") * constant("link.energy_pj_per_byte")
            + constant("idle.power_mw") * us * 1e3;
        near(number(&layer["time_us"]), us / batch, "time of a layer");
        near(number(&layer["energy_pj"]), pj / batch, "energy of a layer");
        all_time += us / batch;
        all_energy += pj / batch;
        all_light += light / batch;
    }
    near(number(&inference["time_us"]), all_time, "time");
    near(number(&inference["energy_pj"]), all_energy, "energy");
    near(number(&inference["light_fraction"]), all_light / all_time, "light");
    for (parts, whole) in [("time", "time_us"), ("energy", "energy_pj")] {
        let sum: f64 = inference[parts].as_object().unwrap().values().map(number).sum();
        near(sum, number(&inference[whole]), parts);
    }
}

#[test]
fn figures_follow_from_their_inputs() {
    let lightening = with(&["--system", "lightening", "--batch", "8", "--fanout", "column"]);
    by_hand(&lightening, 9.0, 9.0, 9.0, 4.0, [4.0, 8.0], true);
    let feldmann = with(&["--system", "feldmann-2021", "--batch", "3", "--core", "4x6"]);
    by_hand(&feldmann, 4.0, 6.0, 1.0, 4.0, [4.0, 8.0], true);
    // A buffer that cuts layers into passes.
    let small = with(&["--system", "lightening", "--batch", "8", "--buffer", "1000"]);
    assert!(small["per_layer"].as_array().unwrap().iter().any(|layer| layer["passes"].as_u64() > Some(1)));
    by_hand(&small, 9.0, 9.0, 1.0, 4.0, [4.0, 8.0], true);
}

#[test]
fn counts_are_those_of_the_plan() {
    let sandbox = Sandbox::with_network();
    for extra in [
        vec![],
        vec!["--fanout", "3"],
        vec!["--order", "natural"],
        vec!["--extra-steps", "50"],
        vec!["--device", "gst-single-pulse"],
    ] {
        // `lightening` writes all cells of a core at once, as the plan's own programming time does.
        let report = sandbox.report(&[&VECTORS[..], &["--system", "lightening"], &extra].concat());
        let (order, inference) = (report["order"].as_str().unwrap(), &report["inference"]);
        let cost = &report["orders"][order]["per_inference"];
        let sum = |key: &str| -> f64 {
            inference["per_layer"].as_array().unwrap().iter().map(|l| number(&l["cores"][0][key])).sum()
        };
        near(sum("write_us"), number(&cost["time_us"]), "time of programming");
        near(sum("write_pj"), number(&cost["energy_pj"]), "energy of programming");
        assert_eq!(sum("events"), number(&cost["events"]));
        assert_eq!(sum("steps"), number(&report["steps"]));
        assert_eq!(sum("weights"), number(&report["weights"]) - number(&report["left_out"]));
        assert!(sum("schedule_bytes") < number(&report["schedule"]["bytes"]));
        let endurance = sandbox.report(
            &[&VECTORS[..], &["--system", "lightening", "--endurance", "1e6", "--batch", "10"], &extra].concat(),
        );
        let life = number(&endurance["inference"]["life_inferences"]);
        assert_eq!(life, (1e6 / number(&cost["max_cell_wear"]) * 10.0).floor());
        assert_eq!(endurance["endurance_writes"], 1e6);
    }
}

#[test]
fn cells_one_by_one_take_longer_than_all_at_once() {
    let file = |at_once: &str| {
        let preset = include_str!("../../src/system/presets/lightening.toml");
        preset.replacen("cells_at_once = \"core\"", &format!("cells_at_once = \"{at_once}\""), 1)
    };
    let write = |at_once: &str| {
        let sandbox = Sandbox::with_network().file("lab.toml", file(at_once));
        number(&sandbox.report(&[&VECTORS[..], &["--system", "lab.toml"]].concat())["inference"]["time"]["write"])
    };
    let [core, row, column, one] = ["core", "row", "column", "one"].map(write);
    assert!(core < row && core < column && row < one && column < one, "{core} {row} {column} {one}");
}

#[test]
fn several_cores_share_a_layer() {
    let one = with(&["--system", "lightening"]);
    let two = with(&["--system", "lightening", "--cores", "2"]);
    assert_eq!(two["per_layer"][0]["cores"].as_array().unwrap().len(), 2);
    assert!(number(&two["time"]["light"]) < number(&one["time"]["light"]));
}

#[test]
fn a_batch_can_balance_light_and_writing() {
    let auto = with(&["--system", "lightening", "--batch", "auto", "--buffer", "1000000000"]);
    assert_eq!(auto["batch"], auto["balance_batch"]);
    assert!(number(&auto["time"]["light"]) >= number(&auto["time"]["write"]));
    assert_eq!(with(&["--system", "lightening"])["batch"], 1);
}

#[test]
fn what_is_not_known_is_said() {
    let sandbox = Sandbox::with_network();
    let run = |args: &[&str]| sandbox.plan(args).success();
    let bare = sandbox.report(&["--system", "bench"]);
    assert!(bare["inference"]["time_us"].is_null() && bare["inference"]["energy_pj"].is_null());
    assert_eq!(bare["inference"]["unknown_vectors"].as_array().unwrap().len(), 4);
    assert_eq!((&bare["inference"]["life"], &bare["inference"]["life_inferences"]), (&"unknown".into(), &Value::Null));
    let text = run(&["--system", "bench"]);
    assert!(text.contains("--vectors LAYER=N") && text.contains("--endurance N") && !text.contains("multiplications"));
    let text = run(&[&VECTORS[..], &["--system", "feldmann-2021", "--device", "gst-optical"]].concat());
    assert!(
        text.contains("multiplications a second")
            && text.contains("not counted, as the system does not say: controller, link"),
        "{text}"
    );
    assert!(text.contains("for the time: timing.settle_us, device.time_down_us_per_level"), "{text}");
    let text = run(&["--system", "bench", "--bits", "2", "--extra-steps", "fixed"]);
    assert!(text.contains("no wear: nothing is written after the first load"), "{text}");
    assert!(sandbox.report(&[])["inference"].is_null(), "without a system nothing is said");
}

#[test]
fn a_device_brings_its_system() {
    let device = include_str!("../../src/level/presets/elight.toml");
    let both = format!("{device}\n{}", include_str!("../../src/system/presets/bench.toml"));
    let sandbox = Sandbox::with_network().file("lab.toml", both);
    let report = sandbox.report(&[&VECTORS[..], &["--device", "lab.toml"]].concat());
    assert_eq!((&report["device"], &report["inference"]["system"]["name"]), (&"elight".into(), &"bench".into()));
    let other = sandbox.report(&[&VECTORS[..], &["--device", "lab.toml", "--system", "skylight"]].concat());
    assert_eq!(other["inference"]["system"]["name"], "skylight");
}

#[test]
fn wrong_options_are_refused() {
    let sandbox = Sandbox::with_network().file("lab.toml", "[system]\nname = \"lab\"\n");
    let fails = |code, args: &[&str], parts: &[&str]| sandbox.plan(args).fails(code, parts);
    fails(1, &["--system", "banch"], &["no system called `banch`", "bench, feldmann-2021"]);
    fails(1, &["--system", "lab.toml"], &["missing field `title`", "line 1"]);
    fails(1, &["--batch", "64"], &["--batch is for a whole inference", "--system"]);
    fails(1, &["--buffer", "64"], &["--buffer is for a whole inference"]);
    fails(1, &["--system", "bench", "--vectors", "conv*=3"], &["no layer matches", "stem.weight"]);
    fails(1, &["--system", "bench", "--batch", "auto"], &["--batch auto needs the input vectors", "fc1.weight"]);
    for bad in
        [["--batch", "0"], ["--batch", "many"], ["--vectors", "fc1"], ["--vectors", "fc1=0"], ["--endurance", "0"]]
    {
        assert_eq!(sandbox.plan(&[&bad[..], &["--system", "bench"]].concat()).code, Some(2), "{bad:?}");
    }
}

#[test]
fn an_objective_of_the_whole_inference_is_no_worse_in_it_than_any_other() {
    let sandbox = Sandbox::with_network();
    let base =
        [&VECTORS[..], &["--system", "feldmann-2021", "--device", "gst-optical", "--bits", "2", "--batch", "16"]]
            .concat();
    let run = |args: &[&str]| sandbox.report(&[&base[..], args].concat());
    let others = [
        run(&[]),
        run(&["--extra-steps", "0"]),
        run(&["--extra-steps", "50"]),
        run(&["--objective", "latency"]),
        run(&["--objective", "energy"]),
        run(&["--objective", "wear"]),
    ];
    for (objective, key) in [("inference-time", "time_us"), ("inference-energy", "energy_pj")] {
        let best = number(&run(&["--objective", objective])["inference"][key]);
        for other in &others {
            assert!(
                best <= number(&other["inference"][key]) * (1.0 + 1e-12),
                "{objective}: {best}, {}",
                other["inference"][key]
            );
        }
    }
    // 2 bits: six levels besides 0 have a cell each in every row, so nothing needs to be written.
    let life = run(&["--objective", "life"]);
    assert_eq!(life["inference"]["life"], "no-wear");
    // Shared inputs cannot trade steps: the plan without is the best there is.
    let shared = run(&["--objective", "life", "--fanout", "column"]);
    assert_eq!(shared["inference"]["life"], "limited");
    sandbox.plan(&["--objective", "life"]).fails(1, &["--objective life is for a whole inference", "--system"]);
    sandbox
        .plan(&["--objective", "inference-time", "--system", "bench"])
        .fails(1, &["needs the input vectors", "stem.weight"]);
}
