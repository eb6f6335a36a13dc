//! Where `--report` and `--svg` go.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use elight::level::DeviceProfile;
use elight::plan::OutputFile;
use elight::report::Report;
use elight::report::html::{Pictures, page};

/// A page and a folder of pictures, as far as they are asked for.
pub struct Pages<'a> {
    pub page: Option<&'a Path>,
    pub pictures: Option<&'a Path>,
}

impl Pages<'_> {
    /// Whether anything is asked for.
    pub fn any(&self) -> bool {
        self.page.is_some() || self.pictures.is_some()
    }

    /// Fails now if the files cannot be written later.
    pub fn prepare(&self) -> anyhow::Result<()> {
        if let Some(page) = self.page {
            OutputFile::create(page)?;
        }
        if let Some(folder) = self.pictures {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("--svg {}: cannot make this folder", folder.display()))
                .map_err(|e| anyhow::anyhow!("{e:#}"))?;
        }
        Ok(())
    }

    /// Writes the page and the pictures of a report, each file whole or not at all.
    pub fn write(&self, report: &Report, device: &DeviceProfile) -> anyhow::Result<()> {
        let pictures = Pictures::of(report);
        if let Some(path) = self.page {
            write_whole(path, &page(report, device, &pictures)?)?;
        }
        if let Some(folder) = self.pictures {
            for picture in pictures.iter() {
                let path: PathBuf = folder.join(format!("{}.svg", picture.name));
                write_whole(&path, &picture.file())?;
            }
        }
        Ok(())
    }
}

/// Writes a file that appears whole or not at all.
pub fn write_whole(path: &Path, text: &str) -> anyhow::Result<()> {
    let mut file = OutputFile::create(path)?;
    let written = file.temporary().write_all(text.as_bytes()).and_then(|()| file.keep(path));
    written.map_err(|e| anyhow::anyhow!("cannot write {}: {e}; nothing was left behind", path.display()))
}
