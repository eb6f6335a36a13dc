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
