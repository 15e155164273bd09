//! Line ranges as models write them.

use serde_json::Value;

/// Lines from `first` (1-based) to `last`, inclusive; to the end where that is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Range {
    pub(crate) first: u64,
    pub(crate) last: Option<u64>,
}

/// Most ranges of one call.
const MOST: usize = 50;

/// Reads `"10-40,80-95"`, `"7"`, `"900-"`, `12`, `[10, 40]` or `[[10, 40], "80-95"]`.
pub(super) fn parse(value: &Value) -> Option<Vec<Range>> {
    let mut ranges = Vec::new();
    collect(value, &mut ranges, 0)?;
    ranges.sort_by_key(|range| range.first);
    (!ranges.is_empty() && ranges.len() <= MOST).then_some(ranges)
}

fn collect(value: &Value, ranges: &mut Vec<Range>, depth: usize) -> Option<()> {
    match value {
        Value::Number(line) => {
            let first = line.as_u64()?;
            ranges.push(checked(first, Some(first))?);
        }
        Value::String(text) => {
            for part in text.split(',') {
                ranges.push(one(part.trim())?);
            }
        }
        Value::Array(items) => match items.as_slice() {
            [Value::Number(first), Value::Number(last)] => {
                ranges.push(checked(first.as_u64()?, Some(last.as_u64()?))?);
            }
            items if depth < 2 => {
                items.iter().try_for_each(|item| collect(item, ranges, depth + 1))?;
            }
            _ => return None,
        },
        _ => return None,
    }
    Some(())
}

fn one(text: &str) -> Option<Range> {
    let text = text.trim_start_matches(['L', 'l']);
    let Some((first, last)) = text.split_once(['-', ':']) else {
        let line = text.parse().ok()?;
        return checked(line, Some(line));
    };
    let last = last.trim().trim_start_matches(['L', 'l']);
    let last = if last.is_empty() { None } else { Some(last.parse().ok()?) };
    checked(first.trim().parse().ok()?, last)
}

fn checked(first: u64, last: Option<u64>) -> Option<Range> {
    let first = first.max(1);
    last.is_none_or(|last| last >= first).then_some(Range { first, last })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn reads_every_way_of_writing_it() {
        let check = |value: Value, expected: &[(u64, Option<u64>)]| {
            let got = parse(&value)
                .map(|ranges| ranges.iter().map(|r| (r.first, r.last)).collect::<Vec<_>>());
            assert_eq!(got.as_deref(), Some(expected), "{value}");
        };
        check(json!("80-95, 10-40"), &[(10, Some(40)), (80, Some(95))]);
        check(json!("7"), &[(7, Some(7))]);
        check(json!("900-"), &[(900, None)]);
        check(json!("L5-L9"), &[(5, Some(9))]);
        check(json!("0-3"), &[(1, Some(3))]);
        check(json!(12), &[(12, Some(12))]);
        check(json!([10, 40]), &[(10, Some(40))]);
        check(json!([[10, 40], "80-95"]), &[(10, Some(40)), (80, Some(95))]);
        for bad in [json!("x"), json!("9-3"), json!(""), json!({}), json!([]), json!("-5")] {
            assert_eq!(parse(&bad), None, "{bad}");
        }
    }
}
