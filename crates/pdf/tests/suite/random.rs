//! Files changed at random: whatever they hold, the reader comes to an end without a panic.

use distiq_pdf::{MAX_TEXT_BYTES, PAGE, text};
use distiq_testkit::pdf::{of_objects, pages, stream};
use proptest::prelude::*;

/// A change of a file's bytes, at a share of its length.
#[derive(Clone, Debug)]
enum Change {
    Set(f64, u8),
    Remove(f64, usize),
    Insert(f64, Vec<u8>),
    Repeat(f64, usize),
}

fn change() -> impl Strategy<Value = Change> {
    let words: Vec<&[u8]> = vec![
        b"<<",
        b">>",
        b"[",
        b"]",
        b"(",
        b")",
        b" 0 R",
        b"1 0 R",
        b"/Kids",
        b"/Length",
        b"stream\n",
        b"endstream",
        b"endobj",
        b"4294967295",
        b"-1",
        b"/Filter/FlateDecode",
        b"/ASCII85Decode",
        b"/LZWDecode",
        b"/RunLengthDecode",
        b"Tj",
        b"Do",
        b"BT",
        b"1e9",
    ];
    prop_oneof![
        (0.0..1.0, any::<u8>()).prop_map(|(at, byte)| Change::Set(at, byte)),
        (0.0..1.0, 1_usize..40).prop_map(|(at, count)| Change::Remove(at, count)),
        (0.0..1.0, proptest::sample::select(words))
            .prop_map(|(at, word)| Change::Insert(at, word.to_vec())),
        (0.0..1.0, 1_usize..60).prop_map(|(at, count)| Change::Repeat(at, count)),
    ]
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
fn changed(mut file: Vec<u8>, changes: &[Change]) -> Vec<u8> {
    for change in changes {
        let place = |at: f64| (file.len() as f64 * at) as usize;
        match change {
            Change::Set(at, byte) => {
                let at = place(*at);
                if let Some(old) = file.get_mut(at) {
                    *old = *byte;
                }
            }
            Change::Remove(at, count) => {
                let at = place(*at);
                file.drain(at..(at + count).min(file.len()));
            }
            Change::Insert(at, bytes) => {
                let at = place(*at);
                file.splice(at..at, bytes.iter().copied());
            }
            Change::Repeat(at, count) => {
                let at = place(*at);
                let piece = file[at..(at + count).min(file.len())].repeat(3);
                file.splice(at..at, piece);
            }
        }
    }
    file
}

/// A file with plain streams, so that a change of their operators is no broken compression.
fn plain(content: &str) -> Vec<u8> {
    of_objects(&[
        b"<</Type/Catalog/Pages 2 0 R>>".to_vec(),
        b"<</Type/Pages/Count 1/Kids[3 0 R]>>".to_vec(),
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]/Resources<</Font<</F1 5 0 R>>/XObject<</X 6 0 R>>>>/Contents 4 0 R>>".to_vec(),
        stream("", content.as_bytes()),
        b"<</Type/Font/Subtype/TrueType/BaseFont/Times-Roman/FirstChar 32/Widths[250 333 408]/ToUnicode 7 0 R\
          /Encoding<</Differences[65/a/b/uni0416/f_i]>>>>".to_vec(),
        stream("/Subtype/Form/Matrix[1 0 0 1 5 5]/BBox[0 0 9 9]", b"BT /F1 9 Tf (ABCD) Tj ET"),
        stream("", b"begincmap 1 begincodespacerange <00> <ff> endcodespacerange 1 beginbfrange <41> <5a> <0061> endbfrange"),
    ])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn a_changed_file_is_read_or_refused(
        changes in proptest::collection::vec(change(), 0..12),
        content in "((BT|ET|q|Q|/X Do|/F1 9 Tf|\\([a-zA-Z ]{0,9}\\) Tj|\\[\\(ab\\) -?[0-9]{1,4} \\(c\\)\\] TJ|T\\*|[0-9]{1,3} -?[0-9]{1,3} Td) ){0,30}",
    ) {
        for file in [plain(&content), pages(&[&["one two", "three"], &["four"]])] {
            if let Ok(text) = text(changed(file, &changes)) {
                prop_assert!(text.len() <= MAX_TEXT_BYTES);
                let is_plain = |c: char| c == '\n' || c == PAGE || !c.is_control();
                prop_assert!(text.chars().all(is_plain), "{text:?}");
                let is_whole = |line: &str| line.trim_start_matches(PAGE).trim() == line.trim_start_matches(PAGE);
                prop_assert!(text.lines().all(is_whole), "{text:?}");
            }
        }
    }

    #[test]
    fn any_bytes_are_refused_or_read(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
        let mut file = b"%PDF-1.4\n".to_vec();
        file.extend(bytes);
        let _ = text(file);
    }
}
