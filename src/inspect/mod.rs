//! A schedule taken apart, for whoever debugs a controller: its header, layers, frames, and single steps.
//!
//! ```text
//! frames.rs    where each frame lies, and its own fields
//! recorder.rs  a core that remembers what the firmware's decoder asks of it
//! text.rs      all of it as a person reads it
//! ```
//!
//! The bytes go through the firmware's own controller, so what is shown is what a controller would do, and a damaged schedule is refused at
//! the frame where a controller would refuse it. What came before that frame is shown all the same.

mod frames;
mod recorder;
mod text;

use firmware_model::controller::Controller;
use firmware_model::pcm::{MAX_BITS, MIN_BITS, Move};
use firmware_model::photonic_core::Identity;
use firmware_model::wire::{self, End, Header, MAGIC, MAX_HEADER, Scale};
use serde::Serialize;
use thiserror::Error;

pub use frames::{Content, FrameView, header};
pub use recorder::{Change, Counted, Recorder, RowView, TileRowCount};
pub use text::print;

use frames::{Stretch, stretches};

/// What to look at, besides header, layers and totals.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// A layer: its tile rows, or the step of this layer.
    pub layer: Option<String>,
    /// A step, from 0: of the layer if one is named, else of the schedule.
    pub step: Option<u64>,
    /// All frames (of the layer, if one is named).
    pub frames: bool,
    /// The step as a later inference finds it, rather than from erased cells.
    pub steady: bool,
    /// What the cells hold before the first load, row by row; erased where nothing is said.
    pub origin: Vec<i16>,
}

/// A question that a schedule has no answer to.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum InspectError {
    /// No layer of that name.
    #[error("the schedule has no layer `{name}`; it has: {}", names(.layers))]
    Layer {
        /// What was asked for.
        name: String,
        /// What there is.
        layers: Vec<String>,
    },
    /// No step of that number.
    #[error("step {step} is asked for, but {of} has {steps} steps, numbered from 0")]
    Step {
        /// What was asked for.
        step: u64,
        /// Steps that there are.
        steps: u64,
        /// The schedule, or a layer.
        of: String,
    },
}

/// Layer names shown in an error.
const NAMES_SHOWN: usize = 12;

fn names(layers: &[String]) -> String {
    let more = layers.len().saturating_sub(NAMES_SHOWN);
    let shown = layers[..layers.len() - more].join(", ");
    if more > 0 { format!("{shown} and {more} more") } else { shown }
}

/// What a schedule is, as far as it can be read.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Inspection {
    /// Size of the file, bytes.
    pub bytes: u64,
    /// Frames that were carried out.
    pub frames_read: u64,
    /// What it is for; none when that cannot be read.
    pub header: Option<HeaderView>,
    /// Its layers.
    pub layers: Vec<LayerView>,
    /// Totals in its End frame.
    pub end: Option<EndView>,
    /// Counted: from erased cells, or from what the request says they hold, as far as it can be read.
    pub first_load: Counted,
    /// Counted: every later inference; none when the schedule is damaged.
    pub per_inference: Option<Counted>,
    /// Whether the End frame says what was counted (of the first load, if it was from erased cells); none without an End frame.
    pub totals_match: Option<bool>,
    /// Tile rows of the layer that was asked for.
    pub tile_rows: Option<Vec<TileRowView>>,
    /// The step that was asked for.
    pub step: Option<StepView>,
    /// Frames, if asked for.
    pub frames: Option<Vec<FrameView>>,
    /// Why the schedule cannot be read to its end.
    pub error: Option<String>,
}

/// The Header frame.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HeaderView {
    /// Version of the format.
    pub version: u8,
    /// Core rows (outputs).
    pub rows: u16,
    /// Core columns (lanes).
    pub cols: u16,
    /// Bits of a PCM cell.
    pub bits: u8,
    /// Rows that share an input.
    pub fanout: u16,
    /// `lane` or `row`.
    pub reach: String,
    /// What an index list belongs to: `level` or `cell`.
    pub lists: String,
    /// Window of used inputs, positions.
    pub window: u16,
    /// Bytes of a stored index.
    pub index_bytes: u8,
    /// Longest frame body, bytes.
    pub max_frame: u16,
    /// Number of layers.
    pub layers: u32,
    /// Working memory of a decoder, bytes.
    pub ram: u32,
    /// Device profile.
    pub device: String,
    /// CRC-32 of its transmissions.
    pub device_crc: u32,
}

/// One layer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LayerView {
    /// Its number.
    pub index: u32,
    /// Its tensor.
    pub name: String,
    /// Output rows.
    pub rows: u32,
    /// Inputs of one row.
    pub cols: u32,
    /// Groups of inputs.
    pub groups: u32,
    /// Scale of all outputs; none when each row has its own.
    pub scale: Option<f32>,
    /// Tile rows.
    pub tile_rows: u32,
    /// Its first step in the schedule.
    pub first_step: u64,
    /// Its steps.
    pub steps: u64,
    /// Weights multiplied.
    pub weights: u64,
    /// Its first frame.
    pub first_frame: u64,
    /// Its frames.
    pub frames: u64,
    /// Bytes of its frames.
    pub bytes: u64,
    /// Counted from erased cells.
    pub first_load: Counted,
    /// Counted in a later inference; none when the schedule is damaged.
    pub per_inference: Option<Counted>,
}

/// One tile row.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TileRowView {
    /// Its number in the layer.
    pub index: u32,
    /// Its first step in the schedule.
    pub first_step: u64,
    /// Its steps.
    pub steps: u64,
    /// Its first frame.
    pub first_frame: u64,
    /// Output row of each core row; none where it is not used.
    pub outputs: Vec<Option<u32>>,
    /// Counted from erased cells.
    pub first_load: Counted,
    /// Counted in a later inference; none when the schedule is damaged.
    pub per_inference: Option<Counted>,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StepView {
    /// Its number in the schedule.
    pub step: u64,
    /// Its layer's number.
    pub layer: u32,
    /// Its layer's tensor.
    pub name: String,
    /// Its number in the layer.
    pub step_of_layer: u64,
    /// Its tile row.
    pub tile_row: u32,
    /// Its number in the tile row.
    pub step_of_tile_row: u64,
    /// Frames that carry its records.
    pub frames: Vec<u64>,
    /// Whether levels are those of a later inference, rather than of the first load.
    pub steady: bool,
    /// What is written.
    pub counted: Counted,
    /// What each core row in use does.
    pub rows: Vec<RowView>,
}

/// The End frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct EndView {
    /// Steps.
    pub steps: u64,
    /// Weights multiplied.
    pub weights: u64,
    /// Planned for the first load.
    pub first_load: Counted,
    /// Planned for a later inference.
    pub per_inference: Counted,
}

/// Takes a schedule apart.
///
/// Damage is no error here: it is told in [`Inspection::error`], and what could be read before it is there.
///
/// # Errors
/// [`InspectError`] when a whole schedule has no such layer or step.
pub fn inspect(file: &[u8], request: &Request) -> Result<Inspection, InspectError> {
    let header = frames::header(file);
    let core_of = header.as_ref().filter(|h| in_range(h));
    let mut core = core_of.map_or_else(Recorder::nobody, Recorder::new);
    let outline = Outline::of(file);
    let (wanted, layer) = (outline.step(request), outline.layer(request));
    let memory = core_of.map_or(0, |h| h.working_memory().total());
    let mut memory = vec![0u8; memory.max(MAX_HEADER)];
    let identity = header.as_ref().map_or(NOBODY, identity);

    core.hold(&request.origin);
    core.begin(wanted.as_ref().ok().copied().flatten());
    let first = Pass::run(file, identity, core, &mut memory);
    let mut found = Inspection {
        bytes: file.len() as u64,
        frames_read: first.frames,
        header: (first.frames > 0).then_some(header).flatten().map(|h| header_view(&h)),
        layers: Vec::new(),
        end: first.end.map(end_view),
        first_load: first.core.total(),
        per_inference: None,
        totals_match: None,
        tile_rows: None,
        step: None,
        frames: None,
        error: first.error.clone(),
    };
    let loaded = first.core.layers.clone();
    let mut view = first.core.view.clone();
    let mut later = None;
    if found.error.is_none() {
        let mut core = first.core;
        core.begin(wanted.clone()?.filter(|_| request.steady));
        let second = Pass::run(file, identity, core, &mut memory);
        found.per_inference = Some(second.core.total());
        // The End frame has the first load from erased cells.
        let erased = request.origin.is_empty();
        found.totals_match = found.end.map(|end| {
            (!erased || end.first_load == found.first_load) && Some(end.per_inference) == found.per_inference
        });
        if request.steady {
            view = second.core.view.clone();
        }
        later = Some(second.core.layers);
        layer.clone()?;
    }
    outline.fill(&mut found, &loaded, later.as_deref());
    let layer = layer.ok().flatten();
    if let Some(at) = layer.filter(|at| request.step.is_none() && *at < loaded.len()) {
        found.tile_rows = Some(outline.tile_rows(at, &loaded[at], later.as_deref().map(|l| l[at].as_slice())));
    }
    if let (Some(rows), Ok(Some(step))) = (view, wanted) {
        found.step = outline.step_view(step, rows, request.steady, &loaded);
    }
    if request.frames {
        let frames = outline.frames.into_iter().take(first.frames as usize);
        found.frames = Some(frames.filter(|f| layer.is_none_or(|l| f.layer == Some(l as u32))).collect());
    }
    Ok(found)
}

/// Writes of every step of a later inference, layer by layer; none when the schedule is damaged.
#[must_use]
pub fn step_writes(file: &[u8]) -> Option<Vec<Vec<u32>>> {
    let header = frames::header(file).filter(in_range)?;
    let mut memory = vec![0u8; header.working_memory().total().max(MAX_HEADER)];
    let mut core = Recorder::new(&header);
    for _ in 0..2 {
        core.begin(None);
        let pass = Pass::run(file, identity(&header), core, &mut memory);
        pass.end?;
        core = pass.core;
    }
    let mut rest = core.step_writes.as_slice();
    let layers = core.layers.iter().map(|layer| {
        let steps = layer.iter().map(|t| t.steps as usize).sum();
        let (writes, later) = rest.split_at(steps);
        rest = later;
        writes.to_vec()
    });
    Some(layers.collect())
}

/// A core that no schedule is for: what a controller says of a stream without a readable header does not depend on it.
const NOBODY: Identity = Identity { rows: 1, cols: 1, bits: 1, fanout: 1, device_crc: 0 };

/// Whether the core and the decoder's memory can be built; what is out of range the controller refuses.
fn in_range(h: &Header<'_>) -> bool {
    let size = |n: u16| (1..=wire::MAX_CORE).contains(&n);
    size(h.rows) && size(h.cols) && (MIN_BITS..=MAX_BITS).contains(&h.bits) && h.window <= wire::MAX_WINDOW
}

fn identity(h: &Header<'_>) -> Identity {
    Identity { rows: h.rows, cols: h.cols, bits: h.bits, fanout: h.fanout, device_crc: h.device_crc }
}

fn header_view(h: &Header<'_>) -> HeaderView {
    HeaderView {
        version: MAGIC[7],
        rows: h.rows,
        cols: h.cols,
        bits: h.bits,
        fanout: h.fanout,
        reach: format!("{:?}", h.reach).to_lowercase(),
        lists: format!("{:?}", h.lists).to_lowercase(),
        window: h.window,
        index_bytes: h.index_bytes,
        max_frame: h.max_frame,
        layers: h.layers,
        ram: h.ram,
        device: h.device.to_owned(),
        device_crc: h.device_crc,
    }
}

fn end_view(end: End) -> EndView {
    EndView {
        steps: end.steps,
        weights: end.weights,
        first_load: Counted { writes: end.first_writes, events: end.first_events },
        per_inference: Counted { writes: end.writes, events: end.events },
    }
}

/// One run of the schedule on the recording core.
struct Pass {
    core: Recorder,
    frames: u64,
    end: Option<End>,
    error: Option<String>,
}

impl Pass {
    fn run(file: &[u8], identity: Identity, core: Recorder, memory: &mut [u8]) -> Self {
        let mut controller = Controller::new(core, identity, memory);
        let outcome = controller.feed(file).and_then(|_| controller.finish());
        let frames = u64::from(controller.progress().frames);
        let (end, error) = match outcome {
            Ok(end) => (Some(end), None),
            Err(error) => (None, Some(error.to_string())),
        };
        Self { core: controller.into_core(), frames, end, error }
    }
}

/// What the frames say by themselves, without decoding a record.
struct Outline {
    frames: Vec<FrameView>,
    layers: Vec<LayerView>,
    /// First step and first frame of every tile row, layer by layer.
    tile_rows: Vec<Vec<(u64, u64)>>,
    steps: u64,
}

impl Outline {
    /// Goes through the frames up to the first that cannot be read.
    fn of(file: &[u8]) -> Self {
        let mut outline = Self { frames: Vec::new(), layers: Vec::new(), tile_rows: Vec::new(), steps: 0 };
        for (i, stretch) in stretches(file).enumerate() {
            let Some(content) = Content::of(stretch.body()) else { break };
            outline.take(i as u64, stretch, content);
        }
        outline
    }

    fn take(&mut self, frame: u64, stretch: Stretch<'_>, content: Content) {
        let bytes = stretch.bytes.len() as u64;
        if let (Content::Layer { .. }, Ok(body)) = (&content, postcard::from_bytes::<wire::Body<'_>>(stretch.body()))
            && let wire::Frame::Layer(l) = body.frame
        {
            self.layers.push(LayerView {
                index: l.index,
                name: l.name.to_owned(),
                rows: l.rows,
                cols: l.cols,
                groups: l.groups,
                scale: match l.scale {
                    Scale::Layer(scale) => Some(scale),
                    Scale::Row => None,
                },
                tile_rows: l.tile_rows,
                first_step: self.steps,
                steps: 0,
                weights: 0,
                first_frame: frame,
                frames: 0,
                bytes: 0,
                first_load: Counted::default(),
                per_inference: None,
            });
            self.tile_rows.push(Vec::new());
        }
        let mut layer = None;
        if !matches!(content, Content::Header | Content::End)
            && let (Some(last), Some(tile_rows)) = (self.layers.last_mut(), self.tile_rows.last_mut())
        {
            layer = Some(last.index);
            if let Content::TileRow { steps, .. } = content {
                tile_rows.push((self.steps, frame));
                self.steps = self.steps.saturating_add(steps.into());
                last.steps = last.steps.saturating_add(steps.into());
            }
        }
        self.frames.push(FrameView { frame, offset: stretch.offset as u64, bytes, layer, content });
    }

    /// The position of the layer that is asked for.
    fn layer(&self, request: &Request) -> Result<Option<usize>, InspectError> {
        let Some(name) = &request.layer else { return Ok(None) };
        let found = self.layers.iter().position(|l| l.name == *name);
        found.map(Some).ok_or_else(|| InspectError::Layer {
            name: name.clone(),
            layers: self.layers.iter().map(|l| l.name.clone()).collect(),
        })
    }

    /// The step that is asked for, counted from the schedule's first.
    fn step(&self, request: &Request) -> Result<Option<u64>, InspectError> {
        let Some(step) = request.step else { return Ok(None) };
        let (first, steps, of) = match self.layer(request)? {
            Some(at) => {
                let layer = &self.layers[at];
                (layer.first_step, layer.steps, format!("layer `{}`", layer.name))
            }
            None => (0, self.steps, "the schedule".to_owned()),
        };
        if step < steps { Ok(Some(first + step)) } else { Err(InspectError::Step { step, steps, of }) }
    }

    /// Adds what was counted to the layers that were carried out.
    fn fill(&self, found: &mut Inspection, loaded: &[Vec<TileRowCount>], later: Option<&[Vec<TileRowCount>]>) {
        for (i, (layer, counts)) in self.layers.iter().zip(loaded).enumerate() {
            let frames = || self.frames.iter().filter(|f| f.layer == Some(layer.index) && f.frame < found.frames_read);
            let (number, bytes) = (frames().count() as u64, frames().map(|f| f.bytes).sum());
            found.layers.push(LayerView {
                frames: number,
                bytes,
                steps: counts.iter().map(|t| t.steps).sum(),
                weights: counts.iter().map(|t| t.weights).sum(),
                first_load: recorder::sum(counts),
                per_inference: later.map(|later| recorder::sum(&later[i])),
                ..layer.clone()
            });
        }
    }

    fn tile_rows(&self, layer: usize, loaded: &[TileRowCount], later: Option<&[TileRowCount]>) -> Vec<TileRowView> {
        let rows = self.tile_rows[layer].iter().zip(loaded).enumerate();
        rows.map(|(i, (&(first_step, first_frame), count))| TileRowView {
            index: i as u32,
            first_step,
            steps: count.steps,
            first_frame,
            outputs: count.outputs.clone(),
            first_load: count.counted,
            per_inference: later.map(|later| later[i].counted),
        })
        .collect()
    }

    /// Where a step lies, and what happens in it.
    fn step_view(&self, step: u64, rows: Vec<RowView>, steady: bool, loaded: &[Vec<TileRowCount>]) -> Option<StepView> {
        let at = self.layers.iter().rposition(|l| l.first_step <= step)?;
        let (layer, tile_rows) = (&self.layers[at], &self.tile_rows[at]);
        let tile_row = tile_rows.iter().rposition(|(first, _)| *first <= step)?;
        let first = tile_rows[tile_row].0;
        let used: Vec<u16> = loaded.get(at)?.get(tile_row)?.used_rows();
        let mut counted = Counted::default();
        for change in rows.iter().flat_map(|r| &r.changes) {
            counted.add(Move::between(change.from, change.to));
        }
        Some(StepView {
            step,
            layer: layer.index,
            name: layer.name.clone(),
            step_of_layer: step - layer.first_step,
            tile_row: tile_row as u32,
            step_of_tile_row: step - first,
            frames: self.carriers(tile_rows[tile_row].1, step - first, &used),
            steady,
            counted,
            rows,
        })
    }

    /// The Steps frames behind the TileRow frame `first` that carry records of step `step`.
    fn carriers(&self, first: u64, step: u64, used: &[u16]) -> Vec<u64> {
        let behind = self.frames.iter().skip(first as usize + 1);
        let mut carriers = Vec::new();
        for frame in behind {
            let Content::Steps { step: begins, row, records } = frame.content else { break };
            let place = used.iter().position(|r| *r == row).unwrap_or(0) as u64;
            let last = u64::from(begins) + (place + u64::from(records)).saturating_sub(1) / used.len().max(1) as u64;
            if (u64::from(begins)..=last).contains(&step) {
                carriers.push(frame.frame);
            }
        }
        carriers
    }
}
