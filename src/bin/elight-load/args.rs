//! The command line.

use std::path::{Path, PathBuf};

use clap::Parser;
use elight::link::orders::Task;
use elight::link::sim::Ills;
use elight::link::target::Target;
use firmware_model::hardware::Side;
use firmware_model::link::messages::KEY;

/// Loads a schedule into a controller: sends it, resumes where the link or the power broke off, and compares levels and writes of the
/// device with the plan.
#[derive(Debug, Parser)]
#[command(name = "elight-load", arg_required_else_help = true, max_term_width = 100, after_help = AFTER_HELP)]
pub struct Cli {
    /// What elight-plan wrote.
    pub schedule: PathBuf,

    /// Where the controller is: sim (in this program, on a simulated core), tcp:HOST:PORT, or `serial:PORT[:BAUD]` (default baud:
    /// 115200).
    #[arg(long, value_name = "TARGET")]
    pub to: Target,

    /// Inferences to run.
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u32).range(1..))]
    pub run: u32,

    /// Go on with an inference of this schedule that an earlier load left unfinished. Without it, a new inference begins.
    #[arg(long)]
    pub resume: bool,

    /// Compare every cell with the plan, level and writes, not only the digest and the sums.
    #[arg(long)]
    pub verify: bool,

    /// Write wear and faults of every cell to a TOML file, for elight-plan --wear and --faults.
    #[arg(long, value_name = "OUT.toml")]
    pub wear: Option<PathBuf>,

    /// Print the outcome as one JSON object.
    #[arg(long)]
    pub json: bool,

    /// Seal the schedule with the device's key: a file of 32 bytes, or of 64 hexadecimal digits.
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,

    /// Give a device without a key this one. It can be changed later, but not taken away.
    #[arg(long, requires = "key")]
    pub set_key: bool,

    /// Load nothing: read all cells back, and compare them with the device's journal and with the plan.
    #[arg(long, group = "task")]
    pub audit: bool,

    /// Load nothing: write those cells again that read back wrong, then audit.
    #[arg(long, group = "task")]
    pub renew: bool,

    /// Load nothing: begin a new journal, for a core whose cells are all erased. Counted writes stay, as far as they can be read.
    #[arg(long, group = "task")]
    pub format: bool,

    /// With --format: the core is a new one, whose cells bear no writes.
    #[arg(long, requires = "format")]
    pub new_core: bool,

    /// Load nothing: give the device this key instead of the one that it has (--key).
    #[arg(long, value_name = "FILE", requires = "key", group = "task")]
    pub change_key: Option<PathBuf>,

    /// How many seconds the device may make no progress, over all lines that are opened meanwhile; 0: a line that is gone is not tried
    /// again.
    #[arg(long, value_name = "SECONDS", default_value_t = 10, allow_negative_numbers = true)]
    pub patience: u16,

    /// With --to sim: the device profile [default: the preset that the schedule names].
    #[arg(long, value_name = "PRESET|FILE.toml")]
    pub device: Option<String>,

    /// With --to sim: a PCM cell that does not move, as in 3,4,plus; may be given several times.
    #[arg(long, value_name = "ROW,COL,plus|minus", value_parser = stuck)]
    pub stuck: Vec<(u16, u16, Side)>,

    /// With --to sim: standard deviation of a written transmission, in transmission.
    #[arg(long, value_name = "SIGMA", default_value_t = 0.0, allow_negative_numbers = true, value_parser = noise)]
    pub noise: f32,

    /// With --to sim: seed of the noise.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,

    /// Print nothing but errors (and the JSON object, if asked for).
    #[arg(short, long, conflicts_with = "verbose")]
    pub quiet: bool,

    /// Say more: the link, and every faulty cell.
    #[arg(short, long)]
    pub verbose: bool,
}

const AFTER_HELP: &str = "\
Exit codes:
  0    loaded, levels and writes as planned
  1    the schedule or another file cannot be read or written
  2    wrong usage
  3    the device refuses: another core, device or format version, no room, no or another key
  4    the link is lost
  5    levels or writes are not as planned
  6    the device has a fault: cells that do not take their level, the core, or the flash
  130  interrupted

docs/loading.md says more.";

impl Cli {
    /// What is to be done instead of a load.
    pub fn task(&self) -> anyhow::Result<Option<Task>> {
        Ok(match &self.change_key {
            Some(file) => Some(Task::ChangeKey { new: read_key(file)? }),
            None if self.audit => Some(Task::Audit),
            None if self.renew => Some(Task::Renew),
            None if self.format => Some(Task::Format { keep_wear: !self.new_core }),
            None => None,
        })
    }

    /// What is wrong with the simulated core.
    pub fn ills(&self) -> Ills {
        Ills { stuck: self.stuck.clone(), noise: self.noise, seed: self.seed }
    }
}

fn stuck(text: &str) -> Result<(u16, u16, Side), String> {
    let parts: Vec<&str> = text.split(',').collect();
    if let [row, col, side] = parts[..]
        && let (Ok(row), Ok(col)) = (row.parse(), col.parse())
    {
        match side {
            "plus" => return Ok((row, col, Side::Plus)),
            "minus" => return Ok((row, col, Side::Minus)),
            _ => {}
        }
    }
    Err("expected ROW,COL,plus or ROW,COL,minus, as in 3,4,plus".to_owned())
}

fn noise(text: &str) -> Result<f32, String> {
    match text.parse() {
        Ok(sigma) if (0.0..=1.0).contains(&sigma) => Ok(sigma),
        _ => Err("expected a transmission from 0 to 1".to_owned()),
    }
}

/// Reads a key.
pub fn read_key(path: &Path) -> anyhow::Result<[u8; KEY]> {
    let bytes = std::fs::read(path).map_err(|e| anyhow::anyhow!("{}: cannot read the key: {e}", path.display()))?;
    if let Ok(key) = bytes[..].try_into() {
        return Ok(key);
    }
    let text = bytes.trim_ascii();
    let digits: Option<Vec<u8>> = text.iter().map(|&b| char::from(b).to_digit(16).map(|d| d as u8)).collect();
    let key: Option<Vec<u8>> = digits.map(|d| d.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect());
    key.filter(|_| text.len() == 2 * KEY).and_then(|key| key.try_into().ok()).ok_or_else(|| {
        anyhow::anyhow!("{}: no key: expected {KEY} bytes, or {} hexadecimal digits", path.display(), 2 * KEY)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stuck_cells_are_read() {
        assert_eq!(stuck("3,4,plus"), Ok((3, 4, Side::Plus)));
        assert_eq!(stuck("0,12,minus"), Ok((0, 12, Side::Minus)));
        for wrong in ["", "3,4", "3,4,both", "a,4,plus", "3,4,plus,1"] {
            assert!(stuck(wrong).is_err(), "{wrong}");
        }
    }
}
