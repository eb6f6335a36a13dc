//! `--report` and `--svg`: the page and its pictures.

use std::process::Command;

use roxmltree::{Document, ParsingOptions};
use serde_json::Value;

use crate::support::program::Sandbox;
use crate::support::repository;
use crate::support::weights::{Weights, random};

fn xml(text: &str) -> Document<'_> {
    let options = ParsingOptions { allow_dtd: true, ..ParsingOptions::default() };
    Document::parse_with_options(text, options).unwrap_or_else(|e| panic!("{e}"))
}

fn page(sandbox: &Sandbox, args: &[&str]) -> (Value, String) {
    let report = sandbox.report(&[args, &["--report", "page.html"]].concat());
    (report, String::from_utf8(sandbox.read("page.html")).unwrap())
}

/// Every figure of the page is the JSON object's; returns how many there are.
fn figures_agree(page: &str, report: &Value) -> usize {
    let document = xml(page);
    let figures: Vec<_> = document.descendants().filter(|n| n.has_tag_name("data")).collect();
    for figure in &figures {
        let key = figure.attribute("data-key").unwrap();
        let shown = figure.attribute("value").unwrap();
        let value = report.pointer(key).unwrap_or_else(|| panic!("{key} is not in the JSON object"));
        match value {
            Value::String(text) => assert_eq!(text, shown, "{key}"),
            other => assert_eq!(other, &serde_json::from_str::<Value>(shown).unwrap(), "{key}"),
        }
        assert!(!figure.text().unwrap().is_empty(), "{key}");
    }
    figures.len()
}

#[test]
fn the_page_stands_alone_and_has_the_figures_of_the_json() {
    let sandbox = Sandbox::with_network();
    let sections = [
        "Three orders",
        "Layer by layer",
        "Wear of the cells",
        "Lifetime",
        "Writes over the steps",
        "Levels and error",
    ];
    for args in
        [&["--device", "gst-optical", "--rate", "30"][..], &["--order", "natural", "--no-verify", "--core", "70x3"]]
    {
        let (report, text) = page(&sandbox, args);
        assert!(figures_agree(&text, &report) > 100, "{args:?}");
        let document = xml(&text);
        let names: Vec<_> = document.descendants().filter(|n| n.has_tag_name("h2")).filter_map(|n| n.text()).collect();
        for section in sections {
            assert!(names.iter().any(|name| name.starts_with(section)), "{section} is not in {names:?}");
        }
        // Nothing is loaded: no script, no link, no image, no address but the name of SVG.
        for node in document.descendants().filter(|n| n.is_element()) {
            assert!(!["script", "link", "img", "iframe", "object"].contains(&node.tag_name().name()));
            for name in ["src", "href", "onload", "style"] {
                assert_eq!(node.attribute(name), None);
            }
        }
        assert!(!text.replace("http://www.w3.org/2000/svg", "").contains("://"));
        assert!(!text.contains("url(") && !text.contains("@import"));
        assert!(text.len() < 1_000_000);
        let pictures = document.descendants().filter(|n| n.has_tag_name("svg"));
        assert!(pictures.clone().count() >= 10);
        for picture in pictures {
            assert!(picture.attribute("aria-label").is_some_and(|label| !label.is_empty()));
            for attribute in picture.descendants().filter(|n| !n.has_tag_name("svg")).flat_map(|n| n.attributes()) {
                assert!(!attribute.value().contains("NaN") && !attribute.value().contains("inf"), "{attribute:?}");
            }
        }
    }
}

#[test]
fn what_is_drawn_is_what_the_json_says() {
    let sandbox = Sandbox::with_network();
    let (report, text) = page(&sandbox, &["--core", "9x4"]);
    let detail = &report["detail"];
    let sum = |v: &Value| v.as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).sum::<u64>();
    // Writes over the steps, wear of the cells and levels of the weights add up to the totals.
    assert_eq!(sum(&detail["steps"]["writes"]), report["orders"]["optimal"]["per_inference"]["writes"]);
    for order in ["natural", "sorted", "optimal"] {
        let maps = &detail["wear"][0]["orders"][order];
        let cells = |sign: &str| maps[sign].as_array().unwrap().iter().map(&sum).sum::<u64>();
        assert_eq!(maps["plus"].as_array().unwrap().len(), 9);
        assert_eq!(maps["plus"][0].as_array().unwrap().len(), 4);
        assert_eq!(cells("plus") + cells("minus"), report["orders"][order]["per_inference"]["writes"], "{order}");
    }
    for (counts, layer) in detail["level_counts"].as_array().unwrap().iter().zip(report["layers"].as_array().unwrap()) {
        assert_eq!(counts.as_array().unwrap().len(), 31);
        assert_eq!(sum(counts), layer["weights"]);
    }
    // The bars of the orders are as long as the writes are many.
    let document = xml(&text);
    let chart = document
        .descendants()
        .find(|n| n.attribute("aria-label").is_some_and(|l| l.starts_with("Bars: writes per inference of the natural")))
        .unwrap();
    let width = |class: &str| -> f64 {
        let bar = chart.descendants().find(|n| n.has_tag_name("rect") && n.attribute("class") == Some(class)).unwrap();
        bar.attribute("width").unwrap().parse().unwrap()
    };
    let writes = |order: &str| report["orders"][order]["per_inference"]["writes"].as_f64().unwrap();
    assert!((width("sor") / width("nat") - writes("sorted") / writes("natural")).abs() < 0.002);
}

/// What cores and plan are like is said at the top, the curve of steps against writes is drawn where it was computed.
#[test]
fn the_page_says_what_is_unusual() {
    let faults =
        "core = \"9x9\"\ndevice = \"elight\"\ndevice_crc = 2055319189\n[[fault]]\nrow = 0\ncol = 0\nkind = \"dead\"\n";
    let sandbox = Sandbox::with_network().file("faults.toml", faults);
    sandbox.plan(&["-q", "-o", "old.elight"]).success();
    for (args, said) in [
        (&["--faults", "faults.toml"][..], " is faulty"),
        (&["--faults", "faults.toml", "--reach", "lane"], "take another level than their own"),
        (&["--from", "old.elight"], "The first load starts from what"),
        (&["--cores", "2"], "2 cores share every layer"),
        (&["--extra-steps", "50"], "Extra steps: <data data-key=\"/extra_steps\""),
        (&["--sweep", "curve.svg"], "More steps for fewer writes"),
    ] {
        let (report, text) = page(&sandbox, args);
        figures_agree(&text, &report);
        assert!(text.contains(said), "{args:?}: {said}");
        let points = report["sweep"].as_array().unwrap().len();
        assert_eq!(text.matches("data-key=\"/sweep/").count(), 3 * points, "{args:?}");
        assert_eq!(text.contains("Curve: writes per inference over the steps"), points > 0, "{args:?}");
    }
    sandbox.plan(&["-q", "--sweep", "curve.svg", "--svg", "pictures"]).success();
    assert_eq!(sandbox.read("pictures/steps-against-writes.svg"), sandbox.read("curve.svg"));
}

#[test]
fn lifetimes_follow_the_rate() {
    let sandbox = Sandbox::with_network();
    let report = sandbox.report(&["--device", "gst-optical", "--rate", "0.5"]);
    assert_eq!((&report["rate_per_second"], &report["detail"]), (&0.5.into(), &Value::Null));
    let inferences = report["lifetime_inferences"]["sorted"].as_f64().unwrap();
    let years = report["lifetime_years"]["sorted"].as_f64().unwrap();
    assert!(inferences > 0.0 && (years * 365.25 * 86_400.0 * 0.5 / inferences - 1.0).abs() < 1e-12);
    assert_eq!(sandbox.report(&[])["lifetime_years"]["sorted"], Value::Null, "elight's endurance is not known");
    for rate in ["0", "-1", "nan", "inf", "often"] {
        sandbox.plan(&[&format!("--rate={rate}")]).fails(2, &["--rate", "a number above 0"]);
    }
}

#[test]
fn pictures_are_files_of_their_own() {
    let sandbox = Sandbox::with_network();
    sandbox.plan(&["-q", "--svg", "pictures/all"]).success();
    let mut names: Vec<String> = std::fs::read_dir(sandbox.path("pictures/all"))
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let expected = [
        "error-by-layer",
        "layer-energy",
        "layer-time",
        "layer-worst-cell",
        "layer-writes",
        "levels",
        "lifetime",
        "wear",
        "writes-by-layer-and-order",
        "writes-by-order",
        "writes-over-steps",
    ];
    assert_eq!(names, expected.map(|name| format!("{name}.svg")));
    for name in names {
        let text = String::from_utf8(sandbox.read(&format!("pictures/all/{name}"))).unwrap();
        let document = xml(&text);
        assert!(document.root_element().has_tag_name(("http://www.w3.org/2000/svg", "svg")), "{name}");
        assert!(document.descendants().any(|n| n.has_tag_name(("http://www.w3.org/2000/svg", "style"))), "{name}");
    }
}

#[test]
fn the_same_plan_gives_the_same_page() {
    let sandbox = Sandbox::with_network();
    let (_, first) = page(&sandbox, &["--threads", "1"]);
    let (_, second) = page(&sandbox, &["--threads", "3"]);
    assert_eq!(first, second);
}

#[test]
fn pages_appear_whole_or_not_at_all() {
    let sandbox = Sandbox::with_network().file("page.html", "as it was");
    sandbox.plan(&["--report", "none/page.html"]).fails(1, &["none/page.html", "its folder does not exist"]);
    sandbox.plan(&["--report", "."]).fails(1, &["it is a folder"]);
    sandbox.plan(&["--report", "net.safetensors"]).fails(1, &["net.safetensors", "overwrite the weights"]);
    sandbox.plan(&["--report", "net.elight"]).fails(1, &["net.elight", "overwrite the schedule"]);
    sandbox.plan(&["--svg", "page.html"]).fails(1, &["--svg page.html", "cannot make this folder"]);
    sandbox.plan(&["--report", "page.html", "--bits", "4", "--include", "nothing*"]).fails(1, &["nothing*"]);
    assert_eq!(sandbox.read("page.html"), b"as it was");
    assert_eq!(sandbox.files(), ["net.safetensors", "page.html"]);
}

#[test]
fn pages_of_odd_networks() {
    // Names that HTML would take for something else, a layer of zeros, one weight, many layers, 8 bits.
    let mut weights =
        Weights::new().f32("a<b>&'.weight", &[3, 3], &random(9, 1)).f32("zero.weight", &[9, 10], &[0.0; 90]);
    for i in 0..60 {
        weights = weights.random(&format!("block.{i}.with.a.very.long.name.indeed.weight"), &[4 + i, 5], i as u64);
    }
    let sandbox = Sandbox::with(&weights);
    for args in [&["--bits", "8"][..], &["--bits", "1", "--core", "1x1"], &["--reach", "lane", "--core", "80x90"]] {
        let (report, text) = page(&sandbox, args);
        figures_agree(&text, &report);
        assert!(text.contains("23 small layers") && text.contains("a&lt;b&gt;"), "{args:?}");
        assert!(text.len() < 1_000_000, "{args:?}: {}", text.len());
    }
    let zeros = Sandbox::with(&Weights::one(&[20, 30], &[0.0; 600]));
    let (report, text) = page(&zeros, &["--device", "gst-optical"]);
    figures_agree(&text, &report);
}

#[test]
fn a_browser_shows_the_page() {
    let Some(browser) = ["chromium", "chromium-browser", "google-chrome"]
        .into_iter()
        .find(|name| Command::new(name).arg("--version").output().is_ok_and(|output| output.status.success()))
    else {
        println!("skipped: no Chromium is installed; the other tests look at the page as XML");
        return;
    };
    let sandbox = Sandbox::with_network();
    page(&sandbox, &["--device", "gst-optical"]);
    let address = format!("file://{}", sandbox.path("page.html").display());
    let output = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--window-size=900,1200", "--virtual-time-budget=2000"])
        .arg(format!("--user-data-dir={}", sandbox.path("profile").display()))
        .arg(format!("--screenshot={}", sandbox.path("page.png").display()))
        .arg(&address)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let picture = sandbox.read("page.png");
    // Width and height of the PNG; a page that shows something takes more than an empty one.
    assert_eq!((&picture[16..20], &picture[20..24]), (&900u32.to_be_bytes()[..], &1200u32.to_be_bytes()[..]));
    assert!(picture.len() > 30_000, "an almost empty picture: {} bytes", picture.len());
}

#[test]
fn a_large_network_makes_a_small_page() {
    let weights = repository("../shared/models/efficientnet-lite0.safetensors");
    if !weights.exists() {
        println!("skipped: {} is not here", weights.display());
        return;
    }
    let sandbox = Sandbox::empty();
    let weights = weights.to_str().unwrap().to_owned();
    sandbox
        .run([&weights, "--core", "64x64", "-q", "-o", "net.elight", "--report", "page.html", "--no-verify"])
        .success();
    let text = String::from_utf8(sandbox.read("page.html")).unwrap();
    assert!(text.len() < 1_000_000, "{} bytes", text.len());
    xml(&text);
}

/// Widths of the page's columns at which a picture is drawn, pixels: no page shows one smaller, so letters keep their size.
const COLUMNS: [f64; 3] = [720.0, 430.0, 340.0];

/// Size of the letters of a class, pixels, by the style that page and pictures share.
fn letters(page: &str, class: &str) -> f64 {
    let style = &page[page.find("<style>").unwrap()..page.find("</style>").unwrap()];
    let of = |selector: &str| {
        let rules =
            style.split('}').filter(|rule| rule.split('{').next().unwrap().split(',').any(|s| s.trim() == selector));
        rules.filter_map(|rule| rule.split_once("font-size: ")?.1.split_once("px")?.0.parse().ok()).next()
    };
    of(&format!("svg .{class}")).or_else(|| of("svg")).unwrap()
}

/// Every picture has the width of a column, and all that is written in it has 11 pixels or more and lies within it.
fn pictures_are_readable(page: &str, what: &str) {
    let document = xml(page);
    let mut seen = 0;
    for picture in document.descendants().filter(|n| n.has_tag_name(("http://www.w3.org/2000/svg", "svg"))) {
        let sides: Vec<f64> = picture.attribute("viewBox").unwrap().split(' ').map(|n| n.parse().unwrap()).collect();
        let label = picture.attribute("aria-label").unwrap();
        assert!(COLUMNS.contains(&sides[2]), "{what}, {label}: {sides:?}");
        assert_eq!(picture.attribute("width").unwrap().parse(), Ok(sides[2]), "{what}, {label}");
        for text in picture.descendants().filter(|n| n.has_tag_name(("http://www.w3.org/2000/svg", "text"))) {
            let words = text.text().unwrap_or_default();
            let size = letters(page, text.attribute("class").unwrap_or_default());
            assert!(size >= 11.0, "{what}, {label}: `{words}` has {size} pixels");
            // Text that reads upwards has its place in a transformation.
            let Some(x) = text.attribute("x") else { continue };
            let (x, y): (f64, f64) = (x.parse().unwrap(), text.attribute("y").unwrap().parse().unwrap());
            let wide = 0.55 * size * words.chars().count() as f64;
            let left = match text.attribute("text-anchor") {
                None => x,
                Some("middle") => x - wide / 2.0,
                Some("end") => x - wide,
                other => panic!("{other:?}"),
            };
            let inside = left >= -3.0 && left + wide <= sides[2] + 3.0 && y >= 8.0 && y <= sides[3];
            assert!(inside, "{what}, {label}: `{words}` is cut: {left:.0} to {:.0} of {}", left + wide, sides[2]);
            seen += 1;
        }
    }
    assert!(seen > 20, "{what}: {seen} texts");
}

#[test]
fn every_picture_is_readable_at_every_width() {
    let mut deep = Weights::new();
    for i in 0..50 {
        deep = deep.random(&format!("model.encoder.layers.{i}.attention.output.weight"), &[5 + i % 7, 9], i as u64);
    }
    let faults =
        "core = \"9x9\"\ndevice = \"elight\"\ndevice_crc = 2055319189\n[[fault]]\nrow = 0\ncol = 0\nkind = \"dead\"\n";
    let small = Sandbox::with_network().file("faults.toml", faults);
    let deep = Sandbox::with(&deep);
    let bench = ["--system", "bench", "--vectors", "*=7", "--batch", "8"];
    let plans: [(&Sandbox, &[&str]); 9] = [
        (&small, &[]),
        (&small, &["--device", "gst-optical", "--rate", "30"]),
        (&small, &["--core", "9x64", "--extra-steps", "fixed", "--endurance", "5000"]),
        (&small, &["--reach", "core"]),
        (&small, &["--cores", "3"]),
        (&small, &["--faults", "faults.toml"]),
        (&small, &["--sweep", "curve.svg", "--bits", "2"]),
        (&small, &bench),
        (&deep, &[&bench[..], &["--core", "16x16"]].concat()),
    ];
    for (sandbox, args) in plans {
        let (report, text) = page(sandbox, args);
        figures_agree(&text, &report);
        pictures_are_readable(&text, &args.join(" "));
        assert!(!text.contains(" 1 inferences") && !text.contains(">1</data> writes"), "{args:?}: a wrong plural");
    }
    // No picture repeats what all names of layers begin with.
    let text = page(&deep, &[]).1;
    assert!(!text.split("<svg").skip(1).any(|svg| svg.split("</svg>").next().unwrap().contains(">model.encoder")));
    for (name, args) in
        [("a.json", &["--device", "gst-optical"][..]), ("b.json", &["--device", "gst-optical", "--core", "16x16"])]
    {
        let report = small.plan(&[args, &["--json"]].concat()).success();
        std::fs::write(small.path(name), report).unwrap();
    }
    small.run(["compare", "a.json", "b.json", "--report", "page.html"]).success();
    pictures_are_readable(&String::from_utf8(small.read("page.html")).unwrap(), "compare");
}
