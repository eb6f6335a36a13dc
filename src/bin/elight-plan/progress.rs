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
    temporary: Arc<Mutex<Vec<PathBuf>>>,
}

impl Bars {
    /// No bar is painted when quiet, or when stderr is no terminal.
    pub fn new(quiet: bool) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let temporary = Arc::new(Mutex::new(Vec::new()));
        let (flag, leftover) = (Arc::clone(&stop), Arc::clone(&temporary));
        // A second Ctrl-C ends the program at once. (This runs in a thread of its own, not in a signal handler.)
        let _ = ctrlc::set_handler(move || {
            if flag.swap(true, Ordering::SeqCst) {
                for path in leftover.lock().into_iter().flat_map(|mut paths| std::mem::take(&mut *paths)) {
                    let _ = std::fs::remove_file::<PathBuf>(path); // gone already if it became a schedule
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

    /// A line above the bar, where there is one.
    pub fn say(&self, text: &str) {
        self.with(|bar| bar.println(text));
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
        if let Ok(mut paths) = self.temporary.lock() {
            paths.push(temporary.to_owned());
        }
    }

    fn interrupted(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }
}
