use super::*;
use serde_json::json;

const PLAIN: &dyn Fn(&str) -> Vec<String> = &|path| vec![format!("fn of_{}()", path.len())];

fn count(messages: &[Message]) -> u64 {
    let bytes = |message: &Message| -> usize {
        let calls: usize =
            message.tool_calls().map(|(_, name, input)| name.len() + input.len()).sum();
        message.text().len()
            + calls
            + results(message).map(|(_, text, _)| text.len()).sum::<usize>()
    };
    messages.iter().map(|message| bytes(message) as u64 / 4 + 4).sum()
}

fn answer(text: &str, calls: &[(&str, &str, serde_json::Value)]) -> Message {
    let mut content = vec![Content::text(text)];
    content.extend(calls.iter().map(|(id, name, input)| Content::ToolCall {
        id: (*id).into(),
        name: (*name).into(),
        arguments: input.to_string(),
    }));
    content.retain(|part| !matches!(part, Content::Text { text } if text.is_empty()));
    Message { role: Role::Assistant, content }
}

fn result(id: &str, text: &str, is_error: bool) -> Message {
    Message { role: Role::User, content: vec![Content::tool_result(id, text, is_error)] }
}

fn opening(text: &str) -> Message {
    Message { role: Role::User, content: vec![Content::text(text), Content::text("[2026-11-22]")] }
}

fn session() -> Vec<Message> {
    vec![
        opening("Add a retry to the client. Never touch src/legacy.rs."),
        answer("Looking.", &[("a", "read", json!({"path": "src/client.rs"}))]),
        result("a", "pub fn send() {}\n// deploy id QX-7731-B\n", false),
        answer(
            "We decided to retry three times because of the proxy.\n- [ ] write the test\n- [ ] tell Ana",
            &[("b", "edit", json!({"path": "src/client.rs", "search": "a", "replace": "b"}))],
        ),
        result("b", "edited", false),
        answer("- [x] write the test", &[("c", "shell", json!({"command": "cargo test"}))]),
        result("c", "running 3 tests\nthread panicked at src/client.rs:9\n[exit 101]", false),
        opening("Now make it configurable."),
        answer("On it.", &[("d", "read", json!({"path": "src/config.rs"}))]),
        result("d", &"x = 1\n".repeat(2_000), false),
    ]
}

fn draft(messages: &[Message], before: Option<&Carried>, room: Room) -> Option<(Draft, String)> {
    let drafter = Drafter::new(messages, before, PLAIN, &count)?;
    let draft = drafter.draft(room)?;
    let digest = drafter.digest(&draft);
    Some((draft, digest))
}

fn room(tail_tokens: u64) -> Room {
    Room { tail_tokens, ..Room::at(0, 100_000) }
}

#[test]
fn what_must_not_be_lost_is_carried_over() {
    let messages = session();
    let (draft, digest) = draft(&messages, None, room(10)).unwrap();
    let Carried { user, changed, read, failed, decisions, todos, notes, .. } = &draft.carried;
    assert_eq!(
        *user,
        ["Add a retry to the client. Never touch src/legacy.rs.", "Now make it configurable."]
    );
    assert_eq!(changed[0].path, "src/client.rs");
    assert_eq!(changed[0].signatures, ["fn of_13()"]);
    assert_eq!(*read, ["src/client.rs"]);
    assert_eq!(*failed, ["shell cargo test: thread panicked at src/client.rs:9"]);
    assert_eq!(*decisions, ["We decided to retry three times because of the proxy."]);
    assert_eq!(*todos, ["tell Ana"]);
    assert!(notes.iter().any(|note| note.contains("QX-7731-B")), "{notes:?}");
    // The newest exchange stays, and the request at hand stands last.
    assert_eq!(draft.kept, messages[8..]);
    let rendered = render(&draft);
    assert!(rendered[0].text().ends_with("word for word\nNow make it configurable."));
    assert!(digest.contains("shell cargo test:"), "{digest}");
}

#[test]
fn a_second_time_keeps_what_the_first_kept() {
    let (mut first, _) = draft(&session(), None, room(10)).unwrap();
    first.carried.summary = "Retries were added.".into();
    let mut messages = render(&first);
    messages.extend([
        opening("And document it."),
        answer("Done.", &[("e", "write", json!({"path": "docs/a.md", "text": "x"}))]),
        result("e", "written", false),
        answer("All is done.", &[]),
        opening("Thanks. Next?"),
    ]);
    let (second, _) = draft(&messages, Some(&first.carried), room(10)).unwrap();
    assert_eq!(second.carried.user.len(), 3);
    assert_eq!(second.carried.summary, "Retries were added.");
    assert!(second.carried.notes.iter().any(|note| note.contains("QX-7731-B")));
    let changed: Vec<_> = second.carried.changed.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(changed, ["src/client.rs", "docs/a.md"]);
    assert_eq!(second.kept, [opening("Thanks. Next?")]);
}

#[test]
fn what_a_digest_may_come_to_is_known_without_it() {
    let long = answer(&"word ".repeat(500), &[("x", "read", json!({"path": "a".repeat(300)}))]);
    let all = [session(), vec![long, result("x", &"y z ".repeat(900), true)]].concat();
    for end in 0..=all.len() {
        let messages = &all[..end];
        let (is, most) = (told(messages).len(), most_digest_bytes(messages));
        assert!(is <= most && most <= 2 * is + 400, "{is} {most} of {end} messages");
    }
}

#[test]
fn a_history_of_one_message_has_nothing_to_drop() {
    assert_eq!(draft(&[opening("hi")], None, room(10)), None);
    assert_eq!(draft(&[], None, room(10)), None);
}

/// A small generator of numbers (SplitMix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }

    fn filler(&mut self, bytes: u64) -> String {
        const WORDS: &[&str] = &[
            "the",
            "value",
            "of",
            "field",
            "then",
            "goes",
            "on",
            "and",
            "let",
            "self",
            "items",
            "while",
            "reader",
            "line",
            "over",
            "again",
            "строка",
            "потом",
            "идёт",
            "дальше",
            "result",
            "ok",
        ];
        let mut text = String::new();
        while (text.len() as u64) < bytes {
            text.push_str(WORDS[self.below(WORDS.len() as u64) as usize]);
            text.push(if self.below(9) == 0 { '\n' } else { ' ' });
        }
        text
    }

    fn fact(&mut self, n: u64) -> String {
        match self.below(4) {
            0 => format!("the release code is RC-{n}-{:04X}", self.below(65_536)),
            1 => format!("never delete the table audit_{n} before the export"),
            2 => format!("settings are read from /etc/app{n}/conf.d/main_{n}.toml"),
            _ => format!("никогда не трогай каталог data/raw{n}"),
        }
    }
}

/// Five hundred times over, with parts of all sizes: the user's words are all there, nearly all facts
/// of answers and results too, and it never grows.
#[test]
fn planted_facts_survive_many_compactions() {
    let mut dice = Dice(7);
    let (mut total, mut lost) = (0, 0);
    for session in 0..25 {
        let window = [4_000, 8_000, 16_000, 32_000, 64_000][session % 5];
        let mut messages = Vec::new();
        let mut carried: Option<Carried> = None;
        let (mut of_user, mut of_others) = (Vec::new(), Vec::new());
        for round in 0..20_u64 {
            let n = session as u64 * 1_000 + round;
            let fact = dice.fact(n);
            let size = window / 40;
            messages.push(opening(&format!("{}\n{fact}", {
                let b = dice.below(size);
                dice.filler(b)
            })));
            of_user.push(fact);
            for step in 0..1 + dice.below(4) {
                let id = format!("c{n}_{step}");
                let fact = dice.fact(n * 10 + step);
                let (before, after) = (dice.below(window), dice.below(window));
                let text = format!("{}\n{fact}\n{}", dice.filler(before), dice.filler(after));
                of_others.push(fact);
                messages
                    .push(answer("", &[(&id, "read", json!({"path": format!("src/f{n}.rs")}))]));
                messages.push(result(&id, &text, false));
            }
            let fact = dice.fact(n * 10 + 9);
            messages.push(answer(&format!("Done with it. {fact}."), &[]));
            of_others.push(fact);
            let before = count(&messages);
            let most = window;
            let made = (0..STEPS).find_map(|step| {
                let (draft, _) = draft(&messages, carried.as_ref(), Room::at(step, most))?;
                let rendered = render(&draft);
                (count(&rendered) < before.min(most)).then_some((draft, rendered))
            });
            if let Some((draft, rendered)) = made {
                messages = rendered;
                carried = Some(draft.carried);
            }
        }
        let text = serde_json::to_string(&messages).unwrap();
        for fact in &of_user {
            assert!(text.contains(fact), "session {session}: {fact}");
        }
        total += of_others.len();
        let gone: Vec<_> = of_others.iter().filter(|fact| !text.contains(fact.as_str())).collect();
        lost += gone.len();
    }
    assert!(lost * 20 <= total, "{lost} of {total} facts were lost");
}
