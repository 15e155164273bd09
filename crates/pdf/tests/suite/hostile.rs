//! Files made to do harm.

use std::time::{Duration, Instant};

use distiq_pdf::{MAX_TEXT_BYTES, text};
use distiq_testkit::pdf::{of_objects, pages, stream, with_contents};

const CATALOG: &[u8] = b"<</Type/Catalog/Pages 2 0 R>>";
const ONE_PAGE: &[u8] = b"<</Type/Pages/Count 1/Kids[3 0 R]>>";

/// Reads a file, whatever comes of it, in bounded time.
fn survives(file: Vec<u8>) -> usize {
    let begin = Instant::now();
    let read = text(file);
    assert!(begin.elapsed() < Duration::from_secs(60), "{:?}", begin.elapsed());
    let length = read.map_or(0, |text| text.len());
    assert!(length <= MAX_TEXT_BYTES);
    length
}

#[test]
fn a_file_cut_anywhere_is_read_or_refused() {
    let file = pages(&[&["one", "two"], &["three"]]);
    for end in 0..file.len() {
        survives(file[..end].to_vec());
    }
}

#[test]
fn circles_end() {
    // Pages that hold themselves.
    survives(of_objects(&[
        CATALOG.to_vec(),
        b"<</Type/Pages/Count 9/Kids[2 0 R 2 0 R]>>".to_vec(),
    ]));
    // Objects that stand for each other.
    survives(of_objects(&[b"2 0 R".to_vec(), b"1 0 R".to_vec()]));
    // A form that draws itself, twice.
    let form = "/Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<</X 4 0 R>>>>";
    survives(of_objects(&[
        CATALOG.to_vec(),
        ONE_PAGE.to_vec(),
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Resources<</XObject<</X 4 0 R>>>>/Contents 5 0 R>>".to_vec(),
        stream(form, b"/X Do /X Do"),
        stream("", b"/X Do"),
    ]));
    // A font that is its own descendant, a map that uses itself.
    survives(of_objects(&[
        CATALOG.to_vec(),
        ONE_PAGE.to_vec(),
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Resources<</Font<</F 5 0 R>>>>/Contents 4 0 R>>".to_vec(),
        stream("", b"BT /F 9 Tf (abc) Tj ET"),
        b"<</Type/Font/Subtype/Type0/BaseFont/X/Encoding/Identity-H/DescendantFonts[5 0 R]/ToUnicode 6 0 R>>".to_vec(),
        stream("/Type/CMap/UseCMap 6 0 R", b"/X usecmap"),
    ]));
}

#[test]
fn deep_nesting_ends() {
    let deep = |open: &str, close: &str| {
        format!("{}{}", open.repeat(100_000), close.repeat(100_000)).into_bytes()
    };
    survives(of_objects(&[CATALOG.to_vec(), deep("[", "]")]));
    survives(of_objects(&[deep("<</A", ">>")]));
    survives(with_contents(&[deep("[", "]"), deep("q ", "Q "), deep("<</A", ">>")]));
    survives(with_contents(&[b"(".repeat(200_000)]));
}

#[test]
fn much_text_is_bounded() {
    let line = "(0123456789 0123456789 0123456789 0123456789) Tj T*\n".repeat(120_000);
    let content = format!("BT /F1 9 Tf 9 TL 9 9 Td\n{line}ET");
    assert!(survives(with_contents(&[content.into_bytes()])) > 4_000_000);
    // Numbers that lead nowhere.
    survives(with_contents(&[
        b"BT /F1 1e300 Tf 1e38 0 0 -1e38 9e99 9 Tm (a) Tj [9e99 (b)] TJ 0 Tz (c) Tj ET".to_vec(),
    ]));
    survives(with_contents(&[b"1 ".repeat(1_000_000)]));
}

#[test]
fn many_pages_of_one_object_are_bounded() {
    let kids = "3 0 R ".repeat(50_000);
    let file = of_objects(&[
        CATALOG.to_vec(),
        format!("<</Type/Pages/Count 2147483647/Kids[{kids}]>>").into_bytes(),
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Resources<</Font<</F1 5 0 R>>>>/Contents 4 0 R>>".to_vec(),
        stream("", b"BT /F1 9 Tf (again) Tj ET"),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>".to_vec(),
    ]);
    survives(file);
}
