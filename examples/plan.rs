//! Plans a network for a 9x9 core whose lanes are fixed, and says how often it writes.

use elight::level::DeviceProfile;
use elight::order::Reach;
use elight::plan::{CoreSize, PlanOptions, Unobserved, plan};
use elight::weights::{Filter, Layout, Network};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let network = Network::open("weights.safetensors".as_ref(), Layout::Auto, &Filter::default())?;
    let device = DeviceProfile::load("elight", Some(4))?;
    let options = PlanOptions { reach: Reach::Lane, ..PlanOptions::new(CoreSize { rows: 9, cols: 9 }, device) };
    let outcome = plan(&network, &options, "weights.elight".as_ref(), &[], &Unobserved)?;
    println!("{} writes an inference", outcome.optimal.costs.per_inference.writes);
    Ok(())
}
