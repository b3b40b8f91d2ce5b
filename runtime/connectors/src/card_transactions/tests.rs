use std::collections::{BTreeMap, HashMap};

use arrow::array::{AsArray, RecordBatch};
use arrow::compute::concat_batches;
use arrow::datatypes::{Decimal128Type, Int64Type, TimestampMillisecondType};
use millstream_functions::types::FlinkType;

use super::*;

fn spec(options: &[(&str, &str)]) -> TableSpec {
    let mut all = BTreeMap::from([("connector".to_owned(), "card-transactions".to_owned())]);
    for (key, value) in options {
        all.insert((*key).to_owned(), (*value).to_owned());
    }
    TableSpec {
        name: "payments".into(),
        columns: columns()
            .into_iter()
            .map(|(name, ty)| (name, FlinkType::parse(&ty).unwrap()))
            .collect(),
        metadata: vec![],
        partition_keys: vec![],
        primary_key: vec![],
        options: all,
        base_dir: ".".into(),
    }
}

/// The rows of a split from a row on, read in batches of a size.
fn read(options: &[(&str, &str)], split: u64, from: u64, rows: usize, batch: usize) -> RecordBatch {
    let spec = spec(options);
    validate_source(&spec).unwrap();
    let projection: Vec<usize> = (0..8).collect();
    let source = CardSource::open(&spec, &projection).unwrap();
    let mut reader = source.card_reader(split, from);
    let mut batches = Vec::new();
    let mut left = rows;
    while left > 0 {
        match reader.next(batch.min(left)).unwrap() {
            Read::Rows(rows, None) => {
                left -= rows.num_rows();
                batches.push(rows);
            }
            other => panic!("{other:?}"),
        }
    }
    concat_batches(&source.schema(), &batches).unwrap()
}

#[test]
fn a_row_depends_on_its_number_only() {
    let whole = read(&[], 1, 0, 120_000, 8192);
    assert_eq!(whole, read(&[], 1, 0, 120_000, 777), "another batch size");
    for from in [1, 2_999, 3_000, 54_321, 99_999] {
        assert_eq!(
            whole.slice(from, 5_000),
            read(&[], 1, from as u64, 5_000, 1000),
            "from row {from}"
        );
    }
    assert_ne!(whole, read(&[("seed", "7")], 1, 0, 120_000, 8192));
}

#[test]
fn the_rows_are_the_ones_that_were_published() {
    let rows = read(&[("number-of-rows", "12")], 0, 0, 3, 10);
    let text: Vec<String> = {
        let spec = spec(&[]);
        let mut encoder = crate::formats::csv::CsvEncoder::new(
            crate::formats::csv::CsvFormat::plain(),
            &spec.columns,
        );
        let mut out = Vec::new();
        crate::formats::Encoder::encode(&mut encoder, &rows, &mut out).unwrap();
        String::from_utf8(out)
            .unwrap()
            .lines()
            .map(str::to_owned)
            .collect()
    };
    // whoever changes these changes every sample, model and recorded result built on them
    assert_eq!(
        text,
        [
            "0,9109,\"2024-01-01 08:00:01.453\",221.63,3741,online_shopping,US,false",
            "4,77,\"2024-01-01 08:00:01.654\",252.45,847,clothing,PL,false",
            "8,8757,\"2024-01-01 08:00:02.118\",47.33,3380,clothing,GB,false",
        ]
    );
}

#[test]
fn a_cards_rows_are_in_one_split_and_strictly_increasing_and_nearly_in_order() {
    for events in ["2", "200", "2000"] {
        let mut split_of: HashMap<i64, u64> = HashMap::new();
        for split in 0..4 {
            let rows = read(&[("events-per-second", events)], split, 0, 100_000, 8192);
            let cards = rows.column(1).as_primitive::<Int64Type>();
            let times = rows.column(2).as_primitive::<TimestampMillisecondType>();
            let mut last: HashMap<i64, i64> = HashMap::new();
            let mut latest = i64::MIN;
            for row in 0..rows.num_rows() {
                let (card, time) = (cards.value(row), times.value(row));
                assert_eq!(*split_of.entry(card).or_insert(split), split);
                if let Some(before) = last.insert(card, time) {
                    assert!(before < time, "card {card} at {time}");
                }
                latest = latest.max(time);
                assert!(latest - time <= 2_000);
            }
            assert!(
                cards
                    .values()
                    .iter()
                    .all(|card| (1..=10_000).contains(card))
            );
        }
    }
}

#[test]
fn fraud_is_as_frequent_as_asked_and_looks_like_it() {
    let rows = read(&[("fraud-rate", "0.01")], 2, 0, 400_000, 8192);
    let fraud = rows.column(7).as_boolean();
    let rate = fraud.true_count() as f64 / 4e5;
    assert!((0.008..0.012).contains(&rate), "{rate}");
    // its median amount isn't the honest one's, and its countries are more often foreign
    let amounts = rows.column(3).as_primitive::<Decimal128Type>();
    let mut honest: Vec<i128> = Vec::new();
    for row in 0..rows.num_rows() {
        let amount = amounts.value(row);
        assert!((50..=10_000_000).contains(&amount), "{amount}");
        if !fraud.value(row) {
            honest.push(amount);
        }
    }
    honest.sort_unstable();
    let median = honest[honest.len() / 2];
    assert!((2_000..4_000).contains(&median), "{median}");
    assert_eq!(
        read(&[("fraud-rate", "0")], 2, 0, 50_000, 8192)
            .column(7)
            .as_boolean()
            .true_count(),
        0
    );
}

#[test]
fn a_day_has_its_rhythm() {
    // a row a second and split: a day is 86,400 rows
    let options = [
        ("events-per-second", "4"),
        ("start-time", "2024-03-01 00:00:00"),
    ];
    let rows = read(&options, 0, 0, 86_400, 8192);
    let times = rows.column(2).as_primitive::<TimestampMillisecondType>();
    let start = 1_709_251_200_000;
    let mut hours = [0; 25];
    for time in times.values() {
        hours[((time - start) / 3_600_000) as usize] += 1;
    }
    assert!(hours[3] < 1_000 && hours[18] > 5_000, "{hours:?}");
    assert!(hours[24] < 10, "{hours:?}");
}

#[test]
fn a_bounded_table_ends_and_unasked_columns_change_nothing() {
    let options = [("number-of-rows", "10001"), ("splits", "3")];
    let spec = spec(&options);
    let source = CardSource::open(&spec, &[2, 0]).unwrap();
    let full = CardSource::open(&spec, &[0, 1, 2, 3, 4, 5, 6, 7]).unwrap();
    let mut ids = Vec::new();
    for (number, split) in source.splits().unwrap().iter().enumerate() {
        let mut reader = source.reader(split, None).unwrap();
        let mut all = full.reader(split, None).unwrap();
        loop {
            match (reader.next(1000).unwrap(), all.next(1000).unwrap()) {
                (Read::Rows(rows, _), Read::Rows(full, _)) => {
                    assert_eq!(rows, full.project(&[2, 0]).unwrap());
                    ids.extend_from_slice(rows.column(1).as_primitive::<Int64Type>().values());
                }
                (Read::End, Read::End) => break,
                other => panic!("{number}: {other:?}"),
            }
        }
        let position = reader.position();
        let text = serde_json::to_string(&position).unwrap();
        assert_eq!(serde_json::from_str::<Position>(&text).unwrap(), position);
    }
    ids.sort_unstable();
    assert_eq!(ids, (0..10_001).collect::<Vec<i64>>());
}

#[test]
fn a_rate_is_kept() {
    let spec = spec(&[("rows-per-second", "40")]);
    let source = CardSource::open(&spec, &[0]).unwrap();
    let mut reader = source.card_reader(0, 0);
    // the first of ten rows a second and split is due at once, the next is not
    assert!(matches!(reader.next(100).unwrap(), Read::Rows(rows, None) if rows.num_rows() == 1));
    assert!(matches!(reader.next(100).unwrap(), Read::Idle));
}

#[test]
fn bad_definitions_are_refused() {
    let refused = |options: &[(&str, &str)]| {
        let error = crate::validate_source(&spec(options)).unwrap_err();
        (error.option().map(str::to_owned), error.to_string())
    };
    assert_eq!(
        refused(&[("sed", "1")]).1,
        "table 'payments': the connector 'card-transactions' has no option 'sed'; did you mean 'seed'?"
    );
    assert_eq!(refused(&[("cards", "many")]).0.as_deref(), Some("cards"));
    assert_eq!(refused(&[("cards", "2")]).0.as_deref(), Some("cards"));
    assert_eq!(
        refused(&[("events-per-second", "1e9")]).0.as_deref(),
        Some("events-per-second")
    );
    assert_eq!(
        refused(&[("fraud-rate", "0.9")]).0.as_deref(),
        Some("fraud-rate")
    );
    let mut spec = spec(&[]);
    spec.columns[1] = ("card".into(), FlinkType::parse("BIGINT").unwrap());
    let error = crate::validate_source(&spec).unwrap_err();
    assert!(
        error.to_string().contains("did you mean 'card_id'?"),
        "{error}"
    );
    spec.columns[1] = ("card_id".into(), FlinkType::parse("INT").unwrap());
    let error = crate::validate_source(&spec).unwrap_err();
    assert!(
        error.to_string().contains("is of type BIGINT, not INT"),
        "{error}"
    );
}
