//! What pages are put together from. `maud` writes the HTML and escapes what comes from files.

use maud::{DOCTYPE, Markup, PreEscaped, Render, html};
use serde_json::Value;

use crate::show::names::printable;
use crate::show::svg::{Picture, STYLE};

/// Text from a file: escaped, and without what XML cannot hold.
pub(crate) struct Text<'a>(pub &'a str);

impl Render for Text<'_> {
    fn render_to(&self, out: &mut String) {
        printable(self.0).as_str().render_to(out);
    }
}

/// The figures of a report by their places in its JSON object.
pub(crate) struct Figures(Value);

impl Figures {
    pub(crate) fn new(json: Value) -> Self {
        Self(json)
    }

    /// The figure at a JSON pointer as a `<data>` element; `-` where there is none.
    pub(crate) fn show(&self, pointer: &str, write: &dyn Fn(&Value) -> Option<String>) -> Markup {
        let Some((value, text)) = self.0.pointer(pointer).and_then(|v| Some((v, write(v)?))) else {
            return html! { "-" };
        };
        let exact = match value {
            Value::String(text) => printable(text),
            other => other.to_string(),
        };
        html! { data data-key=(pointer) value=(exact) { (Text(&text)) } }
    }
}

/// The whole document around a body.
pub(crate) fn document(title: &str, body: &Markup) -> String {
    // The void elements of the head are closed, so that the page is XML as well.
    let meta = format!(
        "<meta charset=\"utf-8\"/>\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n\
         <meta name=\"color-scheme\" content=\"light dark\"/>\n<meta name=\"generator\" content=\"elight {}\"/>\n",
        env!("CARGO_PKG_VERSION")
    );
    let style = format!("\n{}\n{}\n", STYLE.trim(), include_str!("page.css").trim());
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                (PreEscaped(meta))
                title { (Text(title)) }
                style { (PreEscaped(style)) }
            }
            body { (body) }
        }
    }
    .into_string()
        + "\n"
}

/// A section with its heading and its first sentence.
pub(crate) fn section(title: &str, lead: &Markup, parts: &Markup) -> Markup {
    html! {
        section {
            h2 { (title) }
            p { (lead) }
            (parts)
        }
    }
}

/// A picture with a sentence below; drawn anew for narrow pages, so that nothing is cut and no letter gets small.
pub(crate) fn figure(picture: &Picture, caption: &Markup) -> Markup {
    html! {
        figure {
            @match &picture.narrow {
                None => div.picture { (PreEscaped(&picture.svg)) },
                Some(narrow) => {
                    div.picture.broad { (PreEscaped(&picture.svg)) }
                    div.picture.narrow { (PreEscaped(narrow)) }
                }
            }
            @if !caption.0.is_empty() { figcaption { (caption) } }
        }
    }
}

/// One row of a table: its class, and its cells.
pub(crate) struct Line {
    pub(crate) class: &'static str,
    pub(crate) cells: Vec<Markup>,
}

impl Line {
    pub(crate) fn plain(cells: Vec<Markup>) -> Self {
        Self { class: "", cells }
    }
}

/// Columns that fit a narrow page beside each other; rows of more become blocks there.
const BESIDE: usize = 4;

/// A table; `words`: the column, if any, that holds sentences.
pub(crate) fn table(header: &[&str], lines: &[Line], words: Option<usize>) -> Markup {
    html! {
        div.table {
            table.blocks[header.len() > BESIDE] {
                @if header.iter().any(|head| !head.is_empty()) {
                    thead { tr { @for head in header { th { (head) } } } }
                }
                tbody {
                    @for line in lines {
                        tr class=[Some(line.class).filter(|class| !class.is_empty())] {
                            @for (i, cell) in line.cells.iter().enumerate() {
                                td.words[words == Some(i)] data-head=[header.get(i).filter(|_| i > 0 && header.len() > BESIDE)] {
                                    (cell)
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// A table that opens on demand.
pub(crate) fn folded(summary: &str, content: &Markup) -> Markup {
    html! { details { summary { (summary) } (content) } }
}
