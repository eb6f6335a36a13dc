//! `--include` and `--exclude`: globs over tensor names.

use globset::{Glob, GlobMatcher};

use super::WeightsError;

/// Which tensors to plan: those that match an include glob (all, when there is none) and no exclude glob.
///
/// `*` and `?` also match dots and slashes. An include without any wildcard names its tensor explicitly: it is then
/// read even if its name looks like a lookup table's or a constant's.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    include: Vec<Pattern>,
    exclude: Vec<Pattern>,
}

#[derive(Debug, Clone)]
struct Pattern {
    matcher: GlobMatcher,
    /// No wildcard in it.
    exact: bool,
}

/// What the filter says of a tensor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    Wanted,
    /// Wanted, and named in full.
    Named,
    /// Not wanted, and why.
    Unwanted(String),
}

impl Filter {
    /// Builds a filter. Fails on the first glob that does not parse.
    pub fn new(include: &[String], exclude: &[String]) -> Result<Filter, WeightsError> {
        Ok(Filter { include: patterns(include)?, exclude: patterns(exclude)? })
    }

    pub(super) fn verdict(&self, tensor: &str) -> Verdict {
        if let Some(pattern) = self.exclude.iter().find(|pattern| pattern.matcher.is_match(tensor)) {
            return Verdict::Unwanted(format!("excluded by the pattern `{}`", pattern.glob()));
        }
        let mut included = self.include.iter().filter(|pattern| pattern.matcher.is_match(tensor)).peekable();
        match (self.include.is_empty(), included.peek().is_some()) {
            (false, false) => Verdict::Unwanted("not among the included patterns".into()),
            _ if included.any(|pattern| pattern.exact) => Verdict::Named,
            _ => Verdict::Wanted,
        }
    }

    /// The first include glob that matches none of these names: most likely a misspelling.
    pub(super) fn idle_include<'a>(&self, names: impl Iterator<Item = &'a str> + Clone) -> Option<&str> {
        let idle = |pattern: &&Pattern| !names.clone().any(|name| pattern.matcher.is_match(name));
        self.include.iter().find(idle).map(Pattern::glob)
    }
}

impl Pattern {
    fn glob(&self) -> &str {
        self.matcher.glob().glob()
    }
}

fn patterns(globs: &[String]) -> Result<Vec<Pattern>, WeightsError> {
    let pattern = |glob: &String| match Glob::new(glob) {
        Ok(parsed) => Ok(Pattern { matcher: parsed.compile_matcher(), exact: !glob.contains(['*', '?', '[', '{']) }),
        Err(source) => Err(WeightsError::BadGlob { glob: glob.clone(), source }),
    };
    globs.iter().map(pattern).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(include: &[&str], exclude: &[&str]) -> Filter {
        let owned = |globs: &[&str]| globs.iter().map(|glob| glob.to_string()).collect::<Vec<_>>();
        Filter::new(&owned(include), &owned(exclude)).unwrap()
    }

    #[test]
    fn no_patterns_want_everything() {
        assert_eq!(filter(&[], &[]).verdict("a.b.weight"), Verdict::Wanted);
    }

    #[test]
    fn exclude_beats_include_and_stars_cross_dots() {
        let filter = filter(&["layer1.*", "fc.weight"], &["*.conv2.weight"]);
        assert_eq!(filter.verdict("layer1.0.conv1.weight"), Verdict::Wanted);
        assert_eq!(filter.verdict("fc.weight"), Verdict::Named);
        assert!(
            matches!(filter.verdict("layer1.0.conv2.weight"), Verdict::Unwanted(why) if why.contains("*.conv2.weight"))
        );
        assert!(matches!(filter.verdict("layer2.0.conv1.weight"), Verdict::Unwanted(_)));
    }

    #[test]
    fn a_bad_glob_is_named() {
        let error = Filter::new(&["conv[1".into()], &[]).unwrap_err();
        assert!(error.to_string().contains("`conv[1`"), "{error}");
    }

    #[test]
    fn an_include_without_a_match_is_found() {
        let filter = filter(&["a*", "c*"], &[]);
        assert_eq!(filter.idle_include(["a", "b"].into_iter()), Some("c*"));
        assert_eq!(filter.idle_include(["a", "c1"].into_iter()), None);
    }
}
