//! docs/glossary.md: every file that it names is there, and every option of `elight-plan` is in it.

use std::path::Path;
use std::process::Command;

fn glossary() -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/glossary.md")).unwrap()
}

/// Rows of all tables, cell by cell, without headings.
fn rows(text: &str) -> Vec<Vec<&str>> {
    let rows = text.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| word"));
    rows.map(|line| line.trim_matches('|').split('|').map(str::trim).collect()).collect()
}

#[test]
fn every_file_is_there() {
    let text = glossary();
    let rows = rows(&text);
    assert!(rows.len() > 80, "{} words", rows.len());
    for row in &rows {
        assert_eq!(row.len(), 4, "{row:?}");
        let file = row[3].trim_matches('`');
        assert!(Path::new(env!("CARGO_MANIFEST_DIR")).join(file).is_file(), "{}: no file {file}", row[0]);
    }
}

#[test]
fn every_option_is_in_it() {
    let help = Command::new(env!("CARGO_BIN_EXE_elight-plan")).arg("--help").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let text = glossary();
    let options = help.lines().filter_map(|line| {
        let line = line.trim_start();
        let at = if line.starts_with("--") { 0 } else { line.starts_with('-').then(|| line.find("--"))?? };
        let name = line[at..].split(|c: char| c != '-' && !c.is_ascii_lowercase()).next()?;
        (name.len() > 2).then(|| name.to_owned())
    });
    let missing: Vec<String> = options.filter(|option| !text.contains(&format!("`{option}`"))).collect();
    assert!(missing.is_empty(), "docs/glossary.md does not know {missing:?}");
}
