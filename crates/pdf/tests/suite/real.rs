//! Files that TeX, LibreOffice, Inkscape, scanners and others wrote, out of a published archive.

use std::collections::HashSet;
use std::fs;
use std::time::{Duration, Instant};

use distiq_pdf::{PAGE, PdfError, text};
use distiq_testkit::{Archive, SourceTree};

#[test]
fn files_of_many_programs_are_read() {
    let tree = SourceTree::unpack(&Archive::PYPDF).unwrap();
    let folder = tree.root().join("resources");
    let read = |name: &str| text(fs::read(folder.join(name)).unwrap());
    // TeX, with ligatures; the archive has the words that its own reader finds.
    let crazy = read("crazyones.pdf").unwrap();
    let known = fs::read_to_string(folder.join("crazyones.txt")).unwrap();
    let known = known.replace('\u{fb01}', "fi").replace('\u{fb00}', "ff").replace('\u{fb02}', "fl");
    let held: HashSet<&str> = crazy.split_whitespace().collect();
    let missing: Vec<&str> = known.split_whitespace().filter(|word| !held.contains(word)).collect();
    assert!(missing.is_empty(), "{missing:?}\n{crazy}");
    // LibreOffice, with six scripts.
    let languages = read("multilang.pdf").unwrap();
    for word in ["Hello World", "Привет, мир", "你好世界", "こんにちは世界"] {
        assert!(languages.contains(word), "{word}\n{languages}");
    }
    // A scan of six pages with letters behind the pictures.
    let scan = read("Seige_of_Vicksburg_Sample_OCR.pdf").unwrap();
    assert_eq!(scan.matches(PAGE).count(), 5);
    assert!(scan.contains("Vicksburg"), "{scan}");
    assert_eq!(read("libreoffice-writer-password.pdf"), Err(PdfError::Locked));
    assert_eq!(read("imagemagick-CCITTFaxDecode.pdf").unwrap(), "");
    let (mut files, mut with_text) = (0, 0);
    for entry in fs::read_dir(&folder).unwrap().flatten() {
        let path = entry.path();
        if path.extension().is_some_and(|ending| ending == "pdf") {
            let begin = Instant::now();
            let said = text(fs::read(&path).unwrap());
            assert!(begin.elapsed() < Duration::from_secs(30), "{path:?}");
            files += 1;
            with_text += usize::from(said.is_ok_and(|said| !said.is_empty()));
        }
    }
    assert_eq!((files, with_text), (54, 44));
}
