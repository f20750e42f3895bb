//! Rows of equal width, in pieces: adding one never moves the others, so it takes microseconds at any size.

/// Rows in one piece of memory: 0.8 MB of vectors of 384 dimensions.
const PIECE_ROWS: usize = 1_024;

/// Rows of `width` numbers.
#[derive(Debug, Clone)]
pub(crate) struct Rows<T> {
    width: usize,
    len: usize,
    pieces: Vec<Vec<T>>,
}

impl<T: Copy> Rows<T> {
    pub(crate) fn new(width: usize) -> Self {
        Self {
            width,
            len: 0,
            pieces: Vec::new(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Bytes that are taken.
    pub(crate) fn bytes(&self) -> usize {
        let rows = self.pieces.iter().map(Vec::capacity).sum::<usize>();
        rows * size_of::<T>()
    }

    /// Add a row of exactly `width` numbers.
    pub(crate) fn push(&mut self, row: impl IntoIterator<Item = T>) {
        if self.len.is_multiple_of(PIECE_ROWS) {
            // The first piece grows with its rows, so that a small index is small.
            let rows = if self.pieces.is_empty() {
                0
            } else {
                PIECE_ROWS
            };
            self.pieces.push(Vec::with_capacity(rows * self.width));
        }
        let piece = self.pieces.last_mut().expect("pushed when there is none");
        piece.extend(row.into_iter().take(self.width));
        self.len += 1;
        debug_assert_eq!(piece.len(), ((self.len - 1) % PIECE_ROWS + 1) * self.width);
    }

    /// A row; empty if there is none of this number.
    #[inline]
    pub(crate) fn get(&self, row: usize) -> &[T] {
        let start = row % PIECE_ROWS * self.width;
        self.pieces
            .get(row / PIECE_ROWS)
            .and_then(|piece| piece.get(start..start + self.width))
            .unwrap_or_default()
    }

    /// A row to change; empty if there is none of this number.
    pub(crate) fn get_mut(&mut self, row: usize) -> &mut [T] {
        let start = row % PIECE_ROWS * self.width;
        self.pieces
            .get_mut(row / PIECE_ROWS)
            .and_then(|piece| piece.get_mut(start..start + self.width))
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_stay_across_pieces() {
        let mut rows = Rows::new(3);
        let count = PIECE_ROWS * 2 + 1;
        for i in 0..count {
            rows.push([i, i + 1, i + 2]);
        }
        rows.get_mut(PIECE_ROWS)[0] = 7;
        assert_eq!(rows.len(), count);
        for i in [0, PIECE_ROWS - 1, PIECE_ROWS + 1, count - 1] {
            assert_eq!(rows.get(i), [i, i + 1, i + 2]);
        }
        assert_eq!(rows.get(PIECE_ROWS)[0], 7);
        assert!(rows.get(count).is_empty() && rows.get_mut(count).is_empty());
    }
}
