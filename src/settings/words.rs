//! Options by name, for whoever has no command line.

use clap::{Args, Command};

/// Reads options from names and values, as the command line would: `extra_steps` with `25%` is `--extra-steps=25%`, a name without a value a flag, a name
/// that comes several times an option given several times.
///
/// # Errors
/// What the command line would say, without the hint at its help.
pub fn read<T: Args>(options: &[(String, Option<String>)]) -> Result<T, String> {
    let command = Command::new("elight").no_binary_name(true).disable_help_flag(true).disable_version_flag(true);
    let words = options.iter().map(|(name, value)| {
        let flag = format!("--{}", name.replace('_', "-"));
        value.as_ref().map_or(flag.clone(), |value| format!("{flag}={value}"))
    });
    let matches = T::augment_args(command).try_get_matches_from(words);
    matches.and_then(|matches| T::from_arg_matches(&matches)).map_err(|error| what_is_wrong(&error))
}

/// The text of an error without what is for a terminal.
fn what_is_wrong(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    let end = ["\n\nUsage:", "\n\nFor more information"].iter().filter_map(|hint| text.find(hint)).min();
    text[..end.unwrap_or(text.len())].trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::PlanSettings;

    fn settings(options: &[(&str, &str)]) -> Result<PlanSettings, String> {
        let own = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        read(&options.iter().map(|(name, value)| ((*name).to_owned(), own(value))).collect::<Vec<_>>())
    }

    #[test]
    fn names_and_values_are_those_of_the_command_line() {
        let read =
            settings(&[("extra_steps", "25%"), ("no_verify", ""), ("faults", "a"), ("faults", "b"), ("seed", "7")]);
        let read = read.unwrap();
        assert_eq!((read.faults.len(), read.seed, read.no_verify), (2, 7, true));
        assert!(read.extra_steps.is_some());
    }

    #[test]
    fn what_is_wrong_is_said_without_hints_for_a_terminal() {
        for (option, value, expected) in [
            ("efort", "fast", "unexpected argument '--efort' found"),
            ("bits", "9", "invalid value '9' for '--bits <B>': 9 is not in 1..=8"),
            ("effort", "much", "invalid value 'much' for '--effort <EFFORT>'\n  [possible values: fast, good, best]"),
            ("json", "", "unexpected argument '--json' found"),
            ("help", "", "unexpected argument '--help' found"),
            ("no_verify", "yes", "unexpected value 'yes' for '--no-verify' found; no more were expected"),
        ] {
            let found = settings(&[(option, value)]).unwrap_err();
            assert!(found.starts_with(expected), "{found}");
            assert!(!found.contains("Usage") && !found.contains("--help'."), "{found}");
        }
    }
}
