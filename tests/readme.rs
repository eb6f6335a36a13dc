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
    let command = format!("cargo run --release -- {weights} --core 9x9\n");
    assert!(README.contains(&command), "README.md has no command `{command}`");
    let mut plan = Command::new(env!("CARGO_BIN_EXE_elight-plan"));
    let output =
        plan.args([weights, "--core", "9x9"]).env("COLUMNS", "80").current_dir(folder.path()).output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    let (before, rest) = README.split_once("## What comes out\n\n```text\n").unwrap();
    let (shown, after) = rest.split_once("```").unwrap();
    // How long it took is another matter.
    let timeless = |text: &str| text.lines().filter(|line| !line.starts_with("time ")).map(str::to_owned).collect();
    let (printed_lines, shown_lines): (Vec<String>, Vec<String>) = (timeless(&printed), timeless(shown));
    if std::env::var_os("UPDATE_FIXTURES").is_some() && printed_lines != shown_lines {
        let text = format!("{before}## What comes out\n\n```text\n{printed}```{after}");
        std::fs::write(root().join("README.md"), text).unwrap();
        return;
    }
    assert_eq!(shown_lines, printed_lines, "UPDATE_FIXTURES=1 writes README.md anew");
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
