//! PDF files made for tests.

use std::fmt::Write as _;
use std::io::Write as _;

use flate2::Compression;
use flate2::write::ZlibEncoder;

/// Returns a PDF of some pages, each of some lines, in Helvetica; characters outside of Latin-1 are left out.
pub fn pages(pages: &[&[&str]]) -> Vec<u8> {
    let contents: Vec<Vec<u8>> = pages.iter().map(|lines| page(lines)).collect();
    with_contents(&contents)
}

/// Returns a PDF whose pages have these operators, compressed.
pub fn with_contents(contents: &[Vec<u8>]) -> Vec<u8> {
    let kids: String = (0..contents.len()).map(|at| format!("{} 0 R ", 4 + at * 2)).collect();
    let mut objects = vec![
        b"<</Type/Catalog/Pages 2 0 R>>".to_vec(),
        format!("<</Type/Pages/Count {}/Kids[{kids}]>>", contents.len()).into_bytes(),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>".to_vec(),
    ];
    for (at, content) in contents.iter().enumerate() {
        let page = format!(
            "<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Resources<</Font<</F1 3 0 R>>>>/Contents {} 0 R>>",
            5 + at * 2
        );
        objects.push(page.into_bytes());
        objects.push(stream("/Filter/FlateDecode", &deflated(content)));
    }
    of_objects(&objects)
}

/// Returns a PDF of these objects, numbered from 1 on; the first is the catalogue.
pub fn of_objects(objects: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = b"%PDF-1.7\n".to_vec();
    let mut table = format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1);
    for (number, object) in (1..).zip(objects) {
        let _ = writeln!(table, "{:010} 00000 n ", bytes.len());
        bytes.extend(format!("{number} 0 obj\n").bytes());
        bytes.extend(object);
        bytes.extend(b"\nendobj\n");
    }
    let start = bytes.len();
    bytes.extend(table.bytes());
    let size = objects.len() + 1;
    bytes.extend(
        format!("trailer\n<</Size {size}/Root 1 0 R>>\nstartxref\n{start}\n%%EOF\n").bytes(),
    );
    bytes
}

/// Returns a stream object with what its dictionary has beside the length.
pub fn stream(dictionary: &str, content: &[u8]) -> Vec<u8> {
    let mut bytes = format!("<<{dictionary}/Length {}>>\nstream\n", content.len()).into_bytes();
    bytes.extend(content);
    bytes.extend(b"\nendstream");
    bytes
}

/// Returns bytes compressed as PDF has them.
pub fn deflated(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    let written = encoder.write_all(bytes).and_then(|()| encoder.finish());
    written.unwrap_or_default()
}

/// Returns so many megabytes of zeros, compressed as PDF has them.
pub fn swelling(megabytes: usize) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    let zeros = vec![0; 1 << 20];
    let written = (0..megabytes).try_for_each(|_| encoder.write_all(&zeros));
    written.and_then(|()| encoder.finish()).unwrap_or_default()
}

fn page(lines: &[&str]) -> Vec<u8> {
    let mut content = b"BT /F1 11 Tf 14 TL 72 740 Td\n".to_vec();
    for line in lines {
        content.push(b'(');
        for letter in line.chars().filter_map(|letter| u8::try_from(u32::from(letter)).ok()) {
            if matches!(letter, b'(' | b')' | b'\\') {
                content.push(b'\\');
            }
            content.push(letter);
        }
        content.extend(b") Tj T*\n");
    }
    content.extend(b"ET\n");
    content
}
