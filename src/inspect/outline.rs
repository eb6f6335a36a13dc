//! A schedule by its frames: where layers, tile rows and steps lie.

use firmware_model::pcm::Move;
use firmware_model::wire::{self, Scale};

use super::frames::{Content, FrameView, Stretch, stretches};
use super::recorder::{self, Counted, RowView, TileRowCount};
use super::request::{InspectError, Request};
use super::views::{Inspection, LayerView, StepView, TileRowView};

/// What the frames say by themselves, without decoding a record.
pub(super) struct Outline {
    pub frames: Vec<FrameView>,
    layers: Vec<LayerView>,
    /// First step and first frame of every tile row, layer by layer.
    tile_rows: Vec<Vec<(u64, u64)>>,
    steps: u64,
}

impl Outline {
    /// Goes through the frames up to the first that cannot be read.
    pub fn of(file: &[u8]) -> Self {
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
    pub fn layer(&self, request: &Request) -> Result<Option<usize>, InspectError> {
        let Some(name) = &request.layer else { return Ok(None) };
        let found = self.layers.iter().position(|l| l.name == *name);
        found.map(Some).ok_or_else(|| InspectError::Layer {
            name: name.clone(),
            layers: self.layers.iter().map(|l| l.name.clone()).collect(),
        })
    }

    /// The step that is asked for, counted from the schedule's first.
    pub fn step(&self, request: &Request) -> Result<Option<u64>, InspectError> {
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
    pub fn fill(&self, found: &mut Inspection, loaded: &[Vec<TileRowCount>], later: Option<&[Vec<TileRowCount>]>) {
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

    pub fn tile_rows(&self, layer: usize, loaded: &[TileRowCount], later: Option<&[TileRowCount]>) -> Vec<TileRowView> {
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
    pub fn step_view(
        &self,
        step: u64,
        rows: Vec<RowView>,
        steady: bool,
        loaded: &[Vec<TileRowCount>],
    ) -> Option<StepView> {
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
