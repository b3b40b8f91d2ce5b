//! `SELECT * FROM relation`, which needs no planner: what a muted node and a sink say.

use datafusion_sql::sqlparser::ast::helpers::attached_token::AttachedToken;
use datafusion_sql::sqlparser::ast::{
    Query, SelectItem, SetExpr, TableFactor, TableWithJoins, WildcardAdditionalOptions,
};

use crate::sql::{empty_select, query_of};

/// The relation that a query gives as it is.
pub(super) fn relation_given(query: &Query) -> Option<&str> {
    let SetExpr::Select(select) = query.body.as_ref() else {
        return None;
    };
    let ([SelectItem::Wildcard(_)], [from]) = (select.projection.as_slice(), &*select.from) else {
        return None;
    };
    let TableFactor::Table { name, .. } = &from.relation else {
        return None;
    };
    let [part] = name.0.as_slice() else {
        return None;
    };
    // Whatever else such a query can have, this one has none of it.
    let mut plain = empty_select(AttachedToken::empty());
    let all = WildcardAdditionalOptions::default();
    plain.projection = vec![SelectItem::Wildcard(all)];
    plain.from = vec![TableWithJoins {
        relation: TableFactor::Table {
            name: name.clone(),
            alias: None,
            args: None,
            with_hints: vec![],
            version: None,
            with_ordinality: false,
            partitions: vec![],
            json_path: None,
            sample: None,
            index_hints: vec![],
        },
        joins: vec![],
    }];
    let same = *query == query_of(plain);
    let name = part.as_ident()?;
    same.then_some(name.value.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::{StatementKind, parse_script};

    fn given(text: &str) -> Option<String> {
        let script = parse_script(text).expect("a query");
        let StatementKind::Query(query) = &script.statements[0].kind else {
            panic!("{text}");
        };
        relation_given(&query.ast).map(String::from)
    }

    #[test]
    fn only_a_whole_relation_needs_no_planner() {
        for whole in [
            "SELECT * FROM t",
            "select *\nfrom `t`;",
            "SELECT ALL * FROM t",
        ] {
            assert_eq!(given(whole).as_deref(), Some("t"), "{whole}");
        }
        for more in [
            "SELECT * FROM t AS u",
            "SELECT t.* FROM t",
            "SELECT *, a FROM t",
            "SELECT a FROM t",
            "SELECT DISTINCT * FROM t",
            "SELECT * FROM t WHERE a > 1",
            "SELECT * FROM t, u",
            "SELECT * FROM t JOIN u ON t.a = u.a",
            "SELECT * FROM t LIMIT 3",
            "SELECT * FROM t ORDER BY a",
            "SELECT * FROM t UNION ALL SELECT * FROM t",
            "SELECT * FROM d.t",
            "SELECT * FROM (SELECT * FROM t)",
            "WITH t AS (SELECT * FROM u) SELECT * FROM t",
            "SELECT * FROM t FOR SYSTEM_TIME AS OF a",
            "SELECT * FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(a), INTERVAL '1' DAY))",
            "SELECT /*+ STATE_TTL('t' = '1 h') */ * FROM t",
        ] {
            assert_eq!(given(more), None, "{more}");
        }
    }
}
