//! The function names that stand for Flink syntax which sqlparser's trees cannot hold.
//!
//! A marker cannot be written by a user: a name that starts with two underscores is refused as a
//! function name by the parser. `'…'` is a string literal.
//!
//! | Flink SQL | in the tree |
//! |---|---|
//! | `CAST(x AS T)`, `TRY_CAST(x AS T)` | `__cast(x, 'T')`, `__try_cast(x, 'T')`; `'T'` is [`FlinkType`](millstream_functions::types::FlinkType)'s text |
//! | `MAP[k, v, …]` | `__map(k, v, …)` |
//! | `ROW(a, b)` | `__row(a, b)` |
//! | `TABLE t [PARTITION BY a] [ORDER BY b]` as an argument | `__table(t) [OVER (PARTITION BY a ORDER BY b)]` |
//! | `(query) PARTITION BY a [ORDER BY b]` as an argument | `__table((query)) OVER (…)` |
//! | `MODEL m` as an argument | `__model(m)` |
//! | `DESCRIPTOR(a, b)` | the plain function `DESCRIPTOR(a, b)` |
//! | `FLOOR(x TO DAY)`, `CEIL(x TO DAY)` | `__floor(x, 'DAY')`, `__ceil(x, 'DAY')` |
//! | `TIMESTAMPADD(DAY, n, t)`, `TIMESTAMPDIFF(DAY, a, b)` | `__timestampadd('DAY', n, t)`, `__timestampdiff('DAY', a, b)` |
//! | `x IS JSON [VALUE]` … | `__is_json(x, 'VALUE')`; negated inside `NOT` |
//! | `x LIKE p ESCAPE 'c'` with no or a non-ASCII character | `__like(x, p, 'c')`; negated inside `NOT` |
//! | `(a, b) OVERLAPS (c, d)` | `__overlaps(a, b, c, d)` |
//! | `JSON_EXISTS(x, 'path' [… ON ERROR])` | `__json_exists(x, 'path', '… ON ERROR')` |
//! | `JSON_VALUE(x, 'path' [RETURNING T] [NULL ON EMPTY] [DEFAULT e ON ERROR])` | `__json_value(x, 'path', 'T', 'NULL', NULL, 'DEFAULT', e)`: type, behaviour and default on empty, on error |
//! | `JSON_QUERY(x, 'path' [RETURNING T] [… WRAPPER] [… ON EMPTY] [… ON ERROR])` | `__json_query(x, 'path', 'T', 'WITHOUT ARRAY', 'NULL', 'NULL')`: type, wrapper, on empty, on error |
//! | `JSON_OBJECT(KEY k VALUE v, … [NULL ON NULL])` | `__json_object('NULL', k, v, …)` or `'ABSENT'` |
//! | `JSON_ARRAY(v, … [ABSENT ON NULL])` | `__json_array('ABSENT', v, …)` or `'NULL'` |
//! | `JSON_OBJECTAGG(KEY k VALUE v [NULL ON NULL])` | `__json_objectagg('NULL', k, v)` |
//! | `JSON_ARRAYAGG(v [ABSENT ON NULL])` | `__json_arrayagg('ABSENT', v)` |
//!
//! Where a clause is absent its default is filled in, as Flink does.
//!
//! Table functions keep the nodes of sqlparser: `FROM f(x)` is a `TableFactor::Table` with
//! arguments, `FROM TABLE(f(x))` a `TableFactor::TableFunction`, `LATERAL TABLE(f(x))` a
//! `TableFactor::Function` with `lateral`, and `FOR SYSTEM_TIME AS OF t` the version of a table.
//!
//! Some forms are brought to a simpler one of the same meaning, so that a planner meets one only:
//!
//! | Flink SQL | read as |
//! |---|---|
//! | `INTERVAL '1 12' DAY TO HOUR`, `INTERVAL '2' WEEK`, `INTERVAL '100' DAY(3)` | a single field without precision: `'36' HOUR`, `'14' DAY`, `'100' DAY` |
//! | `DATE '2024-1-5'`, `TIMESTAMP '…'` | padded, with as many digits of precision as were written |
//! | `FETCH FIRST n ROWS ONLY` | `LIMIT n` |
//! | `TABLE t` as a query | `SELECT * FROM t` |
//! | `GROUP BY (a, b)` | `GROUP BY a, b` |
//! | `CASE x WHEN 1, 2 THEN y` | `CASE x WHEN 1 THEN y WHEN 2 THEN y` |
//! | `f(x IGNORE NULLS)` | `f(x) IGNORE NULLS` |
//! | `UNKNOWN` | `CAST(NULL AS BOOLEAN)` |
//! | `U&'\00e9'` | `'é'` |

use datafusion_sql::sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList, FunctionArguments, Ident,
    ObjectName, Value, WindowSpec, WindowType,
};

pub const CAST: &str = "__cast";
pub const TRY_CAST: &str = "__try_cast";
pub const MAP: &str = "__map";
pub const ROW: &str = "__row";
pub const TABLE: &str = "__table";
pub const MODEL: &str = "__model";
pub const FLOOR: &str = "__floor";
pub const CEIL: &str = "__ceil";
pub const TIMESTAMPADD: &str = "__timestampadd";
pub const TIMESTAMPDIFF: &str = "__timestampdiff";
pub const IS_JSON: &str = "__is_json";
pub const LIKE: &str = "__like";
pub const OVERLAPS: &str = "__overlaps";
pub const JSON_EXISTS: &str = "__json_exists";
pub const JSON_VALUE: &str = "__json_value";
pub const JSON_QUERY: &str = "__json_query";
pub const JSON_OBJECT: &str = "__json_object";
pub const JSON_ARRAY: &str = "__json_array";
pub const JSON_OBJECTAGG: &str = "__json_objectagg";
pub const JSON_ARRAYAGG: &str = "__json_arrayagg";

/// A call with plain arguments.
pub(crate) fn call(name: Ident, args: Vec<Expr>) -> Expr {
    Expr::Function(Function {
        name: ObjectName::from(vec![name]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList {
            duplicate_treatment: None,
            args: args
                .into_iter()
                .map(|arg| FunctionArg::Unnamed(FunctionArgExpr::Expr(arg)))
                .collect(),
            clauses: vec![],
        }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: vec![],
    })
}

/// A call without parentheses.
pub(crate) fn niladic(name: Ident) -> Expr {
    Expr::Function(Function {
        name: ObjectName::from(vec![name]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::None,
        filter: None,
        null_treatment: None,
        over: None,
        within_group: vec![],
    })
}

/// The call with the partitioning of a table argument.
pub(crate) fn over(mut call: Expr, partitioning: Option<WindowSpec>) -> Expr {
    if let Expr::Function(function) = &mut call {
        function.over = partitioning.map(WindowType::WindowSpec);
    }
    call
}

/// A string literal.
pub(crate) fn text(value: impl Into<String>) -> Expr {
    Expr::Value(Value::SingleQuotedString(value.into()).with_empty_span())
}

/// The literal NULL.
pub(crate) fn null() -> Expr {
    Expr::Value(Value::Null.with_empty_span())
}
