//! Progress bars on stderr, and Ctrl-C.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use elight::cli::{self, exit};
use elight::plan::Observer;
use indicatif::ProgressBar;

/// A phase that is counted, and one of which nobody knows how long it takes.
const COUNTED: &str = "{prefix:>14} {wide_bar} {human_pos} of {human_len} {msg}, {eta} left";
const UNCOUNTED: &str = "{prefix:>14} {spinner} {elapsed}";

/// How long a program may take to end by itself after Ctrl-C.
const PATIENCE: Duration = Duration::from_millis(1500);

/// Ends the program; what is not whole goes.
fn end(leftover: &Mutex<Vec<PathBuf>>) -> ! {
    for path in leftover.lock().into_iter().flat_map(|mut paths| std::mem::take(&mut *paths)) {
        // Gone already if it became a schedule.
        let _ = if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) };
    }
    std::process::exit(i32::from(exit::INTERRUPTED));
}

/// Paints progress when stderr is a terminal, and remembers that the user wants to stop.
pub struct Bars {
    bar: Mutex<Phase>,
    stop: Arc<AtomicBool>,
    temporary: Arc<Mutex<Vec<PathBuf>>>,
}

impl Bars {
    /// No bar is painted when quiet, or when stderr is no terminal.
    pub fn new(quiet: bool) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let temporary = Arc::new(Mutex::new(Vec::new()));
        let (flag, leftover) = (Arc::clone(&stop), Arc::clone(&temporary));
        // The first Ctrl-C is honoured wherever the program is: what asks the observer ends by itself, with a message; for what does not (a slow disk, work that
        // nobody thought would be long) there is a deadline. A second one ends the program at once. (This runs in a thread of its own, not in a signal handler.)
        let _ = ctrlc::set_handler(move || {
            if flag.swap(true, Ordering::SeqCst) {
                end(&leftover);
            }
            let leftover = Arc::clone(&leftover);
            std::thread::spawn(move || {
                std::thread::sleep(PATIENCE);
                cli::complain(&"interrupted");
                end(&leftover);
            });
        });
        let bar = cli::bar(quiet, COUNTED);
        let phase = Phase { bar, name: "", again: 0 };
        Self { bar: Mutex::new(phase), stop, temporary }
    }

    /// A line above the bar, where there is one.
    pub fn say(&self, text: &str) {
        self.with(|phase| phase.bar.println(text));
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        self.with(|phase| phase.bar.finish_and_clear());
    }

    fn with(&self, f: impl FnOnce(&mut Phase)) {
        if let Ok(mut phase) = self.bar.lock() {
            f(&mut phase);
        }
    }
}

/// The bar of the present phase.
struct Phase {
    bar: ProgressBar,
    name: &'static str,
    /// How often a phase of this name has begun: of several cores and rotations, once for each.
    again: u32,
}

impl Observer for Bars {
    fn begin(&self, phase: &'static str, weights: u64) {
        self.with(|now| {
            now.again = if now.name == phase { now.again + 1 } else { 1 };
            now.name = phase;
            now.bar.reset();
            now.bar.set_style(cli::style(if weights == 0 { UNCOUNTED } else { COUNTED }));
            now.bar.set_prefix(if now.again > 1 { format!("{phase} {}", now.again) } else { phase.to_owned() });
            now.bar.set_message(if phase == "sweeping" { "plans" } else { "weights" });
            now.bar.set_length(weights);
        });
    }

    fn advance(&self, weights: u64) {
        self.with(|now| now.bar.inc(weights));
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
