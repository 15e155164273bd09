//! Vectors of an embedder from outside.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use distiq_base::{Embed, EmbedError, EmbedRole, Rerank, RerankError};
use distiq_index::{Control, Hit, Index, IndexError, Mode, Query};

use crate::{Project, names, shown};

/// An embedder that knows three things; it remembers what it was given.
#[derive(Debug, Default)]
struct Fake {
    given: Mutex<Vec<String>>,
    /// It fails once it was asked so often; 0 for never.
    fails_at: usize,
    asked: AtomicUsize,
    /// Whether it says that it runs in this process.
    is_local: bool,
}

impl Embed for Fake {
    fn id(&self) -> &str {
        "fake-1"
    }

    fn is_local(&self) -> bool {
        self.is_local
    }

    fn embed(&self, texts: &[&str], role: EmbedRole) -> Result<Vec<Vec<f32>>, EmbedError> {
        if self.asked.fetch_add(1, Ordering::Relaxed) + 1 == self.fails_at {
            return Err(EmbedError::asked("the line is dead"));
        }
        if role == EmbedRole::Passage {
            self.given.lock().unwrap().extend(texts.iter().map(ToString::to_string));
        }
        let topics =
            [["money", "bill", "pay"], ["paint", "draw", "brush"], ["sing", "song", "tune"]];
        let vector = |text: &&str| -> Vec<f32> {
            let count = |words: &[&str; 3]| words.iter().any(|word| text.contains(word));
            topics.iter().map(|words| if count(words) { 1.0 } else { 0.01 }).collect()
        };
        Ok(texts.iter().map(vector).collect())
    }
}

fn project() -> Project {
    let project = Project::new("");
    project.write(
        "a.py",
        "def settle(x):\n    return bill(x)\n\ndef sketch(x):\n    return brush(x)\n",
    );
    project.write("b.py", "def hum(x):\n    return tune(x)\n");
    project
}

fn index(project: &Project, fake: &Arc<Fake>) -> Index {
    let index = project.index().with_embedder(Arc::clone(fake) as Arc<dyn Embed>);
    index.refresh(&Control::default()).unwrap();
    index
}

fn found(index: &Index, text: &str) -> Vec<String> {
    let query = Query { mode: Mode::Vector, ..Query::new(text) };
    index.snapshot().unwrap().search(&query).unwrap().iter().map(shown).collect()
}

#[test]
fn chunks_are_found_by_what_the_embedder_says() {
    let (project, fake) = (project(), Arc::new(Fake::default()));
    let index = index(&project, &fake);
    assert_eq!(found(&index, "pay money"), [""; 0], "nothing is embedded yet");
    let vectors = index.embed(&Control::default()).unwrap();
    assert_eq!((vectors.embedder.as_str(), vectors.made, vectors.chunks), ("fake-1", 3, 3));
    assert_eq!(found(&index, "pay money")[0], "a.py:1 settle");
    assert_eq!(found(&index, "draw")[0], "a.py:4 sketch");
    assert_eq!(fake.given.lock().unwrap()[0], "a\ndef settle(x):\n    return bill(x)");
}

#[test]
fn what_did_not_change_is_never_embedded_again() {
    let (project, fake) = (project(), Arc::new(Fake::default()));
    index(&project, &fake).embed(&Control::default()).unwrap();
    let count = || fake.given.lock().unwrap().len();
    assert_eq!(count(), 3);
    // Another line in front moves what stands behind; a renamed function is new.
    project.write(
        "a.py",
        "import os\n\n\ndef settle(x):\n    return bill(x)\n\ndef paint(x):\n    return brush(x)\n",
    );
    let index = index(&project, &fake);
    let vectors = index.embed(&Control::default()).unwrap();
    assert_eq!(vectors.made, vectors.chunks);
    let given = fake.given.lock().unwrap()[3..].to_vec();
    assert_eq!(given.iter().filter(|text| text.contains("settle")).count(), 0, "{given:?}");
    assert_eq!(found(&index, "money")[0], "a.py:4 settle");
    // Segments that are merged, and a process that begins anew, cost nothing either.
    for at in 0..14 {
        project.write(&format!("m{at}.py"), format!("def more_{at}(x):\n    return {at}\n"));
        self::index(&project, &fake).embed(&Control::default()).unwrap();
    }
    let all = fake.given.lock().unwrap().clone();
    assert_eq!(all.iter().filter(|text| text.contains("more_3")).count(), 1);
    assert_eq!(all.iter().filter(|text| text.contains("def hum")).count(), 1);
    let files = names(project.index().folder());
    let count = |ending: &str| files.iter().filter(|name| name.ends_with(ending)).count();
    assert_eq!(count(".vec"), count(".seg"), "{files:?}");
}

#[test]
fn a_search_embeds_the_little_that_changed() {
    let project = project();
    let bills = |count: usize| -> String {
        (0..count).map(|at| format!("def bill_{at}(x):\n    return money({at})\n\n")).collect()
    };
    let is_local = true;
    let fake = Arc::new(Fake { is_local, ..Fake::default() });
    let made = |index: &Index| {
        let snapshot = index.snapshot().unwrap();
        snapshot.embed_changes(&Control::default()).unwrap();
        let vectors = snapshot.vectors().unwrap();
        (vectors.made, vectors.chunks)
    };
    let given = || fake.given.lock().unwrap().len();
    // What is small needs nothing else.
    let index = index(&project, &fake);
    assert_eq!((made(&index), given()), ((3, 3), 3));
    // An edited file is found by meaning, and costs what is new in it.
    project.write(
        "b.py",
        "import os\n\ndef hum(x):\n    return tune(x)\n\ndef owe(x):\n    return bill(x)\n",
    );
    let index = self::index(&project, &fake);
    assert_eq!(made(&index).0, made(&index).1);
    assert!(found(&index, "pay money").contains(&"b.py:6 owe".to_owned()));
    let before = given();
    assert!(before <= 3 + 2, "{before}");
    // Another process has them from the disk.
    assert_eq!(made(&self::index(&project, &fake)).0, made(&index).1);
    // More than some edited files are left to `embed`, all of them.
    project.write("bills.py", bills(80));
    let index = self::index(&project, &fake);
    let chunks = made(&index).1;
    assert_eq!((made(&index).0, given()), (chunks - 80, before));
    index.embed(&Control::default()).unwrap();
    // What was embedded before costs nothing, however much it is.
    project.write("bills.py", format!("import os\n\n{}", bills(80)));
    let index = self::index(&project, &fake);
    assert_eq!(made(&index).0, made(&index).1);
    assert!(given() <= before + 81);
    // Who gives up waits for none.
    project.write("c.py", "def hum_again(x):\n    return tune(x)\n");
    let index = self::index(&project, &fake);
    let control = Control { is_cancelled: Some(&|| true), ..Control::default() };
    let snapshot = index.snapshot().unwrap();
    snapshot.embed_changes(&control).unwrap();
    let vectors = snapshot.vectors().unwrap();
    assert_eq!(vectors.made + 1, vectors.chunks);
}

#[test]
fn a_search_gives_no_text_to_an_embedder_elsewhere() {
    let (project, fake) = (project(), Arc::new(Fake::default()));
    let index = index(&project, &fake);
    index.snapshot().unwrap().embed_changes(&Control::default()).unwrap();
    assert_eq!(fake.given.lock().unwrap().len(), 0);
    index.embed(&Control::default()).unwrap();
    // It takes over what was embedded before.
    project.write("b.py", "\n\ndef hum(x):\n    return tune(x)\n");
    let index = self::index(&project, &fake);
    let snapshot = index.snapshot().unwrap();
    snapshot.embed_changes(&Control::default()).unwrap();
    assert_eq!(snapshot.vectors().unwrap().made, 3);
    assert_eq!(fake.given.lock().unwrap().len(), 3);
}

#[test]
fn who_gives_up_keeps_what_was_made_and_words_answer_meanwhile() {
    let project = Project::new("");
    let text: String =
        (0..200).map(|at| format!("def bill_{at}(x):\n    return money({at})\n\n")).collect();
    project.write("bills.py", text);
    let fake = Arc::new(Fake::default());
    let index = index(&project, &fake);
    let asked = AtomicUsize::new(0);
    let is_cancelled = || asked.fetch_add(1, Ordering::Relaxed) >= 2;
    let control = Control { is_cancelled: Some(&is_cancelled), ..Control::default() };
    assert!(matches!(index.embed(&control), Err(IndexError::Cancelled)));
    let snapshot = index.snapshot().unwrap();
    let vectors = snapshot.vectors().unwrap();
    assert_eq!((vectors.made, vectors.chunks), (128, 200));
    assert_eq!(snapshot.search(&Query::new("bill_150")).unwrap()[0].name, "bill_150");
    assert_eq!(index.embed(&Control::default()).unwrap().made, 200);
    assert_eq!(fake.given.lock().unwrap().len(), 200);
}

#[test]
fn an_embedder_that_fails_says_why_and_hides_no_words() {
    let project = project();
    let fake = Arc::new(Fake { fails_at: 1, ..Fake::default() });
    let index = index(&project, &fake);
    let error = index.embed(&Control::default()).unwrap_err();
    let source = std::error::Error::source(&error).map(ToString::to_string);
    assert_eq!(source.as_deref(), Some("the line is dead"), "{error:?}");
    assert_eq!(index.snapshot().unwrap().search(&Query::new("settle")).unwrap()[0].name, "settle");
    assert_eq!(index.embed(&Control::default()).unwrap().made, 3);
}

#[test]
fn what_looks_like_a_key_is_not_given_away() {
    let (project, fake) = (Project::new(""), Arc::new(Fake::default()));
    let key = "ghp_16C7e42F292c6912E7710c838347Ae178B4a";
    project.write("a.py", format!("def connect(x):\n    return pay(x, \"{key}\")\n"));
    project.write(".env", format!("TOKEN={key}\n"));
    index(&project, &fake).embed(&Control::default()).unwrap();
    let given = fake.given.lock().unwrap().join("\n");
    assert!(given.contains("def connect") && !given.contains(key), "{given}");
}

/// A model that likes one word; it remembers what it read.
#[derive(Debug)]
struct Likes {
    word: Option<&'static str>,
    read: Mutex<Vec<String>>,
}

impl Rerank for Likes {
    fn scores(&self, _request: &str, passages: &[&str]) -> Result<Vec<f32>, RerankError> {
        let word = self.word.ok_or_else(|| RerankError("it has no weights".into()))?;
        self.read.lock().unwrap().extend(passages.iter().map(ToString::to_string));
        Ok(passages.iter().map(|text| if text.contains(word) { 9.0 } else { -9.0 }).collect())
    }
}

#[test]
fn a_model_that_reads_the_best_ten_puts_them_in_order_anew() {
    let project = Project::new("");
    let key = "ghp_16C7e42F292c6912E7710c838347Ae178B4a";
    for at in 0..14 {
        let (name, more) = if at == 6 { ("total", "walrus()") } else { ("total", "pay()") };
        project.write(
            &format!("f{at:02}.py"),
            format!("def {name}_{at}(bills):\n    {more}\n    return send(bills, \"{key}\")\n"),
        );
    }
    let plain = project.index();
    plain.refresh(&Control::default()).unwrap();
    let find = |index: &Index| index.snapshot().unwrap().search(&Query::new("total of bills"));
    let before = find(&plain).unwrap();
    let likes = |word| Arc::new(Likes { word, read: Mutex::default() });
    let walrus = likes(Some("walrus"));
    let index = project.index().with_reranker(Arc::clone(&walrus) as Arc<dyn Rerank>);
    let after = find(&index).unwrap();
    let names = |hits: &[Hit]| hits.iter().map(|hit| hit.name.clone()).collect::<Vec<_>>();
    let place = |hits: &[Hit]| names(hits).iter().position(|name| name == "total_6");
    assert!(place(&before) > Some(0) && place(&after) == Some(0), "{:?}", names(&after));
    assert!(after[0].reasons.iter().any(|reason| reason == "read together 9.00"));
    assert!(after.windows(2).all(|pair| pair[0].score >= pair[1].score));
    let (mut one, mut other) = (names(&before), names(&after));
    one.sort();
    other.sort();
    assert_eq!(one, other, "no other places than before");
    let read = walrus.read.lock().unwrap();
    assert_eq!(read.len(), 10, "no more than ten are read");
    assert!(read.iter().any(|text| text.starts_with("f06\ndef total_6")), "{read:?}");
    assert!(!read.iter().any(|text| text.contains(key)));
    let broken = project.index().with_reranker(likes(None) as Arc<dyn Rerank>);
    let error = find(&broken).unwrap_err();
    assert!(matches!(error, IndexError::Rerank(_)) && error.hint().contains("index.reranker"));
}
