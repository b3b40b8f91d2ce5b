//! `CREATE TABLE` and `INSERT` of a sink: its columns are those of its input.

use millstream_functions::types::{FlinkType, TypeKind};

use super::source_table::{ColumnDefinition, Options, create_table};
use crate::lower::{NodeContext, NodeSql, SqlText};
use crate::sql::quote_name;

/// The statements of a sink with these options.
///
/// Columns are declared nullable, so that a sink never refuses a row. Flink lets only one event
/// time into a sink ("contains more than one rowtime attribute column"), so all but the first are
/// cast to what they are without it.
pub(super) fn sink(context: &NodeContext<'_>, options: &Options) -> NodeSql {
    let input = context.input();
    let columns: Vec<ColumnDefinition> = input
        .columns
        .iter()
        .map(|column| ColumnDefinition::of(&column.name, &column.ty.clone().with_nullable(true)))
        .collect();
    let times = input.columns.iter().filter(|column| column.is_time).count();
    let mut insert = SqlText::plain(format!("INSERT INTO {}\n", quote_name(context.id.as_str())));
    if times > 1 {
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
        insert.append(&SqlText::list("SELECT", &items));
    } else {
        insert.push("SELECT *");
    }
    insert.push("\nFROM ");
    insert.append(&input.name());
    NodeSql {
        definitions: vec![create_table(context.id.as_str(), &columns, None, options)],
        insert: Some(insert),
    }
}

/// The type of a time attribute once it is a column like any other.
fn plain_time(ty: &FlinkType) -> FlinkType {
    match ty.kind {
        TypeKind::TimestampLtz(precision) => FlinkType::new(TypeKind::TimestampLtz(precision)),
        TypeKind::Timestamp(precision) => FlinkType::new(TypeKind::Timestamp(precision)),
        _ => ty.clone().with_nullable(true),
    }
}
