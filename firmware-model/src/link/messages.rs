//! What host and device say to each other (`docs/controller.md`, section 4).
//!
//! A [`ToDevice`] or [`ToHost`] is encoded with postcard, its CRC-32 is put behind it, and both are stuffed into a COBS frame that a
//! zero byte ends ([`super::packet`]).

use postcard_schema::Schema;
use postcard_schema::key::hash::fnv1a64::hash_ty_path;
use serde::{Deserialize, Serialize};

/// Byte arrays of fixed length on the link: as bytes behind their length, for one call instead of one a byte.
mod fixed {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer, const N: usize>(bytes: &[u8; N], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_bytes(bytes)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>, const N: usize>(from: D) -> Result<[u8; N], D::Error> {
        <&[u8]>::deserialize(from)?.try_into().map_err(|_| D::Error::custom("length"))
    }
}

/// Hash of all message types: two ends with different hashes do not understand each other, and say so in the hello. The 4 in the
/// paths: byte arrays have a length before them, which the types do not say, inferences are counted by the device, and messages carry the core.
pub const SCHEMA: u64 = u64::from_le_bytes(hash_ty_path::<ToDevice<'static>>("elight/4/to-device"))
    ^ u64::from_le_bytes(hash_ty_path::<ToHost<'static>>("elight/4/to-host")).rotate_left(1);

/// Bytes of a schedule's name, see [`Start::schedule`].
pub const ID: usize = 16;
/// Bytes of the key that authenticates schedules.
pub const KEY: usize = 32;

/// Bytes of the tag of an order.
pub const TAG: usize = 16;

/// A schedule's name: the first bytes of the SHA-256 hash of its file ([`crate::seal::schedule_id`]).
pub type ScheduleId = [u8; ID];

/// From the host.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, Schema)]
pub enum ToDevice<'a> {
    /// A question, or an order that is harmless when repeated. Answered with the same `session` and `number`.
    Ask {
        /// [`Hello::session`]; of a hello: a number that the host never used before.
        session: u32,
        /// Grows from question to question; an older one is not answered any more.
        number: u32,
        /// Which of the controller's cores, from 0: below [`Hello::cores`].
        core: u8,
        /// The question.
        #[serde(borrow)]
        request: Request<'a>,
    },
    /// The next bytes of the schedule that a core runs.
    Data {
        /// Which core.
        core: u8,
        /// [`Start::run`].
        run: u32,
        /// Number of this packet in the run, from 0.
        seq: u32,
        /// The bytes.
        bytes: &'a [u8],
    },
}

/// What a host can ask for.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, Schema)]
pub enum Request<'a> {
    /// Opens a session: [`Answer::Hello`].
    Hello {
        /// [`SCHEMA`] of the host.
        schema: u64,
    },
    /// Begins an inference, or goes on with it: [`Answer::Start`].
    Start(Start),
    /// How things stand: [`Answer::Status`].
    Status,
    /// Writes of PCM cells: [`Answer::Page`] of `u32`, from PCM cell `first` on. PCM cell `2 (row C + col)` is the plus cell of a weight
    /// cell, the next one its minus cell.
    Wear {
        /// First PCM cell.
        first: u32,
    },
    /// Signed levels, as the plan wants them: [`Answer::Page`] of `i16`, from weight cell `row C + col = first` on.
    Levels {
        /// First weight cell.
        first: u32,
    },
    /// CRC-32 of all signed levels as `i16`: [`Answer::Digest`].
    LevelsDigest,
    /// Cells that did not take their level: [`Answer::Faults`].
    Faults {
        /// First report.
        first: u16,
    },
    /// Elements of an input vector, for [`Request::Capture`]: [`Answer::Done`].
    Inputs {
        /// Which input vector of the batch, from 0.
        vector: u16,
        /// First element.
        first: u32,
        /// `i16`, little-endian.
        values: &'a [u8],
    },
    /// Keep the outputs of one step: [`Answer::Done`].
    Capture {
        /// Step of the inference, from 0.
        step: u64,
    },
    /// The outputs that were kept: [`Answer::Page`] of `i64`, from output `first` on: all core rows of the first input vector, then those of the
    /// next; empty when that step has not come.
    Outputs {
        /// First output.
        first: u32,
    },
    /// Schedules and orders must carry tags made with this key from now on: [`Answer::Done`]. Where a key is set already, `key` is the new one
    /// behind the mask of the old one ([`crate::seal::Orders`]), and the order needs its tag.
    SetKey {
        /// The key, or the key behind its mask.
        #[serde(with = "fixed")]
        key: [u8; KEY],
        /// Who asks.
        order: Order,
    },
    /// Reads PCM cells back, from `first` on, as many as one answer allows: [`Answer::Audit`].
    Audit {
        /// First PCM cell.
        first: u32,
    },
    /// Writes those PCM cells once more that read back outside their tolerance, from `first` on, as many as a batch takes: [`Answer::Audit`], with
    /// the next one and no reports. When all cells were gone through in their order, a device that was halted because cells were astray looks
    /// again.
    Renew {
        /// First PCM cell: even.
        first: u32,
        /// Who asks.
        order: Order,
    },
    /// Transmissions of PCM cells, as they read now: [`Answer::Page`] of `f32`, from PCM cell `first` on.
    Transmissions {
        /// First PCM cell.
        first: u32,
    },
    /// Brings weight cells to one signed level, from `first` on, as many as a batch takes: [`Answer::Audit`], with the next PCM cell and no
    /// reports. Refused while an inference is not complete: its levels are needed.
    Set {
        /// First weight cell.
        first: u32,
        /// The level.
        level: i16,
        /// Whether cells are read back and written again where they are wrong. False to measure what one write gives.
        verify: bool,
        /// Who asks.
        order: Order,
    },
    /// Makes room in the memory for schedules beside the controller: [`Answer::Done`]. What was in it is gone.
    Keep {
        /// Bytes of the schedule, with tags where there is a key.
        bytes: u32,
        /// Its name.
        #[serde(with = "fixed")]
        schedule: ScheduleId,
        /// Who asks.
        order: Order,
    },
    /// Writes the schedule that is to be kept: [`Answer::Done`]. The same bytes once more are harmless.
    Piece {
        /// Place of the first byte: a multiple of [`PIECE`].
        at: u32,
        /// At most [`PIECE`] bytes; fewer only at the end.
        bytes: &'a [u8],
    },
    /// Runs the schedule that is kept, `start.inference` and `inferences - 1` more, without the host: [`Answer::Start`]. How far it is: the status.
    Play {
        /// The first inference; its tag is made over the number of inferences, too.
        start: Start,
        /// Inferences to run: at least 1.
        inferences: u32,
    },
    /// Begins a new journal, for a core whose cells are all at level 0: [`Answer::Done`]. Key and counted inferences stay; faults are
    /// forgotten.
    Format {
        /// Whether the writes counted so far stay, as far as they can be read: false for a new core.
        keep_wear: bool,
        /// Who asks.
        order: Order,
    },
}

/// Bytes of one [`Request::Piece`].
pub const PIECE: usize = 192;

/// Shows who gives an order that changes the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Schema)]
pub struct Order {
    /// A number that the host never used before: the same order again is harmless.
    pub number: u32,
    /// Made with the device's key ([`crate::seal::Orders`]); anything where there is no key.
    #[serde(with = "fixed")]
    pub tag: [u8; TAG],
}

/// Which inference of which schedule.
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Schema)]
pub struct Start {
    /// A number that the host never used before: data of other runs are dropped.
    pub run: u32,
    /// The schedule.
    #[serde(with = "fixed")]
    pub schedule: ScheduleId,
    /// Number of the inference, counted by the device over all schedules: the last one, to go on with it, or [`Hello::next`].
    pub inference: u32,
    /// Input vectors that each step lets through, at least 1: so many inferences share each programming of the core, and count as one.
    pub batch: u16,
    /// Made with the device's key ([`crate::seal::Orders`]); anything where there is no key.
    #[serde(with = "fixed")]
    pub tag: [u8; TAG],
}

impl Start {
    /// A start without a tag, for a device without a key.
    #[must_use]
    pub const fn new(run: u32, schedule: ScheduleId, inference: u32) -> Self {
        Self { run, schedule, inference, batch: 1, tag: [0; TAG] }
    }
}

/// From the device.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, Schema)]
pub enum ToHost<'a> {
    /// Sent once after power-up: earlier sessions and runs are over.
    Ready,
    /// Where the run stands: sent for every data packet.
    Ack(Ack),
    /// The answer to a question.
    Answer {
        /// Of the question.
        session: u32,
        /// Of the question.
        number: u32,
        /// The answer.
        #[serde(borrow)]
        answer: Answer<'a>,
    },
}

/// Where the run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Schema)]
pub struct Ack {
    /// [`Start::run`].
    pub run: u32,
    /// The data packet that the device waits for: all before it are taken.
    pub next: u32,
    /// Frames of the schedule that are carried out and logged: they survive a power cut.
    pub frames: u32,
    /// What the run has come to.
    pub state: RunState,
}

/// What a run has come to.
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Schema)]
pub enum RunState {
    /// More data are wanted.
    Open,
    /// The End frame is carried out.
    Ended,
    /// The schedule was refused, or the core failed: nothing more is taken in this run.
    Failed(Failure),
    /// There is no such run: say hello and start it.
    Unknown,
}

/// Why a run failed. Frame numbers count from the header, 0.
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Schema)]
pub enum Failure {
    /// Not a schedule, or of another format version.
    NotASchedule,
    /// A frame that is damaged; nothing of it was carried out.
    Damaged {
        /// The frame.
        frame: u32,
    },
    /// A frame that breaks a rule of the format.
    Malformed {
        /// The frame.
        frame: u32,
    },
    /// A frame without a good tag, on a device with a key; nothing of it was carried out.
    Unauthenticated {
        /// The frame.
        frame: u32,
    },
    /// For another core size or number of bits.
    OtherCore,
    /// For another device: its levels mean other transmissions.
    OtherDevice,
    /// Needs more memory than the device has.
    Memory {
        /// Bytes needed.
        need: u32,
        /// Bytes there.
        have: u32,
    },
    /// Bytes behind the End frame.
    Trailing,
    /// The core reported a fault of its own.
    Hardware {
        /// The frame.
        frame: u32,
        /// Which bus or part of the core: a number of the board's own ([`crate::hardware::Part::fault_code`]).
        code: u16,
        /// The PCM cell that was written or read, if it was one.
        cell: Option<u32>,
    },
    /// The flash failed: nothing can be logged, so nothing is written.
    Flash {
        /// The frame.
        frame: u32,
        /// The place in the flash, bytes from its start.
        at: u32,
    },
    /// More cells than the device can list do not take their levels: until the journal is begun anew, nothing is written.
    TooManyFaults {
        /// The frame.
        frame: u32,
        /// The PCM cell that found no more room.
        cell: u32,
    },
    /// The journal cannot be read or used: nothing is known of the core, so nothing is written.
    Journal(Damage),
    /// Cells hold other levels than the journal says: the core was exchanged, heated, or has drifted.
    Astray {
        /// PCM cells that were looked at.
        of: u32,
        /// How many of them read wrong.
        wrong: u32,
        /// The first of these.
        cell: u32,
    },
}

/// Why a journal cannot be used.
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Schema)]
pub enum Damage {
    /// The firmware is built wrong: its profile or its memory is not that of the core.
    Build,
    /// The flash is too small, or its blocks have the wrong sizes.
    Geometry,
    /// The flash does not answer.
    Flash {
        /// The place in the flash, bytes from its start.
        at: u32,
    },
    /// It is the journal of another core.
    OtherCore,
    /// No checkpoint is whole.
    Corrupt,
    /// A record of the log is damaged, and whole ones lie behind it.
    Rotten {
        /// The place in the flash, bytes from its start.
        at: u32,
    },
}

/// An answer.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, Schema)]
pub enum Answer<'a> {
    /// To a hello.
    Hello(Hello),
    /// To a start.
    Start(Started),
    /// To a question for the status.
    Status(Status),
    /// Numbers, little-endian: as many as fit, none behind the last.
    Page(&'a [u8]),
    /// CRC-32 of the levels.
    Digest(u32),
    /// Reports, oldest first, as [`FaultReport::to_bytes`] lays them out; none behind the last.
    Faults(&'a [u8]),
    /// Cells that read wrong, as [`FaultReport::to_bytes`] lays them out; all up to `next` were looked at.
    Audit {
        /// The first PCM cell that was not looked at.
        next: u32,
        /// The reports.
        wrong: &'a [u8],
    },
    /// The order is carried out.
    Done,
    /// It is not, and why.
    Refused(Refused),
}

/// Why a question was refused.
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Schema)]
pub enum Refused {
    /// The schema hashes differ: one end is older.
    Schema {
        /// Of the device.
        device: u64,
    },
    /// The session is over: another hello came after it. Say hello again.
    Session,
    /// The order or the start does not carry a tag that was made with the device's key for it.
    Unauthenticated,
    /// The device has a key, but cannot read it any more: only the board itself can begin a new journal.
    KeyIsLost,
    /// The inference is over, or another schedule's, or not the next one.
    Inference {
        /// The number of the next new one.
        next: u32,
    },
    /// The core cannot be read back.
    NoReadBack,
    /// There is no core of this number.
    NoSuchCore {
        /// Cores behind the controller.
        cores: u8,
    },
    /// More input vectors, or none, than each step can let through.
    Batch {
        /// The most.
        most: u16,
    },
    /// The last inference is not complete, and needs the levels that the cells have: go on with it first.
    Unfinished {
        /// Its number.
        inference: u32,
    },
    /// A level that cells do not have.
    Level {
        /// The highest.
        top: i16,
    },
    /// There is no memory for schedules, or it is too small.
    Store {
        /// Bytes that it has room for.
        bytes: u32,
    },
    /// No whole schedule of this name is kept.
    NotKept,
    /// The memory for schedules failed.
    StoreFailed,
    /// Not a whole number of inputs, or more than the core has room for.
    Inputs,
    /// The core cannot keep outputs: it was built without memory for them.
    NoCapture,
    /// The flash failed.
    Flash,
    /// The core or the flash failed earlier: power the device off and on.
    Halted(Failure),
}

/// What the device is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Schema)]
pub struct Hello {
    /// Session of all further questions: a late hello of another session cannot bring old questions back to life.
    pub session: u32,
    /// Core rows R.
    pub rows: u16,
    /// Core columns C.
    pub cols: u16,
    /// Bits of a PCM cell.
    pub bits: u8,
    /// Rows that share an input.
    pub fanout: u16,
    /// CRC of the device's transmissions.
    pub device_crc: u32,
    /// Format version of schedules.
    pub format: u8,
    /// Working memory of the decoder, bytes.
    pub memory: u32,
    /// Most bytes of a packet between two zeros: of the host's, and of its own.
    pub packet: u16,
    /// Data packets that may be on their way.
    pub window: u16,
    /// Whether cells are read back: false means open loop.
    pub read_back: bool,
    /// Whether schedules must be authenticated.
    pub keyed: bool,
    /// Fault reports that it can keep.
    pub max_faults: u16,
    /// The inference that was begun last.
    pub last: Option<Position>,
    /// The number of the next new inference.
    pub next: u32,
    /// Checkpoints written: part of the tags of [`Request::Format`] and [`Request::Renew`].
    pub checkpoints: u32,
    /// Cores behind the controller.
    pub cores: u8,
    /// Input vectors that a step can let through.
    pub batch: u16,
    /// Bytes of the memory for schedules; 0: there is none.
    pub store: u32,
    /// Bytes of the log of one bank of the journal's flash: 0 where there is no journal.
    pub log: u32,
}

/// How far an inference is carried out, as flash knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Schema)]
pub struct Position {
    /// The schedule.
    #[serde(with = "fixed")]
    pub schedule: ScheduleId,
    /// Number of the inference.
    pub inference: u32,
    /// Frames carried out.
    pub frames: u32,
    /// Whether its End frame is carried out.
    pub ended: bool,
}

/// Where the host shall begin to send.
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Schema)]
pub enum Started {
    /// At the magic and the Header frame.
    Beginning,
    /// Magic, Header frame, then the Layer frame with number `layer`, then everything from the TileRow frame with number
    /// `tile_row` on.
    Resume {
        /// Number of the Layer frame.
        layer: u32,
        /// Number of the TileRow frame.
        tile_row: u32,
    },
    /// Nowhere: this inference is complete.
    Ended,
}

/// How things stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Schema)]
pub struct Status {
    /// The inference that was begun last.
    pub last: Option<Position>,
    /// State of the run, if there is one.
    pub run: Option<RunState>,
    /// Reported faults.
    pub faults: u16,
    /// Writes of all PCM cells since the device was formatted.
    pub writes: u64,
    /// Those of them that verification asked for.
    pub corrections: u64,
    /// Checkpoints written: half of them is what each flash bank was erased.
    pub checkpoints: u32,
}

/// A PCM cell that did not take its level.
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FaultReport {
    /// PCM cell `2 (row C + col)`, plus 1 for the minus cell.
    pub cell: u32,
    /// Level that it should take.
    pub wanted: u8,
    /// Level whose transmission is nearest to the one that was read.
    pub read: u8,
}

impl FaultReport {
    /// Bytes of a report.
    pub const BYTES: usize = 8;

    /// `cell` (4, little-endian), `wanted`, `read`, two zeros.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; Self::BYTES] {
        let [a, b, c, d] = self.cell.to_le_bytes();
        [a, b, c, d, self.wanted, self.read, 0, 0]
    }

    /// The inverse of [`FaultReport::to_bytes`].
    #[must_use]
    pub const fn from_bytes([a, b, c, d, wanted, read, _, _]: [u8; Self::BYTES]) -> Self {
        Self { cell: u32::from_le_bytes([a, b, c, d]), wanted, read }
    }
}
