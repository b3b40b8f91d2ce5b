//! Names that mean the same although exporters or SQL spell them differently.

/// The name in lower case, without punctuation and without what exporters add: TensorFlow's
/// `serving_default_` in front and output number (`:0`) behind.
pub(crate) fn normalised(name: &str) -> String {
    let name = name.strip_prefix("serving_default_").unwrap_or(name);
    let name = match name.rsplit_once(':') {
        Some((head, digits))
            if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) =>
        {
            head
        }
        _ => name,
    };
    name.chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
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
    }

    #[test]
    fn typing_errors_are_recognised() {
        let names = ["amount", "count_1m", "hour"];
        assert_eq!(suggestion("amonut", names), Some("amount"));
        assert_eq!(suggestion("count_1h", names), Some("count_1m"));
        assert_eq!(suggestion("merchant", names), None);
    }
}
