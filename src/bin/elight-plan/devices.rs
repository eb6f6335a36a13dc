//! `elight-plan devices`: what a core may be made of.

use elight::cli;
use elight::level::DeviceProfile;
use elight::show::number::brief;
use elight::show::screen::Tone;
use elight::show::table::Table;

use crate::args::DevicesArgs;

/// Lists the presets, or prints one.
pub fn run(args: &DevicesArgs) -> anyhow::Result<()> {
    if let Some(name) = &args.device {
        // A device that cannot be used is not printed as if it could.
        let profile = DeviceProfile::load(name, None)?;
        return if args.json { cli::print_json(&Line::of(&profile)) } else { cli::print(&DeviceProfile::text(name)?) };
    }
    let lines = DeviceProfile::presets().map(|name| Ok(Line::of(&DeviceProfile::load(name, None)?)));
    let lines = lines.collect::<anyhow::Result<Vec<_>>>()?;
    if args.json {
        return cli::print_json(&lines);
    }
    let mut table =
        Table::new(&[("device", 0), ("bits", 2), ("contrast", 3), ("a cell bears", 1), ("what it is", 0)]).words(4);
    for line in &lines {
        table.row([
            line.name.clone(),
            line.bits.to_string(),
            format!("{:.1} dB", line.contrast_db),
            line.endurance_writes.map_or("not known".to_owned(), brief),
            line.title.clone(),
        ]);
    }
    let screen = cli::screen();
    cli::print(
        &(table.print(&screen)
            + "\n"
            + &screen.paragraph(
                Tone::Quiet,
                "elight-plan devices NAME prints one as a file to start from (docs/device-model.md)",
            )),
    )
}

/// A device in a line.
#[derive(serde::Serialize)]
struct Line {
    name: String,
    title: String,
    source: String,
    bits: u8,
    contrast_db: f64,
    endurance_writes: Option<f64>,
    transmissions: Vec<f64>,
    assumed: Vec<String>,
}

impl Line {
    fn of(profile: &DeviceProfile) -> Self {
        Self {
            name: profile.name.clone(),
            title: profile.title.clone(),
            source: profile.source.clone(),
            bits: profile.bits,
            contrast_db: profile.contrast_db(),
            endurance_writes: profile.endurance_writes,
            transmissions: profile.transmissions().to_vec(),
            assumed: profile.assumed().map(|(key, _)| key.to_owned()).collect(),
        }
    }
}
