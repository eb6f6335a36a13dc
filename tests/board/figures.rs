//! How small and how fast the controller is: a table, against its limits and against the figures of docs/performance-controller.md.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use object::{Object, ObjectSection, ObjectSymbol, SectionFlags, SectionKind};

use crate::plan::{load_on, options, plan};
use crate::qemu::{Counts, Watch, Window, built};
use crate::thumb::CallGraph;

/// What an exception puts on the stack, with the registers of the floating-point unit and to keep it aligned.
const EXCEPTION_FRAME: u32 = 26 * 4 + 4;
/// Words of the vector table: where the reset goes, and the first interrupt.
const RESET: usize = 1;
const FIRST_IRQ: usize = 16;

/// What must not be in an image: panics and what they call, formatting, allocation.
const UNWANTED: [&str; 6] = ["core::panicking", "_failed", "rust_begin_unwind", "core::fmt", "alloc::", "__rust_alloc"];

/// One figure of each core.
struct Figure {
    name: &'static str,
    /// Limit of the 9x9 core and of the 64x64 core.
    limits: [u32; 2],
    values: [u32; 2],
}

/// What the linked image says of itself.
struct Image {
    bytes: u32,
    static_ram: u32,
    stack: u32,
    /// Names of what must not be there: panics, formatting, allocation.
    unwanted: Vec<String>,
}

fn image(name: &str) -> Image {
    let file = std::fs::read(built(name)).expect("the image");
    let elf = object::File::parse(&*file).expect("an ELF file");
    let (mut bytes, mut static_ram) = (0, 0);
    for section in elf.sections() {
        let SectionFlags::Elf { sh_flags, .. } = section.flags() else { continue };
        if sh_flags & object::elf::SHF_ALLOC == object::elf::SectionFlags(0) {
            continue;
        }
        let zeros = matches!(section.kind(), SectionKind::UninitializedData);
        bytes += if zeros { 0 } else { section.size() as u32 };
        static_ram += if section.address() >= 0x2000_0000 { section.size() as u32 } else { 0 };
    }
    let graph = CallGraph::read(&elf);
    let unwanted: Vec<String> = elf
        .symbols()
        .filter(|symbol| symbol.is_definition())
        .map(|symbol| (symbol.address() as u32 & !1, rustc_demangle::demangle(symbol.name().unwrap_or_default())))
        .map(|(at, name)| (at, format!("{name:#}")))
        .filter(|(_, name)| UNWANTED.iter().any(|bad| name.contains(bad)))
        .map(|(at, name)| format!("{name}, called by {:?}", graph.callers(at)))
        .collect();
    let vectors = elf.section_by_name(".vector_table").expect("a vector table");
    let vectors = vectors.data().expect("its words");
    let root = |i: usize| u32::from_le_bytes(vectors[4 * i..4 * i + 4].try_into().expect("a word")) & !1;
    let depth = |i: usize| graph.depth(root(i)).unwrap_or_else(|why| panic!("{name}: no bound on the stack: {why}"));
    let ((main, chain), (handler, _)) = (depth(RESET), depth(FIRST_IRQ));
    println!("{name}: deepest stack");
    for at in &chain {
        let function = &graph.functions[at];
        println!("  {:>6}  {}", function.frame, function.name);
    }
    println!("  {:>6}  an interrupt", EXCEPTION_FRAME + handler);
    Image { bytes, static_ram, stack: main + EXCEPTION_FRAME + handler, unwanted }
}

/// Instructions, by function.
fn by_function(name: &str, counts: &Counts) -> BTreeMap<String, u64> {
    let file = std::fs::read(built(name)).expect("the image");
    let graph = CallGraph::read(&object::File::parse(&*file).expect("an ELF file"));
    let mut sums = BTreeMap::new();
    for (i, &count) in counts.executed.iter().enumerate().filter(|(_, count)| **count > 0) {
        let name = graph.function_at(2 * i as u32).map_or("?", |start| &graph.functions[&start].name);
        *sums.entry(name.to_owned()).or_default() += count;
    }
    sums
}

/// Instructions of one more inference, in steady state.
fn per_inference(name: &str, core: &str, order: &str) -> (u64, u64, u64) {
    let (sandbox, schedule) = plan(core, 128, 320, &["--order", order]);
    let counts = |inferences: u32| {
        let folder = sandbox.folder.path().join(inferences.to_string());
        std::fs::create_dir(&folder).expect("a folder");
        let (window, out) = (Window::new(&folder), folder.join("counts"));
        let watch = |_| Watch { out: Some(out.clone()), ..Watch::default() };
        load_on(&built(name), &window, &schedule, &options(inferences), watch).0.expect("a load");
        Counts::read(&out)
    };
    let (one, three) = (counts(1), counts(3));
    let (before, after) = (by_function(name, &one), by_function(name, &three));
    let mut more: Vec<(u64, &String)> =
        after.iter().map(|(f, n)| (n.saturating_sub(before.get(f).copied().unwrap_or(0)) / 2, f)).collect();
    more.sort_unstable_by(|a, b| b.cmp(a));
    let end = elight::link::expect::inference(
        &schedule.bytes,
        schedule.identity,
        schedule.ram,
        &mut elight::link::expect::Cells::at(vec![
            0;
            usize::from(schedule.identity.rows)
                * usize::from(schedule.identity.cols)
        ]),
    )
    .expect("a schedule");
    println!(
        "{name}, order {order}: {} weights, {} events an inference; instructions a weight by function:",
        end.weights, end.events
    );
    for (n, function) in more.iter().take(14) {
        println!("  {:>8.1}  {function}", *n as f64 / end.weights as f64);
    }
    ((three.instructions() - one.instructions()) / 2, end.weights, end.events)
}

/// Instructions for a weight decoded and routed, and on top for a PCM cell written: two orders of the same weights differ in how many
/// cells they write, so two equations give both.
fn instructions(name: &str, core: &str) -> (u32, u32) {
    let (many, weights, events) = per_inference(name, core, "natural");
    let (few, _, fewer_events) = per_inference(name, core, "optimal");
    let write = (many as f64 - few as f64) / (events - fewer_events) as f64;
    let weight = (few as f64 - write * fewer_events as f64) / weights as f64;
    (weight.round() as u32, write.round() as u32)
}

/// The figures of the document, by name.
fn committed() -> BTreeMap<String, [u32; 2]> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/performance-controller.md");
    let text = std::fs::read_to_string(path).expect("docs/performance-controller.md");
    let cell = |text: &str| text.trim().replace(',', "").parse::<u32>().ok();
    text.lines()
        .filter_map(|line| {
            let cells: Vec<&str> = line.trim().trim_matches('|').split('|').collect();
            let [name, _, _, small, large] = cells[..] else { return None };
            Some((name.trim().to_owned(), [cell(small)?, cell(large)?]))
        })
        .collect()
}

#[test]
fn the_controller_is_small_and_fast() {
    let images = ["core-9x9", "core-64x64"].map(image);
    let (weight, write): (Vec<u32>, Vec<u32>) =
        [("core-9x9", "9x9"), ("core-64x64", "64x64")].map(|(name, core)| instructions(name, core)).into_iter().unzip();
    let of = |f: fn(&Image) -> u32| [f(&images[0]), f(&images[1])];
    let figures = [
        Figure { name: "image, bytes", limits: [48 << 10; 2], values: of(|image| image.bytes) },
        Figure {
            name: "RAM with wear counters and stack, bytes",
            limits: [6 << 10, 48 << 10],
            values: of(|image| image.static_ram + image.stack),
        },
        Figure { name: "stack bound, bytes", limits: [2 << 10; 2], values: of(|image| image.stack) },
        Figure {
            name: "symbols of panics, formatting, allocation",
            limits: [0; 2],
            values: of(|image| image.unwanted.len() as u32),
        },
        Figure { name: "instructions a weight", limits: [200; 2], values: [weight[0], weight[1]] },
        Figure { name: "instructions a PCM cell written, on top", limits: [150; 2], values: [write[0], write[1]] },
    ];
    let committed = committed();
    let mut table = String::from("| figure | limit 9x9 | limit 64x64 | 9x9 | 64x64 |\n|---|---|---|---|---|\n");
    let mut worse = Vec::new();
    for unwanted in images.iter().flat_map(|image| &image.unwanted) {
        println!("unwanted: {unwanted}");
    }
    println!("\n{:<42} {:>8} {:>8} {:>9} {:>8} {:>8} {:>9}", "", "9x9", "limit", "change", "64x64", "limit", "change");
    for figure in &figures {
        let Figure { name, limits, values } = figure;
        let then = committed.get(*name);
        let change = |i: usize| {
            then.map_or_else(|| "new".to_owned(), |then| format!("{:+}", i64::from(values[i]) - i64::from(then[i])))
        };
        println!(
            "{name:<42} {:>8} {:>8} {:>9} {:>8} {:>8} {:>9}",
            values[0],
            limits[0],
            change(0),
            values[1],
            limits[1],
            change(1)
        );
        writeln!(table, "| {name} | {} | {} | {} | {} |", limits[0], limits[1], values[0], values[1])
            .expect("a string");
        for i in 0..2 {
            // What is above its limit may not get worse: by more than the toolchains differ.
            let allowed = then.map_or(0, |then| then[i] + then[i] / 20).max(limits[i]);
            if values[i] > allowed {
                worse.push(format!("{name}: {} of at most {allowed}", values[i]));
            }
        }
    }
    std::fs::write(built("core-9x9").with_file_name("figures.md"), table).expect("the table");
    assert!(worse.is_empty(), "{worse:?}");
}
