//! Where the columns of each node come from.

use millstream_compiler::document::{NodeId, Pipeline};
use millstream_compiler::environment::NoEnvironment;
use millstream_compiler::lower::{Target, compile, stream_types};

const PIPELINE: &str = r#"
version = 1
name = "shop"

[nodes.orders]
kind = "datagen"
rows-per-second = 10
watermark = "ts"
[nodes.orders.schema]
id = "BIGINT"
customer = "BIGINT"
amount = "DECIMAL(10, 2)"
ts = "TIMESTAMP(3)"

[nodes.customers]
kind = "datagen"
rows-per-second = 10
[nodes.customers.schema]
number = "BIGINT"
country = "STRING"

[nodes.large]
kind = "filter"
condition = "amount > 100"

[nodes.renamed]
kind = "select"
columns = ["id", "amount", "ts"]
[nodes.renamed.rename]
amount = "price"

[nodes.taxed]
kind = "derive"
[nodes.taxed.columns]
gross = "price * 1.19"

[nodes.daily]
kind = "window"
window = "tumble"
size = "1 day"
time = "ts"
[nodes.daily.aggregates]
total = "SUM(gross)"
orders = "COUNT(*)"

[nodes.running]
kind = "rolling"
order = "window_time"
[nodes.running.aggregates]
so_far = "SUM(total)"

[nodes.both]
kind = "sql"
query = "SELECT o.id, o.amount, c.country, o.amount + c.number AS odd FROM orders AS o JOIN customers AS c ON o.customer = c.number"

[nodes.all]
kind = "union"

[nodes.out]
kind = "print"
[nodes.out_2]
kind = "print"
[nodes.out_3]
kind = "print"

[edges]
e1 = { from = "orders", to = "large" }
e2 = { from = "large", to = "renamed" }
e3 = { from = "renamed", to = "taxed" }
e4 = { from = "taxed", to = "daily" }
e5 = { from = "daily", to = "running" }
e6 = { from = "running", to = "out" }
e7 = { from = "orders", to = "both" }
e8 = { from = "customers", to = "both" }
e9 = { from = "both", to = "out_2" }
e10 = { from = "orders", to = "all" }
e11 = { from = "large", to = "all" }
e12 = { from = "all", to = "out_3" }
"#;

/// The columns of a node as "name = origins", with "≈" for what is computed from them.
fn origins(node: &str) -> Vec<String> {
    let pipeline = Pipeline::from_toml(PIPELINE).expect("it is right").pipeline;
    let lowered = compile(&pipeline, Target::Embedded, &NoEnvironment);
    assert!(!lowered.has_errors(), "{:?}", lowered.diagnostics);
    let types = stream_types(&lowered, &NoEnvironment);
    let ty = &types[&NodeId::slug(node)];
    assert_eq!(ty.origins.len(), ty.columns.len());
    let columns = ty.columns.iter().zip(&ty.origins);
    columns
        .map(|(column, origin)| {
            let from: Vec<String> = (origin.from.iter())
                .map(|(node, column)| format!("{node}.{column}"))
                .collect();
            let sign = if origin.passed { "=" } else { "≈" };
            format!("{} {sign} {}", column.name, from.join(", "))
        })
        .collect()
}

#[test]
fn a_column_that_is_passed_on_comes_from_where_it_was_made() {
    assert_eq!(
        origins("orders"),
        ["id ≈ ", "customer ≈ ", "amount ≈ ", "ts ≈ "]
    );
    assert_eq!(
        origins("large"),
        [
            "id = orders.id",
            "customer = orders.customer",
            "amount = orders.amount",
            "ts = orders.ts"
        ]
    );
    assert_eq!(
        origins("renamed"),
        ["id = orders.id", "price = orders.amount", "ts = orders.ts"]
    );
}

#[test]
fn a_column_that_is_computed_comes_from_what_it_is_computed_from() {
    assert_eq!(origins("taxed")[3], "gross ≈ orders.amount");
    assert_eq!(
        origins("daily"),
        [
            "window_start ≈ orders.ts",
            "window_end ≈ orders.ts",
            "window_time ≈ orders.ts",
            "total ≈ taxed.gross",
            "orders ≈ "
        ]
    );
    let running = origins("running");
    assert_eq!(running[3], "total = daily.total");
    assert_eq!(running[5], "so_far ≈ daily.total");
}

#[test]
fn sides_of_a_join_and_inputs_of_a_union_are_told_apart() {
    assert_eq!(
        origins("both"),
        [
            "id = orders.id",
            "amount = orders.amount",
            "country = customers.country",
            "odd ≈ orders.amount, customers.number"
        ]
    );
    // Both ways lead to the one source.
    assert_eq!(origins("all")[2], "amount = orders.amount");
}
