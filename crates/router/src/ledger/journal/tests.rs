use std::sync::Arc;

use distiq_base::{Money, Price, RequestKind, Usage};
use distiq_store::Value;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::ledger::limits::{Limits, WorstCase};
use crate::ledger::rows::{OpenRow, Savings};
use crate::ledger::{book, schema};

struct Books {
    folder: tempfile::TempDir,
    db: Arc<Database>,
}

impl Books {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let db = Database::open(&folder.path().join("ledger.db"), &schema::LEDGER).unwrap();
        db.checkpoint_apart().unwrap();
        Self { folder, db: Arc::new(db) }
    }

    fn journals(&self) -> Journals {
        Journals::new(&self.folder.path().join("ledger.db"), Owner::current())
    }

    /// Returns all that the tables hold, in an order that does not tell when it was written.
    fn dump(&self) -> Vec<Vec<Value>> {
        let sql = "SELECT id, at_ms, session, run, key, provider, model, tier, reasons, scope,
                 reserved, estimate, state, pid, process, owner, client, input, cache_read,
                 cache_write, cache_write_long, output, reasoning, cost, latency_ms,
                 first_token_ms, attempts, stop, error, saved_route, saved_context,
                 baseline_premium, node, fallbacks, status, project, kind, route
             FROM request ORDER BY id";
        let sums = "SELECT scope, name, nanos FROM spent WHERE nanos <> 0 ORDER BY 1, 2";
        let read = |sql, columns: usize| {
            self.db.read(|tx| {
                tx.all(sql, params![], |row| (0..columns).map(|index| row.get(index)).collect())
            })
        };
        let mut all: Vec<Vec<Value>> = read(sql, 38).unwrap();
        all.extend(read(sums, 3).unwrap());
        all
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path().join("ledger.journal"));
        let name = |entry: io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string();
        entries.map(|all| all.map(|entry| name(entry).unwrap()).collect()).unwrap_or_default()
    }
}

fn row(n: usize) -> OpenRow {
    OpenRow {
        id: RequestId::parse(&format!("request-{n}")).unwrap(),
        session: n.is_multiple_of(2).then(|| distiq_base::SessionId::parse("s").unwrap()),
        run: n.is_multiple_of(3).then(|| "run".to_owned()),
        key: (!n.is_multiple_of(4)).then(|| format!("key-{}", n % 3)),
        owner: n.is_multiple_of(5).then(|| "ann \u{1f600}".to_owned()),
        reasons: (0..n % 3).map(|n| format!("because \"{n}\"")).collect(),
        worst: (!n.is_multiple_of(7))
            .then_some(WorstCase { prompt: Money::from_nanos(7), output: Price(1_000) }),
        estimate: (n % 2 == 1).then(|| Money::from_nanos(n as i64)),
        ..OpenRow::new(RequestKind::Gateway, "vendor", "model")
    }
}

fn end(n: usize) -> FinalRow {
    FinalRow {
        usage: Usage { input: n as u64, output: u64::MAX >> (n % 64), ..Usage::default() },
        cost: (!n.is_multiple_of(3)).then(|| Money::from_nanos(n as i64 * 11 - 5)),
        estimated: n.is_multiple_of(4),
        savings: Savings {
            route: Some(Money::from_nanos(-(n as i64))),
            context: Some(Money::from_nanos(i64::MIN)),
            ..Savings::default()
        },
        latency_ms: n as u64 * 100,
        first_token_ms: n.is_multiple_of(2).then_some(3),
        attempts: 1,
        fallbacks: n as u32 % 2,
        node: n.is_multiple_of(2).then(|| "http://node".to_owned()),
        status: Some(200 + n as u16),
        stop: Some("end_turn".into()),
        error: n.is_multiple_of(5).then(|| "cancelled".to_owned()),
    }
}

/// What happens to one of a few requests.
#[derive(Clone, Copy, Debug)]
enum Step {
    Open(usize),
    Again(usize),
    Progress(usize),
    End(usize),
    Fold(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = (0_usize..5, 0_usize..24).prop_map(|(kind, n)| match kind {
        0 => Step::Open(n),
        1 => Step::Again(n),
        2 => Step::Progress(n),
        3 => Step::End(n),
        _ => Step::Fold(n % 2),
    });
    vec(step, 0..120)
}

/// Does the steps that make sense on a journal of one of two processes, and directly in the other books.
fn play(steps: &[Step], folded: &Books, direct: &Books) {
    let mut journals = [folded.journals(), folded.journals()];
    journals.iter_mut().for_each(|journals| journals.file_bytes = 400);
    let at = |n: usize| Timestamp::from_millisecond(n as i64 * 600_000).unwrap();
    let mut open = HashSet::new();
    let mut ever = HashSet::new();
    let owner = Owner::current();
    for step in steps {
        match *step {
            Step::Open(n) if ever.insert(n) => {
                open.insert(n);
                let row = row(n);
                let reserved = row.worst.map(|worst| worst.with_answer(row.wanted_tokens));
                assert!(journals[n % 2].open(Opening::new(&row, at(n), reserved)));
                let opening = Opening::new(&row, at(n), reserved);
                let insert = |tx: &Tx<'_>| book::insert(tx, &opening, None, None, &owner);
                assert!(direct.db.write(insert).unwrap());
            }
            Step::Again(n) if open.contains(&n) => {
                let other = OpenRow { model: "other".into(), tier: Some("t".into()), ..row(n) };
                let to = Redirect::new(&other, Some(Money::from_nanos(n as i64)));
                direct.db.write(|tx| book::redirect(tx, &to)).unwrap();
                assert!(journals[n % 2].again(to));
            }
            Step::Progress(n) if open.contains(&n) => {
                let cost = n.is_multiple_of(3).then(|| Money::from_nanos(3));
                let known = Progress { usage: end(n).usage, cost };
                let id = row(n).id;
                direct.db.write(|tx| book::progress(tx, id.as_str(), &known)).unwrap();
                assert!(journals[n % 2].progress(id.as_str(), known));
            }
            Step::End(n) if open.remove(&n) => {
                let (id, end) = (row(n).id, end(n));
                let (limits, zone) = (Limits::default(), TimeZone::UTC);
                let finish = |tx: &Tx<'_>| book::finish(tx, id.as_str(), &end, &limits, &zone);
                direct.db.write(finish).unwrap().unwrap();
                assert!(journals[n % 2].end(id.as_str(), &end));
            }
            // Either process may fold what both have.
            Step::Fold(by) => {
                journals[by].catch_up(&folded.db).unwrap();
                journals[by].clear_own(&folded.db, false).unwrap();
            }
            _ => {}
        }
    }
    for journals in &journals {
        journals.catch_up(&folded.db).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_folded_is_what_transactions_write(steps in steps()) {
        let (folded, direct) = (Books::new(), Books::new());
        play(&steps, &folded, &direct);
        prop_assert_eq!(folded.dump(), direct.dump());
    }

    #[test]
    fn what_is_no_record_is_none(bytes in vec(any::<u8>(), 0..200), at in 0_usize..100) {
        // Whatever the bytes are, with a sum that is right they are read without harm.
        let mut torn = bytes.clone();
        let mut whole = Vec::new();
        record::append(&mut whole, &Record::End("id", Cow::Owned(end(7))));
        torn.extend_from_slice(whole.get(..at.min(whole.len() - 1)).unwrap());
        let mut rest = torn.as_slice();
        while record::take(&mut rest).is_some() {}
        let mut cut = whole.get(..at.min(whole.len() - 1)).unwrap();
        prop_assert!(record::take(&mut cut).is_none());
    }
}

#[test]
fn records_come_back_as_they_were() {
    let (row, other) = (row(15), row(2));
    let at = Timestamp::from_millisecond(-5).unwrap();
    let records = [
        Record::Owner(Owner { pid: 1 << 40, process: "1/b/pid:[4]".into() }),
        Record::Open(Opening::new(&row, at, Some(Money::from_nanos(i64::MIN)))),
        Record::Open(Opening::new(&other, at, None)),
        Record::Again(Redirect::new(&row, Some(Money::from_nanos(i64::MAX)))),
        Record::Progress("id", Progress { usage: end(3).usage, cost: None }),
        Record::End("id", Cow::Owned(end(30))),
        Record::End("", Cow::Owned(FinalRow::default())),
    ];
    let mut bytes = Vec::new();
    records.iter().for_each(|record| record::append(&mut bytes, record));
    let mut rest = bytes.as_slice();
    for record in &records {
        assert_eq!(record::take(&mut rest).as_ref(), Some(record));
    }
    assert_eq!(rest, b"");
}

#[test]
fn full_files_give_way_to_others_and_go_once_they_are_folded() {
    let books = Books::new();
    let mut journals = books.journals();
    journals.file_bytes = 500;
    for n in 0..40 {
        assert!(journals.open(Opening::new(&row(n), Timestamp::UNIX_EPOCH, None)));
    }
    let many = books.names().len();
    assert!(many > 5, "{many}");
    // One that another process opens meanwhile takes nothing away.
    let other = books.journals();
    other.clear_left(&books.db).unwrap();
    assert_eq!(books.names().len(), many);
    journals.clear_own(&books.db, false).unwrap();
    assert_eq!(books.names().len(), many, "none is folded");
    other.catch_up(&books.db).unwrap();
    journals.clear_own(&books.db, false).unwrap();
    assert!(books.names().len() <= 1);
    // The ends are in other files than the beginnings.
    for n in 0..40 {
        assert!(journals.end(row(n).id.as_str(), &end(n)));
        assert!(!journals.end(row(n).id.as_str(), &end(n)), "it is over");
    }
    journals.catch_up(&books.db).unwrap();
    journals.clear_own(&books.db, true).unwrap();
    assert_eq!(books.names(), Vec::<String>::new());
    let left = "SELECT count(*) FROM request WHERE state = 'open' UNION ALL
                SELECT count(*) FROM journal";
    let left: Vec<i64> = books.db.read(|tx| tx.all(left, params![], |row| row.get(0))).unwrap();
    assert_eq!(left, [0, 0]);
}

#[test]
fn what_is_no_journal_stays_and_what_was_never_more_than_begun_goes() {
    let books = Books::new();
    let folder = books.folder.path().join("ledger.journal");
    fs::create_dir(&folder).unwrap();
    fs::create_dir(folder.join("folder")).unwrap();
    for (name, bytes) in [
        ("newer", &b"distiqJ2 and what only it knows"[..]),
        ("foreign", b"notes"),
        ("empty", b""),
        ("begun", b"dist"),
        ("torn-head", b"distiqJ1\x20\0\0\0"),
    ] {
        fs::write(folder.join(name), bytes).unwrap();
    }
    let journals = books.journals();
    journals.catch_up(&books.db).unwrap();
    assert!(!journals.is_behind().unwrap(), "it is looked at once");
    journals.clear_left(&books.db).unwrap();
    let mut names = books.names();
    names.sort();
    assert_eq!(names, ["folder", "foreign", "newer"]);
}

#[test]
fn where_no_file_can_be_made_transactions_write() {
    let books = Books::new();
    fs::write(books.folder.path().join("ledger.journal"), "").unwrap();
    let journals = books.journals();
    assert!(!journals.open(Opening::new(&row(1), Timestamp::UNIX_EPOCH, None)));
    assert!(!journals.end(row(1).id.as_str(), &end(1)));
}
