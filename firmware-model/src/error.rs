//! What a controller refuses: one variant per broken rule of `docs/schedule-format.md`, section 6.

use core::fmt;

use crate::bits::BitError;

/// Why a schedule was not carried out, or not to its end. `F` is the core's own fault type.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Error<F> {
    /// The magic is not a schedule's.
    NotASchedule,
    /// A format version that this controller does not know.
    Version {
        /// The version of the stream.
        got: u8,
    },
    /// A frame was damaged on its way: none of it was carried out.
    BadFrame {
        /// Number of the frame, 0 for the header.
        frame: u32,
        /// What shows the damage.
        why: BadFrame,
    },
    /// A frame arrived whole, but says what no schedule may say.
    Malformed {
        /// Number of the frame.
        frame: u32,
        /// The broken rule.
        why: Malformed,
    },
    /// A frame without a good tag: none of it was carried out.
    Unauthenticated {
        /// Number of the frame.
        frame: u32,
    },
    /// A schedule for another core, or one that needs more memory: nothing was carried out.
    Refused(Refusal),
    /// The stream ended before its End frame.
    Truncated {
        /// Number of the frame that is missing or incomplete.
        frame: u32,
    },
    /// Bytes behind the End frame.
    Trailing,
    /// The core reported a fault.
    Core {
        /// Number of the frame that was being carried out.
        frame: u32,
        /// The fault.
        fault: F,
    },
    /// An earlier call failed: the controller takes nothing more until it is rewound.
    Stopped,
}

/// How a frame was damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadFrame {
    /// A body that is empty or longer than allowed.
    Length {
        /// The length of the stream.
        got: u16,
        /// The longest that is allowed.
        max: u16,
    },
    /// The CRC differs.
    Crc {
        /// The CRC in the stream.
        got: u32,
        /// The CRC of the bytes.
        computed: u32,
    },
    /// A lost, repeated or swapped frame.
    Sequence {
        /// The number in the frame.
        got: u32,
    },
}

/// Kinds of frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameKind {
    /// What the schedule is for.
    Header,
    /// A layer begins.
    Layer,
    /// A tile row begins.
    TileRow,
    /// Row records.
    Steps,
    /// The schedule ends.
    End,
}

/// A schedule that is not for this controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Another core size.
    Core {
        /// Rows and columns of the schedule.
        schedule: (u16, u16),
        /// Rows and columns of the core.
        core: (u16, u16),
    },
    /// Another number of bits a cell.
    Bits {
        /// Of the schedule.
        schedule: u8,
        /// Of the core.
        core: u8,
    },
    /// Another number of core rows that share an input.
    Fanout {
        /// Of the schedule.
        schedule: u16,
        /// Of the core.
        core: u16,
    },
    /// Another device: its levels mean other transmissions.
    Device {
        /// CRC of the schedule's device.
        schedule: u32,
        /// CRC of the core's device.
        core: u32,
    },
    /// The header's `ram` is not what its other fields give.
    Ram {
        /// What the header says.
        header: u32,
        /// What the formula gives.
        formula: usize,
    },
    /// More working memory is needed than was lent.
    Memory {
        /// Bytes needed.
        need: usize,
        /// Bytes lent.
        have: usize,
    },
}

/// The rule that a whole, undamaged frame breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// The body is not a frame of this format.
    Encoding,
    /// The body goes on behind its last field.
    LeftOver {
        /// Bytes that were not used.
        bytes: usize,
    },
    /// A frame at a place where another kind belongs.
    OutOfOrder {
        /// The kind that belongs here.
        expected: FrameKind,
        /// The kind that came.
        got: FrameKind,
    },
    /// A field outside its range.
    Field {
        /// Name of the field.
        field: &'static str,
        /// Its value.
        got: u32,
        /// Lowest value allowed.
        min: u32,
        /// Highest value allowed.
        max: u32,
    },
    /// A field that has to have one value here, and has another.
    Expected {
        /// Name of the field.
        field: &'static str,
        /// Its value.
        got: u64,
        /// The value that belongs here.
        expected: u64,
    },
    /// The fanout does not divide the rows of the core.
    Fanout {
        /// Core rows that share an input.
        fanout: u16,
        /// Rows of the core.
        rows: u16,
    },
    /// Rice parameters of inputs that have no Rice code: inputs are shared.
    IndexRice,
    /// Core rows that share inputs compute output rows with different inputs.
    SharedBase {
        /// The second of them.
        row: u16,
    },
    /// A cell of a dark lane, or an active one that has never got a level.
    SharedLane {
        /// Core row.
        row: u16,
        /// Lane.
        col: u16,
    },
    /// A list set that has no output yet.
    ListSet {
        /// Core row that is to use it.
        row: u16,
        /// Number of the set.
        set: u16,
    },
    /// Levels that change on a core row that rests.
    Resting {
        /// Core row.
        row: u16,
    },
    /// A window that is not a multiple of 64.
    WindowMultiple {
        /// The window.
        got: u16,
    },
    /// The number of groups does not divide the number of rows.
    Groups {
        /// Groups.
        groups: u32,
        /// Output rows.
        rows: u32,
    },
    /// Groups times columns is 2^32 or more.
    InputVector {
        /// Groups.
        groups: u32,
        /// Inputs per row.
        cols: u32,
    },
    /// A scale that is infinite or not a number.
    Scale,
    /// An output row that the layer does not have.
    OutputRow {
        /// Core row.
        row: u16,
        /// Output row.
        output: u32,
        /// Output rows of the layer.
        rows: u32,
    },
    /// A tile row that uses no core row; or, with reach `Core`, a step.
    NoRows,
    /// Row records behind the last step of the tile row.
    TooManyRecords {
        /// Steps of the tile row.
        steps: u32,
    },
    /// A code in the bits of a record that cannot be read.
    Bits {
        /// Core row of the record.
        row: u16,
        /// What is wrong with it.
        why: BitError,
    },
    /// The bits go on behind the last record, or their padding is not zero.
    Padding,
    /// A cell that the core row does not have.
    Cell {
        /// Core row.
        row: u16,
        /// Lanes of the core.
        cols: u16,
    },
    /// A level that a cell does not have.
    Level {
        /// Core row.
        row: u16,
        /// Lane.
        col: u16,
        /// Highest level.
        top: i16,
    },
    /// An input that the layer does not have.
    Column {
        /// Core row.
        row: u16,
        /// Lane.
        col: u16,
        /// Inputs per row of the layer.
        inputs: u32,
    },
    /// The memory is not the one that the header was accepted for.
    Memory,
}

/// Why a frame stopped the controller; it does not know its number.
pub(crate) enum Stop<F> {
    Malformed(Malformed),
    Sequence { got: u32 },
    Unauthenticated,
    Refused(Refusal),
    Core(F),
}

impl<F> Stop<F> {
    /// The error of frame number `frame`.
    pub(crate) fn at(self, frame: u32) -> Error<F> {
        match self {
            Self::Malformed(why) => Error::Malformed { frame, why },
            Self::Sequence { got } => Error::BadFrame { frame, why: BadFrame::Sequence { got } },
            Self::Unauthenticated => Error::Unauthenticated { frame },
            Self::Refused(why) => Error::Refused(why),
            Self::Core(fault) => Error::Core { frame, fault },
        }
    }
}

impl<F> From<Malformed> for Stop<F> {
    fn from(why: Malformed) -> Self {
        Self::Malformed(why)
    }
}

impl<F> From<Refusal> for Stop<F> {
    fn from(why: Refusal) -> Self {
        Self::Refused(why)
    }
}

impl fmt::Display for BadFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length { got, max } => write!(f, "its length is {got}, expected 1 to {max} bytes"),
            Self::Crc { got, computed } => write!(f, "its CRC is {got:#010x}, expected {computed:#010x}"),
            Self::Sequence { got } => write!(f, "it carries number {got}: a frame was lost, repeated or swapped"),
        }
    }
}

impl fmt::Display for FrameKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Header => "Header",
            Self::Layer => "Layer",
            Self::TileRow => "TileRow",
            Self::Steps => "Steps",
            Self::End => "End",
        })
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Core { schedule: (rows, cols), core: (r, c) } => {
                write!(f, "the schedule is for a {rows}x{cols} core, this one is {r}x{c}: plan with --core {r}x{c}")
            }
            Self::Bits { schedule, core } => {
                write!(f, "the schedule is for {schedule}-bit cells, these have {core} bits: plan for this device")
            }
            Self::Fanout { schedule, core } => {
                write!(
                    f,
                    "in the schedule {schedule} rows share an input, in this core {core}: plan with --fanout {core}"
                )
            }
            Self::Device { schedule, core } => write!(
                f,
                "the schedule is for the device with CRC {schedule:#010x}, this one has {core:#010x}: \
                 plan with the device profile of this core"
            ),
            Self::Ram { header, formula } => {
                write!(
                    f,
                    "the header asks for {header} bytes of memory, its fields for {formula}: the planner is wrong"
                )
            }
            Self::Memory { need, have } => write!(
                f,
                "{need} bytes of working memory are needed, {have} were lent: lend more, or plan with a smaller window or frame"
            ),
        }
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Encoding => f.write_str("its body is not a frame of this format"),
            Self::LeftOver { bytes } => write!(f, "{bytes} bytes follow its last field, expected none"),
            Self::OutOfOrder { expected, got } => write!(f, "a {got} frame where a {expected} frame belongs"),
            Self::Field { field, got, min, max } => write!(f, "{field} is {got}, expected {min} to {max}"),
            Self::Expected { field, got, expected } => write!(f, "{field} is {got}, expected {expected}"),
            Self::Fanout { fanout, rows } => write!(f, "fanout {fanout} does not divide the {rows} rows of the core"),
            Self::IndexRice => f.write_str("index_rice is not 0, but inputs are shared"),
            Self::SharedBase { row } => {
                write!(f, "core row {row} shares its inputs with a row of another group of the layer")
            }
            Self::SharedLane { row, col } => {
                write!(f, "cell ({row}, {col}) gets a level while its lane is dark, or light while it has none")
            }
            Self::WindowMultiple { got } => write!(f, "the window is {got}, expected a multiple of 64"),
            Self::Groups { groups, rows } => write!(f, "{groups} groups do not divide {rows} output rows"),
            Self::InputVector { groups, cols } => {
                write!(f, "{groups} groups of {cols} inputs, expected fewer than 2^32 inputs in all")
            }
            Self::Scale => f.write_str("a scale is not a finite number"),
            Self::OutputRow { row, output, rows } => {
                write!(f, "core row {row} computes output row {output}, but the layer has {rows} rows")
            }
            Self::NoRows => f.write_str("the tile row uses no core row, expected at least one"),
            Self::TooManyRecords { steps } => write!(f, "row records go on behind the {steps} steps of the tile row"),
            Self::Bits { row, why: BitError::Truncated } => {
                write!(f, "the bits end within the record of core row {row}")
            }
            Self::Bits { row, why: BitError::Escape } => {
                write!(f, "an escaped number in the record of core row {row} has a shorter code")
            }
            Self::Padding => f.write_str("the bits go on behind the last record, expected fewer than 8 zeros"),
            Self::Cell { row, cols } => write!(f, "a cell of core row {row} lies beyond its {cols} lanes"),
            Self::Level { row, col, top } => {
                write!(f, "cell ({row}, {col}) would get a level outside -{top} to {top}")
            }
            Self::ListSet { row, set } => write!(f, "core row {row} would use list set {set}, which has no output yet"),
            Self::Resting { row } => write!(f, "levels of core row {row} would change, which rests"),
            Self::Column { row, col, inputs } => {
                write!(f, "cell ({row}, {col}) would get an input outside the {inputs} of its layer")
            }
            Self::Memory => f.write_str("the working memory is not the one that the header was accepted for"),
        }
    }
}

impl<F: fmt::Display> fmt::Display for Error<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotASchedule => f.write_str(
                "not a schedule: the stream does not begin with \"elight\"; give the file that elight-plan wrote",
            ),
            Self::Version { got } => write!(
                f,
                "format version {got}, this controller knows versions {} to {}: plan again, or update the controller",
                crate::wire::OLDEST_VERSION,
                crate::wire::MAGIC[7]
            ),
            Self::BadFrame { frame, why } => {
                write!(f, "frame {frame} is damaged: {why}; nothing of it was carried out, send the schedule again")
            }
            Self::Malformed { frame, why } => write!(f, "frame {frame} is malformed: {why}; plan again"),
            Self::Unauthenticated { frame } => {
                write!(f, "frame {frame} has no good tag: seal the schedule with the key of this device")
            }
            Self::Refused(why) => write!(f, "the schedule is refused: {why}"),
            Self::Truncated { frame } => {
                write!(f, "the schedule ends before frame {frame} is complete; send all of it")
            }
            Self::Trailing => f.write_str("bytes follow the End frame, expected none: rewind before the next schedule"),
            Self::Core { frame, fault } => write!(f, "the core failed at frame {frame}: {fault}"),
            Self::Stopped => {
                f.write_str("an earlier error stopped the controller: rewind it and send the schedule again")
            }
        }
    }
}

impl<F: fmt::Debug + fmt::Display> core::error::Error for Error<F> {}
