//! The benchmark's tables and queries, from `tests/nexmark`.

macro_rules! file {
    ($name:expr) => {
        include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../tests/nexmark/",
            $name,
            ".sql"
        ))
    };
}

macro_rules! query {
    ($name:literal) => {
        ($name, file!($name))
    };
}

/// Views over one table that makes its events.
pub(super) const GENERATOR: &str = file!("generator");

/// Views over CSV files with the same events.
pub(super) const FILES: &str = file!("files");

/// The queries by name.
pub(super) const QUERIES: [(&str, &str); 24] = [
    query!("q0"),
    query!("q1"),
    query!("q2"),
    query!("q3"),
    query!("q4"),
    query!("q5"),
    query!("q6"),
    query!("q7"),
    query!("q8"),
    query!("q9"),
    query!("q10"),
    query!("q11"),
    query!("q12"),
    query!("q13"),
    query!("q14"),
    query!("q15"),
    query!("q16"),
    query!("q17"),
    query!("q18"),
    query!("q19"),
    query!("q20"),
    query!("q21"),
    query!("q22"),
    query!("q23"),
];
