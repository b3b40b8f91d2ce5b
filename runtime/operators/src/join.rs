//! What the joins share: their kinds, the rows of a side as bytes, conditions over pairs of rows,
//! and how output columns are put together.
//!
//! A join keeps the rows of a side as Arrow row bytes under their key. Key columns are left out
//! where the row that finds them has the same values. Pairs of rows are two lists of places, one
//! into the batch that is being processed, one into the kept rows that were decoded for it; the
//! condition and the output are computed over whole lists.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, RecordBatchOptions, UInt32Array};
use arrow::buffer::{BooleanBuffer, NullBuffer};
use arrow::compute::take;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::row::{RowConverter, RowParser, Rows, SortField};
use datafusion_common::tree_node::{Transformed, TreeNode};
use datafusion_physical_expr::PhysicalExpr;
use datafusion_physical_expr::expressions::Column;
use datafusion_physical_expr::utils::collect_columns;
use millstream_functions::RowKind;

use crate::batch::Batch;
use crate::keys::KeyEncoder;
use crate::operator::{OperatorError, Output};

/// Rows of one emitted batch at most.
pub(crate) const BATCH_ROWS: usize = 8192;

/// Pairs that are looked at together at most, unless a single row has more.
pub(crate) const BLOCK_PAIRS: usize = 1 << 16;

/// In a list of places: NULLs stand there.
pub(crate) const NOWHERE: u32 = u32::MAX;

/// Which rows a join gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JoinKind {
    /// Pairs that match.
    Inner,
    /// Pairs that match, and left rows without a match beside NULLs.
    Left,
    /// Pairs that match, and right rows without a match beside NULLs.
    Right,
    /// Pairs that match, and rows of both sides without a match beside NULLs.
    Full,
    /// Left rows that have a match, each once.
    Semi,
    /// Left rows that have no match.
    Anti,
}

impl JoinKind {
    /// Whether left rows without a match come out beside NULLs.
    pub const fn left_outer(self) -> bool {
        matches!(self, Self::Left | Self::Full)
    }

    /// Whether right rows without a match come out beside NULLs.
    pub const fn right_outer(self) -> bool {
        matches!(self, Self::Right | Self::Full)
    }

    /// Whether only left rows come out: SEMI and ANTI.
    pub const fn left_only(self) -> bool {
        matches!(self, Self::Semi | Self::Anti)
    }

    /// Whether the join needs to know which rows of the side (0 left, 1 right) have a match.
    pub(crate) const fn counts(self, side: usize) -> bool {
        if side == 0 {
            self.left_outer() || self.left_only()
        } else {
            self.right_outer()
        }
    }
}

/// Checks that both sides' keys can be compared: equally many, and of equal types.
pub(crate) fn check_keys(
    left: (&Schema, &[usize]),
    right: (&Schema, &[usize]),
    null_safe: &[bool],
) -> Result<(), OperatorError> {
    if left.1.len() != right.1.len() || left.1.len() != null_safe.len() {
        return Err(OperatorError::Row(format!(
            "a join of {} left and {} right key columns with {} rules for NULL: there must be as \
             many of each",
            left.1.len(),
            right.1.len(),
            null_safe.len()
        )));
    }
    for (&l, &r) in left.1.iter().zip(right.1) {
        let (l, r) = (left.0.field(l), right.0.field(r));
        if l.data_type() != r.data_type() {
            return Err(OperatorError::Row(format!(
                "the join keys {} ({}) and {} ({}) have different types; cast one to the other's \
                 type before the join",
                l.name(),
                l.data_type(),
                r.name(),
                r.data_type()
            )));
        }
    }
    Ok(())
}

/// Checks that `output` has the columns that the join gives.
pub(crate) fn check_output(
    kind: JoinKind,
    left: &Schema,
    right: &Schema,
    output: &Schema,
) -> Result<(), OperatorError> {
    let right = right.fields().iter();
    let given = left
        .fields()
        .iter()
        .chain(right.take(if kind.left_only() { 0 } else { usize::MAX }))
        .map(|field| field.data_type());
    let wanted = output.fields().iter().map(|field| field.data_type());
    if given.eq(wanted) {
        return Ok(());
    }
    Err(OperatorError::Row(format!(
        "the output of a join is the left columns{}, and {output} are other columns",
        if kind.left_only() {
            ""
        } else {
            " and then the right ones"
        }
    )))
}

/// The rows of one side as bytes.
#[derive(Debug)]
pub(crate) struct SideRows {
    pub(crate) keys: Vec<usize>,
    pub(crate) encoder: KeyEncoder,
    /// Key columns in which NULL matches nothing.
    strict: Vec<usize>,
    /// The columns that are kept, in the order of the bytes.
    pub(crate) kept: Vec<usize>,
    /// `None` if nothing but the key is known of a row.
    converter: Option<(RowConverter, RowParser)>,
    /// Of the first kept columns, which identify a row; `None` if there are none.
    identity: Option<RowConverter>,
    identified_by: usize,
}

/// Rows of a batch as bytes.
pub(crate) enum EncodedRows {
    Nothing,
    Rows(Rows),
}

impl EncodedRows {
    #[inline]
    pub(crate) fn row(&self, row: usize) -> &[u8] {
        match self {
            EncodedRows::Nothing => &[],
            EncodedRows::Rows(rows) => rows.row(row).data(),
        }
    }
}

impl SideRows {
    /// Rows of `schema`; `keys` are left out of the bytes unless `keep_keys`, and the columns of
    /// `unique` that are kept come first.
    pub(crate) fn new(
        schema: &Schema,
        keys: &[usize],
        null_safe: &[bool],
        unique: &[usize],
        keep_keys: bool,
    ) -> Result<Self, OperatorError> {
        let kept_alone = |c: &usize| keep_keys || !keys.contains(c);
        let mut kept: Vec<usize> = unique.iter().copied().filter(kept_alone).collect();
        let identified_by = kept.len();
        let rest: Vec<usize> = (0..schema.fields().len())
            .filter(kept_alone)
            .filter(|c| !kept.contains(c))
            .collect();
        kept.extend(rest);
        let converter = |columns: &[usize]| -> Result<Option<RowConverter>, OperatorError> {
            if columns.is_empty() {
                return Ok(None);
            }
            let fields: Vec<&Field> = columns.iter().map(|&c| schema.field(c)).collect();
            for field in &fields {
                let one = [SortField::new(field.data_type().clone())];
                if !RowConverter::supports_fields(&one) {
                    return Err(OperatorError::Row(format!(
                        "column {} of type {} cannot be kept by a join; leave it out before the \
                         join or take what is needed out of it",
                        field.name(),
                        field.data_type()
                    )));
                }
            }
            let fields = fields
                .iter()
                .map(|field| SortField::new(field.data_type().clone()));
            Ok(Some(RowConverter::new(fields.collect())?))
        };
        Ok(Self {
            keys: keys.to_vec(),
            encoder: KeyEncoder::new(schema, keys)?,
            strict: keys
                .iter()
                .zip(null_safe)
                .filter(|(_, safe)| !**safe)
                .map(|(&key, _)| key)
                .collect(),
            converter: converter(&kept)?.map(|converter| {
                let parser = converter.parser();
                (converter, parser)
            }),
            identity: converter(&kept[..identified_by])?,
            kept,
            identified_by,
        })
    }

    /// The rows whose key can match at all; `None` if all can.
    pub(crate) fn matchable(&self, rows: &RecordBatch) -> Option<BooleanBuffer> {
        let mut valid: Option<NullBuffer> = None;
        for &key in &self.strict {
            valid = NullBuffer::union(valid.as_ref(), rows.column(key).nulls());
        }
        valid
            .filter(|valid| valid.null_count() > 0)
            .map(NullBuffer::into_inner)
    }

    /// The kept columns of a batch.
    pub(crate) fn encode(&self, rows: &RecordBatch) -> Result<EncodedRows, OperatorError> {
        encode(self.converter.as_ref().map(|c| &c.0), rows, &self.kept)
    }

    /// What the bytes of a row begin with and identifies it.
    pub(crate) fn identities(&self, rows: &RecordBatch) -> Result<EncodedRows, OperatorError> {
        encode(
            self.identity.as_ref(),
            rows,
            &self.kept[..self.identified_by],
        )
    }

    /// The kept columns of rows that were encoded.
    pub(crate) fn decode<'r>(
        &self,
        rows: impl Iterator<Item = &'r [u8]>,
    ) -> Result<Vec<ArrayRef>, OperatorError> {
        match &self.converter {
            None => Ok(Vec::new()),
            Some((converter, parser)) => {
                Ok(converter.convert_rows(rows.map(|row| parser.parse(row)))?)
            }
        }
    }
}

fn encode(
    converter: Option<&RowConverter>,
    rows: &RecordBatch,
    columns: &[usize],
) -> Result<EncodedRows, OperatorError> {
    let Some(converter) = converter else {
        return Ok(EncodedRows::Nothing);
    };
    let columns: Vec<ArrayRef> = columns
        .iter()
        .map(|&c| Arc::clone(rows.column(c)))
        .collect();
    Ok(EncodedRows::Rows(converter.convert_columns(&columns)?))
}

/// Which rows of a list of columns to take; some may be NULLs.
#[derive(Debug)]
pub(crate) enum Places {
    /// Successive rows: shared, not copied.
    Range(usize, usize),
    At(UInt32Array),
}

impl Places {
    pub(crate) fn new(at: &[u32]) -> Self {
        let Some(&first) = at.first() else {
            return Places::Range(0, 0);
        };
        let successive =
            |(i, &place): (usize, &u32)| u64::from(place) == u64::from(first) + i as u64;
        if first != NOWHERE && at.iter().enumerate().all(successive) {
            return Places::Range(first as usize, at.len());
        }
        if at.contains(&NOWHERE) {
            return Places::At(at.iter().map(|&i| (i != NOWHERE).then_some(i)).collect());
        }
        Places::At(at.to_vec().into())
    }

    pub(crate) fn pick(&self, column: &ArrayRef) -> Result<ArrayRef, OperatorError> {
        match self {
            Places::Range(start, length) => Ok(column.slice(*start, *length)),
            Places::At(at) if column.is_empty() => {
                Ok(arrow::array::new_null_array(column.data_type(), at.len()))
            }
            Places::At(at) => Ok(take(column, at, None)?),
        }
    }
}

/// Places for the columns of pairs: of the input, of the kept rows, and of the input's key where
/// it stands for the kept rows' key.
#[derive(Debug)]
pub(crate) struct PairPlaces {
    pub(crate) input: Places,
    pub(crate) kept: Places,
    pub(crate) key: Places,
}

/// Where a column of left ++ right comes from.
#[derive(Debug, Clone, Copy)]
enum Source {
    /// A column of the rows that are being processed.
    Input(usize),
    /// A kept column of the other side.
    Kept(usize),
    /// A key column of the other side: equal to this column of the input.
    Key(usize),
}

/// How pairs of an input row and a kept row become rows of left ++ right.
#[derive(Debug)]
pub(crate) struct Combine {
    sources: Vec<Source>,
    /// How many of them come out.
    width: usize,
}

impl Combine {
    /// Input rows of side `input` (0 left, 1 right) with kept rows of the other.
    pub(crate) fn new(
        kind: JoinKind,
        input: usize,
        sides: [&SideRows; 2],
        widths: [usize; 2],
    ) -> Self {
        let own = (0..widths[input]).map(Source::Input);
        let (mine, theirs) = (sides[input], sides[1 - input]);
        let other = (0..widths[1 - input]).map(|column| {
            match theirs.kept.iter().position(|&kept| kept == column) {
                Some(place) => Source::Kept(place),
                // What is not kept is a key.
                None => Source::Key(
                    theirs
                        .keys
                        .iter()
                        .position(|&key| key == column)
                        .map_or(0, |key| mine.keys[key]),
                ),
            }
        });
        let sources: Vec<Source> = if input == 0 {
            own.chain(other).collect()
        } else {
            other.chain(own).collect()
        };
        Self {
            width: if kind.left_only() {
                widths[0]
            } else {
                sources.len()
            },
            sources,
        }
    }

    /// Left rows of `left` columns beside rows of which all `right` columns are at hand.
    pub(crate) fn whole(left: usize, right: usize) -> Self {
        let sources = (0..left).map(Source::Input);
        Self {
            sources: sources.chain((0..right).map(Source::Kept)).collect(),
            width: left + right,
        }
    }

    fn column(
        &self,
        column: usize,
        input: &RecordBatch,
        kept: &[ArrayRef],
        at: &PairPlaces,
    ) -> Result<ArrayRef, OperatorError> {
        match self.sources[column] {
            Source::Input(c) => at.input.pick(input.column(c)),
            Source::Kept(c) => at.kept.pick(&kept[c]),
            Source::Key(c) => at.key.pick(input.column(c)),
        }
    }

    /// The output rows of pairs.
    pub(crate) fn rows(
        &self,
        schema: &SchemaRef,
        input: &RecordBatch,
        kept: &[ArrayRef],
        at: &PairPlaces,
        count: usize,
    ) -> Result<RecordBatch, OperatorError> {
        let columns = (0..self.width)
            .map(|column| self.column(column, input, kept, at))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(RecordBatch::try_new_with_options(
            Arc::clone(schema),
            columns,
            &RecordBatchOptions::new().with_row_count(Some(count)),
        )?)
    }
}

/// The part of ON that is no equality of keys.
#[derive(Debug)]
pub(crate) struct JoinCondition {
    /// Over `columns`.
    expr: Arc<dyn PhysicalExpr>,
    /// The columns of left ++ right that it reads, rising.
    columns: Vec<usize>,
    schema: SchemaRef,
}

impl JoinCondition {
    pub(crate) fn new(
        expr: &Arc<dyn PhysicalExpr>,
        left: &Schema,
        right: &Schema,
    ) -> Result<Self, OperatorError> {
        let fields: Vec<_> = left
            .fields()
            .iter()
            .chain(right.fields())
            .cloned()
            .collect();
        let all = Schema::new(fields);
        let mut columns: Vec<usize> = collect_columns(expr)
            .into_iter()
            .map(|column| column.index())
            .collect();
        columns.sort_unstable();
        columns.dedup();
        if let Some(&beyond) = columns.iter().find(|&&c| c >= all.fields().len()) {
            return Err(OperatorError::Row(format!(
                "the join condition {expr} reads column {beyond}, and left and right have {} \
                 columns together",
                all.fields().len()
            )));
        }
        if expr.data_type(&all)? != DataType::Boolean {
            return Err(OperatorError::Row(format!(
                "the join condition {expr} is not a BOOLEAN"
            )));
        }
        let expr = Arc::clone(expr).transform_up(|expr| {
            Ok(match expr.downcast_ref::<Column>() {
                Some(column) => {
                    let place = columns.partition_point(|&c| c < column.index());
                    Transformed::yes(Arc::new(Column::new(column.name(), place)) as _)
                }
                None => Transformed::no(expr),
            })
        })?;
        Ok(Self {
            expr: expr.data,
            schema: Arc::new(all.project(&columns)?),
            columns,
        })
    }

    /// For which pairs it is TRUE.
    pub(crate) fn holds(
        &self,
        combine: &Combine,
        input: &RecordBatch,
        kept: &[ArrayRef],
        at: &PairPlaces,
        count: usize,
    ) -> Result<BooleanBuffer, OperatorError> {
        let columns = self
            .columns
            .iter()
            .map(|&column| combine.column(column, input, kept, at))
            .collect::<Result<Vec<_>, _>>()?;
        let pairs = RecordBatch::try_new_with_options(
            Arc::clone(&self.schema),
            columns,
            &RecordBatchOptions::new().with_row_count(Some(count)),
        )?;
        let mask = self.expr.evaluate(&pairs)?.into_array(count)?;
        let mask = mask.as_boolean();
        // NULL is not TRUE.
        Ok(match mask.nulls() {
            Some(nulls) if nulls.null_count() > 0 => mask.values() & nulls.inner(),
            _ => mask.values().clone(),
        })
    }
}

/// Output rows of one input batch, not yet put together.
#[derive(Debug, Default)]
pub(crate) struct Emission {
    input: Vec<u32>,
    kept: Vec<u32>,
    key: Vec<u32>,
    /// The input row that each was made of; rises.
    row: Vec<u32>,
    kinds: Vec<RowKind>,
}

impl Emission {
    pub(crate) fn clear(&mut self) {
        self.input.clear();
        self.kept.clear();
        self.key.clear();
        self.row.clear();
        self.kinds.clear();
    }

    /// An input row beside a kept row.
    #[inline]
    pub(crate) fn pair(&mut self, row: u32, kept: u32, kind: RowKind) {
        self.push(row, kept, row, row, kind);
    }

    /// Input rows beside kept rows, with the kinds of the batch.
    pub(crate) fn pairs(&mut self, rows: &[u32], kept: &[u32], batch: &Batch) {
        self.input.extend_from_slice(rows);
        self.key.extend_from_slice(rows);
        self.row.extend_from_slice(rows);
        self.kept.extend_from_slice(kept);
        match &batch.kinds {
            None => self.kinds.resize(self.row.len(), RowKind::Insert),
            Some(kinds) => self
                .kinds
                .extend(rows.iter().map(|&row| kinds[row as usize])),
        }
    }

    /// An input row alone.
    #[inline]
    pub(crate) fn input_alone(&mut self, row: u32, kind: RowKind) {
        self.push(row, NOWHERE, NOWHERE, row, kind);
    }

    /// A kept row alone; input row `row`, which has the same key, was the reason.
    #[inline]
    pub(crate) fn kept_alone(&mut self, row: u32, kept: u32, kind: RowKind) {
        self.push(NOWHERE, kept, row, row, kind);
    }

    #[inline]
    fn push(&mut self, input: u32, kept: u32, key: u32, row: u32, kind: RowKind) {
        self.input.push(input);
        self.kept.push(kept);
        self.key.push(key);
        self.row.push(row);
        self.kinds.push(kind);
    }

    /// Emits the rows in batches that go on from `batch`; `after` may change each.
    pub(crate) fn emit(
        &self,
        combine: &Combine,
        schema: &SchemaRef,
        batch: &Batch,
        kept: &[ArrayRef],
        out: &mut Output,
        after: impl Fn(&mut Batch),
    ) -> Result<(), OperatorError> {
        let mut start = 0;
        while start < self.row.len() {
            let end = (start + BATCH_ROWS).min(self.row.len());
            let range = start..end;
            let at = PairPlaces {
                input: Places::new(&self.input[range.clone()]),
                kept: Places::new(&self.kept[range.clone()]),
                key: Places::new(&self.key[range.clone()]),
            };
            let rows = combine.rows(schema, &batch.rows, kept, &at, range.len())?;
            let mut emitted = batch.of_rows(rows, &self.row[range.clone()]);
            let kinds = &self.kinds[range];
            emitted.kinds = kinds
                .iter()
                .any(|kind| *kind != RowKind::Insert)
                .then(|| kinds.into());
            after(&mut emitted);
            out.emit(emitted);
            start = end;
        }
        Ok(())
    }
}

/// Keys of the state with their hashes, by the time when something is due with them.
pub(crate) type KeysByTime = BTreeMap<i64, Vec<(u64, Box<[u8]>)>>;

/// Keys made of a join key and a suffix of fixed length.
#[derive(Debug, Default)]
pub(crate) struct CompositeKeys {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    pub(crate) hashes: Vec<u64>,
}

impl CompositeKeys {
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
        self.hashes.clear();
    }

    pub(crate) fn push(&mut self, hash: u64, key: &[u8], suffix: &[u8]) {
        self.bytes.extend_from_slice(key);
        self.bytes.extend_from_slice(suffix);
        self.ends.push(self.bytes.len());
        self.hashes.push(hash);
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    #[inline]
    pub(crate) fn key(&self, i: usize) -> &[u8] {
        let start = if i == 0 { 0 } else { self.ends[i - 1] };
        &self.bytes[start..self.ends[i]]
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::Int64Array;

    use super::*;

    #[test]
    fn successive_places_share_the_column() {
        let column: ArrayRef = Arc::new(Int64Array::from(vec![5, 6, 7]));
        assert!(matches!(Places::new(&[1, 2]), Places::Range(1, 2)));
        let picked = |at: &[u32]| {
            let picked = Places::new(at).pick(&column).unwrap();
            picked
                .as_primitive::<arrow::datatypes::Int64Type>()
                .iter()
                .collect::<Vec<_>>()
        };
        assert_eq!(picked(&[1, 2]), [Some(6), Some(7)]);
        assert_eq!(picked(&[2, 0, 2]), [Some(7), Some(5), Some(7)]);
        assert_eq!(picked(&[NOWHERE, 0]), [None, Some(5)]);
        assert_eq!(picked(&[NOWHERE]), [None]);
        let none: ArrayRef = Arc::new(Int64Array::from(Vec::<i64>::new()));
        assert_eq!(Places::new(&[NOWHERE]).pick(&none).unwrap().null_count(), 1);
    }
}
