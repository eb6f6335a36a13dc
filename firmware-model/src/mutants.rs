//! Mistakes that were made once, or could be: with the feature `mutants`, tests put them back in and see whether they are caught. Without
//! the feature none of them is in the code.

/// A mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(feature = "mutants"), allow(dead_code))]
pub enum Mutant {
    /// None.
    None,
    /// Records of the log count as whole whatever their CRC says.
    CrcSkipped,
    /// Cells are written before their intent is logged.
    ApplyBeforeLog,
    /// A batch is redone by the differences of its levels instead of the levels.
    RedoAsDelta,
    /// A batch that was interrupted is taken for done.
    NoRedo,
    /// A batch that was interrupted is not carried into the checkpoint that is made at power-up.
    RedoNotLogged,
    /// All intents of the log are written again, not the last one alone.
    RedoAll,
    /// A checkpoint's header is written before what it stands for.
    HeaderFirst,
    /// A frame counts as carried out although its last cells were not yet written.
    EndBeforeCells,
}

impl Mutant {
    /// Whether this is the mistake `other`: never without the feature.
    #[inline]
    pub(crate) const fn is(self, other: Self) -> bool {
        cfg!(feature = "mutants") && self as u8 == other as u8
    }
}
