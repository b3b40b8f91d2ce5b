//! The first of two phases: partial accumulators before the exchange.
//!
//! Where few keys have most of the rows, an instance takes its own rows together by key first and
//! sends one row a key and bundle: the key and the accumulators so far. The second phase is a
//! [`GroupAggregate`](super::GroupAggregate) that merges these
//! ([`merging`](super::GroupAggregate::merging)).
//!
//! A bundle ends after so many rows, so much time, at a watermark and before a barrier; without
//! [`MiniBatch`](super::MiniBatch) with every batch. So there is no state.

use std::sync::Arc;

use arrow::array::{ArrayRef, BinaryBuilder, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use hashbrown::HashTable;
use millstream_state::StateValue;

use super::layout::Layout;
use super::state::Group;
use super::{BATCH_ROWS, GroupAggregateSpec, Prepared, accumulate, refuse_changes};
use crate::batch::{Batch, Watermark};
use crate::keys::{KeyEncoder, KeyList};
use crate::operator::{Clock, Operator, OperatorContext, OperatorError, Output};

/// The name of the column that carries accumulators from the first phase to the second.
const PARTIAL: &str = "$accumulators";

/// The first phase. See the [module](self).
#[derive(Debug)]
pub struct LocalGroupAggregate {
    spec: GroupAggregateSpec,
    clock: Clock,
    output: SchemaRef,
    keys: KeyEncoder,
    layout: Layout,
    /// The number of each key's group.
    index: HashTable<u32>,
    met: KeyList,
    groups: Vec<Group>,
    /// Input rows so far.
    rows: usize,
    /// When the bundle ends at the latest.
    deadline: i64,
    ingest_micros: i64,
    words: Vec<u64>,
    encoded: Vec<u8>,
}

impl GroupAggregateSpec {
    /// Whether the calls can be computed in two phases: not DISTINCT, whose values must meet in one
    /// place, and nothing that depends on the order of rows of different instances or takes values
    /// back from a list or from moments.
    pub fn is_mergeable(&self) -> bool {
        self.calls
            .iter()
            .all(|call| call.kind.merges(call.distinct, self.retracting))
    }

    /// The columns between the phases: the keys and the accumulators.
    pub fn partial_schema(&self, input: &Schema) -> SchemaRef {
        let mut fields: Vec<Arc<Field>> = self
            .keys
            .iter()
            .map(|&key| Arc::clone(&input.fields()[key]))
            .collect();
        fields.push(Arc::new(Field::new(PARTIAL, DataType::Binary, false)));
        Arc::new(Schema::new(fields))
    }
}

/// Refuses calls that need all rows of a key in one place.
pub(super) fn check_mergeable(spec: &GroupAggregateSpec) -> Result<(), OperatorError> {
    if spec.is_mergeable() {
        return Ok(());
    }
    Err(OperatorError::Row(
        "these aggregates cannot be computed in two phases; this is an error in the plan, please \
         report the query"
            .to_owned(),
    ))
}

impl LocalGroupAggregate {
    /// The operator over rows of `input`; its output is [`GroupAggregateSpec::partial_schema`].
    /// Rows of the key may be in any instance.
    pub fn new(
        context: &OperatorContext,
        input: SchemaRef,
        spec: &GroupAggregateSpec,
    ) -> Result<Self, OperatorError> {
        check_mergeable(spec)?;
        // How long state lives is the second phase's affair.
        let spec = GroupAggregateSpec {
            ttl_millis: None,
            ..spec.clone()
        };
        Ok(Self {
            clock: context.clock.clone(),
            output: spec.partial_schema(&input),
            keys: KeyEncoder::new(&input, &spec.keys)?,
            layout: Layout::new(&input, &spec)?,
            spec,
            index: HashTable::new(),
            met: KeyList::default(),
            groups: Vec::new(),
            rows: 0,
            deadline: i64::MAX,
            ingest_micros: 0,
            words: Vec::new(),
            encoded: Vec::new(),
        })
    }

    /// The columns that come out.
    pub fn schema(&self) -> &SchemaRef {
        &self.output
    }

    fn add_rows<const RETRACT: bool, const PLAIN: bool>(
        &mut self,
        batch: &Batch,
        prepared: &Prepared,
        out: &mut Output,
    ) -> Result<(), OperatorError> {
        let most = self.spec.mini_batch.map_or(usize::MAX, |mini| mini.rows);
        let keys = self.keys.encode(&batch.rows)?;
        let width = prepared.width;
        for row in 0..batch.len() {
            if self.rows == 0 {
                self.ingest_micros = batch.ingest_micros;
                if let Some(mini) = self.spec.mini_batch {
                    self.deadline = self.clock.now().saturating_add(mini.millis);
                }
            }
            self.rows += 1;
            let (hash, key) = (keys.hashes()[row], keys.key(row));
            let met = &self.met;
            let known = self.index.find(hash, |&at| {
                met.hashes()[at as usize] == hash && met.key(at as usize) == key
            });
            let at = match known {
                Some(&at) => at as usize,
                None => {
                    let at = self.groups.len();
                    let mut group = Group::default();
                    group.begin(&self.layout);
                    self.groups.push(group);
                    self.met.push(hash, key);
                    let met = &self.met;
                    self.index
                        .insert_unique(hash, at as u32, |&at| met.hashes()[at as usize]);
                    at
                }
            };
            let retract = RETRACT && !batch.kind(row).is_accumulate();
            accumulate::<RETRACT, PLAIN>(
                &self.layout,
                &mut self.groups[at],
                &prepared.words[row * width..][..width],
                &prepared.values,
                row,
                retract,
            );
            if self.rows >= most {
                self.flush(out)?;
            }
        }
        Ok(())
    }

    /// Ends the bundle: sends the accumulators of its keys.
    fn flush(&mut self, out: &mut Output) -> Result<(), OperatorError> {
        let count = self.groups.len();
        for start in (0..count).step_by(BATCH_ROWS) {
            let part = start..count.min(start + BATCH_ROWS);
            let met = &self.met;
            let mut columns = self.keys.decode(part.clone().map(|i| met.key(i)))?;
            let mut partial = BinaryBuilder::with_capacity(part.len(), part.len() * 8);
            for group in &self.groups[part] {
                self.encoded.clear();
                group.encode(&mut self.encoded);
                partial.append_value(&self.encoded);
            }
            columns.push(Arc::new(partial.finish()) as ArrayRef);
            let rows = RecordBatch::try_new(Arc::clone(&self.output), columns)?;
            out.emit(Batch::append(rows, self.ingest_micros));
        }
        self.index.clear();
        self.met.clear();
        self.groups.clear();
        self.rows = 0;
        Ok(())
    }
}

impl Operator for LocalGroupAggregate {
    fn process(&mut self, _: usize, batch: Batch, out: &mut Output) -> Result<(), OperatorError> {
        if !self.spec.retracting {
            refuse_changes(&batch)?;
        }
        let words = std::mem::take(&mut self.words);
        let prepared = self.layout.prepare(&batch.rows, words)?;
        let plain = self.layout.cells.is_empty();
        match (self.spec.retracting, plain) {
            (false, true) => self.add_rows::<false, true>(&batch, &prepared, out),
            (false, false) => self.add_rows::<false, false>(&batch, &prepared, out),
            (true, true) => self.add_rows::<true, true>(&batch, &prepared, out),
            (true, false) => self.add_rows::<true, false>(&batch, &prepared, out),
        }?;
        self.words = prepared.words;
        match self.spec.mini_batch {
            None => self.flush(out),
            Some(_) => Ok(()),
        }
    }

    fn advance(&mut self, _: Watermark, out: &mut Output) -> Result<(), OperatorError> {
        self.flush(out)
    }

    fn tick(&mut self, now: i64, out: &mut Output) -> Result<(), OperatorError> {
        if self.rows > 0 && now >= self.deadline {
            self.flush(out)?;
        }
        Ok(())
    }

    fn before_barrier(&mut self, out: &mut Output) -> Result<(), OperatorError> {
        self.flush(out)
    }

    fn snapshot(&mut self, _: u64) -> Result<Vec<u8>, OperatorError> {
        Ok(Vec::new())
    }
}
