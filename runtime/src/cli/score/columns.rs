//! Which columns of a file go into a model, as what, and which columns come out.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanBuilder};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Field};
use millstream_connectors::data_file::{FileColumn, FileFormat, RowsReader, Wanted};
use millstream_functions::types::{FlinkType, RowField, TypeKind};
use millstream_models::{
    BindError, Binding, ElementType, Model, Reason, Signature, TensorSpec, nearest,
};

use super::super::Failure;
use super::wrong;

/// Outputs wider than this are written as one array.
const MOST_COLUMNS: usize = 64;

/// Whether a model calls an input or a feature so.
pub(crate) fn is_model_name(signature: &Signature, name: &str) -> bool {
    let same = |known: &str| known.eq_ignore_ascii_case(name);
    signature.inputs.iter().any(|input| {
        same(&input.name)
            || input.features.iter().any(|feature| same(feature))
            || (input.features.is_empty()
                && (0..input.width().min(MOST_COLUMNS)).any(|place| {
                    same(&format!("f{place}")) || same(&format!("{}_{place}", input.name))
                }))
    })
}

/// The outputs that are written.
#[derive(Debug, PartialEq)]
pub(crate) struct Scores {
    /// As the model is bound to them.
    pub bound: Vec<(String, DataType)>,
    /// What they are called in the file, if not the same.
    names: Option<Vec<String>>,
}

impl Scores {
    /// The outputs that `wanted` names, all if it is empty.
    pub fn of(model: &Model, wanted: &[String]) -> Result<Self, Failure> {
        let signature = model.signature();
        let all = Binding::output_columns(signature, MOST_COLUMNS);
        if wanted.is_empty() {
            return Ok(Self {
                bound: all,
                names: None,
            });
        }
        let mut bound: Vec<(String, DataType)> = Vec::new();
        let mut unknown = Vec::new();
        for name in wanted {
            let found = named(signature, &all, name);
            if found.is_empty() {
                unknown.push(name);
            }
            for column in found {
                if bound.iter().any(|(known, _)| *known == column.0) {
                    return Err(wrong(format!("--outputs names {} twice", column.0)));
                }
                bound.push(column);
            }
        }
        if unknown.is_empty() {
            return Ok(Self { bound, names: None });
        }
        if bound.is_empty() && wanted.len() == all.len() {
            // Names of the user's own, in the model's order.
            return Ok(Self {
                bound: all,
                names: Some(wanted.to_vec()),
            });
        }
        let given: Vec<&str> = all.iter().map(|(name, _)| name.as_str()).collect();
        Err(wrong(format!(
            "the model has no output '{}'\n  it gives  {}\n  help: name some of them, or one name for each",
            unknown[0],
            listed(&given)
        )))
    }

    /// Names and types in the file.
    pub fn fields(&self) -> Vec<(String, DataType)> {
        match &self.names {
            None => self.bound.clone(),
            Some(names) => names
                .iter()
                .zip(&self.bound)
                .map(|(name, (_, ty))| (name.clone(), ty.clone()))
                .collect(),
        }
    }
}

/// The columns that a name stands for: one of them, or all of an output.
fn named(signature: &Signature, all: &[(String, DataType)], name: &str) -> Vec<(String, DataType)> {
    let exact = |columns: &[(String, DataType)]| -> Vec<(String, DataType)> {
        columns
            .iter()
            .filter(|(known, _)| known == name)
            .cloned()
            .collect()
    };
    let found = exact(all);
    if !found.is_empty() {
        return found;
    }
    let mut start = 0;
    for output in &signature.outputs {
        let one = Signature {
            batch: signature.batch,
            inputs: vec![],
            outputs: vec![output.clone()],
        };
        let width = Binding::output_columns(&one, MOST_COLUMNS).len();
        if output.name == name {
            return all.get(start..start + width).unwrap_or_default().to_vec();
        }
        start += width;
    }
    // What else the model understands by the name: a place, or another spelling.
    all.iter()
        .map(|(_, ty)| (name.to_owned(), ty.clone()))
        .find(|asked| {
            Binding::bind_outputs(signature, std::slice::from_ref(asked)).is_ok_and(|columns| {
                columns[0].reason != Reason::Order && columns[0].cast.is_none()
            })
        })
        .into_iter()
        .collect()
}

/// The columns of a file that are read.
#[derive(Debug)]
pub(crate) struct Selection {
    /// What the reader is asked for: first the columns that are kept, then those of the model that are not among them.
    names: Vec<String>,
    types: Vec<FlinkType>,
    stored: Vec<DataType>,
    kept: usize,
    /// For each column of the model, its place in what is read, and how it is changed.
    features: Vec<Feature>,
    bound: Vec<(String, DataType)>,
    /// All columns of the file, by name.
    file: Vec<String>,
    format_is_typed: bool,
}

#[derive(Debug)]
struct Feature {
    place: usize,
    change: Option<Change>,
}

/// What is done to a column before the model takes it.
#[derive(Debug, Clone, PartialEq)]
enum Change {
    /// Texts `true`, `false`, 1 and 0.
    ToBoolean,
    /// A type that scoring does not know to one that holds the same values.
    Cast(DataType),
}

impl Selection {
    /// Finds the columns that a model needs among those of a file. `keep` says that all columns are written again, in
    /// a file of the format `output`.
    pub fn of(
        model: &Model,
        reader: &RowsReader,
        columns: &[String],
        keep: bool,
        output: FileFormat,
    ) -> Result<Self, Failure> {
        let signature = model.signature();
        let file = reader.columns();
        check_names(reader)?;
        let candidates: Vec<usize> = if columns.is_empty() {
            (0..file.len()).collect()
        } else {
            columns
                .iter()
                .map(|name| place_of(reader, name))
                .collect::<Result<_, _>>()?
        };
        let named: Vec<(String, DataType)> = candidates
            .iter()
            .map(|place| (file[*place].name.clone(), file[*place].data_type.clone()))
            .collect();
        let chosen = Binding::choose(signature, &named)
            .map_err(|error| lacking(model, reader, &named, !columns.is_empty(), &error))?;
        if !columns.is_empty() && chosen.len() < named.len() {
            let used = |place: &usize| chosen.iter().any(|choice| choice.column == *place);
            let idle = (0..named.len()).find(|place| !used(place)).unwrap_or(0);
            return Err(wrong(format!(
                "--columns names {}, which the model has no place for\n  it needs  {}",
                named[idle].0,
                needed(signature)
            )));
        }
        let mut selection = Self {
            names: Vec::new(),
            types: Vec::new(),
            stored: Vec::new(),
            kept: 0,
            features: Vec::new(),
            bound: Vec::new(),
            file: file.iter().map(|column| column.name.clone()).collect(),
            format_is_typed: file.iter().all(|column| column.guess.is_none()),
        };
        if keep {
            for column in file {
                let ty = kept_type(column, output);
                selection.push(column, ty);
            }
            selection.kept = file.len();
        }
        for choice in &chosen {
            let column = &file[candidates[choice.column]];
            let tensor = &signature.inputs[choice.tensor];
            let (ty, change) = match &column.guess {
                Some(guess) => text_feature(guess, tensor),
                None => (
                    FlinkType::string(),
                    typed_feature(&column.data_type, tensor),
                ),
            };
            let known = (0..selection.names.len()).find(|place| {
                selection.names[*place] == column.name
                    && (column.guess.is_none() || selection.types[*place] == ty)
            });
            let place = match known {
                Some(place) => place,
                None => selection.push(column, ty),
            };
            let data_type = match &change {
                Some(Change::ToBoolean) => DataType::Boolean,
                Some(Change::Cast(target)) => target.clone(),
                None => selection.stored[place].clone(),
            };
            selection.features.push(Feature { place, change });
            selection.bound.push((column.name.clone(), data_type));
        }
        Ok(selection)
    }

    fn push(&mut self, column: &FileColumn, ty: FlinkType) -> usize {
        self.stored.push(match &column.guess {
            Some(_) => ty.to_arrow(),
            None => column.data_type.clone(),
        });
        self.names.push(column.name.clone());
        self.types.push(ty);
        self.names.len() - 1
    }

    /// The model's columns as they are bound.
    pub fn features(&self) -> &[(String, DataType)] {
        &self.bound
    }

    /// The columns that are written again.
    pub fn kept_fields(&self) -> Vec<Field> {
        let names = self.names.iter().zip(&self.stored).take(self.kept);
        names
            .map(|(name, data_type)| Field::new(name, data_type.clone(), true))
            .collect()
    }

    /// Tells a reader what to read. It may be another file than the one that the columns were found in.
    pub fn apply(&self, reader: &mut RowsReader) -> Result<(), Failure> {
        check_names(reader)?;
        let columns = reader.columns();
        let mut wanted = Vec::new();
        for ((name, ty), stored) in self.names.iter().zip(&self.types).zip(&self.stored) {
            let Some(column) = columns.iter().position(|column| column.name == *name) else {
                return Err(wrong(format!(
                    "{} has no column {name}, which the first file has\n  it has    {}\n  help: score files of other columns by themselves",
                    reader.name().display(),
                    listed_columns(columns)
                )));
            };
            if self.format_is_typed && columns[column].data_type != *stored {
                return Err(wrong(format!(
                    "column {name} of {} is {}, in the first file it is {stored}\n  help: score files of other types by themselves",
                    reader.name().display(),
                    columns[column].data_type
                )));
            }
            wanted.push(Wanted {
                column,
                ty: ty.clone(),
            });
        }
        let more = columns
            .iter()
            .find(|column| !self.file.contains(&column.name));
        if let Some(column) = more
            && self.kept > 0
        {
            return Err(wrong(format!(
                "{} has a column {}, which the first file has not\n  help: score it by itself, or leave the input's columns out with --scores-only",
                reader.name().display(),
                column.name
            )));
        }
        reader.read(&wanted);
        Ok(())
    }

    /// Of the arrays that were read, those that are written again, and those of the model.
    pub fn split(&self, read: &[ArrayRef]) -> Result<(Vec<ArrayRef>, Vec<ArrayRef>), RowFault> {
        let kept = read.iter().take(self.kept).cloned().collect();
        let mut features = Vec::new();
        for (feature, (name, _)) in self.features.iter().zip(&self.bound) {
            let array = read.get(feature.place).ok_or_else(|| RowFault {
                row: 0,
                text: format!("column {name} was not read"),
            })?;
            features.push(match &feature.change {
                None => array.clone(),
                Some(Change::ToBoolean) => to_boolean(array, name)?,
                Some(Change::Cast(target)) => cast(array, target, name)?,
            });
        }
        Ok((kept, features))
    }

    /// Says what to do about a column of a wrong type where there is no SQL.
    pub fn wrong_type(&self, error: BindError) -> Failure {
        match error {
            BindError::InputType { fault, .. } => wrong(format!(
                "{fault}\n  help: give it a column of that type, with --columns if its name is another"
            )),
            other => wrong(other),
        }
    }
}

/// A row that the model cannot take.
#[derive(Debug)]
pub(crate) struct RowFault {
    /// Its place in the batch, from 0.
    pub row: usize,
    /// Why.
    pub text: String,
}

fn check_names(reader: &RowsReader) -> Result<(), Failure> {
    let columns = reader.columns();
    for (place, column) in columns.iter().enumerate() {
        if columns[..place]
            .iter()
            .any(|other| other.name == column.name)
        {
            return Err(wrong(format!(
                "{} has two columns called '{}'\n  help: rename one of them",
                reader.name().display(),
                column.name
            )));
        }
    }
    Ok(())
}

fn place_of(reader: &RowsReader, name: &str) -> Result<usize, Failure> {
    let columns = reader.columns();
    let found = columns.iter().position(|column| column.name == name);
    found.ok_or_else(|| {
        wrong(format!(
            "{} has no column {name}, which --columns names\n  it has    {}",
            reader.name().display(),
            listed_columns(columns)
        ))
    })
}

/// The type in which a column that is written again is read.
///
/// CSV to CSV keeps every field as it stands. Otherwise a number stays a number: exact where the first rows are whole,
/// else a double, whose text is the shortest that reads the same.
fn kept_type(column: &FileColumn, output: FileFormat) -> FlinkType {
    let Some(guess) = &column.guess else {
        return FlinkType::string();
    };
    match (output, &guess.kind) {
        (FileFormat::Csv, _) => FlinkType::string(),
        (_, TypeKind::Array(_) | TypeKind::Row(_)) => nested(guess),
        (_, TypeKind::BigInt | TypeKind::Boolean) => guess.clone(),
        (_, TypeKind::Decimal { .. } | TypeKind::Double) => FlinkType::new(TypeKind::Double),
        _ => FlinkType::string(),
    }
}

fn nested(guess: &FlinkType) -> FlinkType {
    match &guess.kind {
        TypeKind::Array(item) => FlinkType::new(TypeKind::Array(Box::new(nested(item)))),
        TypeKind::Row(fields) => FlinkType::new(TypeKind::Row(
            fields
                .iter()
                .map(|field| RowField::new(&field.name, nested(&field.ty)))
                .collect(),
        )),
        TypeKind::BigInt | TypeKind::Boolean => guess.clone(),
        TypeKind::Decimal { .. } | TypeKind::Double => FlinkType::new(TypeKind::Double),
        _ => FlinkType::string(),
    }
}

/// How a column of CSV or JSON is read for a tensor.
fn text_feature(guess: &FlinkType, tensor: &TensorSpec) -> (FlinkType, Option<Change>) {
    if let TypeKind::Array(_) = guess.kind {
        let item = match tensor.element {
            ElementType::Float32 | ElementType::Float64 => FlinkType::new(TypeKind::Double),
            ElementType::Int32 => FlinkType::new(TypeKind::Int),
            ElementType::Int64 => FlinkType::new(TypeKind::BigInt),
            ElementType::Bool => FlinkType::new(TypeKind::Boolean),
            ElementType::String => FlinkType::string(),
        };
        return (FlinkType::new(TypeKind::Array(Box::new(item))), None);
    }
    match tensor.element {
        ElementType::Float32 | ElementType::Float64 if guess.kind == TypeKind::Boolean => {
            (FlinkType::string(), Some(Change::ToBoolean))
        }
        ElementType::Float32 | ElementType::Float64 => (FlinkType::new(TypeKind::Double), None),
        ElementType::Int32 => (FlinkType::new(TypeKind::Int), None),
        ElementType::Int64 => (FlinkType::new(TypeKind::BigInt), None),
        ElementType::Bool => (FlinkType::string(), Some(Change::ToBoolean)),
        ElementType::String => (FlinkType::string(), None),
    }
}

/// How a typed column becomes one that scoring knows.
fn typed_feature(data_type: &DataType, tensor: &TensorSpec) -> Option<Change> {
    fn plain(data_type: &DataType, float: bool) -> Option<DataType> {
        Some(match data_type {
            DataType::UInt8 | DataType::UInt16 => DataType::Int32,
            DataType::UInt32 => DataType::Int64,
            DataType::UInt64 if float => DataType::Float64,
            DataType::UInt64 => DataType::Int64,
            DataType::Float16 => DataType::Float32,
            DataType::Decimal32(..) | DataType::Decimal64(..) | DataType::Decimal256(..)
                if float =>
            {
                DataType::Float64
            }
            DataType::Dictionary(_, value) => {
                plain(value, float).unwrap_or_else(|| value.as_ref().clone())
            }
            DataType::List(item)
            | DataType::LargeList(item)
            | DataType::ListView(item)
            | DataType::LargeListView(item)
            | DataType::FixedSizeList(item, _) => {
                let inner = plain(item.data_type(), float);
                if inner.is_none()
                    && !matches!(
                        data_type,
                        DataType::ListView(_) | DataType::LargeListView(_)
                    )
                {
                    return None;
                }
                let item_type = inner.unwrap_or_else(|| item.data_type().clone());
                DataType::List(Arc::new(Field::new_list_field(item_type, true)))
            }
            _ => return None,
        })
    }
    plain(data_type, tensor.element.is_float()).map(Change::Cast)
}

fn to_boolean(array: &ArrayRef, name: &str) -> Result<ArrayRef, RowFault> {
    let texts = array.as_string_opt::<i32>().ok_or_else(|| RowFault {
        row: 0,
        text: format!("column {name} is no text"),
    })?;
    let mut values = BooleanBuilder::with_capacity(texts.len());
    for row in 0..texts.len() {
        let text = if texts.is_null(row) {
            ""
        } else {
            texts.value(row).trim()
        };
        match text {
            "" => values.append_null(),
            "1" => values.append_value(true),
            "0" => values.append_value(false),
            _ if text.eq_ignore_ascii_case("true") => values.append_value(true),
            _ if text.eq_ignore_ascii_case("false") => values.append_value(false),
            other => {
                let shown: String = other.chars().take(60).collect();
                return Err(RowFault {
                    row,
                    text: format!(
                        "column {name} is neither true nor false, got '{}'",
                        shown.escape_debug()
                    ),
                });
            }
        }
    }
    Ok(Arc::new(values.finish()))
}

fn cast(array: &ArrayRef, target: &DataType, name: &str) -> Result<ArrayRef, RowFault> {
    let strict = CastOptions {
        safe: false,
        ..CastOptions::default()
    };
    let failed = |row: usize, error: arrow::error::ArrowError| RowFault {
        row,
        text: format!("column {name} does not fit: {error}"),
    };
    cast_with_options(array, target, &strict).map_err(|error| {
        // Which row it is, the error does not tell.
        let bad = (0..array.len()).find_map(|row| {
            let one = cast_with_options(&array.slice(row, 1), target, &strict);
            one.err().map(|error| failed(row, error))
        });
        bad.unwrap_or_else(|| failed(0, error))
    })
}

/// `a, b, c`, not too many.
fn listed(names: &[&str]) -> String {
    const MOST: usize = 20;
    let mut text = names
        .iter()
        .take(MOST)
        .copied()
        .collect::<Vec<_>>()
        .join(", ");
    if names.len() > MOST {
        text.push_str(&format!(" and {} more", names.len() - MOST));
    }
    text
}

fn listed_columns(columns: &[FileColumn]) -> String {
    let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    listed(&names)
}

/// The columns that a model takes.
fn needed(signature: &Signature) -> String {
    let mut names: Vec<String> = Vec::new();
    for input in &signature.inputs {
        if !input.features.is_empty() {
            names.extend(input.features.iter().cloned());
        } else if input.width() == 1 {
            names.push(format!("{} ({})", input.name, input.element));
        } else {
            names.push(format!(
                "{} columns or an array for {} ({})",
                input.width(),
                input.name,
                input.element
            ));
        }
    }
    listed(&names.iter().map(String::as_str).collect::<Vec<_>>())
}

fn lacking(
    model: &Model,
    reader: &RowsReader,
    columns: &[(String, DataType)],
    named: bool,
    error: &BindError,
) -> Failure {
    let BindError::Inputs {
        missing, unused, ..
    } = error
    else {
        return wrong(error);
    };
    let signature = model.signature();
    let all: usize = signature.input_width();
    let names = signature
        .inputs
        .iter()
        .any(|input| !input.features.is_empty())
        || signature.inputs.len() > 1;
    let what = match missing.as_slice() {
        [one] => format!(
            "the model's {one} has no column in {}",
            reader.name().display()
        ),
        _ if names => format!(
            "{} of the model's {all} features have no column in {}: {}",
            missing.len(),
            reader.name().display(),
            listed(&missing.iter().map(String::as_str).collect::<Vec<_>>())
        ),
        _ => format!(
            "the model needs {all} columns, {} has {}",
            if named {
                "--columns".to_owned()
            } else {
                reader.name().display().to_string()
            },
            columns.len()
        ),
    };
    let mut help = Vec::new();
    for name in missing {
        if let Some(near) = nearest(name, unused) {
            help.push(format!("{near} for {name}"));
        }
    }
    let help = if help.is_empty() {
        "name the columns to take, in the model's order: --columns a,b,c".to_owned()
    } else {
        format!(
            "did you mean {}? Rename them, or name the columns in the model's order: --columns a,b,c",
            listed(&help.iter().map(String::as_str).collect::<Vec<_>>())
        )
    };
    wrong(format!(
        "{what}\n  it needs  {}\n  it has    {}\n  help: {help}",
        needed(signature),
        listed_columns(reader.columns())
    ))
}
