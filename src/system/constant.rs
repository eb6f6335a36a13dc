//! A physical constant: its number, its unit, where it comes from, and how far it can be trusted.

use serde::{Deserialize, Serialize};
use toml::Spanned;

use super::SystemError;

/// How a constant was obtained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mark {
    /// Measured, by the source that is named.
    Measured,
    /// Computed from what was measured.
    Derived,
    /// Nobody has published it for this system: a stand-in.
    Assumed,
}

/// One constant of a system.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Constant {
    /// Table and key of the system file, as in `timing.settle_us`.
    pub key: String,
    /// The number, in `unit`.
    pub value: f64,
    /// Its unit; `1` for a pure number.
    pub unit: String,
    /// How it was obtained.
    pub mark: Mark,
    /// From which publication, by which derivation, or why it was assumed.
    pub source: String,
}

/// A constant as it is written: `{ value = 1.2, mark = "assumed", source = "..." }`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawConstant {
    value: f64,
    mark: Mark,
    source: String,
}

/// What a number may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    /// Any finite number: a level in dBm.
    Finite,
    /// 0 or above.
    NotNegative,
    /// Above 0.
    Positive,
    /// Above 0, at most 1.
    Fraction,
}

impl Rule {
    const fn expected(self) -> &'static str {
        match self {
            Self::Finite => "a finite number",
            Self::NotNegative => "a finite number, 0 or above",
            Self::Positive => "a finite number above 0",
            Self::Fraction => "a number above 0 and at most 1",
        }
    }

    fn allows(self, value: f64) -> bool {
        value.is_finite()
            && match self {
                Self::Finite => true,
                Self::NotNegative => value >= 0.0,
                Self::Positive => value > 0.0,
                Self::Fraction => value > 0.0 && value <= 1.0,
            }
    }
}

/// The text that constants are read from: tells the lines of errors.
#[derive(Clone, Copy, Debug)]
pub(super) struct Text<'a> {
    pub origin: &'a str,
    pub text: &'a str,
}

impl Text<'_> {
    /// The line of a byte, from 1.
    pub fn line(&self, byte: usize) -> usize {
        1 + self.text.as_bytes()[..byte.min(self.text.len())].iter().filter(|b| **b == b'\n').count()
    }

    /// A constant whose number the rule allows.
    pub fn constant(
        &self,
        raw: Spanned<RawConstant>,
        key: &'static str,
        unit: &'static str,
        rule: Rule,
    ) -> Result<Constant, SystemError> {
        let line = self.line(raw.span().start);
        let RawConstant { value, mark, source } = raw.into_inner();
        if !rule.allows(value) {
            let (origin, expected) = (self.origin.to_owned(), rule.expected());
            return Err(SystemError::Value { origin, line, key: key.to_owned(), got: value, unit, expected });
        }
        Ok(Constant { key: key.to_owned(), value, unit: unit.to_owned(), mark, source })
    }
}

/// Declares one table of a system file: its choices, its constants with unit and rule, how it is read and checked.
macro_rules! table {
    (
        $(#[$doc:meta])*
        $name:ident, $raw:ident, $path:literal,
        choices { $($(#[$choice_doc:meta])* $choice:ident: $kind:ty,)* }
        constants { $($(#[$field_doc:meta])* $field:ident [$unit:literal, $rule:ident],)* }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq)]
        pub struct $name {
            $($(#[$choice_doc])* pub $choice: $kind,)*
            $($(#[$field_doc])* pub $field: Constant,)*
        }

        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct $raw {
            $($choice: $kind,)*
            $($field: toml::Spanned<RawConstant>,)*
        }

        impl $raw {
            fn resolve(self, text: Text<'_>) -> Result<$name, SystemError> {
                Ok($name {
                    $($choice: self.$choice,)*
                    $($field: text.constant(
                        self.$field,
                        concat!($path, ".", stringify!($field)),
                        $unit,
                        Rule::$rule,
                    )?,)*
                })
            }
        }

        impl $name {
            /// The constants of this table.
            pub fn constants(&self) -> impl Iterator<Item = &Constant> {
                [$(&self.$field),*].into_iter()
            }
        }
    };
}
pub(super) use table;
