//! What can be wrong with a schedule, and where.

use std::fmt;

use crate::weights::WeightsError;

/// A schedule that does not do what it should.
#[derive(Debug, thiserror::Error)]
#[error("{place}: {problem}")]
pub struct CheckError {
    /// Where it was noticed.
    pub place: Box<Place>,
    /// What is wrong.
    #[source]
    pub problem: Problem,
}

/// A place in a schedule, as far as it is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Frame, counted from 0, the header; `None` in front of it.
    pub frame: Option<u64>,
    /// Layer, counted from 0, and its name in the network.
    pub layer: Option<(usize, String)>,
    /// Tile row of the layer.
    pub tile_row: Option<u32>,
    /// Step of the tile row.
    pub step: Option<u32>,
    /// Row of the core.
    pub core_row: Option<usize>,
    /// Cell of the core row: its lane.
    pub cell: Option<usize>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.frame {
            Some(frame) => write!(f, "frame {frame}")?,
            None => write!(f, "start of the schedule")?,
        }
        if let Some((layer, name)) = &self.layer {
            write!(f, ", layer {layer} (`{name}`)")?;
        }
        let rest = [
            ("tile row", self.tile_row.map(u64::from)),
            ("step", self.step.map(u64::from)),
            ("core row", self.core_row.map(|row| row as u64)),
            ("cell", self.cell.map(|cell| cell as u64)),
        ];
        rest.iter().filter_map(|(name, at)| Some((name, (*at)?))).try_for_each(|(name, at)| write!(f, ", {name} {at}"))
    }
}

/// What is wrong with a schedule.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// The schedule could not be read.
    #[error("cannot read the schedule: {0}")]
    Read(#[from] std::io::Error),
    /// The weights could not be read.
    #[error("cannot read the weights: {0}")]
    Weights(#[from] Box<WeightsError>),
    /// Another kind of file.
    #[error(
        "this is no schedule: it begins with {found:02x?}, expected \"elight\" 00; is it the file that was planned?"
    )]
    Magic {
        /// Its first seven bytes.
        found: [u8; 7],
    },
    /// A version of the format that this checker does not know.
    #[error("format version {found}, expected 1 or 2; check it with the release that wrote it")]
    Version {
        /// The eighth byte.
        found: u8,
    },
    /// The stream ends early.
    #[error("the schedule ends inside {inside}; the file is cut short: copy it again")]
    Truncated {
        /// What was being read.
        inside: &'static str,
    },
    /// Bytes behind the End frame.
    #[error("bytes follow the End frame, expected the end of the file")]
    Trailing,
    /// A length that no frame may have.
    #[error("the frame's length is {found}, expected 1 to {max}")]
    FrameLength {
        /// Its length field.
        found: usize,
        /// The longest allowed.
        max: usize,
    },
    /// Damaged bytes.
    #[error("the frame's CRC is {found:08x}, its bytes have {expected:08x}: the file is damaged, copy it again")]
    Crc {
        /// Of the bytes.
        expected: u32,
        /// In the file.
        found: u32,
    },
    /// A frame is lost, repeated or swapped.
    #[error("the frame's sequence number is {found}, expected {expected}: frames are lost, repeated or swapped")]
    Sequence {
        /// The next one.
        expected: u64,
        /// In the file.
        found: u64,
    },
    /// A frame that has no business here.
    #[error("the frame is of kind {found}, expected {expected}")]
    FrameKind {
        /// Name and number of the kind.
        expected: &'static str,
        /// Number of the kind in the file.
        found: u64,
    },
    /// A frame ends within a field, a number takes more bytes than it needs, or a text is not UTF-8.
    #[error("field `{field}` is not encoded as the format says")]
    Encoding {
        /// The field.
        field: &'static str,
    },
    /// A frame or a field is longer than what it says.
    #[error("{count} bytes are left behind field `{field}`, expected none")]
    Leftover {
        /// The last field.
        field: &'static str,
        /// How many.
        count: usize,
    },
    /// A field outside its range.
    #[error("field `{field}` is {found}, expected {min} to {max}")]
    Range {
        /// The field.
        field: &'static str,
        /// In the file.
        found: u64,
        /// Least value.
        min: u64,
        /// Largest value.
        max: u64,
    },
    /// A field that does not agree with the network, the device, or with other fields.
    #[error("field `{field}` is {found}, but {expected} by {by}")]
    Disagrees {
        /// The field.
        field: &'static str,
        /// In the file.
        found: u64,
        /// What it should be.
        expected: u64,
        /// What says so.
        by: &'static str,
    },
    /// Another layer than the network's.
    #[error("the layer is named `{found}`, expected `{expected}`: is this the network that was planned?")]
    LayerName {
        /// The network's.
        expected: String,
        /// In the file.
        found: String,
    },
    /// One scale where there should be many, or the other way round.
    #[error("the layer has scales per {found}, expected per {expected}")]
    ScaleKind {
        /// By the options.
        expected: &'static str,
        /// In the file.
        found: &'static str,
    },
    /// A scale that is not the largest weight's.
    #[error("the scale of {} is {found:e}, expected {expected:e}, its largest weight", of(output))]
    Scale {
        /// The output row; `None`: the whole layer.
        output: Option<usize>,
        /// From the weights.
        expected: f32,
        /// In the file.
        found: f32,
    },
    /// A tile row without rows, or a step of core rows that take turns.
    #[error("no core row is used, expected at least one")]
    NoRows,
    /// An output row twice.
    #[error("output row {output} is computed a second time, expected once")]
    OutputAgain {
        /// The output row.
        output: usize,
    },
    /// Core rows that share inputs compute rows with different inputs.
    #[error(
        "output row {output} is of group {found} of the layer, but shares its inputs with rows of group {expected}"
    )]
    OtherInputs {
        /// The output row.
        output: usize,
        /// Its group.
        found: usize,
        /// The group of the first core row of the same row group.
        expected: usize,
    },
    /// A cell of a dark lane is programmed.
    #[error("a cell changes, but its lane is dark")]
    DarkLane,
    /// A lane is lit, and a cell in it has no level.
    #[error("the lane is lit, but the cell was not programmed since it was dark")]
    NoLevel,
    /// A state code that no lit cell has.
    #[error("the state code is 0, but the lane is lit")]
    NoCode,
    /// A list set that has no output yet.
    #[error("the core row would use list set {set}, which has no output yet")]
    ListSet {
        /// Its number.
        set: usize,
    },
    /// Levels that change on a core row that rests.
    #[error("levels change, but the core row rests")]
    Resting,
    /// Output rows that are not computed.
    #[error("output row {output} is not computed, nor are {others} others")]
    OutputMissing {
        /// The first of them.
        output: usize,
        /// How many more.
        others: usize,
    },
    /// The bits of a Steps frame end within a record.
    #[error("the bits end within a record")]
    BitsEnd,
    /// Bits behind the last record.
    #[error("{bits} bits follow the last record, expected less than 8, all 0")]
    Padding {
        /// How many.
        bits: usize,
    },
    /// A number escaped that fits a Rice code.
    #[error("the number {found} is escaped, expected its Rice code")]
    Escape {
        /// The number.
        found: u32,
    },
    /// A change of a cell that is not there.
    #[error("cell {found} changes, but the core row has {cells} cells")]
    CellBeyond {
        /// The cell.
        found: u64,
        /// C.
        cells: usize,
    },
    /// A level that a cell cannot have.
    #[error("level {found}, expected -{top} to {top}")]
    LevelBeyond {
        /// The level.
        found: i64,
        /// B.
        top: i16,
    },
    /// An input that the row does not have.
    #[error("the cell is fed with column {found} of a row of {cols} columns")]
    ColumnBeyond {
        /// The column.
        found: i64,
        /// N.
        cols: usize,
    },
    /// A weight at another level than its own, or with another weight's input.
    #[error(
        "column {column} of output row {output} is multiplied at level {found}, expected {expected} for weight {weight:e}"
    )]
    WrongLevel {
        /// The output row.
        output: usize,
        /// The column: the input that is multiplied.
        column: usize,
        /// The weight of this row and column.
        weight: f32,
        /// Its level.
        expected: i16,
        /// The cell's level.
        found: i16,
    },
    /// A faulty cell is asked for what it cannot hold.
    #[error(
        "the cell is programmed to level {level}, but by its faults it can hold only levels from {lowest} to {highest}"
    )]
    CannotHold {
        /// The level.
        level: i16,
        /// The lowest that it can hold.
        lowest: i16,
        /// The highest.
        highest: i16,
    },
    /// A dead cell is used.
    #[error("the cell is programmed to level {level}, but it is dead by its faults")]
    DeadCell {
        /// The level.
        level: i16,
    },
    /// A weight where it is changed more than need be.
    #[error(
        "column {column} of output row {output} is multiplied in a lane whose faulty cells change it more than another lane, or darkness, would"
    )]
    OtherLane {
        /// The output row.
        output: usize,
        /// The column.
        column: usize,
    },
    /// A weight twice.
    #[error("column {column} of output row {output} is multiplied a second time, expected once")]
    MultipliedAgain {
        /// The output row.
        output: usize,
        /// The column.
        column: usize,
    },
    /// Weights left out that are not zero.
    #[error(
        "column {column} of output row {output} (level {level}) is not multiplied, nor are {others} others of this row"
    )]
    NotMultiplied {
        /// The output row.
        output: usize,
        /// The first such column.
        column: usize,
        /// Its weight's level.
        level: i16,
        /// How many more in this row.
        others: usize,
    },
    /// A total of the End frame that is not what was counted.
    #[error("field `{field}` is {found}, but {expected} were counted")]
    Total {
        /// The field.
        field: &'static str,
        /// What was counted.
        expected: u64,
        /// In the file.
        found: u64,
    },
}

fn of(output: &Option<usize>) -> String {
    output.map_or("the layer".into(), |output| format!("output row {output}"))
}

impl From<WeightsError> for Problem {
    fn from(error: WeightsError) -> Self {
        Self::Weights(Box::new(error))
    }
}
