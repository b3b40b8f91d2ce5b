//! A constant matrix laid out for products with rows, in one order of additions for every batch.
//!
//! Its rows (support vectors, the units of a layer) stand in blocks of [`LANES`], column by column, so that one
//! instruction serves several of them, and each adds up its columns in their order. A product does not depend
//! on the place of a row or on the processor: multiplication and addition are rounded apart everywhere.

use super::cpu::Level;

/// Rows of the matrix that are worked on side by side.
pub(super) const LANES: usize = 16;

/// Rows of the input that share a read of the matrix.
const ROWS: usize = 4;

/// A value of each row of a block, for one column after the other.
pub(super) type Block = [[f32; LANES]];

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Blocks {
    /// For each block, for each column, the values of its rows; zero past the last row.
    columns: Vec<[f32; LANES]>,
    width: usize,
    count: usize,
}

impl Blocks {
    /// `count` rows, one after the other in `values`, whose length is a multiple of it.
    pub(super) fn new(values: &[f32], count: usize) -> Self {
        let width = values.len() / count.max(1);
        let mut columns = vec![[0.0; LANES]; count.div_ceil(LANES) * width];
        for (row, values) in values.chunks_exact(width.max(1)).enumerate() {
            for (column, value) in values.iter().enumerate() {
                columns[row / LANES * width + column][row % LANES] = *value;
            }
        }
        Self {
            columns,
            width,
            count,
        }
    }

    /// Rows of the matrix.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Columns of the matrix: the length of an input row.
    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// Each block, with the number of its first row and how many rows it has.
    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, usize, &Block)> {
        let blocks = self.columns.chunks_exact(self.width.max(1)).enumerate();
        blocks.map(|(index, block)| {
            let first = index * LANES;
            (first, LANES.min(self.count - first), block)
        })
    }

    /// Adds the products of each input row with the rows of the matrix to `sums`, `count` of them for each input row.
    pub(super) fn add_products(&self, level: Level, inputs: &[f32], sums: &mut [f32]) {
        if self.width > 0 && self.count > 0 {
            level.run(|| self.add(inputs, sums));
        }
    }

    #[inline(always)]
    fn add(&self, inputs: &[f32], sums: &mut [f32]) {
        let width = self.width;
        for (first, len, block) in self.iter() {
            let tiles = inputs.chunks(ROWS * width);
            for (inputs, sums) in tiles.zip(sums.chunks_mut(ROWS * self.count)) {
                let rows = sums.chunks_exact_mut(self.count);
                let rows = rows.map(|row| &mut row[first..first + len]);
                if inputs.len() == ROWS * width {
                    let (ab, cd) = inputs.split_at(2 * width);
                    let ((a, b), (c, d)) = (ab.split_at(width), cd.split_at(width));
                    let products = products([a, b, c, d], block);
                    rows.zip(&products)
                        .for_each(|(row, products)| add_to(row, products));
                } else {
                    for (input, row) in inputs.chunks_exact(width).zip(rows) {
                        let [products] = products([input], block);
                        add_to(row, &products);
                    }
                }
            }
        }
    }
}

#[inline(always)]
fn products<const N: usize>(inputs: [&[f32]; N], block: &Block) -> [[f32; LANES]; N] {
    let mut sums = [[0.0; LANES]; N];
    for (column, values) in block.iter().enumerate() {
        for (sums, input) in sums.iter_mut().zip(&inputs) {
            let input = input[column];
            for (sum, value) in sums.iter_mut().zip(values) {
                *sum += input * value;
            }
        }
    }
    sums
}

#[inline(always)]
fn add_to(sums: &mut [f32], products: &[f32; LANES]) {
    for (sum, product) in sums.iter_mut().zip(products) {
        *sum += product;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Blocks and tiles that are not full, and a row alone: all give the bits of the plain sum.
    #[test]
    fn products_are_those_of_a_plain_loop() {
        let (width, count, inputs) = (5, LANES + 3, 7);
        let number = |index: usize| ((index * 37 % 101) as f32 - 50.0) / 7.0;
        let values: Vec<f32> = (0..width * count).map(number).collect();
        let rows: Vec<f32> = (0..width * inputs)
            .map(|index| number(index + 11))
            .collect();
        let blocks = Blocks::new(&values, count);
        for level in [Level::BASELINE, Level::detect()] {
            let mut found = vec![1.0; inputs * count];
            blocks.add_products(level, &rows, &mut found);
            for (row, found) in rows.chunks(width).zip(found.chunks(count)) {
                for (values, found) in values.chunks(width).zip(found) {
                    let product = row.iter().zip(values);
                    let sum = product.fold(0.0f32, |sum, (a, b)| sum + a * b);
                    assert_eq!(*found, 1.0 + sum);
                }
                let mut alone = vec![1.0; count];
                blocks.add_products(level, row, &mut alone);
                assert_eq!(alone, found);
            }
        }
    }
}
