//! Mistakes that were made once, or could be: with the feature `mutants`, tests put them back in and see whether they are caught. Without
//! the feature none of them is in the code.

/// A mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(feature = "mutants"), allow(dead_code))]
pub enum Mutant {
    /// Records of the log count as whole whatever their CRC says.
    CrcSkipped,
    /// Cells are written before their intent is logged.
    ApplyBeforeLog,
    /// A batch that was interrupted is carried on twice as far as it should go: by differences, not to absolute levels.
    RedoAsDelta,
    /// A batch that was interrupted is taken for done.
    NoRedo,
    /// A batch that was interrupted is not carried into the checkpoint that is made at power-up.
    RedoNotLogged,
    /// All cells are written again, not those of the last intent alone.
    RedoAll,
    /// A checkpoint's header is written before what it stands for.
    HeaderFirst,
    /// A frame is acknowledged although its end is not logged.
    AcknowledgedTooEarly,
    /// A record is read once for its CRC, and once more to be used.
    ReadTwice,
    /// A checkpoint counts as soon as one copy of its header reads well.
    MarginalHeader,
    /// Whole records behind a damaged one are overlooked.
    RotOverlooked,
    /// Records that are acknowledged are not followed by a mark.
    NoMark,
    /// What was written to the flash is not read back.
    NotReadBack,
    /// A flash that cannot read a place is taken for one that has failed.
    TornIsFailure,
    /// The CRC of a checkpoint's faults, levels and wear is not looked at.
    BodyCrcSkipped,
    /// Levels of a checkpoint are not compared with the range of the cells.
    LevelsUnchecked,
    /// Cells and levels of a logged batch are not compared with the core.
    CellsUnchecked,
    /// Only the first four bytes of a tag are compared.
    ShortTag,
    /// No room is kept in the log for what follows an intent.
    NoReserve,
    /// A transmission that is no number passes for right.
    NanPasses,
    /// A full wear counter asks for no checkpoint.
    WornIgnored,
    /// A device that has too many faults tries its last batch again at every start.
    HaltForgotten,
    /// Cells are not looked at when the device starts.
    NoSpotCheck,
    /// An inference that another one came behind can be started again.
    OldInferences,
    /// A start needs no tag, although there is a key.
    StartUntagged,
    /// A start is logged before anything of its schedule has come.
    StartLogged,
    /// Another key is taken without a tag made with the one that is set.
    KeyUntagged,
    /// A new journal forgets the writes of the one before.
    WearForgotten,
    /// A format needs no tag, although there is a key.
    FormatUntagged,
    /// One call of `poll` goes on for as long as bytes come.
    PollUnbounded,
    /// A failure names no cell and no place in the flash.
    PlaceForgotten,
    /// All levels have the one tolerance of the device.
    OneTolerance,
    /// Pulses of a cell that reads wrong stay as they are.
    NothingLearnt,
    /// Cells that could be written side by side are written one by one.
    OneByOne,
    /// Cells are brought to levels by hand although an inference is not complete.
    SetAnyTime,
    /// The host says "as planned" without having compared.
    NothingCompared,
    /// The host sets no upper bound to counted writes after a break or a correction.
    NoUpperBound,
    /// The host's patience begins anew with every line that it opens.
    PatienceRenewed,
}

#[cfg(feature = "mutants")]
mod chosen {
    extern crate std;
    use super::Mutant;
    use core::cell::Cell;

    std::thread_local! {
        static CHOSEN: Cell<Option<Mutant>> = const { Cell::new(None) };
    }

    impl Mutant {
        /// Makes `self` the one mistake of this thread while `test` runs.
        pub fn during<R>(self, test: impl FnOnce() -> R) -> R {
            /// Also when the test panics: that is how most of them find a mistake.
            struct Restore;
            impl Drop for Restore {
                fn drop(&mut self) {
                    CHOSEN.set(None);
                }
            }
            let _restore = Restore;
            CHOSEN.set(Some(self));
            test()
        }

        /// Whether this mistake is to be made.
        #[must_use]
        pub fn is_on(self) -> bool {
            CHOSEN.get() == Some(self)
        }
    }
}

#[cfg(not(feature = "mutants"))]
impl Mutant {
    /// Whether this mistake is to be made: never.
    #[inline(always)]
    #[must_use]
    pub const fn is_on(self) -> bool {
        false
    }
}
