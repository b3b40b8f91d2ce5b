//! What each function is, for people: how it is called, and a line that says what it does.
//!
//! Editors complete from this list. It holds every function that a query can call by name, and the
//! calls with words of their own between the parentheses (`CAST(value AS type)`), which have no
//! function of that name behind them. A test holds it against the catalogue.

/// What a function is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FunctionFamily {
    /// One value a row.
    Scalar,
    /// One value of many rows.
    Aggregate,
}

/// A function as a person reads about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FunctionHelp {
    /// Its name in capitals.
    pub name: &'static str,
    /// How it is called; what is in square brackets can be left out.
    pub signature: &'static str,
    /// What it does, in a line without a period.
    pub help: &'static str,
    /// What it is for.
    pub family: FunctionFamily,
}

const fn scalar(name: &'static str, signature: &'static str, help: &'static str) -> FunctionHelp {
    FunctionHelp {
        name,
        signature,
        help,
        family: FunctionFamily::Scalar,
    }
}

const fn aggregate(
    name: &'static str,
    signature: &'static str,
    help: &'static str,
) -> FunctionHelp {
    FunctionHelp {
        name,
        signature,
        help,
        family: FunctionFamily::Aggregate,
    }
}

/// All functions, by name.
pub fn function_reference() -> &'static [FunctionHelp] {
    &REFERENCE
}

/// The function of that name, whatever its case.
pub fn function_help(name: &str) -> Option<&'static FunctionHelp> {
    REFERENCE
        .iter()
        .find(|function| function.name.eq_ignore_ascii_case(name))
}

/// Sorted by name.
static REFERENCE: [FunctionHelp; 180] = [
    scalar("ABS", "ABS(number)", "The number without its sign"),
    scalar("ACOS", "ACOS(number)", "The angle whose cosine it is"),
    aggregate(
        "APPROX_COUNT_DISTINCT",
        "APPROX_COUNT_DISTINCT(value)",
        "How many different values, within 1 %",
    ),
    aggregate(
        "ARRAY_AGG",
        "ARRAY_AGG([DISTINCT] value)",
        "The values as an array, by arrival",
    ),
    scalar(
        "ARRAY_APPEND",
        "ARRAY_APPEND(array, element)",
        "The array with one more element at its end",
    ),
    scalar(
        "ARRAY_CONCAT",
        "ARRAY_CONCAT(array, …)",
        "The arrays one after the other",
    ),
    scalar(
        "ARRAY_CONTAINS",
        "ARRAY_CONTAINS(array, element)",
        "Whether the element is in the array",
    ),
    scalar(
        "ARRAY_DISTINCT",
        "ARRAY_DISTINCT(array)",
        "The array without what is there twice",
    ),
    scalar(
        "ARRAY_EXCEPT",
        "ARRAY_EXCEPT(array, array)",
        "What the first array has and the second has not",
    ),
    scalar(
        "ARRAY_INTERSECT",
        "ARRAY_INTERSECT(array, array)",
        "What both arrays have",
    ),
    scalar(
        "ARRAY_JOIN",
        "ARRAY_JOIN(array, separator [, for_null])",
        "The strings of the array as one, with a separator",
    ),
    scalar("ARRAY_MAX", "ARRAY_MAX(array)", "The largest element"),
    scalar("ARRAY_MIN", "ARRAY_MIN(array)", "The smallest element"),
    scalar(
        "ARRAY_POSITION",
        "ARRAY_POSITION(array, element)",
        "Where the element is first, from 1; 0 if nowhere",
    ),
    scalar(
        "ARRAY_PREPEND",
        "ARRAY_PREPEND(array, element)",
        "The array with one more element at its start",
    ),
    scalar(
        "ARRAY_REMOVE",
        "ARRAY_REMOVE(array, element)",
        "The array without that element",
    ),
    scalar(
        "ARRAY_REVERSE",
        "ARRAY_REVERSE(array)",
        "The array from its end to its start",
    ),
    scalar(
        "ARRAY_SLICE",
        "ARRAY_SLICE(array, from [, to])",
        "A part of the array, both ends included, from 1",
    ),
    scalar(
        "ARRAY_SORT",
        "ARRAY_SORT(array [, ascending [, null_first]])",
        "The array in order",
    ),
    scalar(
        "ARRAY_UNION",
        "ARRAY_UNION(array, array)",
        "What either array has, once",
    ),
    scalar("ASCII", "ASCII(string)", "The code of the first character"),
    scalar("ASIN", "ASIN(number)", "The angle whose sine it is"),
    scalar("ATAN", "ATAN(number)", "The angle whose tangent it is"),
    scalar("ATAN2", "ATAN2(y, x)", "The angle of the point (x, y)"),
    aggregate(
        "AVG",
        "AVG([DISTINCT] number)",
        "The mean; of integers truncated toward zero",
    ),
    scalar("BIN", "BIN(integer)", "The number in binary digits"),
    scalar(
        "BTRIM",
        "BTRIM(string [, characters])",
        "The string without those characters at both ends",
    ),
    scalar(
        "CARDINALITY",
        "CARDINALITY(array_or_map)",
        "How many elements it has",
    ),
    scalar(
        "CASE",
        "CASE WHEN condition THEN value … [ELSE value] END",
        "The value of the first condition that holds",
    ),
    scalar(
        "CAST",
        "CAST(value AS type)",
        "The value in another type; an error if it has none there",
    ),
    scalar(
        "CEIL",
        "CEIL(number_or_time [TO unit])",
        "Up to the next whole number, or whole unit of time",
    ),
    scalar(
        "CHAR_LENGTH",
        "CHAR_LENGTH(string)",
        "How many characters it has",
    ),
    scalar("CHR", "CHR(integer)", "The character with this code"),
    scalar(
        "COALESCE",
        "COALESCE(value, …)",
        "The first value that is not NULL",
    ),
    aggregate(
        "COLLECT",
        "COLLECT([DISTINCT] value)",
        "The values as a multiset",
    ),
    scalar(
        "CONCAT",
        "CONCAT(string, …)",
        "The strings one after the other; NULL if one is",
    ),
    scalar(
        "CONCAT_WS",
        "CONCAT_WS(separator, string, …)",
        "The strings that are not NULL, with a separator",
    ),
    scalar(
        "CONV",
        "CONV(number, from_base, to_base)",
        "The number in another base",
    ),
    scalar(
        "CONVERT_TZ",
        "CONVERT_TZ(string, from_zone, to_zone)",
        "A time as text, in another time zone",
    ),
    scalar("COS", "COS(number)", "The cosine"),
    scalar("COSH", "COSH(number)", "The hyperbolic cosine"),
    scalar("COT", "COT(number)", "The cotangent"),
    aggregate(
        "COUNT",
        "COUNT(*) or COUNT([DISTINCT] value)",
        "How many rows, or how many values that are not NULL",
    ),
    scalar(
        "CURRENT_DATE",
        "CURRENT_DATE",
        "Today in the session's time zone",
    ),
    scalar(
        "CURRENT_ROW_TIMESTAMP",
        "CURRENT_ROW_TIMESTAMP()",
        "The time at which this row is worked on",
    ),
    scalar(
        "CURRENT_TIME",
        "CURRENT_TIME",
        "The time of day in the session's time zone",
    ),
    scalar(
        "CURRENT_TIMESTAMP",
        "CURRENT_TIMESTAMP",
        "The time at which this row is worked on",
    ),
    scalar(
        "CURRENT_WATERMARK",
        "CURRENT_WATERMARK(rowtime)",
        "The watermark so far; NULL before the first",
    ),
    scalar(
        "DATE_FORMAT",
        "DATE_FORMAT(timestamp, format)",
        "A timestamp as text, such as 'yyyy-MM-dd HH:mm'",
    ),
    scalar(
        "DAYOFMONTH",
        "DAYOFMONTH(date)",
        "The day of the month, from 1",
    ),
    scalar(
        "DAYOFWEEK",
        "DAYOFWEEK(date)",
        "The day of the week; Sunday is 1",
    ),
    scalar(
        "DAYOFYEAR",
        "DAYOFYEAR(date)",
        "The day of the year, from 1",
    ),
    scalar("DECODE", "DECODE(bytes, charset)", "Bytes as text"),
    scalar("DEGREES", "DEGREES(radians)", "An angle in degrees"),
    scalar("E", "E()", "Euler's number"),
    scalar("ELEMENT", "ELEMENT(array)", "The only element of an array"),
    scalar(
        "ELT",
        "ELT(index, value, …)",
        "The value at this place, from 1",
    ),
    scalar("ENCODE", "ENCODE(string, charset)", "Text as bytes"),
    scalar("ENDSWITH", "ENDSWITH(value, end)", "Whether it ends so"),
    scalar("EXP", "EXP(number)", "Euler's number to this power"),
    scalar(
        "EXTRACT",
        "EXTRACT(unit FROM time)",
        "One part of a time: YEAR, MONTH, DAY, HOUR, …",
    ),
    aggregate(
        "FIRST_VALUE",
        "FIRST_VALUE(value)",
        "The first value that is not NULL, by arrival",
    ),
    scalar(
        "FLOOR",
        "FLOOR(number_or_time [TO unit])",
        "Down to a whole number, or a whole unit of time",
    ),
    scalar(
        "FROM_BASE64",
        "FROM_BASE64(string)",
        "Text from its base 64 form",
    ),
    scalar(
        "FROM_UNIXTIME",
        "FROM_UNIXTIME(seconds [, format])",
        "Seconds since 1970 as text",
    ),
    scalar(
        "GREATEST",
        "GREATEST(value, …)",
        "The largest of them; NULL if one is",
    ),
    scalar("HEX", "HEX(number_or_string)", "In hexadecimal digits"),
    scalar("HOUR", "HOUR(timestamp)", "The hour of the day"),
    scalar("IF", "IF(condition, then, else)", "One of two values"),
    scalar(
        "IFNULL",
        "IFNULL(value, instead)",
        "The value, or the other one if it is NULL",
    ),
    scalar(
        "INET_ATON",
        "INET_ATON(string)",
        "An IPv4 address as a number",
    ),
    scalar(
        "INET_NTOA",
        "INET_NTOA(number)",
        "A number as an IPv4 address",
    ),
    scalar(
        "INITCAP",
        "INITCAP(string)",
        "Each word with a capital letter",
    ),
    scalar(
        "INSTR",
        "INSTR(string, part)",
        "Where the part is first, from 1; 0 if nowhere",
    ),
    scalar("JSON", "JSON(string)", "JSON text as a part of other JSON"),
    scalar("JSON_ARRAY", "JSON_ARRAY(value, …)", "A JSON array as text"),
    scalar(
        "JSON_EXISTS",
        "JSON_EXISTS(json, path)",
        "Whether something is at the path",
    ),
    scalar(
        "JSON_OBJECT",
        "JSON_OBJECT(KEY key VALUE value, …)",
        "A JSON object as text",
    ),
    scalar(
        "JSON_QUERY",
        "JSON_QUERY(json, path)",
        "The part of a JSON text at the path",
    ),
    scalar(
        "JSON_QUOTE",
        "JSON_QUOTE(string)",
        "The text as a JSON string",
    ),
    scalar(
        "JSON_STRING",
        "JSON_STRING(value)",
        "Any value as JSON text",
    ),
    scalar(
        "JSON_UNQUOTE",
        "JSON_UNQUOTE(string)",
        "The text of a JSON string",
    ),
    scalar(
        "JSON_VALUE",
        "JSON_VALUE(json, path [RETURNING type])",
        "The single value at the path",
    ),
    aggregate(
        "LAG",
        "LAG(value [, rows])",
        "The value of an earlier row, NULL if there is none",
    ),
    aggregate(
        "LAST_VALUE",
        "LAST_VALUE(value)",
        "The last value that is not NULL, by arrival",
    ),
    scalar(
        "LEAST",
        "LEAST(value, …)",
        "The smallest of them; NULL if one is",
    ),
    scalar("LEFT", "LEFT(string, count)", "The first characters"),
    aggregate(
        "LISTAGG",
        "LISTAGG(string [, separator])",
        "The strings as one, with a comma or a separator",
    ),
    scalar("LN", "LN(number)", "The natural logarithm"),
    scalar(
        "LOCALTIME",
        "LOCALTIME",
        "The time of day in the session's time zone",
    ),
    scalar(
        "LOCALTIMESTAMP",
        "LOCALTIMESTAMP",
        "Date and time in the session's time zone",
    ),
    scalar(
        "LOCATE",
        "LOCATE(part, string [, from])",
        "Where the part is, from 1; 0 if nowhere",
    ),
    scalar(
        "LOG",
        "LOG([base,] number)",
        "The logarithm, natural without a base",
    ),
    scalar("LOG10", "LOG10(number)", "The logarithm to base 10"),
    scalar("LOG2", "LOG2(number)", "The logarithm to base 2"),
    scalar("LOWER", "LOWER(string)", "In small letters"),
    scalar(
        "LPAD",
        "LPAD(string, length, padding)",
        "Padded at its start, or cut, to this length",
    ),
    scalar(
        "LTRIM",
        "LTRIM(string [, characters])",
        "Without those characters at its start",
    ),
    scalar(
        "MAP_ENTRIES",
        "MAP_ENTRIES(map)",
        "The entries as an array of rows",
    ),
    scalar(
        "MAP_FROM_ARRAYS",
        "MAP_FROM_ARRAYS(keys, values)",
        "A map of two arrays",
    ),
    scalar("MAP_KEYS", "MAP_KEYS(map)", "The keys as an array"),
    scalar(
        "MAP_UNION",
        "MAP_UNION(map, …)",
        "The entries of all maps; the later one wins",
    ),
    scalar("MAP_VALUES", "MAP_VALUES(map)", "The values as an array"),
    aggregate("MAX", "MAX(value)", "The largest value"),
    scalar("MD5", "MD5(string)", "The MD5 hash in hexadecimal digits"),
    aggregate("MIN", "MIN(value)", "The smallest value"),
    scalar("MINUTE", "MINUTE(timestamp)", "The minute of the hour"),
    scalar("MOD", "MOD(number, number)", "What is left of a division"),
    scalar("MONTH", "MONTH(date)", "The month, from 1"),
    scalar("NOW", "NOW()", "The time at which this row is worked on"),
    scalar(
        "NULLIF",
        "NULLIF(value, value)",
        "NULL if both are equal, else the first",
    ),
    scalar(
        "OCTET_LENGTH",
        "OCTET_LENGTH(string)",
        "How many bytes it has",
    ),
    scalar(
        "OVERLAY",
        "OVERLAY(string PLACING part FROM start [FOR count])",
        "The string with a part replaced by place",
    ),
    scalar(
        "PARSE_URL",
        "PARSE_URL(url, part [, key])",
        "A part of a URL: 'HOST', 'PATH', 'QUERY', …",
    ),
    scalar("PI", "PI()", "The number π"),
    scalar(
        "POSITION",
        "POSITION(part IN string)",
        "Where the part is, from 1; 0 if nowhere",
    ),
    scalar(
        "POWER",
        "POWER(base, exponent)",
        "One number to the power of another",
    ),
    scalar(
        "PRINTF",
        "PRINTF(format, value, …)",
        "Text after a format such as '%s: %d'",
    ),
    scalar(
        "PROCTIME",
        "PROCTIME()",
        "The processing time, as a time attribute",
    ),
    scalar(
        "QUARTER",
        "QUARTER(date)",
        "The quarter of the year, from 1",
    ),
    scalar("RADIANS", "RADIANS(degrees)", "An angle in radians"),
    scalar("RAND", "RAND([seed])", "A random number from 0 up to 1"),
    scalar(
        "RAND_INTEGER",
        "RAND_INTEGER([seed,] bound)",
        "A random whole number below the bound",
    ),
    scalar(
        "REGEXP",
        "REGEXP(string, pattern)",
        "Whether a part of it matches the pattern",
    ),
    scalar(
        "REGEXP_COUNT",
        "REGEXP_COUNT(string, pattern)",
        "How often the pattern matches",
    ),
    scalar(
        "REGEXP_EXTRACT",
        "REGEXP_EXTRACT(string, pattern [, group])",
        "What the pattern, or its group, matches",
    ),
    scalar(
        "REGEXP_EXTRACT_ALL",
        "REGEXP_EXTRACT_ALL(string, pattern [, group])",
        "All that the pattern matches, as an array",
    ),
    scalar(
        "REGEXP_INSTR",
        "REGEXP_INSTR(string, pattern)",
        "Where the pattern matches first, from 1",
    ),
    scalar(
        "REGEXP_REPLACE",
        "REGEXP_REPLACE(string, pattern, replacement)",
        "The string with every match replaced",
    ),
    scalar(
        "REGEXP_SUBSTR",
        "REGEXP_SUBSTR(string, pattern)",
        "The first match of the pattern",
    ),
    scalar(
        "REPEAT",
        "REPEAT(string, count)",
        "The string this many times",
    ),
    scalar(
        "REPLACE",
        "REPLACE(string, part, replacement)",
        "The string with every such part replaced",
    ),
    scalar(
        "REVERSE",
        "REVERSE(string)",
        "The string from its end to its start",
    ),
    scalar("RIGHT", "RIGHT(string, count)", "The last characters"),
    scalar(
        "ROUND",
        "ROUND(number [, digits])",
        "Rounded to this many digits behind the point",
    ),
    aggregate(
        "ROW_NUMBER",
        "ROW_NUMBER()",
        "The number of the row, from 1",
    ),
    scalar(
        "RPAD",
        "RPAD(string, length, padding)",
        "Padded at its end, or cut, to this length",
    ),
    scalar(
        "RTRIM",
        "RTRIM(string [, characters])",
        "Without those characters at its end",
    ),
    scalar("SECOND", "SECOND(timestamp)", "The second of the minute"),
    scalar(
        "SHA1",
        "SHA1(string)",
        "The SHA-1 hash in hexadecimal digits",
    ),
    scalar(
        "SHA2",
        "SHA2(string, bits)",
        "The SHA-2 hash in hexadecimal digits",
    ),
    scalar(
        "SHA224",
        "SHA224(string)",
        "The SHA-224 hash in hexadecimal digits",
    ),
    scalar(
        "SHA256",
        "SHA256(string)",
        "The SHA-256 hash in hexadecimal digits",
    ),
    scalar(
        "SHA384",
        "SHA384(string)",
        "The SHA-384 hash in hexadecimal digits",
    ),
    scalar(
        "SHA512",
        "SHA512(string)",
        "The SHA-512 hash in hexadecimal digits",
    ),
    scalar("SIGN", "SIGN(number)", "-1, 0 or 1"),
    scalar("SIN", "SIN(number)", "The sine"),
    scalar("SINH", "SINH(number)", "The hyperbolic sine"),
    scalar(
        "SPLIT",
        "SPLIT(string, separator)",
        "The parts of the string as an array",
    ),
    scalar(
        "SPLIT_INDEX",
        "SPLIT_INDEX(string, separator, index)",
        "One part of the string, from 0",
    ),
    scalar("SQRT", "SQRT(number)", "The square root"),
    scalar(
        "STARTSWITH",
        "STARTSWITH(value, start)",
        "Whether it starts so",
    ),
    aggregate(
        "STDDEV_POP",
        "STDDEV_POP(number)",
        "The standard deviation of all",
    ),
    aggregate(
        "STDDEV_SAMP",
        "STDDEV_SAMP(number)",
        "The standard deviation of a sample; NULL for a single value",
    ),
    scalar(
        "STR_TO_MAP",
        "STR_TO_MAP(string [, between_entries, between_key_and_value])",
        "A map of text such as 'a=1,b=2'",
    ),
    scalar(
        "SUBSTRING",
        "SUBSTRING(string FROM start [FOR count])",
        "A part of the string, from 1",
    ),
    aggregate(
        "SUM",
        "SUM([DISTINCT] number)",
        "The sum; NULL if there was no value",
    ),
    scalar("TAN", "TAN(number)", "The tangent"),
    scalar("TANH", "TANH(number)", "The hyperbolic tangent"),
    scalar(
        "TIMESTAMPADD",
        "TIMESTAMPADD(unit, count, time)",
        "A time and so many units more",
    ),
    scalar(
        "TIMESTAMPDIFF",
        "TIMESTAMPDIFF(unit, from, to)",
        "How many whole units between two times",
    ),
    scalar("TO_BASE64", "TO_BASE64(string)", "The text in base 64"),
    scalar("TO_DATE", "TO_DATE(string [, format])", "Text as a date"),
    scalar(
        "TO_TIMESTAMP",
        "TO_TIMESTAMP(string [, format])",
        "Text as a timestamp",
    ),
    scalar(
        "TO_TIMESTAMP_LTZ",
        "TO_TIMESTAMP_LTZ(number, precision)",
        "Seconds (0) or milliseconds (3) since 1970 as a point in time",
    ),
    scalar(
        "TRANSLATE",
        "TRANSLATE(string, from, to)",
        "Each character of the one list by that of the other",
    ),
    scalar(
        "TRIM",
        "TRIM([BOTH|LEADING|TRAILING] [characters FROM] string)",
        "The string without blanks, or those characters, at its ends",
    ),
    scalar(
        "TRUNCATE",
        "TRUNCATE(number [, digits])",
        "Cut to this many digits behind the point",
    ),
    scalar(
        "TRY_CAST",
        "TRY_CAST(value AS type)",
        "The value in another type; NULL if it has none there",
    ),
    scalar("TYPEOF", "TYPEOF(value)", "The name of its type"),
    scalar("UNHEX", "UNHEX(string)", "Bytes from hexadecimal digits"),
    scalar(
        "UNIX_TIMESTAMP",
        "UNIX_TIMESTAMP([string [, format]])",
        "Seconds since 1970",
    ),
    scalar("UPPER", "UPPER(string)", "In capital letters"),
    scalar(
        "URL_DECODE",
        "URL_DECODE(string)",
        "Text from its form in a URL",
    ),
    scalar(
        "URL_ENCODE",
        "URL_ENCODE(string)",
        "Text as it stands in a URL",
    ),
    scalar("UUID", "UUID()", "A random identifier"),
    aggregate("VAR_POP", "VAR_POP(number)", "The variance of all"),
    aggregate(
        "VAR_SAMP",
        "VAR_SAMP(number)",
        "The variance of a sample; NULL for a single value",
    ),
    scalar("WEEK", "WEEK(date)", "The week of the year, by ISO 8601"),
    scalar("YEAR", "YEAR(date)", "The year"),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::aggregate::AggregateKind;
    use crate::scalar_functions;

    /// Names that are only another spelling of a function that the list has.
    fn is_other_spelling(name: &str) -> bool {
        matches!(
            name,
            "character_length"
                | "length"
                | "substr"
                | "ceiling"
                | "translate3"
                | "stddev"
                | "variance"
        )
    }

    #[test]
    fn every_function_of_the_catalogue_is_explained() {
        let known: BTreeSet<String> = function_reference()
            .iter()
            .map(|function| function.name.to_ascii_lowercase())
            .collect();
        let mut missing = Vec::new();
        for function in scalar_functions() {
            let aliases = function.aliases().iter().map(String::as_str);
            for name in [function.name()].into_iter().chain(aliases) {
                if !name.starts_with("__") && !known.contains(name) && !is_other_spelling(name) {
                    missing.push(name.to_string());
                }
            }
        }
        assert!(missing.is_empty(), "not explained: {missing:?}");
    }

    #[test]
    fn nothing_is_explained_that_is_not_there() {
        let catalogue: BTreeSet<String> = scalar_functions()
            .iter()
            .flat_map(|function| {
                let own = function.name().to_string();
                own.trim_start_matches('_')
                    .split(' ')
                    .map(String::from)
                    .chain(function.aliases().iter().cloned())
                    .collect::<Vec<_>>()
            })
            .collect();
        for function in function_reference() {
            let name = function.name.to_ascii_lowercase();
            let there = match function.family {
                FunctionFamily::Aggregate => AggregateKind::from_name(&name).is_some(),
                // Syntax that the parser turns into other calls.
                FunctionFamily::Scalar => {
                    catalogue.contains(&name)
                        || matches!(name.as_str(), "cast" | "try_cast" | "case")
                }
            };
            assert!(there, "{name} is not in the catalogue");
            assert!(function.signature.starts_with(function.name), "{name}");
            assert!(
                !function.help.is_empty() && !function.help.ends_with('.'),
                "{name}"
            );
        }
    }

    #[test]
    fn names_are_sorted_and_unique() {
        for pair in function_reference().windows(2) {
            assert!(
                pair[0].name < pair[1].name,
                "{} {}",
                pair[0].name,
                pair[1].name
            );
        }
    }
}
