//! `elight-plan compare`: two plans side by side.

use elight::cli;
use elight::report::compare::{Comparison, Side};
use elight::report::html;

use crate::args::CompareArgs;
use crate::mistakes;
use crate::pages::write_whole;

/// Compares two reports or schedules.
pub fn run(args: &CompareArgs) -> anyhow::Result<()> {
    mistakes::of_schedule(&args.a)?;
    mistakes::of_schedule(&args.b)?;
    let comparison = Comparison::new(&Side::read(&args.a)?, &Side::read(&args.b)?);
    if let Some(page) = &args.report {
        anyhow::ensure!(
            *page != args.a && *page != args.b,
            "the page {} would overwrite what is compared: name another",
            page.display()
        );
        write_whole(page, &html::comparison(&comparison))?;
    }
    if args.json { cli::print_json(&comparison) } else { cli::print(&comparison.print(&cli::screen(), args.verbose)) }
}
