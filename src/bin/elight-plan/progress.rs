//! Progress bars on stderr, and Ctrl-C.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use elight::plan::Observer;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Paints progress when stderr is a terminal, and remembers that the user wants to stop.
pub struct Bars {
    bar: Mutex<ProgressBar>,
    stop: Arc<AtomicBool>,
    temporary: Arc<Mutex<Option<PathBuf>>>,
}

impl Bars {
    /// No bar is painted when quiet, or when stderr is no terminal.
    pub fn new(quiet: bool) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let temporary = Arc::new(Mutex::new(None));
        let (flag, leftover) = (Arc::clone(&stop), Arc::clone(&temporary));
        // A second Ctrl-C ends the program at once. (This runs in a thread of its own, not in a signal handler.)
        let _ = ctrlc::set_handler(move || {
            if flag.swap(true, Ordering::SeqCst) {
                if let Some(path) = leftover.lock().ok().and_then(|mut path| path.take()) {
                    let _ = std::fs::remove_file::<PathBuf>(path); // gone already if it became the schedule
                }
                std::process::exit(i32::from(crate::INTERRUPTED));
            }
        });
        let bar = ProgressBar::new(0);
        if quiet || !std::io::stderr().is_terminal() {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        if let Ok(style) = ProgressStyle::with_template("{prefix:>10} {wide_bar} {percent:>3} %  {per_sec}  {eta} left")
        {
            bar.set_style(style);
        }
        Self { bar: Mutex::new(bar), stop, temporary }
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        self.with(ProgressBar::finish_and_clear);
    }

    fn with(&self, f: impl FnOnce(&ProgressBar)) {
        if let Ok(bar) = self.bar.lock() {
            f(&bar);
        }
    }
}

impl Observer for Bars {
    fn begin(&self, phase: &'static str, weights: u64) {
        self.with(|bar| {
            bar.set_prefix(phase);
            bar.set_length(weights);
            bar.set_position(0);
            bar.reset_eta();
        });
    }

    fn advance(&self, weights: u64) {
        self.with(|bar| bar.inc(weights));
    }

    fn writing_to(&self, temporary: &Path) {
        if let Ok(mut path) = self.temporary.lock() {
            *path = Some(temporary.to_owned());
        }
    }

    fn interrupted(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }
}
