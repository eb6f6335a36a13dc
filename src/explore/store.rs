//! A folder of records: a run goes on where it was stopped, and shards are put together.
//!
//! ```text
//! grid.json           what is explored: figures are computed with it
//! plan-0123...json    one record each, under the hash of what was planned; whole or not there
//! ```

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use crc::{CRC_64_XZ, Crc};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::grid::{Axes, PlanKey};
use super::record::Record;
use crate::system::CellsAtOnce;

/// Version of the files; records of another are made again.
const FORMAT: u32 = 1;

/// What is explored: everything that points are computed from, besides the records.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Grid {
    /// Version of the files.
    pub format: u32,
    /// The weights, as given.
    pub network: String,
    /// A hash of the weights, and of how they are read.
    pub fingerprint: String,
    /// Input vectors of each layer.
    pub vectors: Vec<Option<u64>>,
    /// What is varied.
    pub axes: Axes,
    /// Batches; 0 stands for `auto`.
    pub batches: Vec<u64>,
    /// Effort of the search.
    pub effort: String,
    /// Its seed.
    pub seed: u64,
    /// Bytes of the buffer, if not the system's own.
    pub buffer: Option<u64>,
    /// Cycles that a PCM cell bears, if not the device's.
    pub endurance: Option<f64>,
    /// How the system was named.
    pub system: String,
    /// The system file.
    pub system_text: String,
    /// Cells that it writes at the same time.
    pub at_once: CellsAtOnce,
}

impl Grid {
    /// Version of the files.
    pub const FORMAT: u32 = FORMAT;

    /// The plans that it needs, in order.
    #[must_use]
    pub fn plans(&self) -> Vec<PlanKey> {
        self.axes.plans(&self.effort, self.seed, self.at_once)
    }
}

/// Why a folder cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// It cannot be read or written.
    #[error("{}: {source}; check the folder, its space and its permissions", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// No grid in it.
    #[error("{}: no exploration has begun there: give the --state folder of `elight-plan explore`", path.display())]
    NoGrid {
        /// The folder.
        path: PathBuf,
    },
    /// A file that is not what it should be.
    #[error("{}: {problem}; remove it, and run the exploration again", path.display())]
    Broken {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// Folders of different explorations.
    #[error("{} and {} are of different explorations: their networks or options differ", a.display(), b.display())]
    Different {
        /// One.
        a: PathBuf,
        /// Another.
        b: PathBuf,
    },
}

/// A folder of records.
#[derive(Clone, Debug)]
pub struct Store {
    folder: PathBuf,
    fingerprint: String,
}

/// What stands in a record's file.
#[derive(Serialize, Deserialize)]
struct Stored {
    format: u32,
    fingerprint: String,
    record: Record,
}

const GRID: &str = "grid.json";

impl Store {
    /// Makes the folder if it is not there, and says what is explored in it.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn begin(folder: &Path, grid: &Grid) -> Result<Self, StoreError> {
        fs::create_dir_all(folder).map_err(|source| io(folder, source))?;
        let store = Self { folder: folder.to_owned(), fingerprint: grid.fingerprint.clone() };
        store.write(&folder.join(GRID), grid)?;
        Ok(store)
    }

    /// A folder in which an exploration has begun, and its grid.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn open(folder: &Path) -> Result<(Self, Grid), StoreError> {
        let path = folder.join(GRID);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                return Err(StoreError::NoGrid { path: folder.to_owned() });
            }
            Err(source) => return Err(io(&path, source)),
        };
        let grid: Grid = serde_json::from_str(&text)
            .map_err(|e| StoreError::Broken { path: path.clone(), problem: e.to_string() })?;
        if grid.format != FORMAT {
            let problem = format!("it has format {}, this program writes {FORMAT}", grid.format);
            return Err(StoreError::Broken { path, problem });
        }
        Ok((Self { folder: folder.to_owned(), fingerprint: grid.fingerprint.clone() }, grid))
    }

    /// Opens the folders of one exploration's shards.
    ///
    /// # Errors
    /// [`StoreError`], also when they are of different explorations.
    pub fn open_all(folders: &[PathBuf]) -> Result<(Vec<Self>, Grid), StoreError> {
        let (mut stores, mut first): (Vec<Self>, Option<Grid>) = (Vec::new(), None);
        for folder in folders {
            let (store, grid) = Self::open(folder)?;
            match &first {
                Some(first) if *first != grid => {
                    return Err(StoreError::Different { a: folders[0].clone(), b: folder.clone() });
                }
                Some(_) => {}
                None => first = Some(grid),
            }
            stores.push(store);
        }
        let none = || StoreError::NoGrid { path: PathBuf::new() };
        Ok((stores, first.ok_or_else(none)?))
    }

    /// Where it is.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The record of a plan, if it has been made for these weights. A file that cannot be understood, or is another version's, counts as none.
    #[must_use]
    pub fn get(&self, key: &PlanKey) -> Option<Record> {
        let text = fs::read_to_string(self.path(key)).ok()?;
        let stored: Stored = serde_json::from_str(&text).ok()?;
        let same = stored.format == FORMAT && stored.fingerprint == self.fingerprint && stored.record.key == *key;
        same.then_some(stored.record)
    }

    /// Keeps a record: its file appears whole or not at all.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn put(&self, record: Record) -> Result<(), StoreError> {
        let path = self.path(&record.key);
        self.write(&path, &Stored { format: FORMAT, fingerprint: self.fingerprint.clone(), record })
    }

    fn path(&self, key: &PlanKey) -> PathBuf {
        // The order of fields is fixed: the same key is the same text.
        let text = format!("{FORMAT} {} {key:?}", self.fingerprint);
        self.folder.join(format!("plan-{:016x}.json", Crc::<u64>::new(&CRC_64_XZ).checksum(text.as_bytes())))
    }

    fn write(&self, path: &Path, value: &impl Serialize) -> Result<(), StoreError> {
        let wrong = |source| io(path, source);
        let text = serde_json::to_string_pretty(value).map_err(|e| wrong(std::io::Error::other(e)))?;
        let mut file = tempfile::Builder::new().prefix(".partial-").tempfile_in(&self.folder).map_err(wrong)?;
        file.write_all(text.as_bytes()).and_then(|()| file.as_file().sync_all()).map_err(wrong)?;
        file.persist(path).map(drop).map_err(|e| wrong(e.error))
    }
}

fn io(path: &Path, source: std::io::Error) -> StoreError {
    StoreError::Io { path: path.to_owned(), source }
}

/// A hash of files, of what is in memory, and of how they are read.
///
/// # Errors
/// [`StoreError::Io`].
pub fn fingerprint<'a>(
    files: impl Iterator<Item = &'a Path>,
    reading: &str,
    memory: &[u8],
) -> Result<String, StoreError> {
    let crc = Crc::<u64>::new(&CRC_64_XZ);
    let mut digest = crc.digest();
    digest.update(reading.as_bytes());
    digest.update(memory);
    let mut chunk = vec![0; 1 << 16];
    for path in files {
        let mut file = fs::File::open(path).map_err(|source| io(path, source))?;
        loop {
            let n = std::io::Read::read(&mut file, &mut chunk).map_err(|source| io(path, source))?;
            if n == 0 {
                break;
            }
            digest.update(&chunk[..n]);
        }
    }
    Ok(format!("{:016x}", digest.finalize()))
}
