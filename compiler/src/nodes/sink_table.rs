//! `CREATE TABLE` and `INSERT` of a sink: its columns are those of its input.

use millstream_functions::types::{FlinkType, TypeKind};

use super::source_table::{ColumnDefinition, Options, create_table};
use crate::lower::{InputRelation, NodeContext, NodeSql, SqlText};
use crate::sql::quote_name;

/// The statements of a sink with these options.
///
/// Columns are declared nullable, so that a sink never refuses a row. Flink lets only one event
/// time into a sink ("contains more than one rowtime attribute column"), so all but the first are
/// cast to what they are without it.
pub(super) fn sink(context: &NodeContext<'_>, options: &Options) -> NodeSql {
    let input = context.input();
    let insert = SqlText::plain(format!("INSERT INTO {}\n", quote_name(context.id.as_str())))
        .and(&select_all(input));
    NodeSql {
        definitions: vec![create_table(
            context.id.as_str(),
            &input_columns(input),
            None,
            options,
        )],
        inserts: vec![insert],
    }
}

/// The columns of a sink that takes all of its input.
pub(super) fn input_columns(input: &InputRelation) -> Vec<ColumnDefinition> {
    input
        .columns
        .iter()
        .map(|column| ColumnDefinition::of(&column.name, &column.ty.clone().with_nullable(true)))
        .collect()
}

/// `SELECT * FROM input`, with no more than one event time.
pub(crate) fn select_all(input: &InputRelation) -> SqlText {
    let times = input.columns.iter().filter(|column| column.is_time).count();
    let mut query = if times > 1 {
        let mut first = true;
        let items: Vec<SqlText> = input
            .columns
            .iter()
            .map(|column| {
                let name = quote_name(&column.name);
                if !column.is_time || std::mem::take(&mut first) {
                    return SqlText::plain(name);
                }
                SqlText::plain(format!(
                    "CAST({name} AS {}) AS {name}",
                    plain_time(&column.ty)
                ))
            })
            .collect();
        SqlText::list("SELECT", &items)
    } else {
        SqlText::plain("SELECT *")
    };
    query.push("\nFROM ");
    query.append(&input.name());
    query
}

/// The type of a time attribute once it is a column like any other.
fn plain_time(ty: &FlinkType) -> FlinkType {
    match ty.kind {
        TypeKind::TimestampLtz(precision) => FlinkType::new(TypeKind::TimestampLtz(precision)),
        TypeKind::Timestamp(precision) => FlinkType::new(TypeKind::Timestamp(precision)),
        _ => ty.clone().with_nullable(true),
    }
}
