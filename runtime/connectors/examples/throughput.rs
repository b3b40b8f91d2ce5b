//! How many rows a second the connectors make, read and write on one core.
//!
//! `cargo run --release -p millstream-connectors --example throughput [ROWS]`

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::time::Instant;

use arrow::array::RecordBatch;
use millstream_connectors::{
    Read, Result, SinkContext, TableSpec, commit, generator_columns, open_sink, open_source,
};

const BATCH: usize = 8192;

fn table(base: &Path, options: &[(&str, &str)]) -> TableSpec {
    TableSpec {
        name: "payments".into(),
        columns: generator_columns("card-transactions").unwrap_or_default(),
        metadata: vec![],
        partition_keys: vec![],
        primary_key: vec![],
        options: options
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect::<BTreeMap<_, _>>(),
        base_dir: base.to_owned(),
    }
}

/// Reads every split to its end, giving each batch to `take`.
fn read(
    spec: &TableSpec,
    projection: &[usize],
    mut take: impl FnMut(&RecordBatch) -> Result<()>,
) -> Result<u64> {
    let source = open_source(spec, projection)?;
    let mut rows = 0;
    for split in source.splits()? {
        let mut reader = source.reader(&split, None)?;
        loop {
            match reader.next(BATCH)? {
                Read::Rows(batch, _) => {
                    rows += batch.num_rows() as u64;
                    take(&batch)?;
                }
                Read::Idle => {}
                Read::End => break,
            }
        }
    }
    Ok(rows)
}

fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let rows = std::env::args().nth(1).unwrap_or_else(|| "2000000".into());
    let base = std::env::temp_dir().join(format!("millstream-throughput-{}", std::process::id()));
    std::fs::create_dir_all(&base)?;
    let result = measure(&rows, &base);
    std::fs::remove_dir_all(&base)?;
    result
}

fn measure(rows: &str, base: &Path) -> std::result::Result<(), Box<dyn std::error::Error>> {
    let all: Vec<usize> = (0..8).collect();
    let mut out = std::io::stdout().lock();
    let mut line = |what: &str, rows: u64, started: Instant| {
        let rate = rows as f64 / started.elapsed().as_secs_f64() / 1e6;
        writeln!(out, "{what:<52} {rate:>7.2} million rows/s")
    };
    let generator = [("connector", "card-transactions"), ("number-of-rows", rows)];
    let payments = table(base, &generator);

    let started = Instant::now();
    let count = read(&payments, &all, |_| Ok(()))?;
    line("card-transactions, all 8 columns", count, started)?;

    let started = Instant::now();
    let count = read(&payments, &[1, 2], |_| Ok(()))?;
    line("card-transactions, card_id and ts", count, started)?;

    let mut batches = Vec::new();
    read(&payments, &all, |batch| {
        batches.push(batch.clone());
        Ok(())
    })?;
    for format in ["csv", "json"] {
        let file = table(
            base,
            &[
                ("connector", "filesystem"),
                ("path", format),
                ("format", format),
            ],
        );
        let started = Instant::now();
        let mut sink = open_sink(&file, &SinkContext::single("throughput"))?;
        for batch in &batches {
            sink.write(batch, None)?;
        }
        let committables = sink.prepare_commit(1)?;
        commit(&file, &committables)?;
        line(
            &format!("{format}: write 8 columns, synced"),
            count,
            started,
        )?;
        // the first pass may read from the disk
        read(&file, &[], |_| Ok(()))?;
        for (columns, projection) in [
            ("all 8 columns", &all[..]),
            ("card_id, ts, amount, is_fraud", &[1, 2, 3, 7]),
            ("card_id", &[1]),
        ] {
            let started = Instant::now();
            let count = read(&file, projection, |_| Ok(()))?;
            line(&format!("{format}: read {columns}"), count, started)?;
        }
    }
    Ok(())
}
