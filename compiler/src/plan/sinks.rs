//! What a table asks of the rows that are written to it, and the operators in front of it that see
//! to it: the types' constraints, the order of upserts by its primary key, the drop of old values.

use std::collections::BTreeMap;

use datafusion_common::{Result, plan_err};
use millstream_functions::types::{FlinkType, MAX_LENGTH, TypeKind};

use super::keys::{self, Key};
use super::stream::{ChangelogMode, PlanColumn, PlanNode, PlanTable, StreamOp, StreamPlan};

/// Which kinds of rows a table takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SinkMode {
    /// Inserts only.
    Append,
    /// Everything but old values of updates; by its primary key, if it has one.
    Upsert,
    /// Everything.
    Retract,
}

/// Which kinds of rows a table takes, by its connector, format and primary key.
pub(crate) fn mode(table: &PlanTable) -> SinkMode {
    mode_of(&table.options, !table.primary_key.is_empty())
}

/// See [`mode`].
pub(crate) fn mode_of(options: &BTreeMap<String, String>, has_key: bool) -> SinkMode {
    let option = |key: &str| options.get(key).map(String::as_str);
    // Test tables say themselves which kinds of rows they take.
    let enforced = option("sink-changelog-mode-enforced").or_else(|| option("changelog-mode"));
    if let Some(kinds) = enforced {
        let has = |kind: &str| kinds.split(',').any(|k| k.trim() == kind);
        return match (has("UB"), has("UA") || has("D")) {
            (true, _) => SinkMode::Retract,
            (false, true) => SinkMode::Upsert,
            (false, false) => SinkMode::Append,
        };
    }
    let format = option("format").or_else(|| option("value.format"));
    let changelog = matches!(
        format,
        Some("debezium-json" | "canal-json" | "maxwell-json" | "ogg-json")
    );
    match option("connector") {
        Some("print") => SinkMode::Retract,
        Some("blackhole") => SinkMode::Upsert,
        Some("filesystem" | "kafka") if !changelog => SinkMode::Append,
        _ if has_key => SinkMode::Upsert,
        _ => SinkMode::Retract,
    }
}

/// Whether a delete need not carry more than the table's primary key.
pub(crate) fn deletes_by_key(table: &PlanTable) -> bool {
    is_true(table, "sink.supports-delete-by-key")
}

/// Whether the deletes that a table gives carry nothing but its primary key.
pub(crate) fn gives_deletes_by_key(table: &PlanTable) -> bool {
    is_true(table, "source.produces-delete-by-key")
}

fn is_true(table: &PlanTable, option: &str) -> bool {
    table.options.get(option).is_some_and(|v| v == "true")
}

/// The columns of a row as it is written: physical ones, then metadata that is written too.
pub(crate) fn written_columns(
    physical: Vec<(String, FlinkType)>,
    metadata: &[(String, String, FlinkType, bool)],
    options: &BTreeMap<String, String>,
) -> Vec<(String, FlinkType)> {
    let mut persisted: Vec<_> = metadata
        .iter()
        .filter(|(_, _, _, is_virtual)| !is_virtual)
        .collect();
    // A connector gets metadata in the order in which it lists it.
    if let Some(listed) = options.get("writable-metadata") {
        let place = |key: &str| {
            let keys = listed.split(',').map(|entry| entry.split(':').next());
            keys.map(|k| k.map(str::trim)).position(|k| k == Some(key))
        };
        persisted.sort_by_key(|(_, key, _, _)| place(key));
    }
    let persisted = persisted
        .into_iter()
        .map(|(name, _, ty, _)| (name.clone(), ty.clone()));
    physical.into_iter().chain(persisted).collect()
}

/// Positions of a table's primary key in its rows.
pub(crate) fn key_positions(table: &PlanTable) -> Key {
    let mut key: Key = table
        .primary_key
        .iter()
        .filter_map(|name| table.columns.iter().position(|(column, _)| column == name))
        .collect();
    key.sort_unstable();
    key
}

/// A setting of a few words, in upper case; the first is the default.
fn choice<'c>(
    settings: &BTreeMap<String, String>,
    key: &str,
    choices: &[&'c str],
) -> Result<&'c str> {
    let Some(value) = settings.get(key) else {
        return Ok(choices[0]);
    };
    match choices.iter().find(|c| c.eq_ignore_ascii_case(value)) {
        Some(choice) => Ok(choice),
        None => plan_err!("'{key}' takes {}, not '{value}'", choices.join(", ")),
    }
}

/// Adds the operators in front of each sink.
pub(crate) fn prepare(plan: StreamPlan) -> Result<StreamPlan> {
    let keys = keys::upsert_keys(&plan);
    let settings = plan.settings.clone();
    let mut prepared = StreamPlan {
        nodes: Vec::with_capacity(plan.nodes.len()),
        ..plan.clone()
    };
    let mut places: Vec<usize> = Vec::with_capacity(plan.nodes.len());
    for mut node in plan.nodes {
        let input_keys = node.inputs.first().map(|&input| keys[input].as_slice());
        for input in &mut node.inputs {
            *input = places[*input];
        }
        if let StreamOp::Sink {
            table, conflict, ..
        } = node.op
        {
            let table = &prepared.tables[table];
            let (mut front, keyed_by) = in_front(
                table,
                conflict,
                &prepared.nodes[node.inputs[0]],
                input_keys.unwrap_or_default(),
                &settings,
            )?;
            for op in front.drain(..) {
                let from = &prepared.nodes[node.inputs[0]];
                let changelog = match (&op, from.changelog) {
                    (
                        StreamOp::DropUpdateBefore | StreamOp::UpsertMaterialize { .. },
                        ChangelogMode::Retract,
                    ) => ChangelogMode::Upsert,
                    (_, mode) => mode,
                };
                let upsert_key = match &op {
                    StreamOp::UpsertMaterialize { key, .. } => Some(key.clone()),
                    _ => from.upsert_key.clone(),
                };
                let added = PlanNode {
                    op,
                    inputs: node.inputs.clone(),
                    changelog,
                    upsert_key,
                    columns: from.columns.clone(),
                    window: None,
                    origins: node.origins.clone(),
                    uid: String::new(),
                    span: node.span,
                    state_ttl: [None; 2],
                };
                prepared.nodes.push(added);
                node.inputs = vec![prepared.nodes.len() - 1];
            }
            let from = &prepared.nodes[node.inputs[0]];
            node.changelog = from.changelog;
            node.upsert_key.clone_from(&from.upsert_key);
            if let StreamOp::Sink { keyed_by: by, .. } = &mut node.op {
                *by = keyed_by;
            }
        }
        prepared.nodes.push(node);
        places.push(prepared.nodes.len() - 1);
    }
    Ok(prepared)
}

/// The operators between `input` and a table, and the columns its rows are shared out by.
fn in_front(
    table: &PlanTable,
    conflict: bool,
    input: &PlanNode,
    input_keys: &[Key],
    settings: &BTreeMap<String, String>,
) -> Result<(Vec<StreamOp>, Key)> {
    let mut front = Vec::new();
    let written = written_columns(table.columns.clone(), &table.metadata, &table.options);
    if constrains(&written, &input.columns, settings)? {
        front.push(StreamOp::SinkConstraints { columns: written });
    }
    let key = key_positions(table);
    let mode = mode(table);
    let appends = input.changelog == ChangelogMode::Append;
    // A key of the stream within the table's: no row of another key upstream can write the same row.
    let ordered = input_keys
        .iter()
        .any(|known| known.iter().all(|column| key.contains(column)));
    let materialize = match choice(
        settings,
        "table.exec.sink.upsert-materialize",
        &["AUTO", "FORCE", "NONE"],
    )? {
        "FORCE" => !key.is_empty() && mode == SinkMode::Upsert,
        "AUTO" => !key.is_empty() && mode == SinkMode::Upsert && (!appends || conflict) && !ordered,
        _ => false,
    };
    let required = settings
        .get("table.exec.sink.require-on-conflict")
        .is_some_and(|value| value == "true");
    if required && !conflict && !ordered && !key.is_empty() && mode == SinkMode::Upsert {
        return plan_err!(
            "the rows for '{}' come by another key than its PRIMARY KEY ({}); say what to do when two \
             of them write one row: ON CONFLICT DO DEDUPLICATE \
             ('table.exec.sink.require-on-conflict' asks for it)",
            table.name,
            table.primary_key.join(", ")
        );
    }
    if materialize {
        front.push(StreamOp::UpsertMaterialize {
            key: key.clone(),
            row_key: input_keys.first().cloned(),
        });
    } else if mode == SinkMode::Upsert && input.changelog == ChangelogMode::Retract {
        front.push(StreamOp::DropUpdateBefore);
    }
    let shuffle = choice(
        settings,
        "table.exec.sink.keyed-shuffle",
        &["AUTO", "FORCE", "NONE"],
    )?;
    let keyed_by = match shuffle == "FORCE" && !materialize {
        true => key,
        false => vec![],
    };
    Ok((front, keyed_by))
}

/// Whether a row might break a rule of the columns' types.
fn constrains(
    written: &[(String, FlinkType)],
    given: &[PlanColumn],
    settings: &BTreeMap<String, String>,
) -> Result<bool> {
    choice(
        settings,
        "table.exec.sink.not-null-enforcer",
        &["ERROR", "DROP"],
    )?;
    let length = choice(
        settings,
        "table.exec.sink.type-length-enforcer",
        &["IGNORE", "TRIM_PAD", "ERROR"],
    )?;
    let nested = choice(
        settings,
        "table.exec.sink.nested-constraint-enforcer",
        &["IGNORE", "ROWS", "ROWS_AND_COLLECTIONS"],
    )?;
    let (lengths, rows, all) = (
        length != "IGNORE",
        nested != "IGNORE",
        nested == "ROWS_AND_COLLECTIONS",
    );
    Ok(written.iter().zip(given).any(|((_, ty), given)| {
        (!ty.nullable && given.field.is_nullable()) || inside(ty, lengths, rows, all)
    }))
}

/// Whether a value of the type that is not NULL might break a rule.
fn inside(ty: &FlinkType, lengths: bool, rows: bool, all: bool) -> bool {
    let part = |ty: &FlinkType| !ty.nullable || inside(ty, lengths, rows, all);
    match &ty.kind {
        TypeKind::Char(_) | TypeKind::Binary(_) => lengths,
        TypeKind::Varchar(most) | TypeKind::Varbinary(most) => lengths && *most < MAX_LENGTH,
        TypeKind::Row(fields) => rows && fields.iter().any(|field| part(&field.ty)),
        TypeKind::Array(item) | TypeKind::Multiset(item) => all && part(item),
        TypeKind::Map(key, value) => all && (part(key) || part(value)),
        _ => false,
    }
}
