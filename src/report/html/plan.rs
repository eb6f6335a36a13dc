//! The page of a plan, section by section.

use maud::html;

use super::page::Page;
use super::parts::{Figures, document};
use super::pictures::Pictures;
use crate::level::DeviceProfile;
use crate::report::Report;
use crate::report::words::network_name;

/// The page.
///
/// # Errors
/// When the report is no JSON: a figure that is not a number.
pub fn page(report: &Report, device: &DeviceProfile, pictures: &Pictures) -> Result<String, serde_json::Error> {
    let figures = Figures::new(serde_json::to_value(report)?);
    let page = Page { report, device, pictures, figures };
    let title = format!("{} on a {} core", network_name(&report.network), report.core);
    let body = html! {
        (page.header(&title))
        main {
            (page.short())
            (page.orders())
            (page.trade())
            (page.layers())
            (page.wear())
            (page.lifetime())
            (page.inference())
            (page.steps())
            (page.levels())
            (page.schedule())
        }
        (page.footer())
    };
    Ok(document(&title, &body))
}
