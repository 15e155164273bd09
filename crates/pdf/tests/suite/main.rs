//! The text of PDF files, through the crate's door.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod fuzz;
mod hostile;
mod random;
mod real;

use distiq_pdf::{PdfError, text};
use distiq_testkit::pdf::{of_objects, pages, stream, with_contents};

#[test]
fn pages_are_lines_in_their_order() {
    let file = pages(&[
        &["A session ends after twenty minutes.", "Its cookie is \\removed (at once)."],
        &[],
        &["caf\u{e9} \u{fc}ber"],
    ]);
    let expected = "A session ends after twenty minutes.\nIts cookie is \\removed (at once).\n\
                    \u{c}\u{c}caf\u{e9} \u{fc}ber\n";
    assert_eq!(text(file).unwrap(), expected);
}

#[test]
fn words_are_told_by_where_letters_stand() {
    let check = |content: &str, expected: &str| {
        let file = with_contents(&[content.as_bytes().to_vec()]);
        assert_eq!(text(file).unwrap(), expected, "{content}");
    };
    check(
        "BT /F1 10 Tf 9 9 Td [(ker) 20 (ned) -300 (word) -2000 (far)] TJ ET",
        "kerned word far\n",
    );
    check("BT /F1 10 Tf 9 50 Td (one) Tj 0 -12 Td (two) Tj ET", "one\ntwo\n");
    check("BT /F1 10 Tf 12 TL 9 50 Td (one) Tj (two) ' 1 1 (three) \" ET", "one\ntwo\nthree\n");
    check("BT /F1 1 Tf 10 0 0 10 9 9 Tm (large) Tj ET", "large\n");
    // A page that is printed upright on its side.
    check("0 1 -1 0 0 0 cm BT /F1 10 Tf 9 9 Td (side) Tj 24 0 Td (ways) Tj ET", "side ways\n");
    check("q BT /F1 10 Tf ET Q BT 9 9 Td (no font) Tj ET", "");
    check("BT /F1 10 Tf 9 30 Td (de-) Tj 0 -12 Td (bug it) Tj ET", "debug\nit\n");
}

#[test]
fn a_font_of_its_own_says_what_its_codes_mean() {
    let map = "/CIDInit /ProcSet findresource begin begincmap\n1 begincodespacerange <0000> <ffff> endcodespacerange\n\
               2 beginbfchar <0001> <041F> <0002> <0440> endbfchar\n1 beginbfrange <0003> <0004> <0438> endbfrange\n\
               endcmap end";
    let file = of_objects(&[
        b"<</Type/Catalog/Pages 2 0 R>>".to_vec(),
        b"<</Type/Pages/Count 1/Kids[3 0 R]>>".to_vec(),
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]/Resources<</Font<</F 5 0 R>>>>/Contents 4 0 R>>".to_vec(),
        stream("", b"BT /F 9 Tf 9 9 Td <0001000200030004> Tj ET"),
        b"<</Type/Font/Subtype/Type0/BaseFont/X/Encoding/Identity-H/DescendantFonts[6 0 R]/ToUnicode 8 0 R>>".to_vec(),
        b"<</Type/Font/Subtype/CIDFontType2/BaseFont/X/CIDSystemInfo<</Registry(Adobe)/Ordering(Identity)/Supplement 0>>\
          /FontDescriptor 7 0 R/DW 600>>".to_vec(),
        b"<</Type/FontDescriptor/FontName/X/Flags 4>>".to_vec(),
        stream("", map.as_bytes()),
    ]);
    assert_eq!(text(file).unwrap(), "\u{41f}\u{440}\u{438}\u{439}\n");
}

#[test]
fn forms_are_read_where_they_are_drawn() {
    let file = of_objects(&[
        b"<</Type/Catalog/Pages 2 0 R>>".to_vec(),
        b"<</Type/Pages/Count 1/Kids[3 0 R]>>".to_vec(),
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]/Resources<</XObject<</X 5 0 R>>>>/Contents 4 0 R>>".to_vec(),
        stream("", b"1 0 0 1 0 50 cm /X Do"),
        stream(
            "/Type/XObject/Subtype/Form/BBox[0 0 99 99]/Resources<</Font<</F1 6 0 R>>>>",
            b"BT /F1 9 Tf (inside) Tj ET",
        ),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>".to_vec(),
    ]);
    assert_eq!(text(file).unwrap(), "inside\n");
}

#[test]
fn a_scan_has_no_text_and_what_is_locked_says_so() {
    let scan = with_contents(&[b"q 99 0 0 99 0 0 cm Q".to_vec(), Vec::new()]);
    assert_eq!(text(scan).unwrap(), "");
    let mut locked = pages(&[&["hidden"]]);
    let at = locked.windows(6).rposition(|it| it == b"/Root ").unwrap();
    let lock = "/Encrypt<</Filter/Standard/V 1/R 2/O(01234567890123456789012345678901)\
                /U(01234567890123456789012345678901)/P -4>>/ID[(0123456789012345)(0123456789012345)]";
    locked.splice(at..at, lock.bytes());
    assert_eq!(text(locked), Err(PdfError::Locked));
    assert_eq!(text(Vec::new()), Err(PdfError::Invalid));
    assert_eq!(text(b"%PDF-1.7\nhello".to_vec()), Err(PdfError::Invalid));
}
