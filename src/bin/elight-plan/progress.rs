//! Progress bars on stderr, and Ctrl-C.

use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use elight::plan::Observer;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Paints progress when stderr is a terminal, and remembers that the user wants to stop.
pub struct Bars {
    bar: Mutex<ProgressBar>,
    stop: Arc<AtomicBool>,
}

impl Bars {
    /// No bar is painted when quiet, or when stderr is no terminal.
    pub fn new(quiet: bool, _json: bool) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&stop);
        // A second Ctrl-C ends the program at once.
        let _ = ctrlc::set_handler(move || {
            if flag.swap(true, Ordering::SeqCst) {
                std::process::exit(130);
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
        Self { bar: Mutex::new(bar), stop }
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

    fn interrupted(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }
}
