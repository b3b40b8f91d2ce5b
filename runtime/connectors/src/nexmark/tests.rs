use std::collections::BTreeMap;
use std::path::Path;

use arrow::array::{Array, AsArray};
use arrow::datatypes::{Int32Type, Int64Type, TimestampMillisecondType};

use super::*;

fn spec(columns: &[(&str, &str)], options: &[(&str, &str)]) -> TableSpec {
    let mut all: BTreeMap<String, String> = options
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    all.insert("connector".into(), "nexmark".into());
    TableSpec {
        name: "events".into(),
        columns: columns
            .iter()
            .map(|(name, ty)| ((*name).to_owned(), FlinkType::parse(ty).unwrap()))
            .collect(),
        metadata: vec![],
        partition_keys: vec![],
        primary_key: vec![],
        options: all,
        base_dir: ".".into(),
    }
}

fn flat() -> Vec<(&'static str, &'static str)> {
    FLAT.iter().map(|(name, ty, _)| (*name, *ty)).collect()
}

/// All rows of all splits, in the order of splits, read in batches of a size.
fn read(spec: &TableSpec, size: usize) -> Vec<RecordBatch> {
    validate_source(spec).unwrap();
    let projection: Vec<usize> = (0..spec.columns.len()).collect();
    let source = NexmarkSource::open(spec, &projection).unwrap();
    let mut batches = Vec::new();
    for split in source.splits().unwrap() {
        let mut reader = source.reader(&split, None).unwrap();
        while let Read::Rows(batch, None) = reader.next(size).unwrap() {
            assert!(batch.num_rows() <= size);
            batches.push(batch);
        }
    }
    batches
}

fn one(spec: &TableSpec, size: usize) -> RecordBatch {
    let batches = read(spec, size);
    arrow::compute::concat_batches(&batches[0].schema(), &batches).unwrap()
}

fn sorted(batch: &RecordBatch) -> Vec<String> {
    let mut rows: Vec<String> = (0..batch.num_rows())
        .map(|row| {
            let cells = batch.columns().iter();
            cells
                .map(|c| arrow::util::display::array_value_to_string(c, row).unwrap())
                .collect::<Vec<_>>()
                .join("|")
        })
        .collect();
    rows.sort();
    rows
}

#[test]
fn of_fifty_events_one_is_a_person_and_three_are_auctions() {
    let events = one(&spec(&flat(), &[("events.num", "10000")]), 1000);
    assert_eq!(events.num_rows(), 10_000);
    let types = events.column(0).as_primitive::<Int32Type>();
    let count = |kind| types.values().iter().filter(|t| **t == kind).count();
    assert_eq!((count(0), count(1), count(2)), (200, 600, 9_200));
}

#[test]
fn the_events_are_the_same_whatever_the_splits_and_batches() {
    let options = |splits| [("events.num", "5003"), ("splits", splits)];
    let whole = one(&spec(&flat(), &options("1")), 8192);
    // one split is in the order of time
    let times = whole.column(1).as_primitive::<TimestampMillisecondType>();
    assert!(times.values().is_sorted());
    let whole = sorted(&whole);
    for (splits, size) in [("1", 7), ("2", 100), ("3", 1000), ("8", 64)] {
        let other = one(&spec(&flat(), &options(splits)), size);
        assert_eq!(sorted(&other), whole, "{splits} splits");
    }
    let other = one(
        &spec(&flat(), &[("events.num", "5003"), ("seed", "7")]),
        8192,
    );
    assert_ne!(sorted(&other), whole);
}

#[test]
fn a_column_alone_is_the_column_among_others() {
    let whole = one(&spec(&flat(), &[("events.num", "3000")]), 512);
    for (index, (name, ty, _)) in FLAT.iter().enumerate() {
        let alone = one(&spec(&[(name, ty)], &[("events.num", "3000")]), 512);
        assert_eq!(alone.column(0), whole.column(index), "{name}");
    }
}

#[test]
fn nested_rows_hold_what_the_flat_columns_hold() {
    let row = |fields| row_type(fields);
    let (person, auction, bid) = (row(PERSON), row(AUCTION), row(BID));
    let columns = [
        ("event_type", "INT"),
        ("person", person.as_str()),
        ("auction", auction.as_str()),
        ("bid", bid.as_str()),
        ("id", "BIGINT"),
        ("price", "BIGINT"),
        ("name", "STRING"),
    ];
    let events = one(&spec(&columns, &[("events.num", "2000")]), 300);
    let types = events.column(0).as_primitive::<Int32Type>();
    let names = events.column(6).as_string::<i32>();
    let ids = events.column(4).as_primitive::<Int64Type>();
    let parts: Vec<_> = (1..4)
        .map(|column| events.column(column).as_struct())
        .collect();
    let name_fields = ["name", "itemName", "channel"];
    let id_fields = ["id", "id", "auction"];
    for row in 0..events.num_rows() {
        let kind = types.value(row) as usize;
        for (other, part) in parts.iter().enumerate() {
            assert_eq!(part.is_valid(row), other == kind);
        }
        let part = parts[kind];
        let name = part.column_by_name(name_fields[kind]).unwrap();
        assert_eq!(name.as_string::<i32>().value(row), names.value(row));
        let id = part.column_by_name(id_fields[kind]).unwrap();
        assert_eq!(id.as_primitive::<Int64Type>().value(row), ids.value(row));
    }
}

#[test]
fn ids_count_up_and_most_bids_are_hot() {
    let columns = [
        ("event_type", "INT"),
        ("id", "BIGINT"),
        ("person_id", "BIGINT"),
        ("price", "BIGINT"),
    ];
    let options = [("events.num", "100000"), ("splits", "1")];
    let events = one(&spec(&columns, &options), 8192);
    let types = events.column(0).as_primitive::<Int32Type>();
    let [ids, people, prices] =
        [1, 2, 3].map(|column| events.column(column).as_primitive::<Int64Type>());
    let of = |kind: i32| (0..events.num_rows()).filter(move |row| types.value(*row) == kind);
    let person_ids: Vec<i64> = of(0).map(|row| ids.value(row)).collect();
    assert_eq!(person_ids, (1000..3000).collect::<Vec<i64>>());
    let auction_ids: Vec<i64> = of(1).map(|row| ids.value(row)).collect();
    assert_eq!(auction_ids, (1000..7000).collect::<Vec<i64>>());
    let bids = of(2).count() as f64;
    let share = |hot: usize| hot as f64 / bids;
    // one of two bids is for a hot auction, three of four are by a hot bidder
    let hot_auctions = of(2).filter(|row| ids.value(*row) % 100 == 0).count();
    assert!(
        (0.49..0.53).contains(&share(hot_auctions)),
        "{hot_auctions}"
    );
    let hot_bidders = of(2).filter(|row| people.value(*row) % 100 == 1).count();
    assert!((0.74..0.78).contains(&share(hot_bidders)), "{hot_bidders}");
    let sellers = of(1).filter(|row| people.value(*row) % 100 == 0).count();
    assert!(
        (0.73..0.78).contains(&(sellers as f64 / 6000.0)),
        "{sellers}"
    );
    // prices from 1 to a million, evenly by their order
    let prices: Vec<i64> = of(2).map(|row| prices.value(row)).collect();
    assert!(
        prices
            .iter()
            .all(|price| (100..=100_000_000).contains(price))
    );
    let low = prices.iter().filter(|price| **price < 100_000).count();
    assert!((0.48..0.52).contains(&share(low)), "{low}");
}

#[test]
fn event_time_goes_by_the_rate() {
    let columns = [("dateTime", "TIMESTAMP(3)"), ("expires", "TIMESTAMP(3)")];
    let options = [
        ("events.num", "1001"),
        ("splits", "1"),
        ("first-event.rate", "1000"),
        ("start-time", "1970-01-01 00:00:01"),
    ];
    let events = one(&spec(&columns, &options), 8192);
    let times = events.column(0).as_primitive::<TimestampMillisecondType>();
    assert_eq!(times.value(0), 1_000);
    assert_eq!(times.value(1000), 2_000);
    let expires = events.column(1).as_primitive::<TimestampMillisecondType>();
    for row in (0..1001).filter(|row| expires.is_valid(*row)) {
        let open = expires.value(row) - times.value(row);
        assert!((1..=3400).contains(&open), "{open}");
    }
}

#[test]
fn a_reader_goes_on_where_another_stood() {
    let spec = spec(&flat(), &[("events.num", "4000"), ("splits", "2")]);
    let projection: Vec<usize> = (0..spec.columns.len()).collect();
    let source = NexmarkSource::open(&spec, &projection).unwrap();
    let split = &source.splits().unwrap()[1];
    let mut whole = source.reader(split, None).unwrap();
    let Read::Rows(whole, _) = whole.next(2000).unwrap() else {
        panic!("no rows");
    };
    let mut first = source.reader(split, None).unwrap();
    let _ = first.next(777).unwrap();
    let position = first.position();
    let mut second = source.reader(split, Some(&position)).unwrap();
    let Read::Rows(rest, _) = second.next(5000).unwrap() else {
        panic!("no rows");
    };
    assert_eq!(rest, whole.slice(777, whole.num_rows() - 777));
    assert!(matches!(second.next(1).unwrap(), Read::End));
}

#[test]
fn faults_of_a_table_are_told() {
    let fault = |columns: &[(&str, &str)], options: &[(&str, &str)]| {
        validate_source(&spec(columns, options))
            .unwrap_err()
            .to_string()
    };
    assert!(fault(&[("bidd", "INT")], &[]).contains("did you mean 'bid'?"));
    assert!(fault(&[("price", "INT")], &[]).contains("declare it as BIGINT"));
    assert!(fault(&[("price", "BIGINT NOT NULL")], &[]).contains("without NOT NULL"));
    assert!(fault(&[], &[("next-event.rate", "7")]).contains("'next-event.rate' = '10000'"));
    assert!(fault(&[], &[("rate.shape", "SINE")]).contains("not supported"));
    assert!(fault(&[], &[("splits", "5000")]).contains("at most 1024"));
}

#[test]
fn files_hold_the_events() {
    let dir = tempfile::tempdir().unwrap();
    let export_to = |folder: &Path, layout, format: &str| {
        export(&NexmarkExport {
            events: 2_500,
            files: 2,
            format: format.into(),
            layout,
            folder: folder.to_owned(),
            options: BTreeMap::new(),
        })
        .unwrap()
    };
    let count = |paths: &[std::path::PathBuf]| -> usize {
        let lines = |path| std::fs::read_to_string(path).unwrap().lines().count();
        paths.iter().map(lines).sum()
    };
    let flat_files = export_to(&dir.path().join("flat"), NexmarkLayout::Flat, "csv");
    assert_eq!((flat_files.len(), count(&flat_files)), (2, 2_500));
    // what the files hold is what the connector gives
    let mut files = spec(
        &flat(),
        &[
            ("path", "flat"),
            ("format", "csv"),
            ("csv.null-literal", ""),
        ],
    );
    files
        .options
        .insert("connector".into(), "filesystem".into());
    files.base_dir = dir.path().to_owned();
    let projection: Vec<usize> = (0..files.columns.len()).collect();
    let source = crate::open_source(&files, &projection).unwrap();
    let mut rows = Vec::new();
    for split in source.splits().unwrap() {
        let mut reader = source.reader(&split, None).unwrap();
        while let Read::Rows(batch, None) = reader.next(1000).unwrap() {
            rows.push(batch);
        }
    }
    let from_files = arrow::compute::concat_batches(&source.schema(), &rows).unwrap();
    let generated = one(&spec(&flat(), &[("events.num", "2500")]), 1000);
    assert_eq!(sorted(&from_files), sorted(&generated));

    let tables = export_to(&dir.path().join("tables"), NexmarkLayout::Tables, "json");
    let of = |name: &str| -> usize {
        let paths: Vec<_> = tables
            .iter()
            .filter(|path| path.parent().unwrap().ends_with(name))
            .cloned()
            .collect();
        count(&paths)
    };
    assert_eq!((of("person"), of("auction"), of("bid")), (50, 150, 2_300));
    let nested = export_to(&dir.path().join("nested"), NexmarkLayout::Nested, "json");
    assert_eq!(count(&nested), 2_500);
}
