//! What each operator costs a row, on one thread: `cargo bench -p millstream-operators`.
//!
//! The input is that of the fraud sample: 10,000 cards in random order, 200 payments a second of
//! event time, up to 2 s out of order, watermark 5 s behind; batches of 8,192 rows. An argument
//! picks operators by name; times are those this thread ran (Linux); `ROWS` in the environment sets how many rows (2 million).
//!
//! The second table is GROUP BY: 100,000 integer keys in random order, `k BIGINT, v BIGINT`.

// A program that prints a table.
#![allow(clippy::print_stdout)]

use std::sync::Arc;
use std::time::Duration;

use arrow::array::{
    ArrayRef, Decimal128Array, Int32Array, Int64Array, RecordBatch, StringArray,
    TimestampMillisecondArray,
};
use arrow::datatypes::SchemaRef;
use datafusion_expr::Operator as ExprOperator;
use datafusion_physical_expr::expressions::{binary, col, lit};
use millstream_functions::RowKind;
use millstream_functions::aggregate::AggregateKind;
use millstream_functions::window::{Frame, Window};
use millstream_operators::aggregates::AggregateCall;
use millstream_operators::calc::Calc;
use millstream_operators::deduplicate::{DeduplicateFirst, DeduplicateLast, DeduplicateSpec};
use millstream_operators::exchange::HashPartitioner;
use millstream_operators::group_aggregate::{GroupAggregate, GroupAggregateSpec, MiniBatch};
use millstream_operators::over_aggregate::{OverAggregate, OverGroup, OverSpec};
use millstream_operators::top_n::{SortColumn, TopNSpec, TopNStrategy};
use millstream_operators::watermark_assigner::WatermarkGenerator;
use millstream_operators::window_aggregate::{WindowAggregate, WindowSpec};
use millstream_operators::{Batch, Clock, Operator, OperatorContext, Output, Watermark};
use millstream_state::backend::{CheckpointRequest, StateBackend, StateOptions};
use millstream_state::manifest::JobIdentity;
use millstream_state::state_dir::{Start, StateDir};

type Fallible<T> = Result<T, Box<dyn std::error::Error>>;

const BATCH: usize = 8192;
const CARDS: u64 = 10_000;
const CARD: usize = 1;
const TS: usize = 2;
const AMOUNT: usize = 3;

/// Payments: id, card, ts, amount DECIMAL(10, 2), merchant, category.
fn payments(rows: usize) -> Fallible<Vec<RecordBatch>> {
    let mut seed = 7u64;
    let mut random = move || {
        seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let x = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x ^ (x >> 27)
    };
    let start = 1_704_067_200_000i64;
    let categories = ["grocery", "fuel", "restaurant", "travel", "online"];
    let mut batches = Vec::new();
    for first in (0..rows).step_by(BATCH) {
        let ids = first as i64..(first + BATCH.min(rows - first)) as i64;
        let count = ids.clone().count();
        let mut draw =
            |limit: u64| -> Vec<i64> { (0..count).map(|_| (random() % limit) as i64).collect() };
        let (cards, jitter, amounts) = (draw(CARDS), draw(2_000), draw(50_000));
        let (merchants, category) = (draw(5_000), draw(5));
        let times = ids
            .clone()
            .zip(jitter)
            .map(|(id, late)| start + id * 5 - late);
        let amounts = Decimal128Array::from_iter_values(amounts.into_iter().map(i128::from));
        batches.push(RecordBatch::try_from_iter([
            (
                "id",
                Arc::new(Int64Array::from_iter_values(ids.clone())) as ArrayRef,
            ),
            ("card", Arc::new(Int64Array::from(cards))),
            (
                "ts",
                Arc::new(TimestampMillisecondArray::from_iter_values(times)),
            ),
            ("amount", Arc::new(amounts.with_precision_and_scale(10, 2)?)),
            (
                "merchant",
                Arc::new(Int32Array::from_iter_values(
                    merchants.iter().map(|&m| m as i32),
                )),
            ),
            (
                "category",
                Arc::new(StringArray::from_iter_values(
                    category.iter().map(|&c| categories[c as usize]),
                )),
            ),
        ])?);
    }
    Ok(batches)
}

fn generator(schema: &SchemaRef) -> Fallible<WatermarkGenerator> {
    let delay = datafusion_common::ScalarValue::DurationMillisecond(Some(5_000));
    let expr = binary(col("ts", schema)?, ExprOperator::Minus, lit(delay), schema)?;
    Ok(WatermarkGenerator::new(schema, TS, expr)?)
}

/// The state's directory for one measurement.
struct Home {
    backend: Arc<StateBackend>,
    _dir: StateDir,
    _home: tempfile::TempDir,
}

impl Home {
    fn new() -> Fallible<Self> {
        let home = tempfile::tempdir()?;
        let job = JobIdentity {
            name: "bench".to_owned(),
            fingerprint: "bench".to_owned(),
        };
        let dir = StateDir::open(home.path(), job, Start::Resume)?;
        let backend = StateBackend::open(&dir.local(), dir.store(), StateOptions::default())?;
        Ok(Self {
            backend: Arc::new(backend),
            _dir: dir,
            _home: home,
        })
    }

    fn context(&self) -> OperatorContext {
        OperatorContext {
            uid: "bench".to_owned(),
            subtask: 0,
            parallelism: 1,
            key_groups: 0..128,
            backend: Arc::clone(&self.backend),
            clock: Clock::system(),
        }
    }
}

/// Time this thread has run, which other work on the machine hardly changes.
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = stat.split(' ').next().and_then(|nanos| nanos.parse().ok());
    Duration::from_nanos(nanos.unwrap_or_default())
}

struct Measured {
    time: Duration,
    rows_out: usize,
    snapshot: Option<Duration>,
}

/// Runs an operator over all batches, with their watermarks, and takes one snapshot at the end.
fn run(mut operator: Box<dyn Operator>, batches: &[Batch], home: &Home) -> Fallible<Measured> {
    let mut out = Output::default();
    let mut rows_out = 0;
    let start = cpu_time();
    for batch in batches {
        let watermark = batch.watermarks.as_ref().and_then(|w| w.last().copied());
        operator.process(0, batch.clone(), &mut out)?;
        if let Some(watermark) = watermark {
            operator.advance(Watermark(watermark), &mut out)?;
        }
        operator.housekeeping()?;
        rows_out += out.drain().map(|batch| batch.len()).sum::<usize>();
    }
    operator.before_barrier(&mut out)?;
    rows_out += out.drain().map(|batch| batch.len()).sum::<usize>();
    let time = cpu_time() - start;
    let start = cpu_time();
    operator.snapshot(1)?;
    let snapshot = cpu_time() - start;
    home.backend.complete_checkpoint(CheckpointRequest {
        epoch: 1,
        parallelism: 1,
        blobs: std::collections::BTreeMap::new(),
    })?;
    Ok(Measured {
        time,
        rows_out,
        snapshot: Some(snapshot),
    })
}

fn call(schema: &SchemaRef, kind: AggregateKind, column: Option<usize>) -> Fallible<AggregateCall> {
    Ok(AggregateCall::new(
        kind,
        column.into_iter().collect(),
        schema,
    )?)
}

/// COUNT, SUM and AVG of the amount over 1 min, 10 min and 1 h, and the time before.
fn over(schema: &SchemaRef) -> Fallible<OverSpec> {
    let mut groups = Vec::new();
    for minutes in [1, 10, 60] {
        groups.push(OverGroup {
            frame: Frame::Range(Some(minutes * 60_000)),
            calls: vec![
                call(schema, AggregateKind::Count, None)?,
                call(schema, AggregateKind::Sum, Some(AMOUNT))?,
                call(schema, AggregateKind::Avg, Some(AMOUNT))?,
            ],
        });
    }
    groups.push(OverGroup {
        frame: Frame::Range(None),
        calls: vec![call(schema, AggregateKind::Lag, Some(TS))?],
    });
    Ok(OverSpec {
        partition: vec![CARD],
        order: TS,
        groups,
    })
}

const GROUPS: u64 = 100_000;

/// Changes of k, v; if `retracting`, every second row takes the row before it back.
fn changes(rows: usize, retracting: bool) -> Fallible<Vec<Batch>> {
    let mut seed = 11u64;
    let mut random = move |limit: u64| {
        seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let x = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        ((x ^ (x >> 27)) % limit) as i64
    };
    let mut batches = Vec::new();
    for first in (0..rows).step_by(BATCH) {
        let count = BATCH.min(rows - first);
        let mut values: Vec<(i64, i64)> = Vec::with_capacity(count);
        for i in 0..count {
            values.push(match retracting && i % 4 == 3 {
                true => values[i - 2],
                false => (random(GROUPS), random(1_000)),
            });
        }
        let rows = RecordBatch::try_from_iter([
            (
                "k",
                Arc::new(Int64Array::from_iter_values(values.iter().map(|v| v.0))) as ArrayRef,
            ),
            (
                "v",
                Arc::new(Int64Array::from_iter_values(values.iter().map(|v| v.1))),
            ),
        ])?;
        let mut batch = Batch::append(rows, 0);
        if retracting {
            let kind = |i| match i % 4 {
                3 => RowKind::Delete,
                _ => RowKind::Insert,
            };
            batch.kinds = Some((0..count).map(kind).collect());
        }
        batches.push(batch);
    }
    Ok(batches)
}

/// The second table.
fn group_by(rows: usize, wanted: &dyn Fn(&str) -> bool) -> Fallible<()> {
    let (inserts, retracting) = (changes(rows, false)?, changes(rows, true)?);
    let schema = inserts[0].rows.schema();
    let call = |kind, column| call(&schema, kind, column);
    let count_sum = || -> Fallible<Vec<AggregateCall>> {
        Ok(vec![
            call(AggregateKind::Count, None)?,
            call(AggregateKind::Sum, Some(1))?,
        ])
    };
    let spec = GroupAggregateSpec {
        keys: vec![0],
        calls: count_sum()?,
        retracting: false,
        update_before: true,
        ttl_millis: None,
        mini_batch: None,
    };
    let changed = GroupAggregateSpec {
        retracting: true,
        ..spec.clone()
    };
    let bundled = |millis| {
        Some(MiniBatch {
            rows: 50_000,
            millis,
        })
    };
    let max = vec![call(AggregateKind::Max, Some(1))?];
    let distinct = vec![call(AggregateKind::Count, Some(1))?.with_distinct()];
    let cases = [
        ("group: count sum", spec.clone()),
        (
            "group: count sum, no -U",
            GroupAggregateSpec {
                update_before: false,
                ..spec.clone()
            },
        ),
        (
            "group: count sum, bundles of 50,000",
            GroupAggregateSpec {
                mini_batch: bundled(i64::MAX),
                ..spec.clone()
            },
        ),
        (
            "group: count sum, state TTL 1 h",
            GroupAggregateSpec {
                ttl_millis: Some(3_600_000),
                ..spec.clone()
            },
        ),
        (
            "group: max",
            GroupAggregateSpec {
                calls: max.clone(),
                ..spec.clone()
            },
        ),
        (
            "group: count distinct",
            GroupAggregateSpec {
                calls: distinct.clone(),
                ..spec.clone()
            },
        ),
        (
            "group: distinct",
            GroupAggregateSpec {
                calls: vec![],
                ..spec
            },
        ),
        ("group: count sum of changes", changed.clone()),
        (
            "group: max of changes",
            GroupAggregateSpec {
                calls: max,
                ..changed.clone()
            },
        ),
        (
            "group: count distinct of changes",
            GroupAggregateSpec {
                calls: distinct,
                ..changed
            },
        ),
    ];
    if !cases.iter().any(|(name, _)| wanted(name)) {
        return Ok(());
    }
    println!("\n{rows} rows in batches of {BATCH}, {GROUPS} keys, one thread");
    header();
    for (name, spec) in cases {
        if wanted(name) {
            let home = Home::new()?;
            let operator = GroupAggregate::new(&home.context(), schema.clone(), &spec)?;
            let input = if spec.retracting {
                &retracting
            } else {
                &inserts
            };
            report(name, rows, run(Box::new(operator), input, &home)?);
        }
    }
    Ok(())
}

fn header() {
    println!(
        "{:<44} {:>8} {:>14} {:>12} {:>12}",
        "operator", "ns/row", "million rows/s", "rows out", "snapshot ms"
    );
}

fn report(name: &str, rows: usize, measured: Measured) {
    let nanos = measured.time.as_secs_f64() * 1e9 / rows as f64;
    println!(
        "{name:<44} {nanos:>8.1} {:>14.2} {:>12} {:>12}",
        1e3 / nanos,
        measured.rows_out,
        measured.snapshot.map_or("-".to_owned(), |time| {
            format!("{:.1}", time.as_secs_f64() * 1e3)
        })
    );
}

fn main() -> Fallible<()> {
    let only: Vec<String> = std::env::args()
        .skip(1)
        .filter(|arg| !arg.starts_with("--"))
        .collect();
    let rows: usize = std::env::var("ROWS").map_or(Ok(2_000_000), |rows| rows.parse())?;
    let plain = payments(rows)?;
    let schema = plain[0].schema();
    let mut watermarks = generator(&schema)?;
    let mut batches = Vec::new();
    for rows in &plain {
        let mut batch = Batch::append(rows.clone(), 0);
        batch.watermark_before = watermarks.current();
        batch.watermarks = Some(watermarks.observe(rows)?);
        batches.push(batch);
    }

    println!("{rows} rows in batches of {BATCH}, {CARDS} keys, one thread");
    header();
    let report = |name: &str, measured: Measured| report(name, rows, measured);
    let wanted = |name: &str| only.is_empty() || only.iter().any(|part| name.contains(part));

    let name = "watermark ts - 5 s";
    if wanted(name) {
        let mut generator = generator(&schema)?;
        let start = cpu_time();
        for rows in &plain {
            std::hint::black_box(generator.observe(rows)?);
        }
        let time = cpu_time() - start;
        report(
            name,
            Measured {
                time,
                rows_out: rows,
                snapshot: None,
            },
        );
    }

    let name = "calc: 1 of 2 rows, 5 columns, 1 computed";
    if wanted(name) {
        let filter = binary(
            col("merchant", &schema)?,
            ExprOperator::Lt,
            lit(2_500i32),
            &schema,
        )?;
        let doubled = binary(col("id", &schema)?, ExprOperator::Plus, lit(1i64), &schema)?;
        let mut projection = vec![doubled];
        for column in ["card", "ts", "amount", "category"] {
            projection.push(col(column, &schema)?);
        }
        let fields: Vec<_> = [0, 1, 2, 3, 5].map(|i| schema.fields()[i].clone()).into();
        let output = Arc::new(arrow::datatypes::Schema::new(fields));
        let mut calc = Calc::new(&schema, Some(filter), projection, output)?;
        let (mut out, mut rows_out) = (Output::default(), 0);
        let start = cpu_time();
        for batch in &batches {
            calc.process(0, batch.clone(), &mut out)?;
            rows_out += out.drain().map(|batch| batch.len()).sum::<usize>();
        }
        let time = cpu_time() - start;
        report(
            name,
            Measured {
                time,
                rows_out,
                snapshot: None,
            },
        );
    }

    let name = "exchange by card to 2 instances";
    if wanted(name) {
        let mut partitioner = HashPartitioner::new(&schema, &[CARD], 2, 128)?;
        let mut rows_out = 0;
        let start = cpu_time();
        for batch in &batches {
            partitioner.partition(batch.clone(), |_, part| rows_out += part.len())?;
        }
        let time = cpu_time() - start;
        report(
            name,
            Measured {
                time,
                rows_out,
                snapshot: None,
            },
        );
    }

    let name = "over: 3 range frames and lag";
    if wanted(name) {
        let home = Home::new()?;
        let operator = OverAggregate::new(&home.context(), schema.clone(), &over(&schema)?)?;
        report(name, run(Box::new(operator), &batches, &home)?);
    }

    let name = "over: the same, 4 columns in";
    if wanted(name) {
        let home = Home::new()?;
        let columns = [0, 1, 2, 3];
        let narrow: Vec<Batch> = batches
            .iter()
            .map(|batch| Ok(batch.with_rows(batch.rows.project(&columns)?)))
            .collect::<Fallible<_>>()?;
        let schema = narrow[0].rows.schema();
        let operator = OverAggregate::new(&home.context(), schema.clone(), &over(&schema)?)?;
        report(name, run(Box::new(operator), &narrow, &home)?);
    }

    let name = "over: max over 10 min";
    if wanted(name) {
        let home = Home::new()?;
        let spec = OverSpec {
            partition: vec![CARD],
            order: TS,
            groups: vec![OverGroup {
                frame: Frame::Range(Some(600_000)),
                calls: vec![call(&schema, AggregateKind::Max, Some(AMOUNT))?],
            }],
        };
        let operator = OverAggregate::new(&home.context(), schema.clone(), &spec)?;
        report(name, run(Box::new(operator), &batches, &home)?);
    }

    for (name, window) in [
        (
            "window: tumble 1 min, count sum avg",
            Window::Tumble {
                size: 60_000,
                offset: 0,
            },
        ),
        (
            "window: hop 1 min by 10 s, count sum avg",
            Window::Hop {
                size: 60_000,
                slide: 10_000,
                offset: 0,
            },
        ),
        (
            "window: cumulate 1 h by 1 min, count sum avg",
            Window::Cumulate {
                max_size: 3_600_000,
                step: 60_000,
                offset: 0,
            },
        ),
    ] {
        if wanted(name) {
            let home = Home::new()?;
            let spec = WindowSpec {
                keys: vec![CARD],
                rowtime: TS,
                window,
                calls: vec![
                    call(&schema, AggregateKind::Count, None)?,
                    call(&schema, AggregateKind::Sum, Some(AMOUNT))?,
                    call(&schema, AggregateKind::Avg, Some(AMOUNT))?,
                ],
            };
            let operator = WindowAggregate::new(&home.context(), schema.clone(), &spec)?;
            report(name, run(Box::new(operator), &batches, &home)?);
        }
    }

    let spec = DeduplicateSpec {
        keys: vec![CARD],
        rowtime: TS,
    };
    let name = "deduplicate: first of a card";
    if wanted(name) {
        let home = Home::new()?;
        let operator = DeduplicateFirst::new(&home.context(), schema.clone(), &spec)?;
        report(name, run(Box::new(operator), &batches, &home)?);
    }
    let name = "deduplicate: last of a card";
    if wanted(name) {
        let home = Home::new()?;
        let operator = DeduplicateLast::new(&home.context(), schema.clone(), &spec, true)?;
        report(name, run(Box::new(operator), &batches, &home)?);
    }

    for (name, strategy, end, with_rank) in [
        (
            "top n: 10 of a card, ranked",
            TopNStrategy::AppendOnly,
            10,
            true,
        ),
        ("top n: 10 of a card", TopNStrategy::AppendOnly, 10, false),
        ("top n: 1 of a card", TopNStrategy::AppendOnly, 1, false),
        (
            "top n: 10 of a card, retracting",
            TopNStrategy::Retracting,
            10,
            false,
        ),
    ] {
        if wanted(name) {
            let home = Home::new()?;
            let spec = TopNSpec {
                partition: vec![CARD],
                order: vec![SortColumn::descending(AMOUNT)],
                start: 1,
                end,
                end_column: None,
                with_rank,
                strategy,
                update_before: true,
                ttl_millis: None,
            };
            let operator = spec.operator(&home.context(), schema.clone())?;
            report(name, run(operator, &batches, &home)?);
        }
    }
    group_by(rows, &wanted)
}
