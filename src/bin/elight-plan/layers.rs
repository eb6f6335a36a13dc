//! `elight-plan layers`: what a weights file is taken for.

use elight::cli;
use elight::report;
use elight::weights::{Network, Reading};

use crate::args::LayersArgs;
use crate::pages::write_whole;

/// Prints the layers, and writes the description if it is asked for.
pub fn run(args: &LayersArgs) -> anyhow::Result<()> {
    // What is unknown is shown, too.
    let reading = Reading { assume: true, ..args.tensors.reading()? };
    let network = Network::open_as(&args.weights, &reading)?;
    cli::print(&report::network(&args.weights, &network, &cli::screen()))?;
    if let Some(output) = &args.output {
        write_whole(output, &network.description().to_toml())?;
    }
    Ok(())
}
