//! The loop: steps, epochs, checkpoints, and how a stopped run goes on.
//!
//! All state that the future depends on is in `state.safetensors`: weights, running statistics, the optimiser's memory, the
//! number of the step and the sums of the epoch so far. Order and changes of the images, dropout and quantization noise are
//! functions of seed and step. So a resumed run computes bit for bit what the uninterrupted one would have computed.

use super::best;
use super::checkpoint;
use super::config::{Config, ConfigError};
use super::data::{Batches, Dataset, Normalization, Order};
use super::description;
use super::epoch::Epoch;
use super::error::TrainError;
use super::eval::evaluate;
use super::optim::{Optimizer, clip_gradients};
use super::run_dir;
use super::write_loss::{self, Core, Method, Paths};
use super::writes::{self, Writes};
use crate::nn::model::{ModelSpec, build};
use crate::nn::{Ctx, Layer, Mode, Sequential, init};
use elight::level::LevelMatrix;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// What the loop reports while it works.
#[derive(Debug)]
pub enum Event<'a> {
    /// A step is done.
    Step {
        /// Epoch, from 1.
        epoch: u64,
        /// Steps done in this epoch.
        done: u64,
        /// Steps of an epoch.
        steps: u64,
        /// Cross entropy of the batch.
        loss: f64,
        /// Images of the batch.
        samples: usize,
    },
    /// An epoch is done.
    Epoch(&'a Epoch),
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// All epochs done.
    Finished,
    /// No better accuracy on the held-out images for `train.patience` epochs.
    Early,
    /// Asked to stop; the state is stored.
    Stopped,
}

/// What is stored beside the arrays.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Progress {
    /// Epochs finished.
    epoch: u64,
    /// Steps of the present epoch.
    step: u64,
    /// Sums over the present epoch.
    loss: f64,
    write_loss: f64,
    correct: usize,
    samples: usize,
    seconds: f64,
    history: Vec<Epoch>,
}

/// A run.
#[derive(Debug)]
pub struct Trainer {
    config: Config,
    data: Dataset,
    norm: Normalization,
    model: Sequential,
    core: Option<Core>,
    optimizer: Optimizer,
    /// Of every PCM layer, the paths that `tour` makes short.
    paths: BTreeMap<String, Paths>,
    progress: Progress,
    metadata: BTreeMap<String, String>,
}

impl Trainer {
    /// Prepares a run: reads the data, builds the model, makes the run directory.
    ///
    /// # Errors
    /// Everything that is wrong with configuration, data, model or directory; a directory that holds another run.
    pub fn new(config: Config) -> Result<Self, TrainError> {
        let dir = &config.train.out;
        if dir.join(run_dir::STATE).exists() {
            let problem = "holds a run already: resume it, remove it, or choose another train.out".to_owned();
            return Err(TrainError::RunDir { path: dir.clone(), problem });
        }
        let trainer = Self::prepare(config)?;
        run_dir::create(&trainer.config)?;
        Ok(trainer)
    }

    /// Begins a run, or continues it where its directory holds it already.
    ///
    /// # Errors
    /// As [`new`](Self::new) and [`resume`](Self::resume); a directory that holds a run of another configuration.
    pub fn new_or_resume(config: Config) -> Result<Self, TrainError> {
        let dir = config.train.out.clone();
        if !dir.join(run_dir::STATE).exists() {
            return Self::new(config);
        }
        let stored = Config::load(&dir.join(run_dir::CONFIG), &[])?;
        if stored != config {
            let problem = "holds a run of another configuration: choose another train.out, or remove it".to_owned();
            return Err(TrainError::RunDir { path: dir, problem });
        }
        Self::resume(&dir)
    }

    /// Continues a run from its directory.
    ///
    /// # Errors
    /// A directory without a run, or one whose state does not fit its configuration.
    pub fn resume(dir: &Path) -> Result<Self, TrainError> {
        for (name, what) in [
            (run_dir::CONFIG, "there is no run here: begin one with elight-train train CONFIG.toml"),
            (run_dir::STATE, "the run was ended before it stored anything: begin it anew with elight-train train"),
        ] {
            if !dir.join(name).exists() {
                let problem = format!("nothing to resume, as it has no {name}: {what}");
                return Err(TrainError::RunDir { path: dir.to_owned(), problem });
            }
        }
        let mut config = Config::load(&dir.join(run_dir::CONFIG), &[])?;
        config.train.out = dir.to_owned();
        let path = dir.join(run_dir::STATE);
        let mut trainer = Self::prepare(config)?;
        let mut file = checkpoint::File::open(&path)?;
        let wrong = |problem: String| TrainError::RunDir { path: path.clone(), problem };
        let progress = file.metadata.get("progress").map(|p| serde_json::from_str(p));
        trainer.progress = match progress {
            Some(Ok(p)) => p,
            _ => return Err(wrong("has no readable `progress`: not the state of a run".into())),
        };
        let steps = file.metadata.get("steps").and_then(|s| s.parse().ok()).unwrap_or(0);
        let restored = trainer.optimizer.restore(&mut trainer.model, steps, |name| file.take(name));
        restored.map_err(|name| wrong(format!("lacks `{name}`, or it has another size: not of this config")))?;
        // The paths of `tour` are those of weights that are gone.
        for slot in trainer.model.all_pcm() {
            let (rows, cols) = (slot.pcm.levels().rows, slot.pcm.levels().cols);
            if let Some(numbers) = file.take(&format!("path/{}", slot.name)) {
                let paths = Paths::from_numbers(&numbers, rows, cols);
                let paths =
                    paths.ok_or_else(|| wrong(format!("holds no path of `{}`: not of this config", slot.name)))?;
                trainer.paths.insert(slot.name, paths);
            }
        }
        file.load_into(&mut trainer.model)?;
        Ok(trainer)
    }

    fn prepare(config: Config) -> Result<Self, TrainError> {
        let data = Dataset::open(&config.data.name, config.data.dir.as_deref())?;
        let data = data.hold_out(config.data.validation, config.data.validation_seed);
        let norm = Normalization::measure(&data.train);
        let pcm = config.pcm.as_ref();
        let spec = ModelSpec {
            name: config.model.name.clone(),
            input: data.train.shape,
            classes: data.classes,
            hidden: config.model.hidden.clone(),
            dropout: config.model.dropout,
            pcm: config.pcm_settings()?,
        };
        let mut model = build(&spec)?;
        init::initialize(&mut model, config.train.seed);
        if let Some(path) = &config.model.weights {
            let file = checkpoint::File::open(path)?;
            if config.model.partial {
                file.load_what_fits(&mut model)?;
            } else {
                file.load_into(&mut model)?;
            }
        }
        if data.train.len() < config.data.batch {
            let problem = format!("is {}, more than the {} training images", config.data.batch, data.train.len());
            return Err(ConfigError::Value { key: "data.batch", problem }.into());
        }
        let core = pcm.map(|p| p.core()).transpose()?;
        let optimizer = Optimizer::new(config.optimizer, &mut model);
        let mut metadata = run_dir::metadata(&config, &spec, &norm);
        metadata.insert(description::KEY.into(), description::json(&mut model, spec.input));
        Ok(Self {
            config,
            data,
            norm,
            model,
            core,
            optimizer,
            paths: BTreeMap::new(),
            progress: Progress::default(),
            metadata,
        })
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Finished epochs.
    pub fn history(&self) -> &[Epoch] {
        &self.progress.history
    }

    /// Steps of an epoch.
    pub fn steps_per_epoch(&self) -> u64 {
        (self.data.train.len() / self.config.data.batch) as u64
    }

    /// Trains until the end, or until `stop` is set; then the state is stored after the present step.
    ///
    /// # Errors
    /// Files that cannot be written, or a loss that is no number any more.
    pub fn run(&mut self, stop: &AtomicBool, on_event: &mut dyn FnMut(Event<'_>)) -> Result<End, TrainError> {
        while self.progress.epoch < self.config.train.epochs {
            if self.exhausted() {
                return Ok(End::Early);
            }
            if !self.train_epoch(stop, on_event)? {
                self.store_state()?;
                return Ok(End::Stopped);
            }
            let epoch = self.finish_epoch()?;
            on_event(Event::Epoch(&epoch));
        }
        Ok(End::Finished)
    }

    /// The best epoch so far, by the held-out images; none before the first is done.
    pub fn best(&self) -> Option<&Epoch> {
        let best = best::best(&self.progress.history, &self.config.train)?;
        self.progress.history.iter().find(|e| e.epoch == best)
    }

    /// Whether the last better accuracy is too long ago.
    fn exhausted(&self) -> bool {
        let patience = self.config.train.patience;
        patience > 0 && best::epochs_without_gain(&self.progress.history) >= patience && self.progress.step == 0
    }

    /// Trains to the end of the present epoch; `false` when it was stopped before.
    fn train_epoch(&mut self, stop: &AtomicBool, on_event: &mut dyn FnMut(Event<'_>)) -> Result<bool, TrainError> {
        let (seed, epoch) = (self.config.train.seed, self.progress.epoch);
        let order = Order::Shuffled { seed, epoch };
        let (batch, skip) = (self.config.data.batch, self.progress.step as usize);
        let batches = Batches::start(self.data.train.clone(), batch, order, self.config.data.augment, &self.norm, skip);
        let steps = self.steps_per_epoch();
        let mut ctx = Ctx::new(Mode::Train, seed);
        let start = Instant::now();
        let before = self.progress.seconds;
        let mut stored = start;
        for b in batches {
            if stop.load(Ordering::Relaxed) {
                return Ok(false);
            }
            let samples = b.labels.len();
            let loss = self.step(b.x, &b.labels, &mut ctx)?;
            self.progress.seconds = before + start.elapsed().as_secs_f64();
            on_event(Event::Step { epoch: epoch + 1, done: self.progress.step, steps, loss, samples });
            if self.config.train.save_minutes > 0.0
                && stored.elapsed().as_secs_f64() > 60.0 * self.config.train.save_minutes
            {
                self.store_state()?;
                stored = Instant::now();
            }
        }
        Ok(true)
    }

    /// One optimiser step; returns the mean cross entropy of the batch.
    fn step(&mut self, x: crate::nn::Tensor, labels: &[u16], ctx: &mut Ctx) -> Result<f64, TrainError> {
        let (steps, epochs) = (self.steps_per_epoch(), self.config.train.epochs);
        let step = self.progress.epoch * steps + self.progress.step;
        ctx.step = step;
        self.model.zero_gradients();
        let mut y = self.model.forward(x, ctx);
        let score = self.config.train.criterion.apply(&mut y, labels, self.config.train.label_smoothing);
        let loss = score.loss / score.samples as f64;
        if !loss.is_finite() {
            return Err(TrainError::Diverged { loss, step, epoch: self.progress.epoch + 1 });
        }
        let dx = self.model.backward(y, ctx);
        ctx.give(dx.data);
        self.progress.write_loss += self.write_loss(step, step as f64 / steps as f64);
        if self.config.train.clip > 0.0 {
            clip_gradients(&mut self.model, self.config.train.clip);
        }
        let lr = f64::from(self.config.optimizer.lr()) * self.config.schedule.factor(step, steps, epochs);
        self.optimizer.step(&mut self.model, lr as f32);
        self.progress.step += 1;
        self.progress.loss += score.loss;
        self.progress.correct += score.correct;
        self.progress.samples += score.samples;
        Ok(loss)
    }

    /// Adds the gradient of the write-aware loss; returns the loss, summed over the layers, not weighted.
    fn write_loss(&mut self, step: u64, epochs: f64) -> f64 {
        let (Some(c), Some(core)) = (&self.config.write_loss, self.core) else { return 0.0 };
        let rise = if c.warmup_epochs > 0.0 { (epochs / c.warmup_epochs).min(1.0) } else { 1.0 };
        let scale = c.weight * rise as f32;
        let mut sum = 0.0;
        for mut slot in self.model.all_pcm() {
            if !c.skip.iter().any(|s| slot.name.starts_with(s.as_str())) {
                if c.method == Method::Tour && (step.is_multiple_of(c.replan) || !self.paths.contains_key(&slot.name)) {
                    let paths = Paths::plan(slot.pcm.levels(), core.rows, core.columns);
                    self.paths.insert(slot.name.clone(), paths);
                }
                sum += write_loss::apply(c.method, core, self.paths.get(&slot.name), &mut slot, scale);
            }
        }
        sum
    }

    /// Evaluates, stores everything, begins the next epoch.
    fn finish_epoch(&mut self) -> Result<Epoch, TrainError> {
        let batch = self.config.data.batch.max(64);
        let test = evaluate(&mut self.model, &self.data.test, &self.norm, batch, |_| {});
        let held_out = self.data.validation.clone();
        let validation = held_out.map(|split| evaluate(&mut self.model, &split, &self.norm, batch, |_| {}));
        let writes = self.count_writes();
        let p = &mut self.progress;
        let (steps, samples) = (p.step.max(1), p.samples.max(1) as f64);
        let last = (p.epoch + 1) * steps - 1;
        let factor = self.config.schedule.factor(last, steps, self.config.train.epochs);
        let epoch = Epoch {
            epoch: p.epoch + 1,
            lr: f64::from(self.config.optimizer.lr()) * factor,
            train_loss: p.loss / samples,
            write_loss: p.write_loss / steps as f64,
            train_accuracy: p.correct as f64 / samples,
            validation_loss: validation.map(|score| score.mean_loss()),
            validation_accuracy: validation.map(|score| score.accuracy()),
            test_loss: test.mean_loss(),
            test_accuracy: test.accuracy(),
            writes,
            seconds: p.seconds,
            samples_per_second: samples / p.seconds.max(1e-9),
        };
        let mut history = std::mem::take(&mut p.history);
        let mut before = best::kept(&history, &self.config.train);
        history.push(epoch.clone());
        *p = Progress { epoch: epoch.epoch, history, ..Progress::default() };
        let kept = best::kept(&p.history, &self.config.train);
        before.retain(|epoch| !kept.contains(epoch));
        self.store_epoch(&epoch, &kept, &before)?;
        Ok(epoch)
    }

    /// Writes of the present weights under the orders.
    fn count_writes(&mut self) -> Writes {
        let Some(core) = self.core else { return Writes::default() };
        let slots = self.model.all_pcm();
        let layers: Vec<&LevelMatrix> = slots.iter().map(|s| s.pcm.levels()).collect();
        writes::count(&layers, core, slots.first().map_or(1, |s| s.pcm.top_level()))
    }

    /// Stores the weights, the metrics and the state; `kept`: epochs whose weights stay, `dropped`: those whose weights go.
    fn store_epoch(&mut self, epoch: &Epoch, kept: &[u64], dropped: &[u64]) -> Result<(), TrainError> {
        let dir = self.config.train.out.clone();
        self.metadata.insert("elight.epoch".into(), epoch.epoch.to_string());
        self.metadata.insert("elight.accuracy".into(), format!("{:.6}", epoch.test_accuracy));
        checkpoint::save(&dir.join(run_dir::LAST), &mut self.model, &self.metadata)?;
        if kept.contains(&epoch.epoch) {
            checkpoint::save(&dir.join(run_dir::epoch_file(epoch.epoch)), &mut self.model, &self.metadata)?;
        }
        if let Some(best) = self.best().map(|best| best.epoch) {
            run_dir::choose(&dir, best)?;
        }
        run_dir::write_history(&dir, &self.progress.history)?;
        self.store_state()?;
        for epoch in dropped {
            // Gone already is as good.
            let _ = std::fs::remove_file(dir.join(run_dir::epoch_file(*epoch)));
        }
        Ok(())
    }

    fn store_state(&mut self) -> Result<(), TrainError> {
        let path = self.config.train.out.join(run_dir::STATE);
        // Numbers, strings and lists: always representable.
        let progress = serde_json::to_string(&self.progress).unwrap_or_default();
        let metadata =
            BTreeMap::from([("progress".into(), progress), ("steps".into(), self.optimizer.steps().to_string())]);
        let memory: Vec<(String, Vec<f32>)> =
            self.optimizer.memory(&mut self.model).into_iter().map(|(n, v)| (n, v.to_vec())).collect();
        let paths: Vec<(String, Vec<f32>)> =
            self.paths.iter().map(|(name, p)| (format!("path/{name}"), p.to_numbers())).collect();
        let slots = self.model.all_slots();
        let mut arrays: Vec<_> = slots.iter().map(|s| (s.name.clone(), s.shape.clone(), &*s.value)).collect();
        arrays.extend(memory.iter().chain(&paths).map(|(n, v)| (n.clone(), vec![v.len()], &v[..])));
        checkpoint::write_whole(&path, &checkpoint::to_bytes(&arrays, &metadata, &path)?)?;
        Ok(())
    }
}
