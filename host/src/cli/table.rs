//! Aligned columns for people.
//!
//! Thirty lines of our own instead of `comfy-table`: no borders, no wrapping, no colours in cells, and
//! the last column is left unpadded so that long payloads do not drag spaces behind them.

use std::fmt;

use super::text;

/// Between two columns.
const GAP: &str = "  ";

/// Rows under a header.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    header: Vec<&'static str>,
    rows: Vec<Vec<String>>,
    /// Columns whose cells end where they end, not begin where they begin.
    right: Vec<usize>,
}

impl Table {
    /// An empty table with these columns.
    pub(crate) fn new<const N: usize>(header: [&'static str; N]) -> Self {
        Self {
            header: header.to_vec(),
            rows: Vec::new(),
            right: Vec::new(),
        }
    }

    /// With these columns of numbers, which are compared by their last digits.
    pub(crate) fn right<const N: usize>(mut self, columns: [usize; N]) -> Self {
        self.right = columns.to_vec();
        self
    }

    /// Add a row; its cells are escaped here, so that no caller can forget it.
    pub(crate) fn row<const N: usize>(&mut self, cells: [&dyn fmt::Display; N]) {
        debug_assert_eq!(N, self.header.len(), "a cell for each column");
        let cells = cells.map(|cell| text::safe(&cell.to_string()).into_owned());
        self.rows.push(cells.to_vec());
    }

    /// Whether it has no rows.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The lines, the header first.
    pub(crate) fn lines(&self) -> impl Iterator<Item = String> {
        let widths: Vec<usize> = (0..self.header.len()).map(|i| self.width(i)).collect();
        let header: Vec<String> = self.header.iter().map(|name| (*name).to_owned()).collect();
        std::iter::once(header)
            .chain(self.rows.iter().cloned())
            .map(move |cells| {
                let padded: Vec<String> = cells
                    .iter()
                    .zip(&widths)
                    .enumerate()
                    .map(|(column, (cell, width))| {
                        if self.right.contains(&column) {
                            format!("{cell:>width$}")
                        } else {
                            format!("{cell:<width$}")
                        }
                    })
                    .collect();
                padded.join(GAP).trim_end().to_owned()
            })
    }

    fn width(&self, column: usize) -> usize {
        self.rows
            .iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count())
            .chain(self.header.get(column).map(|name| name.len()))
            .max()
            .unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_no_line_ends_in_spaces() {
        let mut table = Table::new(["NAME", "V", "NOTE"]);
        table.row([&"greeter", &12, &"says hello"]);
        table.row([&"ä", &3, &""]);
        table.row([&"x\u{1b}[1m", &1, &"b"]);
        let lines: Vec<String> = table.lines().collect();
        assert_eq!(
            lines,
            [
                "NAME        V   NOTE",
                "greeter     12  says hello",
                "ä           3",
                "x\\u{1b}[1m  1   b",
            ]
        );
    }

    #[test]
    fn numbers_end_in_one_column() {
        let mut table = Table::new(["NAME", "USED", "NOTE"]).right([1]);
        table.row([&"a", &7, &"x"]);
        table.row([&"b", &12_345, &""]);
        let lines: Vec<String> = table.lines().collect();
        assert_eq!(
            lines,
            ["NAME   USED  NOTE", "a         7  x", "b     12345"]
        );
    }

    #[test]
    fn an_empty_table_is_its_header() {
        let table = Table::new(["A", "B"]);
        assert!(table.is_empty());
        assert_eq!(table.lines().collect::<Vec<_>>(), ["A  B"]);
    }
}
