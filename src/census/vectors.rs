//! Input vectors of each layer in one inference, as far as they are known.

use globset::{Glob, GlobMatcher};
use thiserror::Error;

use crate::weights::Network;

/// Why `--vectors` was refused.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum VectorsError {
    /// Not `LAYER=N`.
    #[error(
        "--vectors {got}: expected LAYER=N, N input vectors in one inference, 1 or more, as in --vectors conv1.weight=1024 or --vectors 'fc*=1'"
    )]
    Text {
        /// What was given.
        got: String,
    },
    /// A pattern that matches no layer.
    #[error("--vectors {got}: no layer matches; the layers are {layers}")]
    NoLayer {
        /// What was given.
        got: String,
        /// Some of the layers.
        layers: String,
    },
}

/// One `LAYER=N`; the layer is a name or a glob.
#[derive(Clone, Debug)]
pub struct Vectors {
    text: String,
    layer: String,
    glob: Option<GlobMatcher>,
    number: u64,
}

/// Layers named in an error.
const NAMES_SHOWN: usize = 8;

impl std::str::FromStr for Vectors {
    type Err = VectorsError;

    fn from_str(text: &str) -> Result<Self, VectorsError> {
        let refuse = || VectorsError::Text { got: text.to_owned() };
        let (layer, number) = text.rsplit_once('=').ok_or_else(refuse)?;
        let number = number.parse().ok().filter(|n| (1..=u64::from(u32::MAX)).contains(n)).ok_or_else(refuse)?;
        if layer.is_empty() {
            return Err(refuse());
        }
        // A name with brackets that is no glob is still a name.
        let glob = Glob::new(layer).ok().map(|glob| glob.compile_matcher());
        Ok(Self { text: text.to_owned(), layer: layer.to_owned(), glob, number })
    }
}

impl Vectors {
    fn matches(&self, name: &str) -> bool {
        self.layer == name || self.glob.as_ref().is_some_and(|glob| glob.is_match(name))
    }

    /// The vectors of each layer of a network: what is given, where several match, the last; else what the network's description says; none where nothing is known.
    ///
    /// # Errors
    /// [`VectorsError::NoLayer`] when one of them matches no layer.
    pub fn of(network: &Network, given: &[Self]) -> Result<Vec<Option<u64>>, VectorsError> {
        let names = || network.layers().iter().map(|layer| layer.name.as_str());
        if let Some(idle) = given.iter().find(|vectors| !names().any(|name| vectors.matches(name))) {
            let more = names().count().saturating_sub(NAMES_SHOWN);
            let mut layers = names().take(NAMES_SHOWN).collect::<Vec<_>>().join(", ");
            if more > 0 {
                layers += &format!(" and {more} more");
            }
            return Err(VectorsError::NoLayer { got: idle.text.clone(), layers });
        }
        let of = |name: &str| given.iter().rev().find(|vectors| vectors.matches(name)).map(|vectors| vectors.number);
        Ok(network.layers().iter().map(|layer| of(&layer.name).or(layer.vectors)).collect())
    }
}
