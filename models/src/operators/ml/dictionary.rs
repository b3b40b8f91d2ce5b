//! Tables from one value to another: what LabelEncoder, CategoryMapper and OneHotEncoder look values up in.
//!
//! Keys are hashed once when the model loads; a lookup allocates nothing, and a result only where it is a string.

use std::fmt::Debug;
use std::hash::Hash;

use ahash::AHashMap;
use tract_onnx::tract_hir::internal::*;

use super::selection::Selection;
use super::tabular::tensor;

/// An element type that tables may be keyed by.
pub(super) trait Key: Datum {
    /// What is hashed: equal for values that are the same key.
    type Hashed: Hash + Eq + Debug + Send + Sync + 'static;

    /// The key of a value of the file. `None` is found by nothing.
    fn hashed(self, nan: Nan) -> Option<Self::Hashed>;

    /// What stands in the table for a value.
    fn find<'a, V>(&self, table: &'a AHashMap<Self::Hashed, V>, nan: Nan) -> Option<&'a V>;
}

/// Whether a NaN finds a NaN. ONNX Runtime's LabelEncoder has it so from version 4 on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Nan {
    FindsNan,
    FindsNothing,
}

impl Key for String {
    type Hashed = String;

    fn hashed(self, _: Nan) -> Option<String> {
        Some(self)
    }

    fn find<'a, V>(&self, table: &'a AHashMap<String, V>, _: Nan) -> Option<&'a V> {
        table.get(self.as_str())
    }
}

impl Key for i64 {
    type Hashed = i64;

    fn hashed(self, _: Nan) -> Option<i64> {
        Some(self)
    }

    fn find<'a, V>(&self, table: &'a AHashMap<i64, V>, _: Nan) -> Option<&'a V> {
        table.get(self)
    }
}

macro_rules! float_key {
    ($type:ty, $bits:ty) => {
        impl Key for $type {
            type Hashed = $bits;

            fn hashed(self, nan: Nan) -> Option<$bits> {
                if self.is_nan() {
                    return (nan == Nan::FindsNan).then_some(<$type>::NAN.to_bits());
                }
                // Both zeros are one key.
                Some((self + 0.0).to_bits())
            }

            fn find<'a, V>(&self, table: &'a AHashMap<$bits, V>, nan: Nan) -> Option<&'a V> {
                table.get(&self.hashed(nan)?)
            }
        }
    };
}

float_key!(f32, u32);
float_key!(f64, u64);

/// Which of two entries with one key counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Repeated {
    First,
    Last,
}

/// A table with a value for whatever is not in it.
#[derive(Debug)]
pub(super) struct Dictionary<K: Key, V> {
    table: AHashMap<K::Hashed, V>,
    default: V,
    nan: Nan,
}

impl<K: Key, V> Dictionary<K, V> {
    pub(super) fn new(
        entries: impl IntoIterator<Item = (K, V)>,
        default: V,
        repeated: Repeated,
        nan: Nan,
    ) -> Self {
        let mut table = AHashMap::new();
        for (key, value) in entries {
            let Some(key) = key.hashed(nan) else {
                continue;
            };
            match repeated {
                Repeated::First => {
                    table.entry(key).or_insert(value);
                }
                Repeated::Last => {
                    table.insert(key, value);
                }
            }
        }
        Self {
            table,
            default,
            nan,
        }
    }

    /// The value of a key.
    pub(super) fn get(&self, key: &K) -> &V {
        key.find(&self.table, self.nan).unwrap_or(&self.default)
    }
}

/// A dictionary whatever its types.
pub(super) trait Translate: Debug + Send + Sync {
    /// Element types of keys and values.
    fn types(&self) -> (DatumType, DatumType);

    /// Looks up every element that is selected.
    fn translate(&self, keys: &Tensor, selection: &Selection) -> TractResult<Tensor>;
}

impl<K: Key, V: Datum> Translate for Dictionary<K, V> {
    fn types(&self) -> (DatumType, DatumType) {
        (K::datum_type(), V::datum_type())
    }

    fn translate(&self, keys: &Tensor, selection: &Selection) -> TractResult<Tensor> {
        let shape = selection.shape(keys.shape());
        let mut values: Vec<V> = Vec::with_capacity(shape.iter().product());
        selection.read::<K>(keys, |key| {
            values.push(self.get(key).clone());
            Ok(())
        })?;
        tensor(&shape, values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_are_one_key_and_nan_is_one_where_it_counts() {
        let entries = [(0.0f32, 1i64), (f32::NAN, 2)];
        let table = |nan| Dictionary::new(entries, -1, Repeated::First, nan);
        assert_eq!(*table(Nan::FindsNan).get(&-0.0), 1);
        assert_eq!(*table(Nan::FindsNan).get(&-f32::NAN), 2);
        assert_eq!(*table(Nan::FindsNothing).get(&f32::NAN), -1);
    }

    #[test]
    fn of_equal_keys_the_first_or_the_last_counts() {
        let entries = || ["a", "b", "a"].map(str::to_owned).into_iter().zip(0i64..);
        let table = |repeated| Dictionary::new(entries(), -1, repeated, Nan::FindsNothing);
        assert_eq!(*table(Repeated::First).get(&"a".to_owned()), 0);
        assert_eq!(*table(Repeated::Last).get(&"a".to_owned()), 2);
        assert_eq!(*table(Repeated::Last).get(&String::new()), -1);
    }
}
