//! PDF files as sources of `ask`.

use std::fs;
use std::path::PathBuf;

use distiq_testkit::pdf::{of_objects, pages, stream, swelling};
use distiq_testkit::{Answer, Script, ScriptedModel};
use serde_json::Value;

use crate::{Place, Ran};

fn row(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn write(place: &Place, path: &str, bytes: impl AsRef<[u8]>) {
    let path = place.project().join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

/// A project with a manual of three pages and some code.
fn place() -> Place {
    let place = Place::new();
    place.write("src/http.py", "def parse_cookie(header):\n    return header.split(';')\n");
    write(
        &place,
        "docs/manual.pdf",
        pages(&[
            &["The manual", "How it is set up."],
            &["Sessions", "A session ends after twenty minutes", "without a request."],
            &["Payments", "A debt is paid in guilders."],
        ]),
    );
    place
}

fn local(place: &Place, question: &str) -> Ran {
    let ran = place.run(&["ask", "--local", "--json", question]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    ran
}

#[test]
fn a_pdf_is_a_source_with_lines_and_pages() {
    let place = place();
    let ran = place.run(&["ask", "--local", "when does a session end"]);
    assert!(ran.out.starts_with("docs/manual.pdf:1-7 (pages 1-3)\nThe manual\n"), "{}", ran.out);
    let first = row(&local(&place, "when does a session end").out)["sources"][0].clone();
    assert_eq!((&first["path"], &first["page"]), (&"docs/manual.pdf".into(), &1.into()));
    assert_eq!(first["end_page"], 3);
    // Code is found beside it, and nothing of it by those who look for code.
    let sources = row(&local(&place, "parse cookie header").out)["sources"].clone();
    assert_eq!(sources[0]["path"], "src/http.py");
    assert_eq!(place.run(&["search", "--json", "guilders"]).out, "");
}

#[test]
fn a_model_sees_pages_and_its_citations_name_them() {
    let place = place();
    let said = "After twenty minutes [docs/manual.pdf:4]. In guilders [docs/manual.pdf:7]. Of zebras [docs/manual.pdf:7]. A session, and a debt [docs/manual.pdf:4-7].";
    let model = ScriptedModel::start(Script::by_turn([Answer::text(said)])).unwrap();
    let mut command = place.command(&["ask", "when does a session end"]);
    command.env("ANTHROPIC_BASE_URL", model.base_url_anthropic()).env("DISTIQ_MODEL", "scripted-1");
    let ran = Ran::of(command.output().unwrap());
    assert_eq!(ran.code, 0, "{}", ran.err);
    let request = model.requests().pop().unwrap().request.unwrap();
    let heard = request.messages[0].text();
    let told = "docs/manual.pdf\n(page 1)\n1: The manual\n2: How it is set up.\n(page 2)\n3: Sessions\n4: A session ends";
    assert!(heard.contains(told), "{heard}");
    let listed = "Sources:\n  docs/manual.pdf:4-4 (page 2)\n  docs/manual.pdf:7-7 (page 3)\n  docs/manual.pdf:4-7 (pages 2-3)\n";
    assert!(ran.out.ends_with(listed), "{}", ran.out);
    model.check();
}

#[test]
fn documents_are_read_again_when_they_change() {
    let place = place();
    local(&place, "session");
    write(&place, "docs/manual.pdf", pages(&[&["A session ends with a harpsichord."]]));
    let sources = row(&local(&place, "when does a session end").out)["sources"].clone();
    assert!(sources[0]["text"].as_str().unwrap().contains("harpsichord"), "{sources}");
    fs::remove_file(place.project().join("docs/manual.pdf")).unwrap();
    let ran = place.run(&["ask", "--local", "harpsichord"]);
    assert!(ran.err.contains("do not tell"), "{}", ran.err);
}

#[test]
fn what_cannot_be_read_is_said_and_harms_nobody() {
    let place = place();
    write(
        &place,
        "a-scan.pdf",
        of_objects(&[
            b"<</Type/Catalog/Pages 2 0 R>>".to_vec(),
            b"<</Type/Pages/Count 1/Kids[3 0 R]>>".to_vec(),
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]>>".to_vec(),
        ]),
    );
    let ran = local(&place, "when does a session end");
    assert!(ran.err.contains("note: a-scan.pdf was not read: without text\n"), "{}", ran.err);
    // A stream that swells beyond the memory that its reader has.
    write(
        &place,
        "b-bomb.pdf",
        of_objects(&[
            b"<</Type/Catalog/Pages 2 0 R>>".to_vec(),
            b"<</Type/Pages/Count 1/Kids[3 0 R]>>".to_vec(),
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]/Contents 4 0 R>>".to_vec(),
            stream("/Filter/FlateDecode", &swelling(1200)),
        ]),
    );
    write(&place, "c-broken.pdf", "%PDF-1.7\nno more");
    write(&place, "d-empty.pdf", "");
    let ran = local(&place, "when does a session end");
    let told = "note: 4 documents were not read: a-scan.pdf: without text; b-bomb.pdf: broken; c-broken.pdf: broken; d-empty.pdf: broken\n";
    assert!(ran.err.contains(told), "{}", ran.err);
    let unread = row(&ran.out)["unread"].clone();
    let first = serde_json::json!({ "path": "a-scan.pdf", "reason": "without text" });
    assert_eq!((unread.as_array().unwrap().len(), &unread[0]), (4, &first));
    for more in ["e", "f", "g"] {
        write(&place, &format!("{more}.pdf"), "");
    }
    let ran = local(&place, "when does a session end");
    let told = "d-empty.pdf: broken; e.pdf: broken; and 2 more\n";
    assert!(ran.err.contains("note: 7 documents") && ran.err.contains(told), "{}", ran.err);
    assert_eq!(row(&ran.out)["unread"].as_array().unwrap().len(), 7);
    assert_eq!(row(&ran.out)["sources"][0]["path"], "docs/manual.pdf");
}

#[test]
fn nothing_is_made_where_there_are_no_documents() {
    let place = Place::new();
    place.write("a.md", "# Sessions\n\nA session ends.\n");
    local(&place, "when does a session end");
    assert!(!place.project().join(".distiq/documents").exists());
}

/// Returns the segments of the code's index, or of the documents'.
fn segments(place: &Place, of: &str) -> Vec<PathBuf> {
    let paths = |folder: PathBuf| -> Vec<PathBuf> {
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
    };
    let own = paths(place.project().join(".distiq").join(of));
    let mut files: Vec<PathBuf> = own.into_iter().flat_map(paths).collect();
    files.retain(|path| path.extension().is_some_and(|ending| ending == "seg"));
    files
}

#[test]
fn what_is_damaged_is_built_anew_and_nothing_else() {
    let place = place();
    let ask = || local(&place, "parse cookie header").out;
    let whole = ask();
    for (damaged, other) in [("index", "documents"), ("documents", "index")] {
        let (mut built, places) = (0, 16);
        for part in 0..places {
            let kept = segments(&place, other);
            let path = segments(&place, damaged).remove(0);
            let mut bytes = fs::read(&path).unwrap();
            // The lists, which are read late.
            let at = bytes.len() / 3 * part / places;
            bytes[at] ^= 0x55;
            fs::write(&path, bytes).unwrap();
            assert_eq!(row(&ask())["sources"], row(&whole)["sources"], "{damaged} {at}");
            assert_eq!(segments(&place, other), kept, "{damaged} {at}");
            built += usize::from(segments(&place, damaged) != [path]);
        }
        assert!(built > 0, "{damaged}: {built}");
    }
}

#[test]
fn keys_in_documents_are_not_kept() {
    let place = Place::new();
    write(
        &place,
        "a.pdf",
        pages(&[&["The token is ghp_16C7e42F292c6912E7710c838347Ae178B4a here."]]),
    );
    let text = row(&local(&place, "the token").out)["sources"][0]["text"].to_string();
    assert!(text.contains("The token is") && !text.contains("16C7e42F"), "{text}");
}
