use super::*;
use crate::system::Mark;

fn bench() -> &'static str {
    PRESETS[0].1
}

fn refused(text: &str) -> String {
    SystemProfile::from_toml_str(text, "lab.toml").expect_err("is refused").to_string()
}

/// The number of the first line that begins with `key`.
fn line_of(text: &str, key: &str) -> usize {
    1 + text.lines().position(|line| line.starts_with(key)).expect("the key is there")
}

#[test]
fn presets_are_whole() {
    for (name, text) in PRESETS {
        let profile = SystemProfile::from_toml_str(text, name).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(profile.name, name);
        assert!(profile.constants().all(|constant| !constant.source.is_empty()), "{name}");
        assert_eq!(SystemProfile::load(name).unwrap(), profile);
    }
    assert!(SystemProfile::presets().count() >= 5);
}

#[test]
fn every_constant_is_documented() {
    let docs = include_str!("../../docs/system-model.md");
    for name in SystemProfile::presets() {
        assert!(docs.contains(&format!("`{name}`")), "docs/system-model.md has no `{name}`");
        for constant in SystemProfile::preset(name).unwrap().constants() {
            let row = format!("| `{}` | {} |", constant.key, constant.unit);
            assert!(docs.contains(&row), "docs/system-model.md has no row `{row}`");
        }
    }
}

#[test]
fn each_missing_entry_is_refused_by_key_and_line() {
    let text = bench();
    let keys = text.lines().filter_map(|line| line.split_once(" = ").map(|(key, _)| key));
    for key in keys.filter(|key| *key != "notes") {
        let kept = text.lines().filter(|line| !line.starts_with(&format!("{key} = ")));
        let error = refused(&kept.fold(String::new(), |text, line| text + line + "\n"));
        assert!(error.contains(&format!("missing field `{key}`")) && error.contains("line "), "{key}: {error}");
    }
}

#[test]
fn an_unknown_entry_is_refused_by_key_and_line() {
    let text = bench().replace("settle_us", "settel_us");
    let (error, line) = (refused(&text), line_of(&text, "settel_us"));
    assert!(error.contains("unknown field `settel_us`") && error.contains(&format!("line {line}")), "{error}");
    let text = bench().replace("value = 10.0, mark", "value = 10.0, unit = \"ms\", mark");
    assert!(refused(&text).contains("unknown field `unit`"), "{}", refused(&text));
    let text = format!("{}\n[device]\n", bench());
    assert!(refused(&text).contains("unknown field `device`"), "{}", refused(&text));
}

#[test]
fn numbers_out_of_range_are_refused_by_key_and_line() {
    let with = |key: &str, value: &str| {
        let lines = bench().lines().map(|line| match line.split_once(" = { value = ") {
            Some((name, rest)) if name == key => {
                let (_, rest) = rest.split_once(", mark").expect("a constant");
                format!("{name} = {{ value = {value}, mark{rest}\n")
            }
            _ => format!("{line}\n"),
        });
        lines.collect::<String>()
    };
    for (key, table, bad) in [
        ("settle_us", "timing", "-1.0"),
        ("vector_rate_ghz", "timing", "0.0"),
        ("vector_rate_ghz", "timing", "-1"),
        ("vector_rate_ghz", "timing", "inf"),
        ("efficiency", "laser", "1.5"),
        ("efficiency", "laser", "0"),
        ("sensitivity_dbm", "laser", "nan"),
        ("power_mw", "detectors", "-0.5"),
        ("bytes_per_second", "link", "0"),
    ] {
        let text = with(key, bad);
        let (error, line) = (refused(&text), line_of(&text, key));
        assert!(error.contains(&format!("`{table}.{key}`")) && error.contains(&format!("line {line}")), "{error}");
    }
    let ok = with("sensitivity_dbm", "-30");
    assert_eq!(SystemProfile::from_toml_str(&ok, "").unwrap().laser.sensitivity_dbm.value, -30.0);
}

#[test]
fn bits_of_converters() {
    let with = |bits: &str| bench().replacen("bits = 8", &format!("bits = {bits}"), 1);
    for bad in ["0", "17", "-3"] {
        let error = refused(&with(bad));
        assert!(error.contains("`dac.bits`") && error.contains("line "), "{error}");
    }
    assert!(refused(&with("\"lots\"")).contains("\"cell\" or a number"));
    let cell = SystemProfile::from_toml_str(&with("\"cell\""), "").unwrap();
    assert_eq!(cell.dac.bits.of(6), 6.0);
}

#[test]
fn a_system_stands_beside_a_device() {
    let file = tempfile::NamedTempFile::with_suffix(".toml").unwrap();
    let path = file.path().to_str().unwrap();
    std::fs::write(path, format!("name = \"cell\"\n\n[write]\nenergy = 1\n\n{}", bench())).unwrap();
    assert_eq!(SystemProfile::beside_device(path).unwrap().unwrap(), SystemProfile::preset("bench").unwrap());
    std::fs::write(path, "name = \"cell\"\n").unwrap();
    assert_eq!(SystemProfile::beside_device(path).unwrap(), None);
    assert!(matches!(SystemProfile::load("banch"), Err(SystemError::Unknown { .. })));
}

#[test]
fn marks_are_read() {
    let bench = SystemProfile::preset("bench").unwrap();
    let mark = |key: &str| bench.constants().find(|c| c.key == key).map(|c| c.mark);
    assert_eq!(mark("controller.cycles_per_weight"), Some(Mark::Measured));
    assert_eq!(mark("link.bytes_per_second"), Some(Mark::Derived));
    assert_eq!(mark("timing.settle_us"), Some(Mark::Assumed));
    assert_eq!(bench.not_counted(), Vec::<&str>::new());
    assert_eq!(SystemProfile::preset("simphony").unwrap().not_counted(), ["buffer", "controller", "link"]);
}
