//! The connector `nexmark`: the events of the Nexmark benchmark, an auction site's people, auctions
//! and bids.
//!
//! A table has either the columns of the benchmark's own Flink connector (`event_type` and the rows
//! `person`, `auction` and `bid`, of which one is not NULL) or [flat](FLAT) ones, any of them in any
//! order. The option names are the reference's where it has them; `seed`, `start-time` and `splits`
//! are our own.
//!
//! The events are a pure function of the seed and their number: how many splits there are and which
//! columns are read changes nothing. A split has every n-th block of events, so that all splits
//! come along in event time together, and its rows are in the order of time.

mod events;
mod export;

pub use export::{NexmarkExport, NexmarkLayout};

pub(crate) use export::export;

use std::sync::Arc;

use arrow::array::{
    ArrayRef, Int32Array, Int64Array, RecordBatch, RecordBatchOptions, StringArray, StructArray,
    TimestampMillisecondArray,
};
use arrow::buffer::{Buffer, NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, SchemaRef};
use millstream_functions::types::FlinkType;

use self::events::{EventKind, Events};
use crate::error::{ConnectorError, ErrorKind, Result};
use crate::options::{self, OptionDef, Value, list};
use crate::pace::Pace;
use crate::source::{Position, Read, Source, SplitId, SplitReader};
use crate::spec::TableSpec;

/// A million a second is more than any query takes.
const MOST_RATE: i64 = 1_000_000_000;

const ONE_RATE: &str = "drop it: events come at the one rate of 'first-event.rate'";

const OPTIONS: &[OptionDef] = &[
    OptionDef::new("seed", Value::Whole(0)),
    OptionDef::new("splits", Value::Whole(1)),
    OptionDef::new("start-time", Value::Moment),
    OptionDef::new("events.num", Value::Whole(0)),
    OptionDef::new("keep-alive", Value::Boolean),
    OptionDef::new("first-event.rate", Value::Whole(1)),
    OptionDef::new("next-event.rate", Value::Whole(1)),
    OptionDef::new("rate.limited", Value::Boolean),
    OptionDef::new("max-emit-speed", Value::Boolean),
    OptionDef::new("person.proportion", Value::Whole(1)),
    OptionDef::new("auction.proportion", Value::Whole(1)),
    OptionDef::new("bid.proportion", Value::Whole(1)),
    OptionDef::new("bid.hot-ratio.auctions", Value::Whole(1)),
    OptionDef::new("bid.hot-ratio.bidders", Value::Whole(1)),
    OptionDef::new("auction.hot-ratio.sellers", Value::Whole(1)),
    OptionDef::new("person.avg-size", Value::Memory),
    OptionDef::new("auction.avg-size", Value::Memory),
    OptionDef::new("bid.avg-size", Value::Memory),
    OptionDef::not_supported("rate.shape", ONE_RATE),
    OptionDef::not_supported("rate.period", ONE_RATE),
    OptionDef::not_supported("stop-at", "use 'events.num'"),
];

/// The fields of a person, an auction and a bid, as the reference declares them.
const PERSON: &[(&str, &str)] = &[
    ("id", "BIGINT"),
    ("name", "STRING"),
    ("emailAddress", "STRING"),
    ("creditCard", "STRING"),
    ("city", "STRING"),
    ("state", "STRING"),
    ("dateTime", "TIMESTAMP(3)"),
    ("extra", "STRING"),
];
const AUCTION: &[(&str, &str)] = &[
    ("id", "BIGINT"),
    ("itemName", "STRING"),
    ("description", "STRING"),
    ("initialBid", "BIGINT"),
    ("reserve", "BIGINT"),
    ("dateTime", "TIMESTAMP(3)"),
    ("expires", "TIMESTAMP(3)"),
    ("seller", "BIGINT"),
    ("category", "BIGINT"),
    ("extra", "STRING"),
];
const BID: &[(&str, &str)] = &[
    ("auction", "BIGINT"),
    ("bidder", "BIGINT"),
    ("price", "BIGINT"),
    ("channel", "STRING"),
    ("url", "STRING"),
    ("dateTime", "TIMESTAMP(3)"),
    ("extra", "STRING"),
];

/// The flat columns: `event_type` is 0 for a person, 1 for an auction, 2 for a bid; then what each
/// of them has in the column, in this order (nothing is NULL).
///
/// | column | person | auction | bid |
/// |---|---|---|---|
/// | `dateTime` | dateTime | dateTime | dateTime |
/// | `id` | id | id | auction |
/// | `person_id` | | seller | bidder |
/// | `price` | | initialBid | price |
/// | `reserve` | | reserve | |
/// | `expires` | | expires | |
/// | `category` | | category | |
/// | `name` | name | itemName | channel |
/// | `detail` | emailAddress | description | url |
/// | `creditCard` | creditCard | | |
/// | `city` | city | | |
/// | `state` | state | | |
/// | `extra` | extra | extra | extra |
const FLAT: &[(&str, &str, [&str; 3])] = &[
    ("event_type", "INT", ["", "", ""]),
    (
        "dateTime",
        "TIMESTAMP(3)",
        ["dateTime", "dateTime", "dateTime"],
    ),
    ("id", "BIGINT", ["id", "id", "auction"]),
    ("person_id", "BIGINT", ["", "seller", "bidder"]),
    ("price", "BIGINT", ["", "initialBid", "price"]),
    ("reserve", "BIGINT", ["", "reserve", ""]),
    ("expires", "TIMESTAMP(3)", ["", "expires", ""]),
    ("category", "BIGINT", ["", "category", ""]),
    ("name", "STRING", ["name", "itemName", "channel"]),
    ("detail", "STRING", ["emailAddress", "description", "url"]),
    ("creditCard", "STRING", ["creditCard", "", ""]),
    ("city", "STRING", ["city", "", ""]),
    ("state", "STRING", ["state", "", ""]),
    ("extra", "STRING", ["extra", "extra", "extra"]),
];

const KINDS: [EventKind; 3] = [EventKind::Person, EventKind::Auction, EventKind::Bid];

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    EventType,
    /// A row for events of this kind, NULL for others.
    Row(EventKind),
    /// A field of each kind; an empty name is NULL.
    Fields(&'static str, [&'static str; 3]),
}

/// What the options say.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub seed: u64,
    pub splits: u64,
    /// `None`: without end.
    pub events: Option<u64>,
    pub keep_alive: bool,
    /// Of event time, and of wall-clock time if `limited`: events a second.
    pub rate: u64,
    pub limited: bool,
    /// Milliseconds since 1970.
    pub start: i64,
    /// Of people, auctions and bids.
    pub proportions: [u64; 3],
    pub hot_auctions: u64,
    pub hot_bidders: u64,
    pub hot_sellers: u64,
    /// Bytes of a person, an auction and a bid.
    pub sizes: [u64; 3],
}

impl Settings {
    fn of(spec: &TableSpec) -> Result<Self> {
        let whole = |key: &str, least, default: u64| {
            let value = spec.whole(key, least)?;
            Ok::<_, ConnectorError>(value.map_or(default, i64::unsigned_abs))
        };
        let rate = whole("first-event.rate", 1, 10_000)?;
        let next = whole("next-event.rate", 1, rate)?;
        if next != rate {
            return Err(ConnectorError::new(
                ErrorKind::NotSupported,
                "a rate of events that changes is not supported by Millstream",
            )
            .with_option("next-event.rate")
            .with_remedy(format!("set 'next-event.rate' = '{rate}', or drop it")));
        }
        let splits = match spec.whole("scan.parallelism", 1)? {
            Some(splits) => whole("splits", 1, splits.unsigned_abs())?,
            None => whole("splits", 1, 4)?,
        };
        let settings = Self {
            seed: whole("seed", 0, 42)?,
            splits,
            events: Some(whole("events.num", 0, 0)?).filter(|events| *events > 0),
            keep_alive: spec.boolean("keep-alive")?,
            rate,
            limited: spec.boolean("rate.limited")? || !spec.boolean_or_true("max-emit-speed")?,
            // 2024-01-01 00:00:00
            start: spec.moment("start-time")?.unwrap_or(1_704_067_200_000),
            proportions: [
                whole("person.proportion", 1, 1)?,
                whole("auction.proportion", 1, 3)?,
                whole("bid.proportion", 1, 46)?,
            ],
            hot_auctions: whole("bid.hot-ratio.auctions", 1, 2)?,
            hot_bidders: whole("bid.hot-ratio.bidders", 1, 4)?,
            hot_sellers: whole("auction.hot-ratio.sellers", 1, 4)?,
            sizes: [
                spec.memory("person.avg-size")?.unwrap_or(200),
                spec.memory("auction.avg-size")?.unwrap_or(500),
                spec.memory("bid.avg-size")?.unwrap_or(100),
            ],
        };
        let bounds = [
            ("splits", settings.splits, 1024),
            ("first-event.rate", settings.rate, MOST_RATE.unsigned_abs()),
            ("person.proportion", settings.proportions[0], 10_000),
            ("auction.proportion", settings.proportions[1], 10_000),
            ("bid.proportion", settings.proportions[2], 10_000),
            ("person.avg-size", settings.sizes[0], 1 << 16),
            ("auction.avg-size", settings.sizes[1], 1 << 16),
            ("bid.avg-size", settings.sizes[2], 1 << 16),
            ("events.num", settings.events.unwrap_or(0), 1 << 48),
        ];
        for (key, value, most) in bounds {
            if value > most {
                return Err(ConnectorError::new(
                    ErrorKind::BadOption,
                    format!("the option '{key}' is at most {most}"),
                )
                .with_option(key)
                .with_value(value.to_string().as_bytes()));
            }
        }
        Ok(settings)
    }

    /// How many events in a row belong to one split.
    fn block(&self) -> u64 {
        20 * self.proportions.iter().sum::<u64>()
    }

    /// The number of a split's row among all events.
    fn event(&self, split: u64, row: u64) -> u64 {
        let block = self.block();
        (row / block * self.splits + split) * block + row % block
    }

    /// How many rows a split has.
    fn rows_of(&self, split: u64) -> u64 {
        // far beyond what anybody can count, and far from where numbers overflow
        let events = self.events.unwrap_or(1 << 48);
        let block = self.block();
        let round = block * self.splits;
        let rest = events % round;
        let last = rest.saturating_sub(split * block).min(block);
        events / round * block + last
    }
}

fn row_type(fields: &[(&str, &str)]) -> String {
    let fields: Vec<String> = fields
        .iter()
        .map(|(name, ty)| format!("{name} {ty}"))
        .collect();
    format!("ROW<{}>", fields.join(", "))
}

/// Checks a table of the generator; what it wants of each column.
fn wanted(spec: &TableSpec) -> Result<Vec<Wanted>> {
    let rows = [("person", PERSON), ("auction", AUCTION), ("bid", BID)];
    let columns = spec.columns.iter().map(|(name, ty)| {
        let (wanted, expected) = if let Some(kind) = rows.iter().position(|(row, _)| row == name) {
            (Wanted::Row(KINDS[kind]), row_type(rows[kind].1))
        } else if let Some((flat, ty, fields)) = FLAT.iter().find(|(flat, ..)| flat == name) {
            let wanted = match *flat {
                "event_type" => Wanted::EventType,
                _ => Wanted::Fields(ty, *fields),
            };
            (wanted, (*ty).to_owned())
        } else {
            let mut names: Vec<&str> = rows.iter().map(|(row, _)| *row).collect();
            names.extend(FLAT.iter().map(|(flat, ..)| *flat));
            return Err(ConnectorError::new(
                ErrorKind::Schema,
                format!("the connector 'nexmark' has no column '{name}'"),
            )
            .with_column(name)
            .with_remedy(match options::nearest(name, &names) {
                Some(near) => format!("did you mean '{near}'?"),
                None => format!("it has {}", list(&names)),
            }));
        };
        let fits = FlinkType::parse(&expected).is_ok_and(|e| e.to_arrow() == ty.to_arrow());
        if !fits {
            return Err(ConnectorError::new(
                ErrorKind::Schema,
                format!("the column is of type {expected}, not {ty}"),
            )
            .with_column(name)
            .with_remedy(format!("declare it as {expected}")));
        }
        let never_null = matches!(wanted, Wanted::EventType)
            || matches!(wanted, Wanted::Fields(_, fields) if fields.iter().all(|f| !f.is_empty()));
        if !ty.nullable && !never_null {
            return Err(ConnectorError::new(
                ErrorKind::Schema,
                "the column is NULL for events of other kinds",
            )
            .with_column(name)
            .with_remedy("declare it without NOT NULL"));
        }
        Ok(wanted)
    });
    columns.collect()
}

/// Checks a table that is read.
pub(crate) fn validate_source(spec: &TableSpec) -> Result<()> {
    options::check(spec, &[OPTIONS], &|_| Ok(None))?;
    Settings::of(spec)?;
    wanted(spec)?;
    if let Some((column, key, _)) = spec.metadata.first() {
        return Err(ConnectorError::new(
            ErrorKind::Schema,
            format!("the connector 'nexmark' has no metadata '{key}'"),
        )
        .with_column(column));
    }
    Ok(())
}

/// Whether the table's events end.
pub(crate) fn is_bounded(spec: &TableSpec) -> Result<bool> {
    let settings = Settings::of(spec)?;
    Ok(settings.events.is_some() && !settings.keep_alive)
}

/// The generator as a source.
pub(crate) struct NexmarkSource {
    settings: Settings,
    events: Arc<Events>,
    wanted: Vec<Wanted>,
    schema: SchemaRef,
}

impl NexmarkSource {
    pub(crate) fn open(spec: &TableSpec, projection: &[usize]) -> Result<Self> {
        let all = wanted(spec)?;
        let settings = Settings::of(spec)?;
        Ok(Self {
            events: Arc::new(Events::new(&settings)),
            settings,
            schema: spec.projected_schema(projection)?,
            wanted: projection
                .iter()
                .filter_map(|index| all.get(*index).copied())
                .collect(),
        })
    }

    fn open_split(&self, split: u64, next: u64) -> NexmarkReader {
        let splits = self.settings.splits as f64;
        let rate = self.settings.rate as f64 / splits;
        NexmarkReader {
            end: self.settings.rows_of(split),
            pace: Pace::new(self.settings.limited.then_some(rate)),
            settings: self.settings.clone(),
            events: Arc::clone(&self.events),
            wanted: self.wanted.clone(),
            schema: Arc::clone(&self.schema),
            numbers: Vec::new(),
            split,
            next,
        }
    }
}

impl Source for NexmarkSource {
    fn splits(&self) -> Result<Vec<SplitId>> {
        Ok((0..self.settings.splits)
            .map(|split| SplitId(format!("{split}/{}", self.settings.splits)))
            .collect())
    }

    fn bounded(&self) -> bool {
        self.settings.events.is_some() && !self.settings.keep_alive
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
        Ok(Box::new(self.open_split(number, next)))
    }

    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}

/// Makes the rows of one split.
struct NexmarkReader {
    settings: Settings,
    events: Arc<Events>,
    wanted: Vec<Wanted>,
    schema: SchemaRef,
    pace: Pace,
    /// The numbers of the events of a batch.
    numbers: Vec<u64>,
    split: u64,
    next: u64,
    end: u64,
}

impl NexmarkReader {
    fn batch(&mut self, count: u64) -> Result<RecordBatch> {
        self.numbers.clear();
        let rows = self.next..self.next + count;
        let settings = &self.settings;
        self.numbers
            .extend(rows.map(|row| settings.event(self.split, row)));
        let maker = Maker::new(&self.events, &self.numbers);
        let arrays = self
            .wanted
            .iter()
            .zip(self.schema.fields())
            .map(|(wanted, field)| maker.array(*wanted, field.data_type()))
            .collect::<Result<Vec<_>>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(self.numbers.len()));
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), arrays, &options)
            .map_err(|error| no_batch(&error))
    }
}

fn no_batch(error: &arrow::error::ArrowError) -> ConnectorError {
    ConnectorError::new(
        ErrorKind::BadRow,
        format!("the rows make no batch: {error}"),
    )
}

impl SplitReader for NexmarkReader {
    fn next(&mut self, max_rows: usize) -> Result<Read> {
        let left = self.end.saturating_sub(self.next);
        if left == 0 {
            return Ok(if self.settings.keep_alive {
                Read::Idle
            } else {
                Read::End
            });
        }
        let count = self.pace.due(left.min(max_rows.max(1) as u64));
        if count == 0 {
            return Ok(Read::Idle);
        }
        let batch = self.batch(count)?;
        self.next += count;
        self.pace.gave(count);
        Ok(Read::Rows(batch, None))
    }

    fn position(&self) -> Position {
        Position::Row { next: self.next }
    }
}

/// Makes columns of some events, one column at a time: each field is a function of the event's
/// number alone.
struct Maker<'a> {
    events: &'a Events,
    numbers: &'a [u64],
    kinds: Vec<EventKind>,
}

impl<'a> Maker<'a> {
    fn new(events: &'a Events, numbers: &'a [u64]) -> Self {
        Self {
            events,
            numbers,
            kinds: numbers.iter().map(|&n| events.kind(n)).collect(),
        }
    }

    fn array(&self, wanted: Wanted, data_type: &DataType) -> Result<ArrayRef> {
        match wanted {
            Wanted::EventType => {
                let types: Vec<i32> = self.kinds.iter().map(|kind| *kind as i32).collect();
                Ok(Arc::new(Int32Array::from(types)))
            }
            Wanted::Row(kind) => {
                let fields = match kind {
                    EventKind::Person => PERSON,
                    EventKind::Auction => AUCTION,
                    EventKind::Bid => BID,
                };
                let columns = fields
                    .iter()
                    .map(|(name, ty)| {
                        let mut of_kind = [""; 3];
                        of_kind[kind as usize] = *name;
                        self.fields(ty, of_kind)
                    })
                    .collect::<Result<Vec<_>>>()?;
                let DataType::Struct(declared) = data_type else {
                    return Err(ConnectorError::new(ErrorKind::Schema, "not a row"));
                };
                let valid: NullBuffer = self.kinds.iter().map(|k| *k == kind).collect();
                let row = StructArray::try_new(declared.clone(), columns, Some(valid));
                Ok(Arc::new(row.map_err(|error| no_batch(&error))?))
            }
            Wanted::Fields(ty, of_kind) => self.fields(ty, of_kind),
        }
    }

    fn fields(&self, ty: &str, of_kind: [&str; 3]) -> Result<ArrayRef> {
        let valid: Vec<bool> = self
            .kinds
            .iter()
            .map(|kind| !of_kind[*kind as usize].is_empty())
            .collect();
        let nulls = valid.iter().any(|v| !v).then(|| NullBuffer::from(valid));
        if ty == "STRING" {
            let makers = KINDS.map(|kind| self.events.text(kind, of_kind[kind as usize]));
            let mut bytes = Vec::with_capacity(self.numbers.len() * 32);
            let mut ends = Vec::with_capacity(self.numbers.len() + 1);
            ends.push(0_i32);
            for (&number, kind) in self.numbers.iter().zip(&self.kinds) {
                if let Some(make) = makers[*kind as usize] {
                    make(self.events, number, &mut bytes);
                }
                let end = i32::try_from(bytes.len()).map_err(|_| {
                    ConnectorError::new(ErrorKind::BadRow, "a batch of more than 2 GB of text")
                })?;
                ends.push(end);
            }
            let offsets = OffsetBuffer::new(ends.into());
            let texts = StringArray::try_new(offsets, Buffer::from_vec(bytes), nulls);
            return Ok(Arc::new(texts.map_err(|error| no_batch(&error))?));
        }
        let makers = KINDS.map(|kind| self.events.number(kind, of_kind[kind as usize]));
        let values: Vec<i64> = self
            .numbers
            .iter()
            .zip(&self.kinds)
            .map(|(&number, kind)| {
                makers[*kind as usize].map_or(0, |make| make(self.events, number))
            })
            .collect();
        Ok(if ty == "BIGINT" {
            Arc::new(Int64Array::new(values.into(), nulls))
        } else {
            Arc::new(TimestampMillisecondArray::new(values.into(), nulls))
        })
    }
}

#[cfg(test)]
mod tests;
