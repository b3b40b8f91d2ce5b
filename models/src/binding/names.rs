//! Names that mean the same although exporters or SQL spell them differently.

/// The name in lower case, without punctuation and without what exporters add, see [`core_of`].
pub(crate) fn normalised(name: &str) -> String {
    core_of(name)
        .chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

/// The name without what TensorFlow adds: `serving_default_` in front, and behind `:0`, the number of the first output
/// of an operation. A second output (`:1`) is another tensor, so its number stays.
pub(crate) fn core_of(name: &str) -> &str {
    let name = name.strip_prefix("serving_default_").unwrap_or(name);
    name.strip_suffix(":0").unwrap_or(name)
}

/// Whether the name holds a number with a sign or a point (`p_-1`, `p_0.5`), which it would lose by being normalised.
pub(crate) fn holds_number(name: &str) -> bool {
    let chars: Vec<char> = name.chars().collect();
    chars.windows(3).any(|three| match three {
        [before, '-', digit] => !before.is_alphanumeric() && digit.is_ascii_digit(),
        [before, '.', digit] => before.is_ascii_digit() && digit.is_ascii_digit(),
        _ => false,
    })
}

/// The candidate most like `name`, if it is close enough to be meant.
pub(crate) fn suggestion<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let wanted = normalised(name);
    candidates
        .into_iter()
        .map(|candidate| (distance(&wanted, &normalised(candidate)), candidate))
        .filter(|(distance, _)| *distance <= wanted.chars().count().div_ceil(3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Levenshtein's distance, with a swap of neighbours as one step.
fn distance(left: &str, right: &str) -> usize {
    let left: Vec<char> = left.chars().take(64).collect();
    let right: Vec<char> = right.chars().take(64).collect();
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in right.iter().enumerate() {
            let mut best = (above[j] + usize::from(a != b))
                .min(above[j + 1] + 1)
                .min(row[j] + 1);
            if i > 0 && j > 0 && *a == right[j - 1] && left[i - 1] == *b {
                best = best.min(before[j - 1] + 1);
            }
            row.push(best);
        }
        before = above;
        above = row;
    }
    above[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exporters_additions_do_not_count() {
        for name in ["serving_default_Sum_1m:0", "sum_1m", "SUM-1M", "sum.1m"] {
            assert_eq!(normalised(name), "sum1m", "{name}");
        }
        assert_eq!(normalised("ratio:x"), "ratiox");
        assert_eq!(
            normalised("StatefulPartitionedCall:1"),
            "statefulpartitionedcall1"
        );
    }

    #[test]
    fn typing_errors_are_recognised() {
        let names = ["amount", "count_1m", "hour"];
        assert_eq!(suggestion("amonut", names), Some("amount"));
        assert_eq!(suggestion("count_1h", names), Some("count_1m"));
        assert_eq!(suggestion("merchant", names), None);
    }
}
