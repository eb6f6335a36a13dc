//! The stages of planning, one by one: `cargo bench --bench stages`. `docs/performance.md` says how to read them.
//!
//! One layer of 512 x 4608 Gaussian weights (VGG8's largest), 4 bits, one scale, a 64x64 core. Throughput is per weight.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use elight::level::{DeviceProfile, LevelMatrix, Quantizer, Reparam, ScaleMode};
use elight::observer::StopToken;
use elight::order::Effort;
use elight::order::chain::boundary::CoreBoundary;
use elight::order::chain::directions::Arrangement;
use elight::order::cost::tally::Counter;
use elight::order::families::sorted_rows::quantile;
use elight::order::rows::profile::Profiles;
use elight::order::slots::program::Program;
use elight::plan::{self, CoreSize, PlanOptions, Quantization, Unobserved};
use elight::replay::SimBuffers;
use elight::schedule::records::{Encoder, Memory, RecordFormat, Records, Survey, walk};
use elight::schedule::writer::ScheduleSpec;
use elight::weights::{Filter, Layout, Network};
use firmware_model::controller::Controller;
use firmware_model::photonic_core::{Core, Identity, Output};
use firmware_model::sim::{Fault, SimConfig};
use firmware_model::wire;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rand_distr::{Distribution, StandardNormal};
use safetensors::Dtype;
use safetensors::tensor::TensorView;

const ROWS: usize = 512;
const COLS: usize = 4608;
const CORE: CoreSize = CoreSize { rows: 64, cols: 64 };

fn weights() -> Vec<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    (0..ROWS * COLS).map(|_| StandardNormal.sample(&mut rng)).collect()
}

struct Layer {
    device: DeviceProfile,
    weights: Vec<f32>,
    levels: LevelMatrix,
    profiles: Vec<Profiles>,
    arrangement: Arrangement,
    format: RecordFormat,
}

fn layer() -> Layer {
    let device = DeviceProfile::load("elight", None).expect("the preset is valid");
    let weights = weights();
    let levels = Quantizer::new(&device, Reparam::None, ScaleMode::Layer).quantize(ROWS, COLS, &weights);
    let profiles = vec![Profiles::of(&levels.levels, ROWS, COLS, device.top_level())];
    let arrangement = quantile::arrange(
        &profiles,
        CORE.rows,
        CORE.cols,
        &CoreBoundary::Cyclic,
        Effort::Good,
        1,
        &StopToken::new(&Unobserved),
    );
    let format = ScheduleSpec::format(CORE.cols as u16, device.bits, 1, wire::Reach::Row);
    Layer { device, weights, levels, profiles, arrangement, format }
}

/// Calls `f` with the program of every slot.
fn for_each_program(layer: &Layer, mut f: impl FnMut(usize, usize, &Program)) {
    let mut program = Program::default();
    let timeline = &layer.arrangement.timeline;
    for stage in 0..timeline.stages() {
        for core_row in 0..CORE.rows {
            let row = layer.levels.row(timeline.row(stage, core_row) as usize);
            let chunks = timeline.chunks(stage, core_row);
            program.chunks(
                row,
                COLS / CORE.cols,
                layer.device.top_level(),
                chunks,
                layer.arrangement.rising(stage, core_row),
            );
            f(stage, core_row, &program);
        }
    }
}

/// A core that does nothing: what remains is decoding.
struct NoCore;

impl Core for NoCore {
    type Fault = Fault;
    fn begin_layer(&mut self, _: &wire::Layer<'_>) -> Result<(), Fault> {
        Ok(())
    }
    fn assign(&mut self, _: u16, _: Option<Output>) -> Result<(), Fault> {
        Ok(())
    }
    fn program(&mut self, _: u16, _: u16, level: i16) -> Result<(), Fault> {
        black_box(level);
        Ok(())
    }
    fn route(&mut self, _: u16, _: u16, input: Option<u32>) -> Result<(), Fault> {
        black_box(input);
        Ok(())
    }
    fn step(&mut self) -> Result<(), Fault> {
        Ok(())
    }
}

/// The layer as a file in memory, and its schedule.
fn schedule(layer: &Layer) -> (Network, PlanOptions, Vec<u8>) {
    let bytes: Vec<u8> = layer.weights.iter().flat_map(|w| w.to_le_bytes()).collect();
    let view = TensorView::new(Dtype::F32, vec![ROWS, COLS], &bytes).expect("the shape fits the data");
    let file = safetensors::serialize([("layer.weight", view)], None).expect("one tensor");
    let network = Network::from_bytes("bench", file, Layout::Auto, &Filter::default()).expect("a sound file");
    let options = PlanOptions {
        quantization: Quantization { reparam: Reparam::None, scale: ScaleMode::Layer },
        ..PlanOptions::new(CORE, layer.device.clone())
    };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("bench.elight");
    plan::plan(&network, &options, &path, &[], &Unobserved).expect("a plan");
    let bytes = std::fs::read(path).expect("the schedule");
    (network, options, bytes)
}

fn stages(c: &mut Criterion) {
    // One thread: figures per weight and core.
    rayon::ThreadPoolBuilder::new().num_threads(1).build_global().expect("the pool is built once");
    let layer = layer();
    let (network, options, bytes) = schedule(&layer);
    let mut group = c.benchmark_group("stages");
    group.sample_size(10).throughput(Throughput::Elements((ROWS * COLS) as u64));

    let quantizer = Quantizer::new(&layer.device, Reparam::None, ScaleMode::Layer);
    let mut levels = vec![0i16; ROWS * COLS];
    group.bench_function("quantize", |b| {
        b.iter(|| quantizer.quantize_band(COLS, &layer.weights, &mut levels, Some(5.0)));
    });
    group.bench_function("order", |b| {
        b.iter(|| {
            quantile::arrange(
                &layer.profiles,
                CORE.rows,
                CORE.cols,
                &CoreBoundary::Cyclic,
                Effort::Good,
                1,
                &StopToken::new(&Unobserved),
            )
            .writes
        });
    });
    group.bench_function("program and tally", |b| {
        b.iter(|| {
            let mut counter = Counter::new(CORE.rows, CORE.cols, layer.device.cost);
            for_each_program(&layer, |stage, core_row, program| {
                counter.rows()[core_row].slot(program, (stage * COLS / CORE.cols) as u64);
            });
            counter.end_layer();
            counter.finish().costs.per_inference.writes
        });
    });
    let mut survey = Survey::new(layer.device.top_level());
    for_each_program(&layer, |_, _, program| walk(program, COLS, layer.format, &mut Memory::default(), &mut survey));
    let coding = survey.coding();
    group.bench_function("program and encode", |b| {
        let (mut memory, mut records) = (Memory::default(), Records::default());
        b.iter(|| {
            for_each_program(&layer, |_, _, program| {
                let mut encoder = Encoder::new(&coding, layer.device.bits, &mut records);
                walk(program, COLS, layer.format, &mut memory, &mut encoder);
            });
            records.bits.len()
        });
    });
    let identity = Identity {
        rows: CORE.rows as u16,
        cols: CORE.cols as u16,
        bits: layer.device.bits,
        fanout: 1,
        device_crc: layer.device.identity_crc(),
    };
    group.bench_function("decode", |b| {
        let mut memory = vec![0; 1 << 16];
        b.iter(|| {
            let mut controller = Controller::new(NoCore, identity, &mut memory);
            controller.feed(&bytes).map(|p| p.weights)
        });
    });
    group.bench_function("replay", |b| {
        let config =
            SimConfig { rows: 64, cols: 64, bits: layer.device.bits, fanout: 1, cost: Some(layer.device.cost) };
        let values = vec![1i32; 1 << layer.device.bits];
        let inputs = vec![1i32; COLS];
        b.iter(|| {
            let (mut buffers, mut memory) = (SimBuffers::erased(64, 64, ROWS), vec![0; 1 << 16]);
            let sim = buffers.core(config, &values, &inputs).expect("a sound core");
            Controller::new(sim, identity, &mut memory).feed(&bytes).map(|p| p.weights)
        });
    });
    group.bench_function("whole plan, written to disk", |b| {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("bench.elight");
        b.iter(|| plan::plan(&network, &options, &path, &[], &Unobserved).map(|o| o.bytes));
    });
    group.finish();
}

criterion_group!(benches, stages);
criterion_main!(benches);
