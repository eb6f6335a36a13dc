//! What pages are put together from.

use serde_json::Value;

use crate::show::svg::{Picture, STYLE, escape};

/// The figures of a report by their places in its JSON object.
pub(crate) struct Figures(Value);

impl Figures {
    pub(crate) fn new(json: Value) -> Self {
        Self(json)
    }

    /// The figure at a JSON pointer as a `<data>` element; `-` where there is none.
    pub(crate) fn show(&self, pointer: &str, write: &dyn Fn(&Value) -> Option<String>) -> String {
        let Some((value, text)) = self.0.pointer(pointer).and_then(|v| Some((v, write(v)?))) else {
            return "-".to_owned();
        };
        let exact = match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        format!("<data data-key=\"{}\" value=\"{}\">{}</data>", escape(pointer), escape(&exact), escape(&text))
    }
}

/// The whole document around a body.
pub(crate) fn document(title: &str, body: &str) -> String {
    let (style, page) = (STYLE.trim(), include_str!("page.css").trim());
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n\
         <meta name=\"color-scheme\" content=\"light dark\"/>\n<meta name=\"generator\" content=\"elight {}\"/>\n\
         <title>{}</title>\n<style>\n{style}\n{page}\n</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n",
        env!("CARGO_PKG_VERSION"),
        escape(title)
    )
}

/// A section with its heading and its first sentence.
pub(crate) fn section(title: &str, lead: &str, parts: &[String]) -> String {
    format!("<section>\n<h2>{}</h2>\n<p>{lead}</p>\n{}\n</section>", escape(title), parts.join("\n"))
}

/// A picture with a sentence below; `wide` ones scroll on narrow screens.
pub(crate) fn figure(picture: &Picture, wide: bool, caption: &str) -> String {
    let class = if wide { "picture wide" } else { "picture" };
    let caption = if caption.is_empty() { String::new() } else { format!("<figcaption>{caption}</figcaption>") };
    format!("<figure><div class=\"{class}\">{}</div>{caption}</figure>", picture.svg)
}

/// One line of a table: its class, and its cells as HTML.
pub(crate) struct Line {
    pub(crate) class: &'static str,
    pub(crate) cells: Vec<String>,
}

impl Line {
    pub(crate) fn plain(cells: Vec<String>) -> Self {
        Self { class: "", cells }
    }
}

/// A table; `words`: the column, if any, that holds sentences.
pub(crate) fn table(header: &[&str], lines: &[Line], words: Option<usize>) -> String {
    let head: String = header.iter().map(|h| format!("<th>{}</th>", escape(h))).collect();
    let rows: String = lines
        .iter()
        .map(|line| {
            let cells = line.cells.iter().enumerate().map(|(i, cell)| {
                if words == Some(i) { format!("<td class=\"words\">{cell}</td>") } else { format!("<td>{cell}</td>") }
            });
            let class = if line.class.is_empty() { String::new() } else { format!(" class=\"{}\"", line.class) };
            format!("<tr{class}>{}</tr>\n", cells.collect::<String>())
        })
        .collect();
    format!("<div class=\"table\"><table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}</tbody>\n</table></div>")
}

/// A table that opens on demand.
pub(crate) fn folded(summary: &str, content: &str) -> String {
    format!("<details><summary>{}</summary>\n{content}\n</details>", escape(summary))
}
