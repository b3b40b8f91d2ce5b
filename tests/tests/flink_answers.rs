//! The cases of `tests/conformance/cases`: what Millstream gives must be what a real Flink gave.
//!
//! Flink's answers are recorded below each script, so this needs no JVM. Rows are compared as
//! multisets; of an error only that there is one.

use std::path::Path;

use millstream_tests::{How, run_sql};

const MARK: &str = "-- Flink 2.3.0:\n";

/// Cases that Millstream must refuse as not supported, by name, until it has what they need.
const NOT_YET: &[&str] = &["current_watermark"];

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance")
}

fn check(case: &Path) -> Result<(), String> {
    let text = std::fs::read_to_string(case).map_err(|e| e.to_string())?;
    let (query, answer) = text
        .split_once(MARK)
        .ok_or("the case has no recorded answer")?;
    let answer: Vec<&str> = answer
        .lines()
        .map(|line| line.trim_start_matches("-- "))
        .collect();
    let tables = std::fs::read_to_string(folder().join("tables.sql"))
        .map_err(|e| e.to_string())?
        .replace("${data}", &folder().join("data").display().to_string());
    let dir = tempfile::tempdir().map_err(|e| e.to_string())?;
    let ran = run_sql(dir.path(), &format!("{tables}\n{query}"), &How::default());
    let name = case.file_stem().unwrap_or_default().to_string_lossy();
    if NOT_YET.contains(&name.as_ref()) {
        return match ran {
            Err(why) if why.contains("not supported") => Ok(()),
            other => Err(format!(
                "expected a refusal as not supported, got {other:?}"
            )),
        };
    }
    if let Some(error) = answer[0].strip_prefix("error: ") {
        return match ran {
            Err(_) => Ok(()),
            Ok(run) => Err(format!(
                "Flink refuses this ({error}), we gave {:?}",
                run.printed
            )),
        };
    }
    let mut expected: Vec<&str> = answer[1..].to_vec();
    let run = ran?;
    let mut got: Vec<&str> = run.printed.iter().map(String::as_str).collect();
    expected.sort_unstable();
    got.sort_unstable();
    if expected == got {
        return Ok(());
    }
    let missing: Vec<_> = expected.iter().filter(|r| !got.contains(r)).collect();
    let surplus: Vec<_> = got.iter().filter(|r| !expected.contains(r)).collect();
    Err(format!(
        "{} rows expected, {} came\n  missing {missing:?}\n  surplus {surplus:?}",
        expected.len(),
        got.len()
    ))
}

#[test]
fn millstream_gives_what_flink_gave() {
    let mut cases: Vec<_> = std::fs::read_dir(folder().join("cases"))
        .expect("the folder of cases")
        .map(|entry| entry.expect("a case").path())
        .filter(|path| path.extension().is_some_and(|e| e == "sql"))
        .collect();
    cases.sort();
    assert!(cases.len() >= 31, "only {} cases", cases.len());
    let failures: Vec<String> = cases
        .iter()
        .filter_map(|case| {
            let name = case.file_stem()?.to_string_lossy().into_owned();
            check(case).err().map(|why| format!("{name}: {why}"))
        })
        .collect();
    assert!(
        failures.is_empty(),
        "{} of {} cases differ\n{}",
        failures.len(),
        cases.len(),
        failures.join("\n")
    );
}
