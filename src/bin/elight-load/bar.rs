//! The progress bar on stderr, and Ctrl-C.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use elight::cli::{self, exit};
use elight::link::{Observer, Progress};
use elight::show::thousands;
use indicatif::ProgressBar;

/// Paints progress when stderr is a terminal, and remembers that the user wants to stop.
pub struct Bar {
    bar: ProgressBar,
    quiet: bool,
    stop: Arc<AtomicBool>,
}

impl Bar {
    /// No bar is painted when quiet, or when stderr is no terminal.
    pub fn new(quiet: bool) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&stop);
        // A second Ctrl-C ends the program at once. (This runs in a thread of its own, not in a signal handler.)
        let _ = ctrlc::set_handler(move || {
            if flag.swap(true, Ordering::SeqCst) {
                std::process::exit(exit::INTERRUPTED.into());
            }
        });
        let template = "{prefix} {wide_bar} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left  {msg}";
        let bar = cli::bar(quiet, template);
        Self { bar, quiet, stop }
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

impl Observer for Bar {
    fn progress(&self, state: &Progress) {
        self.bar.set_prefix(format!("inference {} of {}", state.inference, state.inferences));
        self.bar.set_length(state.total * u64::from(state.inferences));
        self.bar.set_position(state.total * u64::from(state.inference.saturating_sub(1)) + state.bytes);
        self.bar.set_message(format!("frame {}  {} writes", state.frames, thousands(state.writes)));
    }

    fn note(&self, text: &str) {
        if !self.quiet {
            self.bar.suspend(|| cli::note(&text));
        }
    }

    fn interrupted(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }
}
