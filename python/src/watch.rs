//! Long work, away from the interpreter's lock.
//!
//! The work is done on a thread of its own; the calling thread looks up for Ctrl-C and tells how far the work is, and wakes as soon as it is done.

use std::process;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock};
use std::thread;
use std::time::Duration;

use elight::observer::Observer;
use elight::plan::PlanError;
use elight::replay::ReplayError;
use pyo3::exceptions::{PyKeyboardInterrupt, PyRuntimeError};
use pyo3::prelude::*;

/// How often the calling thread looks up.
const LOOK: Duration = Duration::from_millis(100);

/// How far the work is.
#[derive(Default)]
pub struct Watch {
    phase: Mutex<&'static str>,
    done: AtomicU64,
    total: AtomicU64,
    stop: AtomicBool,
}

impl Watch {
    fn tell(&self, py: Python<'_>, progress: Option<&Py<PyAny>>) -> PyResult<()> {
        let Some(progress) = progress else { return Ok(()) };
        let phase = self.phase.lock().map_or("", |phase| *phase);
        let (done, total) = (self.done.load(Ordering::Relaxed), self.total.load(Ordering::Relaxed));
        progress.call1(py, (phase, done, total)).map(drop)
    }
}

impl Observer for Watch {
    fn begin(&self, phase: &'static str, weights: u64) {
        if let Ok(mut now) = self.phase.lock() {
            *now = phase;
            self.done.store(0, Ordering::Relaxed);
            self.total.store(weights, Ordering::Relaxed);
        }
    }

    fn advance(&self, weights: u64) {
        self.done.fetch_add(weights, Ordering::Relaxed);
    }

    fn interrupted(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// Works, on so many threads if a number is given. `progress` is called with the phase, and with what is done of it and in all; an exception that it raises
/// ends the work, as Ctrl-C does.
pub fn watched<T: Send>(
    py: Python<'_>,
    threads: Option<usize>,
    progress: Option<&Py<PyAny>>,
    work: impl FnOnce(&Watch) -> anyhow::Result<T> + Send,
) -> PyResult<T> {
    let watch = Watch::default();
    let (ready, caller) = (AtomicBool::new(false), thread::current());
    let done = thread::scope(|scope| {
        let worker = scope.spawn(|| {
            let done = on_threads(threads, || work(&watch));
            ready.store(true, Ordering::Release);
            caller.unpark();
            done
        });
        let mut raised = None;
        // A worker that panics is not ready, but finished.
        while !ready.load(Ordering::Acquire) && !worker.is_finished() {
            py.detach(|| thread::park_timeout(LOOK));
            if let Err(error) = py.check_signals().and_then(|()| watch.tell(py, progress)) {
                watch.stop.store(true, Ordering::Relaxed);
                raised.get_or_insert(error);
            }
        }
        match (raised, py.detach(|| worker.join())) {
            (Some(error), _) => Err(error),
            (None, Ok(done)) => done.map_err(refused),
            (None, Err(_)) => Err(PyRuntimeError::new_err("elight panicked: report this as a bug")),
        }
    });
    watch.tell(py, progress)?;
    done
}

/// The process that has imported the module. The pool of a process has no threads in a process that was forked from it.
static IMPORTED: OnceLock<u32> = OnceLock::new();

/// Remembers which process this is.
pub fn imported() {
    IMPORTED.get_or_init(process::id);
}

/// A pool of its own for a given number of threads, so that they are there as long as the work, and in a forked process; else the pool of the process.
fn on_threads<T: Send>(threads: Option<usize>, work: impl FnOnce() -> anyhow::Result<T> + Send) -> anyhow::Result<T> {
    let forked = IMPORTED.get().is_some_and(|imported| *imported != process::id());
    match threads {
        None if !forked => work(),
        // 0: as many as the machine has.
        _ => rayon::ThreadPoolBuilder::new().num_threads(threads.unwrap_or(0)).build()?.install(work),
    }
}

/// An error with the text of the command line; messages of the library tell their causes themselves.
fn refused(error: anyhow::Error) -> PyErr {
    let interrupted = matches!(error.downcast_ref(), Some(PlanError::Interrupted))
        || matches!(error.downcast_ref(), Some(ReplayError::Interrupted));
    if interrupted { PyKeyboardInterrupt::new_err(()) } else { crate::refuse(error) }
}
