//! The connector `card-transactions`: an endless, believable stream of card payments with planted
//! fraud, for samples, tests and benchmarks. It is Millstream's own: Flink doesn't have it (export
//! its rows as CSV files to read them there).
//!
//! Every value is a pure function of the seed, the split and the row's number: any part can be made
//! again, on any machine. All rows of a card are in one split and strictly increasing in time. Rows
//! of a split are nearly in the order of time: each card reports with a delay of its own, at most
//! [`world::MOST_DELAY`] milliseconds, so a watermark two seconds behind loses nothing.
//!
//! A card pays every eight minutes on average (with 10,000 cards and the default of 20 events a
//! second): busier than people are, so that an hour is worth looking at, and calm enough for a burst
//! to stand out.
//!
//! The number of payments follows the hour of the day; amounts are log-normal, with a scale of
//! their own for each category and card; a card has its favourite merchants and a home country, and
//! travels now and then. A part of the rows are honest bursts (a shopping spree, a run of small
//! fares) and honest outliers, so that fraud is not the only thing that stands out. Fraud comes in
//! patterns, see [`episodes`]; `is_fraud` is the truth.

mod episodes;
mod export;
mod world;

pub(crate) use export::export;

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Decimal128Array, Int32Array, Int64Array, RecordBatch,
    RecordBatchOptions, StringArray, TimestampMillisecondArray,
};
use arrow::buffer::{Buffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::SchemaRef;

use self::episodes::Plan;
use self::world::{CATEGORIES, COUNTRIES, Rows, World};
use crate::error::{ConnectorError, ErrorKind, Result};
use crate::options::{self, OptionDef, Value, list};
use crate::pace::Pace;
use crate::source::{Position, Read, Source, SplitId, SplitReader};
use crate::spec::TableSpec;

const MOST: f64 = 1e12;

const OPTIONS: &[OptionDef] = &[
    OptionDef::new("seed", Value::Whole(0)),
    OptionDef::new("cards", Value::Whole(1)),
    OptionDef::new("number-of-rows", Value::Whole(0)),
    OptionDef::new("rows-per-second", Value::Number(1e-6, MOST)),
    OptionDef::new("fraud-rate", Value::Number(0.0, 0.2)),
    OptionDef::new("start-time", Value::Moment),
    OptionDef::new("events-per-second", Value::Number(0.001, MOST)),
    OptionDef::new("splits", Value::Whole(1)),
];

/// The generator's columns, in the order of [`Wanted`].
const COLUMNS: &[(&str, &str)] = &[
    ("transaction_id", "BIGINT"),
    ("card_id", "BIGINT"),
    ("ts", "TIMESTAMP(3)"),
    ("amount", "DECIMAL(10, 2)"),
    ("merchant_id", "INT"),
    ("category", "STRING"),
    ("country", "STRING"),
    ("is_fraud", "BOOLEAN"),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    TransactionId,
    CardId,
    Ts,
    Amount,
    MerchantId,
    Category,
    Country,
    IsFraud,
}

const WANTED: [Wanted; 8] = [
    Wanted::TransactionId,
    Wanted::CardId,
    Wanted::Ts,
    Wanted::Amount,
    Wanted::MerchantId,
    Wanted::Category,
    Wanted::Country,
    Wanted::IsFraud,
];

/// What the options say.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub seed: u64,
    pub cards: u64,
    /// `None`: without end.
    pub rows: Option<u64>,
    /// Of wall-clock time, over all splits.
    pub rows_per_second: Option<f64>,
    pub fraud_rate: f64,
    /// Milliseconds since 1970.
    pub start: i64,
    /// Of event time, over all splits, on average over a day.
    pub events_per_second: f64,
    pub splits: u64,
}

impl Settings {
    fn of(spec: &TableSpec) -> Result<Self> {
        let whole = |key, least, default: u64| {
            let value = spec.whole(key, least)?;
            Ok::<_, ConnectorError>(value.map_or(default, i64::unsigned_abs))
        };
        let settings = Self {
            seed: whole("seed", 0, 42)?,
            cards: whole("cards", 1, 10_000)?,
            rows: spec.whole("number-of-rows", 0)?.map(i64::unsigned_abs),
            rows_per_second: spec.number("rows-per-second", 1e-6, MOST)?,
            fraud_rate: spec.number("fraud-rate", 0.0, 0.2)?.unwrap_or(0.005),
            // 2024-01-01 08:00:00
            start: spec.moment("start-time")?.unwrap_or(1_704_096_000_000),
            events_per_second: spec
                .number("events-per-second", 0.001, MOST)?
                .unwrap_or(20.0),
            splits: whole("splits", 1, 4)?,
        };
        let bad = |key: &str, reason: String, remedy: &str| {
            Err(ConnectorError::new(ErrorKind::BadOption, reason)
                .with_option(key)
                .with_remedy(remedy))
        };
        if settings.splits > 1024 {
            return bad(
                "splits",
                "there are at most 1024 splits".into(),
                "ask for fewer",
            );
        }
        if settings.cards < settings.splits {
            return bad(
                "cards",
                format!("{} splits need at least as many cards", settings.splits),
                "raise 'cards' or lower 'splits'",
            );
        }
        if settings.cards > 20_000_000 {
            return bad(
                "cards",
                "there are at most 20 million cards".into(),
                "ask for fewer",
            );
        }
        let most = world::MOST_RATE * settings.splits as f64;
        if settings.events_per_second > most {
            return bad(
                "events-per-second",
                format!(
                    "{} splits hold at most {most} events a second of event time: a card's rows \
                     must differ in their milliseconds",
                    settings.splits
                ),
                "lower it, or raise 'splits'",
            );
        }
        let least = world::LEAST_RATE * settings.splits as f64;
        if settings.events_per_second < least {
            return bad(
                "events-per-second",
                format!(
                    "{} splits need at least {least} events a second of event time, or bursts \
                     would take hours",
                    settings.splits
                ),
                "raise it, or lower 'splits'",
            );
        }
        Ok(settings)
    }

    /// How many rows a split has.
    fn rows_of(&self, split: u64) -> u64 {
        match self.rows {
            None => u64::MAX / self.splits - 1,
            Some(rows) => rows / self.splits + u64::from(split < rows % self.splits),
        }
    }
}

/// Checks a table of the generator; what it wants of each column.
fn wanted(spec: &TableSpec) -> Result<Vec<Wanted>> {
    let names: Vec<&str> = COLUMNS.iter().map(|(name, _)| *name).collect();
    spec.columns
        .iter()
        .map(|(name, ty)| {
            let Some(place) = names.iter().position(|known| known == name) else {
                return Err(ConnectorError::new(
                    ErrorKind::Schema,
                    format!("the connector 'card-transactions' has no column '{name}'"),
                )
                .with_column(name)
                .with_remedy(match options::nearest(name, &names) {
                    Some(near) => format!("did you mean '{near}'?"),
                    None => format!("it has {}", list(&names)),
                }));
            };
            let expected = COLUMNS[place].1;
            if ty.clone().with_nullable(true).to_string() != expected {
                return Err(ConnectorError::new(
                    ErrorKind::Schema,
                    format!("the column is of type {expected}, not {ty}"),
                )
                .with_column(name)
                .with_remedy(format!("declare it as {expected}")));
            }
            Ok(WANTED[place])
        })
        .collect()
}

/// Checks a table that is read.
pub(crate) fn validate_source(spec: &TableSpec) -> Result<()> {
    options::check(spec, &[OPTIONS], &|_| Ok(None))?;
    Settings::of(spec)?;
    wanted(spec)?;
    if let Some((column, key, _)) = spec.metadata.first() {
        return Err(ConnectorError::new(
            ErrorKind::Schema,
            format!("the connector 'card-transactions' has no metadata '{key}'"),
        )
        .with_column(column));
    }
    Ok(())
}

/// The generator's columns with their types: what to declare.
pub(crate) fn columns() -> Vec<(String, String)> {
    COLUMNS
        .iter()
        .map(|(name, ty)| ((*name).to_owned(), (*ty).to_owned()))
        .collect()
}

/// The generator as a source.
pub(crate) struct CardSource {
    settings: Settings,
    wanted: Vec<Wanted>,
    schema: SchemaRef,
}

impl CardSource {
    pub(crate) fn open(spec: &TableSpec, projection: &[usize]) -> Result<Self> {
        let all = wanted(spec)?;
        Ok(Self {
            settings: Settings::of(spec)?,
            schema: spec.projected_schema(projection)?,
            wanted: projection
                .iter()
                .filter_map(|index| all.get(*index).copied())
                .collect(),
        })
    }

    fn card_reader(&self, split: u64, next: u64) -> CardReader {
        let world = World::new(&self.settings, split);
        let plan = Plan::new(&world, next);
        let splits = self.settings.splits as f64;
        CardReader {
            end: self.settings.rows_of(split),
            pace: Pace::new(self.settings.rows_per_second.map(|rate| rate / splits)),
            world,
            plan,
            wanted: self.wanted.clone(),
            schema: self.schema.clone(),
            rows: Rows::default(),
            next,
        }
    }
}

impl Source for CardSource {
    fn splits(&self) -> Result<Vec<SplitId>> {
        Ok((0..self.settings.splits)
            .map(|split| SplitId(format!("{split}/{}", self.settings.splits)))
            .collect())
    }

    fn bounded(&self) -> bool {
        self.settings.rows.is_some()
    }

    fn reader(&self, split: &SplitId, position: Option<&Position>) -> Result<Box<dyn SplitReader>> {
        let bad = |reason: String| {
            ConnectorError::new(ErrorKind::BadPosition, reason)
                .with_remedy("restore with the same 'splits', or start afresh with --fresh")
        };
        let number = split
            .0
            .split_once('/')
            .filter(|(_, splits)| *splits == self.settings.splits.to_string())
            .and_then(|(number, _)| number.parse().ok())
            .filter(|number: &u64| *number < self.settings.splits)
            .ok_or_else(|| {
                bad(format!(
                    "there is no split '{split}' of {}",
                    self.settings.splits
                ))
            })?;
        let next = match position {
            None => 0,
            Some(Position::Row { next }) => *next,
            Some(other) => return Err(bad(format!("{other:?} is no position in a generator"))),
        };
        Ok(Box::new(self.card_reader(number, next)))
    }

    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }
}

/// Makes the rows of one split.
struct CardReader {
    world: World,
    plan: Plan,
    wanted: Vec<Wanted>,
    schema: SchemaRef,
    pace: Pace,
    rows: Rows,
    next: u64,
    end: u64,
}

impl CardReader {
    fn batch(&mut self, count: usize) -> Result<RecordBatch> {
        let amounts = self.wanted.contains(&Wanted::Amount);
        self.rows
            .make(&self.world, &mut self.plan, self.next, count, amounts);
        let arrays = self
            .wanted
            .iter()
            .map(|wanted| self.array(*wanted))
            .collect::<Result<_>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(count));
        RecordBatch::try_new_with_options(self.schema.clone(), arrays, &options)
            .map_err(|error| no_batch(&error))
    }

    fn array(&self, wanted: Wanted) -> Result<ArrayRef> {
        let rows = &self.rows;
        Ok(match wanted {
            Wanted::TransactionId => {
                let world = &self.world;
                let ids = (self.next..).take(rows.len());
                let ids: Vec<i64> = ids.map(|row| world.transaction_id(row)).collect();
                Arc::new(Int64Array::new(ids.into(), None))
            }
            Wanted::CardId => {
                let ids: Vec<i64> = rows
                    .cards
                    .iter()
                    .map(|card| self.world.cards[*card as usize].id)
                    .collect();
                Arc::new(Int64Array::new(ids.into(), None))
            }
            Wanted::Ts => Arc::new(TimestampMillisecondArray::new(
                ScalarBuffer::from(rows.times.clone()),
                None,
            )),
            Wanted::Amount => {
                let cents: Vec<i128> = rows.cents.iter().map(|cents| i128::from(*cents)).collect();
                let amounts = Decimal128Array::new(cents.into(), None);
                Arc::new(
                    amounts
                        .with_precision_and_scale(10, 2)
                        .map_err(|e| no_batch(&e))?,
                )
            }
            Wanted::MerchantId => Arc::new(Int32Array::new(
                ScalarBuffer::from(rows.merchants.clone()),
                None,
            )),
            Wanted::Category => texts(&rows.categories, |index| CATEGORIES[index].name)?,
            Wanted::Country => texts(&rows.countries, |index| COUNTRIES[index])?,
            Wanted::IsFraud => Arc::new(BooleanArray::from(rows.fraud.clone())),
        })
    }
}

/// A column of words from a short list.
fn texts(indexes: &[u8], word: impl Fn(usize) -> &'static str) -> Result<ArrayRef> {
    let mut bytes = Vec::with_capacity(indexes.len() * 12);
    let mut ends = Vec::with_capacity(indexes.len() + 1);
    ends.push(0_i32);
    for &index in indexes {
        bytes.extend_from_slice(word(usize::from(index)).as_bytes());
        // a batch of words is far below 2 GB
        ends.push(bytes.len() as i32);
    }
    let offsets = OffsetBuffer::new(ends.into());
    Ok(Arc::new(
        StringArray::try_new(offsets, Buffer::from_vec(bytes), None).map_err(|e| no_batch(&e))?,
    ))
}

fn no_batch(error: &arrow::error::ArrowError) -> ConnectorError {
    ConnectorError::new(
        ErrorKind::BadRow,
        format!("the rows make no batch: {error}"),
    )
}

impl SplitReader for CardReader {
    fn next(&mut self, max_rows: usize) -> Result<Read> {
        let left = self.end.saturating_sub(self.next);
        if left == 0 {
            return Ok(Read::End);
        }
        let count = self.pace.due(left.min(max_rows.max(1) as u64));
        if count == 0 {
            return Ok(Read::Idle);
        }
        // count is at most max_rows
        let batch = self.batch(count as usize)?;
        self.next += count;
        self.pace.gave(count);
        Ok(Read::Rows(batch, None))
    }

    fn position(&self) -> Position {
        Position::Row { next: self.next }
    }
}

#[cfg(test)]
mod tests;
