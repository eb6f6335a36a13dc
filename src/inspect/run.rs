//! A schedule run by the firmware's controller, on a core that remembers.

use firmware_model::controller::Controller;
use firmware_model::pcm::{MAX_BITS, MIN_BITS};
use firmware_model::photonic_core::Identity;
use firmware_model::wire::{self, End, Header, MAX_HEADER};

use super::frames::Content;
use super::outline::Outline;
use super::recorder::Recorder;
use super::request::{InspectError, Request};
use super::views::{Inspection, end_view, header_view};
use crate::schedule::header::header;

/// Takes a schedule apart.
///
/// Damage is no error here: it is told in [`Inspection::error`], and what could be read before it is there.
///
/// # Errors
/// [`InspectError`] when a whole schedule has no such layer or step.
pub fn inspect(file: &[u8], request: &Request) -> Result<Inspection, InspectError> {
    let header = header(file).ok();
    let core_of = header.as_ref().filter(|h| in_range(h));
    let mut core = core_of.map_or_else(Recorder::nobody, Recorder::new);
    let outline = Outline::of(file);
    let (wanted, layer) = (outline.step(request), outline.layer(request));
    let memory = core_of.map_or(0, |h| h.working_memory().total());
    let mut memory = vec![0u8; memory.max(MAX_HEADER)];
    let identity = header.as_ref().map_or(NOBODY, Header::identity);

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
    let header = header(file).ok().filter(in_range)?;
    let mut memory = vec![0u8; header.working_memory().total().max(MAX_HEADER)];
    let mut core = Recorder::new(&header);
    for _ in 0..2 {
        core.begin(None);
        let pass = Pass::run(file, header.identity(), core, &mut memory);
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

/// Bytes of each layer's frames, as far as the schedule can be read.
#[must_use]
pub fn layer_bytes(file: &[u8]) -> Vec<u64> {
    let mut bytes = Vec::new();
    for frame in Outline::of(file).frames {
        match (frame.content, bytes.last_mut()) {
            (Content::Layer { .. }, _) => bytes.push(frame.bytes),
            (Content::TileRow { .. } | Content::Steps { .. }, Some(layer)) => *layer += frame.bytes,
            _ => {}
        }
    }
    bytes
}

/// A core that no schedule is for: what a controller says of a stream without a readable header does not depend on it.
const NOBODY: Identity = Identity { rows: 1, cols: 1, bits: 1, fanout: 1, device_crc: 0 };

/// Whether the core and the decoder's memory can be built; what is out of range the controller refuses.
fn in_range(h: &Header<'_>) -> bool {
    let size = |n: u16| (1..=wire::MAX_CORE).contains(&n);
    size(h.rows) && size(h.cols) && (MIN_BITS..=MAX_BITS).contains(&h.bits) && h.window <= wire::MAX_WINDOW
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
