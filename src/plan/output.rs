//! The file that a schedule becomes.

use std::fs::File;
use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::error::PlanError;

/// A file that appears under its name only when it is whole, as one of [`Drafts`]; until then, and after an error, nothing is there (or what was there
/// before).
pub struct OutputFile(NamedTempFile);

impl OutputFile {
    /// A temporary file in the output's folder. Refuses to replace what is no ordinary file: a folder, a pipe, a device.
    pub fn create(output: &Path) -> Result<Self, PlanError> {
        Self::at(output).map_err(|error| PlanError::output(output, error))
    }

    /// As [`OutputFile::create`], for what is no schedule.
    ///
    /// # Errors
    /// What the operating system says, or what stands there.
    pub fn at(output: &Path) -> Result<Self, Error> {
        let refuse = |kind, why| Err(Error::new(kind, why));
        if output.is_dir() {
            return refuse(ErrorKind::IsADirectory, "it is a folder");
        }
        if output.exists() && !output.is_file() {
            return refuse(ErrorKind::InvalidInput, "it is there, and not an ordinary file");
        }
        let folder = output.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        if !folder.is_dir() {
            return refuse(ErrorKind::NotFound, "its folder does not exist");
        }
        let mut builder = tempfile::Builder::new();
        builder.prefix(".elight-").suffix(".partial");
        // A schedule is readable as the user's umask allows: not a secret, as temporary files are by default.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        // The system's word only: the temporary name is nobody's business.
        builder.tempfile_in(folder).map(Self).map_err(|e| Error::from(e.kind()))
    }

    /// Gives the whole file its name.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn keep(self, output: &Path) -> Result<(), Error> {
        self.0.as_file().sync_all()?;
        self.0.persist(output).map(drop).map_err(|error| error.error)
    }

    /// Where it is until it is kept.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// To write to.
    pub fn temporary(&mut self) -> &mut File {
        self.0.as_file_mut()
    }
}

/// Schedules that are whole, but not under their names yet: a replay reads them first. Kept, they get their names; dropped, nothing was there.
#[derive(Default)]
pub struct Drafts(Vec<(PathBuf, OutputFile)>);

impl Drafts {
    /// Adds whole files and the names that they will have; an earlier draft of a name goes.
    pub(super) fn add(&mut self, files: impl IntoIterator<Item = (PathBuf, OutputFile)>) {
        for (output, file) in files {
            self.0.retain(|(other, _)| *other != output);
            self.0.push((output, file));
        }
    }

    /// Takes all drafts of others.
    pub(super) fn append(&mut self, others: Self) {
        self.add(others.0);
    }

    /// Where the bytes of the schedule are that is or will be called `output`.
    #[must_use]
    pub fn place<'a>(&'a self, output: &'a Path) -> &'a Path {
        self.0.iter().find(|(other, _)| other == output).map_or(output, |(_, file)| file.path())
    }

    /// Gives all drafts their names, once all of them are on disk.
    ///
    /// # Errors
    /// [`PlanError::Output`].
    pub fn keep(&mut self) -> Result<(), PlanError> {
        for (output, file) in &self.0 {
            file.0.as_file().sync_all().map_err(|e| PlanError::output(output, e))?;
        }
        for (output, file) in self.0.drain(..) {
            file.0.persist(&output).map_err(|e| PlanError::output(&output, e.error))?;
        }
        Ok(())
    }
}
