//! What the README and the pages say of files, options and Rust code is so.

use std::path::Path;
use std::process::Command;

const README: &str = include_str!("../README.md");

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// README.md and docs/*.md, with their paths from the root.
fn pages() -> Vec<(String, String)> {
    let mut names: Vec<String> = std::fs::read_dir(root().join("docs"))
        .unwrap()
        .map(|entry| format!("docs/{}", entry.unwrap().file_name().into_string().unwrap()))
        .filter(|name| name.ends_with(".md"))
        .collect();
    names.sort();
    names.push("README.md".into());
    names
        .into_iter()
        .map(|name| (std::fs::read_to_string(root().join(&name)).unwrap(), name))
        .map(|(text, name)| (name, text))
        .collect()
}

#[test]
fn the_example_in_rust_is_one_that_is_compiled() {
    let example = include_str!("../examples/plan.rs");
    assert!(
        README.contains(&format!("```rust\n{example}```")),
        "README.md does not show examples/plan.rs as it is:\n{example}"
    );
}

/// What the README's first command prints. `UPDATE_FIXTURES=1` writes it anew.
#[test]
fn the_first_command_prints_what_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let weights = "fixtures/mnist-cnn-4bit.safetensors";
    std::fs::create_dir(folder.path().join("fixtures")).unwrap();
    std::fs::copy(root().join(weights), folder.path().join(weights)).unwrap();
    let command = format!("cargo run --release -- {weights} --core 9x9 --endurance 1e6\n");
    assert!(README.contains(&command), "README.md has no command `{command}`");
    let mut plan = Command::new(env!("CARGO_BIN_EXE_elight-plan"));
    let output = plan
        .args([weights, "--core", "9x9", "--endurance", "1e6"])
        .env("COLUMNS", "80")
        .current_dir(folder.path())
        .output()
        .unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    let (intro, section) = README.split_once("## What comes out\n").unwrap();
    let (words, rest) = section.split_once("```text\n").unwrap();
    let (shown, after) = rest.split_once("```").unwrap();
    // How long it took is another matter.
    let timeless = |text: &str| text.lines().filter(|line| !line.starts_with("time ")).map(str::to_owned).collect();
    let (printed_lines, shown_lines): (Vec<String>, Vec<String>) = (timeless(&printed), timeless(shown));
    if std::env::var_os("UPDATE_FIXTURES").is_some() && printed_lines != shown_lines {
        let text = format!("{intro}## What comes out\n{words}```text\n{printed}```{after}");
        std::fs::write(root().join("README.md"), text).unwrap();
        return;
    }
    assert_eq!(shown_lines, printed_lines, "UPDATE_FIXTURES=1 writes README.md anew");
}

/// What a reader meets without scrolling far: what it is, for whom, on what hardware, a picture, two commands, a table with both wirings. Words that
/// nobody can know are told where they come first.
#[test]
fn the_first_screen_says_what_a_stranger_needs() {
    let screen: String = README.lines().take(50).map(|line| format!("{line}\n")).collect();
    let parts = [
        "**For** people",
        "**The hardware it assumes:**",
        "](docs/terminal.svg)",
        "    cargo run --release -- ",
        "    cargo test ",
    ];
    for part in parts.into_iter().chain(["an input for each cell", "one input a column"]) {
        assert!(screen.contains(part), "`{part}` is not in the first 50 lines of README.md");
    }
    for word in ["lane", "step", "steady state", "reach", "event", "frame"] {
        let (before, _) = README.split_once(&format!("*{word}")).unwrap_or_else(|| panic!("`{word}` is not explained"));
        let alone = |c: char| !c.is_ascii_alphabetic() && c != '-' && c != '_';
        let early = before.split(alone).zip(before.split(alone).skip(1).chain([""])).find(|(a, b)| {
            let plural = format!("{word}s");
            *a == word || *a == plural || format!("{a} {b}") == word
        });
        assert!(early.is_none(), "`{word}` stands in README.md before it is explained");
    }
}

/// The block of a page that begins with `first`, line by line.
fn block<'a>(page: &'a str, first: &str) -> Vec<&'a str> {
    let from = page.find(&format!("```text\n{first}")).unwrap_or_else(|| panic!("no block begins with `{first}`"));
    page[from..].lines().skip(1).take_while(|line| *line != "```").collect()
}

#[test]
fn the_step_taken_apart_is_the_one_of_the_fixture() {
    let mut inspect = Command::new(env!("CARGO_BIN_EXE_elight-plan"));
    let output = inspect
        .args(["inspect", "fixtures/mnist-cnn-9x9.elight", "--step", "3"])
        .env("COLUMNS", "80")
        .current_dir(root());
    let printed = String::from_utf8(output.output().unwrap().stdout).unwrap();
    let shown = block(include_str!("../docs/inspect.md"), "step 3: ").join("\n");
    assert!(printed.contains(&shown), "docs/inspect.md shows\n{shown}\nbut this is printed:\n{printed}");
}

#[test]
fn every_option_is_in_the_readme() {
    let help = Command::new(env!("CARGO_BIN_EXE_elight-plan")).arg("--help").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let options: Vec<&str> = help
        .split_whitespace()
        .map(|word| word.trim_matches(|c: char| !c.is_ascii_alphanumeric() && c != '-'))
        .filter(|word| word.starts_with("--") && word.len() > 2)
        .collect();
    assert!(options.contains(&"--core"), "{help}");
    let ends = |rest: &str| !rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '-');
    for option in options {
        let there = README.match_indices(option).any(|(at, found)| ends(&README[at + found.len()..]));
        assert!(there || ["--help", "--version"].contains(&option), "{option} of elight-plan is not in README.md");
    }
}

#[test]
fn every_page_is_linked_and_every_link_leads_somewhere() {
    let pages = pages();
    assert!(pages.len() > 10);
    for (name, text) in &pages {
        let file = name.trim_start_matches("docs/");
        let linked =
            |(_, page): &&(String, String)| page.contains(&format!("]({name})")) || page.contains(&format!("]({file}"));
        assert!(name == "README.md" || pages.iter().any(|page| linked(&page)), "no page links to {name}");
        let folder = root().join(name).parent().unwrap().to_owned();
        for link in text.split("](").skip(1) {
            let target = link.split([')', '#']).next().unwrap();
            if target.is_empty() || target.contains("://") {
                continue;
            }
            assert!(folder.join(target).exists(), "{name} links to {target}, which is not there");
        }
    }
}

/// Files of ELight's code, which pages name as sources.
const OF_OTHERS: [&str; 3] = ["configs/cifar10/vgg/train.yml", "ops/utils.py", "reorder.py"];

/// Every file below a folder that belongs to the repository.
fn files(folder: &Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && !["target", "__pycache__"].contains(&name.as_str()) {
            files(&path, found);
        } else if path.is_file() {
            found.push(format!("/{}", path.strip_prefix(root()).unwrap().display()));
        }
    }
}

/// Files of code that pages name, by their path or by the end of it.
#[test]
fn every_file_of_code_that_is_named_is_there() {
    let mut all = Vec::new();
    let folders = ["src", "tests", "benches", "configs", "examples", "firmware-model", "fixtures", "fuzz", "python"];
    folders.iter().for_each(|folder| files(&root().join(folder), &mut all));
    let mut pages = pages();
    pages.push(("CONTRIBUTING.md".into(), std::fs::read_to_string(root().join("CONTRIBUTING.md")).unwrap()));
    let mut named = 0;
    for (name, text) in pages {
        // Blocks of code have no single backticks.
        for word in text.split('`').skip(1).step_by(2) {
            let plain = word.chars().all(|c| c.is_ascii_alphanumeric() || "._-/".contains(c));
            let code = [".rs", ".py", ".c"].iter().any(|end| word.ends_with(end));
            let rooted =
                folders.iter().any(|folder| word.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/')));
            if plain && (code || rooted) && !OF_OTHERS.contains(&word) {
                named += 1;
                // A page about a board names files as its folder does.
                let there = root().join(word).exists() || all.iter().any(|f| f.ends_with(&format!("/{word}")));
                assert!(there, "{name} names `{word}`, which is not there");
            }
        }
    }
    assert!(named > 100, "{named}");
}
