//! Wear and faults as a file for the next plan.

use std::io::Write;
use std::path::Path;

use elight::link::Loaded;
use firmware_model::photonic_core::Identity;
use serde::Serialize;

/// The file, as `elight-plan --wear` and `--faults` read it.
#[derive(Serialize)]
struct WearFile<'a> {
    core: &'a str,
    device: &'a str,
    device_crc: u32,
    #[serde(rename = "fault", skip_serializing_if = "Vec::is_empty")]
    faults: Vec<Fault>,
    wear: Tables,
}

#[derive(Serialize)]
struct Fault {
    row: u32,
    col: u32,
    side: &'static str,
    kind: &'static str,
    level: u8,
}

/// Level steps of every PCM cell, an array for each core row.
#[derive(Serialize)]
struct Tables {
    plus: Vec<Vec<u32>>,
    minus: Vec<Vec<u32>>,
}

/// Writes the file, whole or not at all.
pub fn write(path: &Path, loaded: &Loaded, identity: Identity) -> anyhow::Result<()> {
    let cols = usize::from(identity.cols);
    let wear = loaded.wear.as_deref().unwrap_or_default();
    let side = |side: usize| wear.chunks(cols).map(|row| row.iter().map(|pair| pair[side]).collect()).collect();
    let faults = loaded.faults.iter().map(|fault| {
        let weight = fault.cell / 2;
        Fault {
            row: weight / u32::from(identity.cols),
            col: weight % u32::from(identity.cols),
            side: if fault.cell % 2 == 0 { "plus" } else { "minus" },
            kind: "stuck",
            level: fault.read,
        }
    });
    let file = WearFile {
        core: &loaded.core,
        device: &loaded.device,
        device_crc: loaded.device_crc,
        faults: faults.collect(),
        wear: Tables { plus: side(0), minus: side(1) },
    };
    let cannot = |why: std::io::Error| anyhow::anyhow!("{}: cannot write the wear: {why}", path.display());
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut temporary = tempfile::NamedTempFile::new_in(folder).map_err(cannot)?;
    temporary.write_all(toml::to_string(&file)?.as_bytes()).map_err(cannot)?;
    temporary.persist(path).map_err(|e| cannot(e.error))?;
    Ok(())
}
