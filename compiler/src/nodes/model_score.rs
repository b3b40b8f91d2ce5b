//! Model score: an ONNX model scores every row.

use std::collections::BTreeMap;

use millstream_functions::types::{FlinkType, TypeKind};

use super::parameter::{ParameterSpec, ParameterType, PathKind};
use super::source_table::OPTIONS;
use super::{Family, KindSpec, NodeKind, ONE_INPUT};
use crate::diagnostics::{Diagnostic, Span, did_you_mean};
use crate::document::{Node, NodeId, Value};
use crate::environment::{ModelSignature, ModelTensor};
use crate::lower::{Column, Failed, NodeContext, NodeSql, SqlText, create_view};
use crate::sql::{quote_name, quote_text};

/// Adds the scores of an ONNX model to every row (Flink: `CREATE MODEL` and `ML_PREDICT`).
///
/// Flink does not convert what it hands to a model, so columns of another type than the model's
/// are cast in a view before it.
pub(crate) struct ModelScore;

const SPEC: KindSpec = KindSpec {
    name: "model",
    title: "Model score",
    help: "Scores every row with an ONNX model; all columns of the row stay",
    family: Family::Model,
    inputs: ONE_INPUT,
    has_output: true,
    parameters: &[
        ParameterSpec::new(
            "path",
            "Model",
            ParameterType::Path(PathKind::File(&["onnx"])),
            "The ONNX file. A relative path starts at the pipeline's folder",
        )
        .required()
        .example("\"model.onnx\""),
        ParameterSpec::new(
            "inputs",
            "Inputs",
            ParameterType::ModelInputs,
            "Which column feeds which input of the model, in the order of its features",
        )
        .required()
        .example("inputs = [\"amount\", \"age\"]"),
        ParameterSpec::new(
            "outputs",
            "Outputs",
            ParameterType::ModelOutputs,
            "Name and type of the columns that the scores go to. Without it they are called as in the model",
        ),
        OPTIONS,
    ],
};

/// One input of the model and the column that feeds it.
struct Binding {
    /// The path of the parameter, for findings.
    path: String,
    /// The input's name.
    name: String,
    /// The column, as found in the input.
    column: Column,
    /// The type that the model wants.
    ty: FlinkType,
}

impl NodeKind for ModelScore {
    fn spec(&self) -> &'static KindSpec {
        &SPEC
    }

    fn summary(&self, node: &Node) -> Option<String> {
        let path = node.text_at("path")?;
        let inputs = match node.parameters.get("inputs")? {
            Value::List(items) => items.len(),
            Value::Table(entries) => entries.len(),
            _ => return None,
        };
        let file = path.rsplit('/').next().unwrap_or(path);
        let plural = if inputs == 1 { "" } else { "s" };
        Some(format!("{file}, {inputs} input{plural}"))
    }

    fn lower(&self, context: &mut NodeContext<'_>) -> Result<NodeSql, Failed> {
        let path = context.required_text("path")?;
        let mut options: Vec<(String, SqlText)> = vec![
            ("provider".into(), SqlText::plain("'onnx'")),
            ("path".into(), SqlText::literal_of("path", path)),
        ];
        let mut option_map = BTreeMap::from([
            ("provider".to_string(), "onnx".to_string()),
            ("path".to_string(), path.to_string()),
        ]);
        for (place, key, value) in context.options("options") {
            options.retain(|(known, _)| known != key);
            options.push((key.to_string(), SqlText::literal_of(&place, &value)));
            option_map.insert(key.to_string(), value);
        }
        let signature = match context.environment.model_signature(&option_map) {
            Ok(signature) => signature,
            Err(reason) => {
                return Err(context.fail(
                    Diagnostic::error("model/unreadable", reason)
                        .on_parameter("path", Some(Span::new(0, path.len()))),
                ));
            }
        };
        let bindings = bind_inputs(context, &signature)?;
        let outputs = outputs(context, &signature)?;
        let names: Vec<&str> = outputs.iter().map(|(name, _)| name.as_str()).collect();
        context.refuse_existing("outputs", &names, "choose another name")?;
        let inputs: Vec<(String, FlinkType)> = bindings
            .iter()
            .map(|binding| (binding.name.clone(), binding.ty.clone()))
            .collect();
        if let Err(reason) = context
            .environment
            .check_model(&option_map, &inputs, &outputs)
        {
            return Err(context
                .fail(Diagnostic::error("model/binding", reason).on_parameter("inputs", None)));
        }

        let model = format!("{}__model", context.id);
        let mut definitions = vec![create_model(&model, &inputs, &outputs, &options)];
        let (relation, descriptor) = cast_inputs(context, &bindings, &mut definitions);

        let mut items = context.input().column_names();
        items.extend(names.iter().map(|name| SqlText::name(name)));
        let mut query = SqlText::list("SELECT", &items);
        query.push(&format!(
            "\nFROM ML_PREDICT(TABLE {}, MODEL {}, ",
            quote_name(&relation),
            quote_name(&model)
        ));
        query.append(&SqlText::list("DESCRIPTOR (", &descriptor));
        query.push("))");
        definitions.push(create_view(context.id.as_str(), &query));
        Ok(NodeSql {
            definitions,
            inserts: Vec::new(),
        })
    }
}

/// `CREATE MODEL name INPUT (…) OUTPUT (…) WITH (…)`.
fn create_model(
    name: &str,
    inputs: &[(String, FlinkType)],
    outputs: &[(String, FlinkType)],
    options: &[(String, SqlText)],
) -> SqlText {
    let columns = |columns: &[(String, FlinkType)]| -> String {
        let columns: Vec<String> = columns
            .iter()
            .map(|(name, ty)| format!("{} {ty}", quote_name(name)))
            .collect();
        format!("(\n  {}\n)", columns.join(",\n  "))
    };
    let mut out = SqlText::plain(format!(
        "CREATE MODEL {}\nINPUT {}\nOUTPUT {}\nWITH (",
        quote_name(name),
        columns(inputs),
        columns(outputs)
    ));
    for (i, (key, value)) in options.iter().enumerate() {
        out.push(if i == 0 { "\n  " } else { ",\n  " });
        out.push(&quote_text(key));
        out.push(" = ");
        out.append(value);
    }
    out.push("\n)");
    out
}

/// The relation that feeds the model and its columns in the order of the model's inputs: the input
/// itself, or a view over it that casts what is of another type.
fn cast_inputs(
    context: &NodeContext<'_>,
    bindings: &[Binding],
    definitions: &mut Vec<SqlText>,
) -> (String, Vec<SqlText>) {
    let mut casts = vec![SqlText::plain("*")];
    let mut descriptor = Vec::new();
    for binding in bindings {
        if binding.column.ty.kind == binding.ty.kind {
            descriptor.push(SqlText::name_of(&binding.path, &binding.column.name));
            continue;
        }
        let mut name = format!("{}__{}", context.id, NodeId::slug(&binding.name));
        while context.input().column(&name).is_some()
            || descriptor.iter().any(|known| known.as_str() == name)
        {
            name.push('_');
        }
        let cast = SqlText::plain("CAST(")
            .and(&SqlText::name_of(&binding.path, &binding.column.name))
            .then(&format!(" AS {}) AS {name}", base(&binding.ty)));
        casts.push(cast);
        descriptor.push(SqlText::name(&name));
    }
    if casts.len() == 1 {
        return (context.input().relation.to_string(), descriptor);
    }
    let view = format!("{}__input", context.id);
    let mut query = SqlText::list("SELECT", &casts);
    query.push("\nFROM ");
    query.append(&context.input().name());
    definitions.push(create_view(&view, &query));
    (view, descriptor)
}

/// The type without NOT NULL.
fn base(ty: &FlinkType) -> FlinkType {
    ty.clone().with_nullable(true)
}

/// The parameter `inputs`, each with its column and the type that the model wants.
fn bind_inputs(
    context: &mut NodeContext<'_>,
    signature: &ModelSignature,
) -> Result<Vec<Binding>, Failed> {
    let pairs: Vec<(String, String, String)> = match context.node.parameters.get("inputs") {
        Some(Value::List(_)) => context
            .names("inputs")
            .into_iter()
            .map(|(path, column)| (path, column.to_string(), column.to_string()))
            .collect(),
        _ => context
            .entries("inputs")
            .into_iter()
            .map(|(path, name, column)| (path, name.to_string(), column.trim().to_string()))
            .collect(),
    };
    let names: Vec<&str> = pairs.iter().map(|(_, name, _)| name.as_str()).collect();
    let types = match input_types(signature, &names) {
        Ok(types) => types,
        Err((index, diagnostic)) => {
            let path = pairs
                .get(index)
                .map_or("inputs".to_string(), |(path, _, _)| path.clone());
            return Err(context.fail(diagnostic.on_parameter(path, None)));
        }
    };
    let mut bindings = Vec::new();
    let mut failed = None;
    for ((path, name, column), ty) in pairs.into_iter().zip(types) {
        let column = match context.input_column(&path, &column) {
            Ok(column) => column,
            Err(error) => {
                failed = Some(error);
                continue;
            }
        };
        if !castable(&column.ty, &ty) {
            failed = Some(
                context.fail(
                    Diagnostic::error(
                        "model/type",
                        format!(
                            "'{}' is {}, which is no value for an input of type {}",
                            column.name,
                            column.ty,
                            base(&ty)
                        ),
                    )
                    .on_parameter(path, Some(Span::new(0, column.name.len())))
                    .help("make a column of that type in a derive node before this one"),
                ),
            );
            continue;
        }
        bindings.push(Binding {
            path,
            name,
            column,
            ty: base(&ty),
        });
    }
    match failed {
        Some(failed) => Err(failed),
        None => Ok(bindings),
    }
}

/// The type that the model wants for each of these inputs: all columns of one matrix, or one
/// tensor each, found by name or else by place.
fn input_types(
    signature: &ModelSignature,
    names: &[&str],
) -> Result<Vec<FlinkType>, (usize, Diagnostic)> {
    match signature.inputs.as_slice() {
        [] => Err((
            usize::MAX,
            Diagnostic::error("model/binding", "the model has no inputs"),
        )),
        [matrix] => {
            let width = matrix.shape.get(1).copied().flatten();
            if let Some(width) = width
                && width != names.len()
            {
                let mut diagnostic = Diagnostic::error(
                    "model/binding",
                    format!(
                        "the model takes {width} features, but {} are given",
                        names.len()
                    ),
                );
                if signature.feature_names.len() == width {
                    diagnostic = diagnostic.help(format!(
                        "its features are: {}",
                        signature.feature_names.join(", ")
                    ));
                }
                return Err((usize::MAX, diagnostic));
            }
            Ok(vec![matrix.element.clone(); names.len()])
        }
        tensors => {
            if tensors.len() != names.len() {
                return Err((
                    usize::MAX,
                    Diagnostic::error(
                        "model/binding",
                        format!(
                            "the model has {} inputs, but {} are given",
                            tensors.len(),
                            names.len()
                        ),
                    )
                    .help(format!("its inputs are: {}", list(tensors))),
                ));
            }
            let found: Vec<Option<&ModelTensor>> =
                names.iter().map(|name| find(tensors, name)).collect();
            if found.iter().all(Option::is_none) {
                // No name in common: by place.
                return Ok(tensors
                    .iter()
                    .map(|tensor| tensor.element.clone())
                    .collect());
            }
            found
                .into_iter()
                .enumerate()
                .map(|(i, tensor)| {
                    tensor.map(|tensor| tensor.element.clone()).ok_or_else(|| {
                        let name = names[i];
                        let diagnostic = Diagnostic::error(
                            "model/binding",
                            format!("the model has no input '{name}'"),
                        );
                        let known = tensors.iter().map(|tensor| tensor.name.as_str());
                        let help = match did_you_mean(name, known) {
                            Some(near) => format!("did you mean '{near}'?"),
                            None => format!("its inputs are: {}", list(tensors)),
                        };
                        (i, diagnostic.help(help))
                    })
                })
                .collect()
        }
    }
}

fn list(tensors: &[ModelTensor]) -> String {
    let names: Vec<&str> = tensors.iter().map(|tensor| tensor.name.as_str()).collect();
    names.join(", ")
}

/// A tensor by its name, or by its name without case and punctuation.
fn find<'t>(tensors: &'t [ModelTensor], name: &str) -> Option<&'t ModelTensor> {
    let plain = |text: &str| -> String {
        text.chars()
            .filter(char::is_ascii_alphanumeric)
            .map(|c| c.to_ascii_lowercase())
            .collect()
    };
    tensors
        .iter()
        .find(|tensor| tensor.name == name)
        .or_else(|| {
            tensors
                .iter()
                .find(|tensor| plain(&tensor.name) == plain(name))
        })
}

/// Whether a cast from a column's type to a model's makes sense.
fn castable(from: &FlinkType, to: &FlinkType) -> bool {
    let number = |ty: &FlinkType| ty.is_numeric() || ty.kind == TypeKind::Boolean;
    from.kind == to.kind
        || (number(from) && number(to))
        || (from.is_string() && to.is_string())
        // Categories are often numbers that a model takes as text.
        || (from.is_numeric() && to.is_string())
}

/// The parameter `outputs`, or what the model calls its single values.
fn outputs(
    context: &mut NodeContext<'_>,
    signature: &ModelSignature,
) -> Result<Vec<(String, FlinkType)>, Failed> {
    let mut outputs = Vec::new();
    let mut failed = None;
    if context.node.parameters.contains_key("outputs") {
        for (path, name, text) in context.entries("outputs") {
            match FlinkType::parse(text) {
                Ok(ty) => outputs.push((name.to_string(), base(&ty))),
                Err(error) => {
                    let start = error.offset.min(text.len());
                    failed = Some(
                        context.fail(
                            Diagnostic::error("column/type", error.message)
                                .on_parameter(path, Some(Span::new(start, text.len())))
                                .help("write a type of Flink SQL, such as FLOAT, BIGINT, STRING"),
                        ),
                    );
                }
            }
        }
    } else {
        for tensor in &signature.outputs {
            let single = tensor.shape.iter().skip(1).all(|size| *size == Some(1));
            if single {
                let mut name = NodeId::slug(&tensor.name).to_string();
                while outputs.iter().any(|(known, _)| *known == name) {
                    name.push_str("_2");
                }
                outputs.push((name, base(&tensor.element)));
            }
        }
    }
    if let Some(failed) = failed {
        return Err(failed);
    }
    if outputs.is_empty() {
        return Err(context.fail(
            Diagnostic::error(
                "model/binding",
                "the model gives no single value a row, so its outputs must be named",
            )
            .on_parameter("outputs", None)
            .help(format!(
                "it gives: {}; write for example outputs = {{ score = \"FLOAT\" }}",
                list(&signature.outputs)
            )),
        ));
    }
    Ok(outputs)
}
