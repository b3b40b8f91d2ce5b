//! Whether a table holds what is expected.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use millstream_functions::RowKind;
use serde_json::Value;

use super::strings;
use super::values::ChangeRow;

/// What a sink of a case is expected to be given.
#[derive(Debug, Clone, Default)]
pub(super) struct Expected {
    before: Vec<String>,
    after: Vec<String>,
    /// The table that the changes make is compared, not the changes.
    materialized: bool,
    /// Positions of the primary key.
    key: Vec<usize>,
    /// The last row of these fields counts, not those before it.
    last_of: Option<Vec<usize>>,
}

impl Expected {
    /// What a sink step says; `key` are the positions of the table's primary key.
    pub fn of(sink: &Value, key: Vec<usize>) -> Self {
        let rows = |list: &Value| -> Vec<String> {
            let strings = list["strings"].as_array().into_iter().flatten();
            strings
                .filter_map(|s| s.as_str().map(str::to_owned))
                .collect()
        };
        let fields = sink["dedup_field_indices"].as_array().map(|indices| {
            let indices = indices.iter().filter_map(Value::as_u64);
            indices.map(|index| index as usize).collect()
        });
        Self {
            before: rows(&sink["expected"]),
            after: rows(&sink["expected_after_restore"]),
            materialized: sink["test_materialized"] == true,
            key,
            last_of: fields,
        }
    }

    /// The rows as they are compared.
    fn shown(&self, rows: &[ChangeRow]) -> Result<Vec<String>, String> {
        if let Some(fields) = &self.last_of {
            return Ok(strings(&last_rows(rows, fields)));
        }
        if self.materialized {
            return Ok(strings(&materialize(rows, &self.key)?));
        }
        Ok(strings(rows))
    }

    fn all(&self) -> Vec<String> {
        self.before.iter().chain(&self.after).cloned().collect()
    }

    /// Whether there is nothing to wait for: the expected rows are there, or can't come any more.
    pub fn decided(&self, rows: &[ChangeRow], whole: bool) -> bool {
        let wanted = if whole {
            self.all()
        } else {
            self.before.clone()
        };
        let Ok(shown) = self.shown(rows) else {
            return true;
        };
        let surplus = !self.materialized && self.last_of.is_none() && shown.len() > wanted.len();
        surplus || difference(&wanted, &shown).is_none()
    }

    /// Compares what came before the restore.
    pub fn before_restore(&self, rows: &[ChangeRow]) -> Result<(), String> {
        compare(&self.before, &self.shown(rows)?)
    }

    /// Compares all that came.
    pub fn whole(&self, rows: &[ChangeRow]) -> Result<(), String> {
        compare(&self.all(), &self.shown(rows)?)
    }
}

fn compare(wanted: &[String], got: &[String]) -> Result<(), String> {
    match difference(wanted, got) {
        None => Ok(()),
        Some(difference) => Err(difference),
    }
}

/// The sorted rows of both, those that only one has marked; `None` if they are the same multiset.
fn difference(wanted: &[String], got: &[String]) -> Option<String> {
    let mut counts: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for row in wanted {
        counts.entry(row).or_default().0 += 1;
    }
    for row in got {
        counts.entry(row).or_default().1 += 1;
    }
    if counts.values().all(|(wanted, got)| wanted == got) {
        return None;
    }
    let mut out = format!(
        "{} rows expected, {} came (- did not come, + not expected)",
        wanted.len(),
        got.len()
    );
    for (row, (wanted, got)) in counts {
        for (mark, count) in [
            (' ', wanted.min(got)),
            ('-', wanted.saturating_sub(got)),
            ('+', got.saturating_sub(wanted)),
        ] {
            for _ in 0..count {
                let _ = write!(out, "\n{mark} {row}");
            }
        }
    }
    Some(out)
}

/// The table that a changelog makes, as inserts: by key if it has one, else row by row.
fn materialize(rows: &[ChangeRow], key: &[usize]) -> Result<Vec<ChangeRow>, String> {
    let unknown = |row: &ChangeRow| format!("a row was taken back that was not there: {row}");
    let mut table: Vec<Vec<String>> = Vec::new();
    for row in rows {
        let place = |table: &[Vec<String>]| {
            table.iter().position(|known| {
                if key.is_empty() {
                    *known == row.fields
                } else {
                    key.iter().all(|&k| known.get(k) == row.fields.get(k))
                }
            })
        };
        match (row.kind, key.is_empty()) {
            (RowKind::Insert | RowKind::UpdateAfter, true) => table.push(row.fields.clone()),
            (RowKind::Insert | RowKind::UpdateAfter, false) => match place(&table) {
                Some(at) => table[at].clone_from(&row.fields),
                None => table.push(row.fields.clone()),
            },
            // The new content of the key follows.
            (RowKind::UpdateBefore, false) => {}
            (RowKind::UpdateBefore, true) | (RowKind::Delete, _) => {
                let at = place(&table).ok_or_else(|| unknown(row))?;
                table.remove(at);
            }
        }
    }
    Ok(table
        .into_iter()
        .map(|fields| ChangeRow {
            kind: RowKind::Insert,
            fields,
        })
        .collect())
}

/// The last row of each value of these fields.
fn last_rows(rows: &[ChangeRow], fields: &[usize]) -> Vec<ChangeRow> {
    let mut last: BTreeMap<Vec<Option<&String>>, &ChangeRow> = BTreeMap::new();
    for row in rows {
        let key = fields.iter().map(|&field| row.fields.get(field)).collect();
        last.insert(key, row);
    }
    last.into_values().cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn rows(texts: &[&str]) -> Vec<ChangeRow> {
        texts
            .iter()
            .map(|text| {
                let kind = [
                    RowKind::Insert,
                    RowKind::UpdateBefore,
                    RowKind::UpdateAfter,
                    RowKind::Delete,
                ]
                .into_iter()
                .find(|kind| text.starts_with(kind.short()))
                .unwrap();
                let inner = &text[3..text.len() - 1];
                ChangeRow {
                    kind,
                    fields: inner.split(", ").map(str::to_owned).collect(),
                }
            })
            .collect()
    }

    fn expected(strings: &[&str], materialized: bool, key: &[usize]) -> Expected {
        let sink = json!({"expected": {"strings": strings}, "test_materialized": materialized});
        Expected::of(&sink, key.to_vec())
    }

    #[test]
    fn rows_are_a_multiset_and_the_difference_is_sorted() {
        let wanted = expected(&["+I[b, 1]", "+I[a, 1]", "+I[a, 1]"], false, &[]);
        assert!(
            wanted
                .whole(&rows(&["+I[a, 1]", "+I[a, 1]", "+I[b, 1]"]))
                .is_ok()
        );
        assert_eq!(
            wanted.whole(&rows(&["+I[c, 1]", "+I[a, 1]"])).unwrap_err(),
            "3 rows expected, 2 came (- did not come, + not expected)\n  \
             +I[a, 1]\n- +I[a, 1]\n- +I[b, 1]\n+ +I[c, 1]"
        );
    }

    #[test]
    fn a_changelog_is_folded_by_row_or_by_key() {
        let changes = rows(&["+I[a, 1]", "+I[b, 1]", "-U[a, 1]", "+U[a, 2]", "-D[b, 1]"]);
        assert!(expected(&["+I[a, 2]"], true, &[]).whole(&changes).is_ok());
        assert!(expected(&["+I[a, 2]"], true, &[0]).whole(&changes).is_ok());
        let upserts = rows(&["+I[a, 1]", "+U[a, 2]"]);
        assert!(expected(&["+I[a, 2]"], true, &[0]).whole(&upserts).is_ok());
        assert!(expected(&["+I[a, 2]"], true, &[]).whole(&upserts).is_err());
        let unknown = rows(&["-D[a, 1]"]);
        assert_eq!(
            expected(&[], true, &[]).whole(&unknown).unwrap_err(),
            "a row was taken back that was not there: -D[a, 1]"
        );
    }

    #[test]
    fn the_last_row_of_some_fields_counts() {
        let sink = json!({
            "expected": {"strings": ["+U[a, 2]", "+I[b, 1]"]},
            "dedup_field_indices": [0],
        });
        let expected = Expected::of(&sink, vec![]);
        assert!(
            expected
                .whole(&rows(&["+I[a, 1]", "+I[b, 1]", "+U[a, 2]"]))
                .is_ok()
        );
        assert!(expected.whole(&rows(&["+I[a, 1]", "+I[b, 1]"])).is_err());
    }

    #[test]
    fn waiting_ends_when_rows_are_there_or_too_many() {
        let wanted = expected(&["+I[a, 1]"], false, &[]);
        assert!(!wanted.decided(&[], false));
        assert!(wanted.decided(&rows(&["+I[a, 1]"]), false));
        assert!(wanted.decided(&rows(&["+I[b, 1]", "+I[c, 1]"]), false));
    }
}
