//! Which loss, and for which core.

use serde::{Deserialize, Serialize};

/// Rows and columns of the core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Core {
    /// Outputs.
    pub rows: usize,
    /// Lanes.
    pub columns: usize,
}

impl std::str::FromStr for Core {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        let wrong = || format!("core size `{s}`: expected ROWSxCOLUMNS with both from 1 to 65535, as in 64x64");
        let (r, c) = s.split_once(['x', 'X']).ok_or_else(wrong)?;
        let number = |s: &str| s.trim().parse::<u16>().ok().filter(|n| *n > 0).map(usize::from).ok_or_else(wrong);
        Ok(Self { rows: number(r)?, columns: number(c)? })
    }
}

impl std::fmt::Display for Core {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}x{}", self.rows, self.columns)
    }
}

/// What the levels are pulled towards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// `|Y - mean tile of the tile row|`.
    L1Row,
    /// `|Y - mean tile of the layer|`.
    L1Global,
    /// `|Y - previous tile of the tile row|` (the first: the mean of the row).
    L1Neighbour,
    /// Squares instead of magnitudes, on the plus and minus arrays apart.
    L2Row,
    /// As [`Method::L1Global`], squared.
    L2Global,
    /// As [`Method::L1Neighbour`], squared.
    L2Neighbour,
    /// The sorted levels of every row, in as many equal chunks as the core has lanes, to the chunk's mean over the layer.
    Quantile,
    /// `|Y(t+1) - Y(t)|` along the paths of cores whose rows share inputs.
    Tour,
}
