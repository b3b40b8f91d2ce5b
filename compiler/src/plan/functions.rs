//! The functions and hooks that binding uses: Flink's catalogue, looked up without case.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use arrow::datatypes::{DataType, SchemaRef};
use datafusion_common::config::ConfigOptions;
use datafusion_common::{Result, TableReference, plan_err};
use datafusion_expr::logical_plan::builder::LogicalTableSource;
use datafusion_expr::planner::{ContextProvider, ExprPlanner, RelationPlanner, TypePlanner};
use datafusion_expr::{AggregateUDF, HigherOrderUDF, ScalarUDF, TableSource, WindowUDF};
use millstream_functions::aggregate::aggregate_functions;

/// Flink's function catalogue; made once.
pub(crate) struct FunctionCatalog {
    scalar: HashMap<String, Arc<ScalarUDF>>,
    aggregate: HashMap<String, Arc<AggregateUDF>>,
}

static CATALOG: LazyLock<FunctionCatalog> = LazyLock::new(|| {
    let mut scalar = HashMap::new();
    for function in millstream_functions::scalar_functions() {
        for alias in function.aliases() {
            scalar.insert(alias.to_lowercase(), Arc::clone(&function));
        }
        scalar.insert(function.name().to_lowercase(), function);
    }
    let mut aggregate = HashMap::new();
    for function in aggregate_functions() {
        for alias in function.aliases() {
            aggregate.insert(alias.to_lowercase(), Arc::clone(&function));
        }
        aggregate.insert(function.name().to_lowercase(), function);
    }
    FunctionCatalog { scalar, aggregate }
});

/// The catalogue.
pub(crate) fn catalog() -> &'static FunctionCatalog {
    &CATALOG
}

impl FunctionCatalog {
    /// The scalar function of this name, whatever its case.
    pub fn scalar(&self, name: &str) -> Option<Arc<ScalarUDF>> {
        self.scalar.get(&name.to_lowercase()).cloned()
    }

    /// The aggregate function of this name, whatever its case.
    pub fn aggregate(&self, name: &str) -> Option<Arc<AggregateUDF>> {
        self.aggregate.get(&name.to_lowercase()).cloned()
    }
}

/// The options of DataFusion's planner, analyzer and simplifier. They are many, and all at their
/// defaults.
pub(crate) fn default_options() -> &'static Arc<ConfigOptions> {
    static OPTIONS: LazyLock<Arc<ConfigOptions>> = LazyLock::new(Arc::default);
    &OPTIONS
}

/// What DataFusion's SQL planner asks while it binds one query.
pub(crate) struct BindingContext<'a> {
    /// The schema of a relation by its name.
    pub relations: &'a dyn Fn(&str) -> Option<SchemaRef>,
    /// The relation whose name is most like one that is not there.
    pub similar: &'a dyn Fn(&str) -> Option<String>,
    pub expr_planners: Vec<Arc<dyn ExprPlanner>>,
    pub relation_planners: Vec<Arc<dyn RelationPlanner>>,
}

impl ContextProvider for BindingContext<'_> {
    fn get_table_source(&self, name: TableReference) -> Result<Arc<dyn TableSource>> {
        match (self.relations)(name.table()) {
            Some(schema) => Ok(Arc::new(LogicalTableSource::new(schema))),
            None => {
                let hint = (self.similar)(name.table())
                    .map(|n| format!("; did you mean '{n}'?"))
                    .unwrap_or_default();
                plan_err!("there is no table or view '{}'{hint}", name.table())
            }
        }
    }

    fn get_expr_planners(&self) -> &[Arc<dyn ExprPlanner>] {
        &self.expr_planners
    }

    fn get_relation_planners(&self) -> &[Arc<dyn RelationPlanner>] {
        &self.relation_planners
    }

    fn get_type_planner(&self) -> Option<Arc<dyn TypePlanner>> {
        Some(millstream_functions::type_planner())
    }

    fn get_function_meta(&self, name: &str) -> Option<Arc<ScalarUDF>> {
        CATALOG
            .scalar(name)
            .or_else(|| super::group_window::marker(name))
            .or_else(|| super::row_values::marker(name))
    }

    fn get_higher_order_meta(&self, _name: &str) -> Option<Arc<HigherOrderUDF>> {
        None
    }

    fn get_aggregate_meta(&self, name: &str) -> Option<Arc<AggregateUDF>> {
        CATALOG
            .aggregate(name)
            .or_else(|| super::group_window::grouping(name))
    }

    fn get_window_meta(&self, _name: &str) -> Option<Arc<WindowUDF>> {
        None
    }

    fn get_variable_type(&self, _variable_names: &[String]) -> Option<DataType> {
        None
    }

    fn options(&self) -> &ConfigOptions {
        default_options()
    }

    fn udf_names(&self) -> Vec<String> {
        // Markers begin with underscores and are no suggestions.
        CATALOG
            .scalar
            .keys()
            .filter(|name| !name.starts_with("__"))
            .map(|name| name.to_uppercase())
            .collect()
    }

    fn higher_order_function_names(&self) -> Vec<String> {
        vec![]
    }

    fn udaf_names(&self) -> Vec<String> {
        CATALOG.aggregate.keys().map(|n| n.to_uppercase()).collect()
    }

    fn udwf_names(&self) -> Vec<String> {
        vec![]
    }
}
