//! Tables that fit a screen: no rules, numbers to the right, and columns that step back where there is no room.

use comfy_table::{CellAlignment, ContentArrangement, TableStyle};

use super::names::{begun, shortened};
use super::screen::{Screen, Tone};

/// The least width that names and words are cut to.
const LEAST_WORDS: usize = 12;

/// A column: its head, and when it steps back.
#[derive(Clone, Copy, Debug)]
struct Column {
    head: &'static str,
    /// 0: it always stays; else the column with the highest rank goes first.
    rank: u8,
    words: bool,
}

/// A table in the making.
#[derive(Clone, Debug, Default)]
pub struct Table {
    columns: Vec<Column>,
    rows: Vec<(Tone, Vec<String>)>,
}

impl Table {
    /// A table with these columns; each with its rank: 0 stays, of the others the highest goes first where the screen is too narrow.
    #[must_use]
    pub fn new(columns: &[(&'static str, u8)]) -> Self {
        let column = |&(head, rank)| Column { head, rank, words: false };
        Self { columns: columns.iter().map(column).collect(), rows: Vec::new() }
    }

    /// The same table with words in this column: they begin at its left edge, as those of the first do.
    #[must_use]
    pub fn words(mut self, column: usize) -> Self {
        if let Some(column) = self.columns.get_mut(column) {
            column.words = true;
        }
        self
    }

    /// Adds a row.
    pub fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.row_in(Tone::Plain, cells);
    }

    /// Adds a row in a tone of its own.
    pub fn row_in<const N: usize>(&mut self, tone: Tone, cells: [String; N]) {
        self.rows.push((tone, cells.into()));
    }

    /// The table as lines of text.
    #[must_use]
    pub fn print(&self, screen: &Screen) -> String {
        let width = screen.width.unwrap_or(usize::MAX);
        let mut shown: Vec<usize> = (0..self.columns.len()).collect();
        let mut lines = self.lay_out(&shown, None);
        while widest(&lines) > width {
            let Some(at) = (0..shown.len()).rev().max_by_key(|&at| self.columns[shown[at]].rank) else { break };
            if self.columns[shown[at]].rank == 0 {
                break;
            }
            shown.remove(at);
            lines = self.lay_out(&shown, None);
        }
        let over = widest(&lines).saturating_sub(width);
        if over > 0 {
            // The column of words gives way, or else the names.
            let cut = shown.iter().copied().find(|&i| i > 0 && self.columns[i].words).unwrap_or(0);
            let cells = self.rows.iter().map(|(_, cells)| cells[cut].chars().count());
            let longest = cells.chain([self.columns[cut].head.chars().count()]).max().unwrap_or(0);
            lines = self.lay_out(&shown, Some((cut, longest.saturating_sub(over).max(LEAST_WORDS))));
        }
        let head = lines.len() - self.rows.iter().map(|_| 1).sum::<usize>().min(lines.len());
        let tones = std::iter::repeat_n(Tone::Quiet, head).chain(self.rows.iter().map(|(tone, _)| *tone));
        lines.iter().zip(tones).fold(String::new(), |out, (line, tone)| out + &screen.paint(tone, line) + "\n")
    }

    /// Head and rows of the columns that are shown; one of them, if that is asked for, in at most so many characters.
    fn lay_out(&self, shown: &[usize], cut: Option<(usize, usize)>) -> Vec<String> {
        let mut table = comfy_table::Table::new();
        table.load_style(TableStyle::new()).set_content_arrangement(ContentArrangement::Disabled);
        table.set_header(shown.iter().map(|&i| self.columns[i].head));
        for (_, cells) in &self.rows {
            table.add_row(shown.iter().map(|&i| match cut {
                Some((0, most)) if i == 0 => shortened(&cells[0], most),
                Some((column, most)) if i == column => begun(&cells[i], most),
                _ => cells[i].clone(),
            }));
        }
        for (column, &i) in table.column_iter_mut().zip(shown) {
            column.set_padding((0, 2));
            if i > 0 && !self.columns[i].words {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        table.trim_fmt().lines().map(str::to_owned).collect()
    }
}

fn widest(lines: &[String]) -> usize {
    lines.iter().map(|line| line.chars().count()).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(&[("layer", 0), ("steps", 2), ("writes", 0), ("bound", 1)]);
        table.row(["stem.convolution".to_owned(), "12".to_owned(), "1,024".to_owned(), "900".to_owned()]);
        table.row_in(Tone::Strong, ["fc".to_owned(), "3".to_owned(), "7".to_owned(), "7".to_owned()]);
        table
    }

    #[test]
    fn all_columns_where_there_is_room() {
        let text = "layer             steps  writes  bound\n\
                    stem.convolution     12   1,024    900\n\
                    fc                    3       7      7\n";
        assert_eq!(table().print(&Screen::default()), text);
        assert_eq!(table().print(&Screen { width: Some(38), colour: false }), text);
    }

    #[test]
    fn columns_step_back_by_rank_and_names_are_cut_last() {
        let at = |width| table().print(&Screen { width: Some(width), colour: false });
        assert!(at(37).starts_with("layer             writes  bound\n"), "{}", at(37));
        assert!(at(30).starts_with("layer             writes\n"), "{}", at(30));
        assert!(at(22).contains("\u{2026}m.convolution"), "{}", at(22));
        for width in 20..60 {
            assert!(at(width).lines().all(|line| line.chars().count() <= width), "{width}:\n{}", at(width));
        }
    }
}
