//! Compression: what stays, how much goes, and that a second time changes nothing.

use distiq_router::compress::{
    CompressOptions, Compressed, GAP, MAX_MODEL_TEXT, WordModel, compress,
};
use proptest::prelude::*;

const ENGLISH: &str = "\
The history of the harbour begins long before the city itself was founded. It is important to note that the earliest settlers were \
really quite dependent on the sea for almost everything that they ate and traded. Furthermore, the shallow bay offered a very natural \
shelter from the storms of the winter. People of the region would gather there in order to exchange goods and stories. In general, the \
atmosphere of those gatherings has been described as friendly and rather noisy.

The old stone bridge was built by the engineer Maria Castell after the great flood. Of course, many of the people living nearby were \
happy about the construction. The bridge connected the market with the northern villages, and the trade of wool became considerably \
easier. As a matter of fact, the traders had been asking for something like it for generations. Visitors often say that the view \
from the bridge is the most beautiful one in the whole region.

During the following decades the harbour grew steadily, and the warehouses along the quay became larger and larger. Basically, every \
family in the town had somebody who worked there. The work was hard and the days were long, but the pay was better than on the farms. \
Naturally, the growth brought problems as well, such as noise, dirt and crowded streets. The council discussed these matters often and \
with great passion, as councils of growing towns tend to do.
";

const RUSSIAN: &str = "\
История гавани начинается задолго до основания самого города. Следует отметить, что первые поселенцы очень сильно зависели от моря, \
которое давало им почти всё для жизни и торговли. Кроме того, мелкая бухта была весьма удобным укрытием от зимних бурь. Люди со всей \
округи собирались здесь, чтобы обмениваться товарами и новостями. В целом эти встречи проходили дружно и довольно шумно.

Старый каменный мост построила инженер Мария Кастель после большого наводнения. Конечно, многие жители окрестных домов были рады этому \
строительству. Мост соединил рынок с северными деревнями, и торговля шерстью стала заметно легче. На самом деле торговцы просили о чём-то \
подобном уже давно. Приезжие часто говорят, что вид с моста самый красивый во всей округе.

В следующие десятилетия гавань постепенно росла, и склады вдоль набережной становились всё больше и больше. Практически в каждой семье города \
кто-нибудь работал в порту. Работа была тяжёлой, а дни длинными, но платили лучше, чем на фермах. Естественно, рост приносил и трудности: \
шум, грязь и тесные улицы. Совет обсуждал эти дела часто и горячо, как это обычно бывает в растущих городах.
";

fn plain(text: &str) -> Compressed {
    compress(text, &CompressOptions::default())
}

fn asked(text: &str, request: &str) -> String {
    compress(text, &CompressOptions { request: Some(request), ..CompressOptions::default() }).text
}

#[test]
fn prose_comes_to_half_or_less() {
    for text in [ENGLISH, RUSSIAN] {
        let short = plain(text);
        assert!(
            short.text.len() * 2 <= text.len(),
            "{} of {}\n{}",
            short.text.len(),
            text.len(),
            short.text
        );
        assert!(!short.refused);
        assert_eq!(plain(&short.text).text, short.text, "again");
    }
}

#[test]
fn what_a_request_asks_for_stays_word_for_word() {
    for (text, request, answer) in [
        (
            ENGLISH,
            "Who built the bridge?",
            "built by the engineer Maria Castell after the great flood",
        ),
        (
            ENGLISH,
            "What did the shallow bay offer?",
            "a very natural shelter from the storms of the winter",
        ),
        (
            ENGLISH,
            "How did visitors describe the view?",
            "the most beautiful one in the whole region",
        ),
        (ENGLISH, "What problems did growth bring?", "such as noise, dirt and crowded streets"),
        (
            RUSSIAN,
            "Кто построил мост?",
            "построила инженер Мария Кастель после большого наводнения",
        ),
        (RUSSIAN, "Чем была бухта?", "весьма удобным укрытием от зимних бурь"),
        (RUSSIAN, "О чём просили торговцы?", "просили о чём-то подобном уже давно"),
    ] {
        let short = asked(text, request);
        assert!(short.contains(answer), "{request}\n{short}");
        assert!(short.len() < text.len());
        assert_eq!(asked(&short, request), short, "again: {request}");
    }
}

#[test]
fn code_tables_quotations_and_settings_stay_byte_for_byte() {
    let kept = [
        "```rust\nfn the(a: &str) -> bool { very(a) }\n\n// the end, basically\n```\n",
        "    the indented code is very much kept, it is\n",
        "| the name | the value |\n|---|---|\n| a | the very best |\n",
        "{\"the\": \"a very long value of the thing\"}\n",
        "> The quotation is really quoted, as it is.\n",
        "key: the value of the setting\n",
        "2026-11-22T07:00:00Z INFO the server is very much alive and well\n",
        "# The very heading of the chapter\n",
        "$ cat the very long file of the user\n",
    ];
    for piece in kept {
        let text = format!("{ENGLISH}\n{piece}\n{ENGLISH}");
        let short = plain(&text).text;
        assert!(short.contains(piece), "{piece}\n{short}");
        assert!(short.len() * 10 < text.len() * 7);
    }
    let inline = "The function `the very  one` is really \"the very  best\" of «the  lot» that we have in src/the/main.rs since 3.14.";
    let short = plain(&format!("{ENGLISH}\n\n{inline}\n")).text;
    for piece in ["`the very  one`", "\"the very  best\"", "«the  lot»", "src/the/main.rs", "3.14"]
    {
        assert!(short.contains(piece), "{short}");
    }
}

#[test]
fn lines_of_a_log_that_repeat_are_counted() {
    let log = format!("start\n{}end\n", "WARN cache is full, retrying\n".repeat(50));
    let short = plain(&log);
    assert_eq!(short.text, "start\nWARN cache is full, retrying [×50]\nend\n");
    assert_eq!(short.collapsed, 49);
    assert_eq!(plain(&short.text).text, short.text);
}

#[test]
fn odd_texts_do_no_harm() {
    for text in [
        "",
        " ",
        "\n\n\n",
        "a",
        "\"",
        "`",
        "«",
        "```",
        "```\nthe",
        "....",
        "\u{0}\u{1}",
        "🙂🙂 the 🙂",
        "x\r\ny\r\n",
    ] {
        assert_eq!(plain(text).text, text, "{text:?}");
    }
    let long = "The word is very long. ".repeat(50_000);
    assert!(plain(&long).text.len() < long.len());
}

/// Pieces that no compression may touch, each told by what it is.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{2,6}_[a-z]{2,6}",
        "[a-z]{2,5}[A-Z][a-z]{2,5}",
        "/[a-z]{2,5}/[a-z]{2,6}\\.(rs|py|json)",
        "[0-9]{1,4}(\\.[0-9]{1,3})?(%| ms| GB)?",
        "v[0-9]\\.[0-9]{1,2}",
        "https://[a-z]{3,8}\\.(com|org)/[a-z]{2,6}\\?[a-z]=[0-9]",
        "`[a-z]{1,4} = the [a-z]{1,4}`",
        "\"the very [a-z]{2,8} thing\"",
        "«тот самый [а-я]{2,8}»",
        Just("not".to_owned()),
        Just("never".to_owned()),
        Just("без".to_owned()),
        Just("не".to_owned()),
        Just("don't".to_owned()),
        "--[a-z]{3,8}",
        "[A-Z]{2,5}-[0-9]{1,3}",
    ]
}

fn sentence() -> impl Strategy<Value = (String, Vec<String>)> {
    const WORDS: &[&str] = &[
        "the",
        "a",
        "very",
        "really",
        "harbour",
        "people",
        "of",
        "in",
        "order",
        "to",
        "gather",
        "bridge",
        "is",
        "was",
        "market",
        "очень",
        "гавань",
        "на",
        "в",
        "и",
        "большой",
        "мост",
        "который",
        "однако",
        "simply",
        "stories",
        "and",
        "for",
        "with",
    ];
    let word = prop::sample::select(WORDS).prop_map(|word| (word.to_owned(), None));
    let part = prop_oneof![6 => word, 1 => piece().prop_map(|piece| (piece.clone(), Some(piece)))];
    prop::collection::vec(part, 4..16).prop_map(|parts| {
        let text: Vec<String> = parts.iter().map(|(text, _)| text.clone()).collect();
        let kept = parts.into_iter().filter_map(|(_, piece)| piece).collect();
        (format!("The {}. ", text.join(" ")), kept)
    })
}

/// Throws dice for each word.
#[derive(Debug)]
struct Dice(u64);

impl WordModel for Dice {
    fn chances(&self, words: &[&str]) -> Vec<f32> {
        let thrown = |at: u64| (self.0 ^ at).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
        (0..words.len() as u64).map(|at| thrown(at) as f32 / (1_u64 << 24) as f32).collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn nothing_protected_is_lost_or_moved(
        parts in prop::collection::vec(sentence(), 1..20),
        ratio in 1.0_f32..6.0,
        dice in any::<Option<u64>>(),
    ) {
        let text: String = parts.iter().map(|(text, _)| text.as_str()).collect();
        let dice = dice.map(Dice);
        let model = dice.as_ref().map(|dice| dice as &dyn WordModel);
        let options = CompressOptions { ratio, request: None, model };
        let short = compress(&text, &options).text;
        prop_assert!(short.len() <= text.len());
        let mut rest = short.as_str();
        for piece in parts.iter().flat_map(|(_, kept)| kept) {
            let at = rest.find(piece.as_str());
            prop_assert!(at.is_some(), "{piece} is gone\n{text}\n{short}");
            rest = rest.split_at(at.unwrap() + piece.len()).1;
        }
        prop_assert_eq!(&compress(&short, &options).text, &short, "a second time");
    }

    #[test]
    fn any_text_is_taken(
        text in "(\\PC|\\n){0,400}|([a-z]{1,6}[.,!\"`]?[ \n]){0,80}",
        request in "\\PC{0,60}",
        dice in any::<Option<u64>>(),
    ) {
        let dice = dice.map(Dice);
        let model = dice.as_ref().map(|dice| dice as &dyn WordModel);
        let options = CompressOptions { ratio: 2.0, request: Some(&request), model };
        let short = compress(&text, &options);
        prop_assert!(short.text.len() <= text.len());
        prop_assert_eq!(&compress(&short.text, &options).text, &short.text);
    }
}

#[test]
fn a_short_text_does_not_go_as_a_whole() {
    for text in [
        "It is important to note that the server must restart.",
        "It should be noted that the cache is cold.",
    ] {
        assert_eq!(compress(text, &CompressOptions::default()).text, text);
    }
    let noted = "It is very important to note that port 8443 must stay open.";
    assert!(!compress(noted, &CompressOptions::default()).text.contains("important to"));
}

/// Holds long words for telling.
#[derive(Debug)]
struct Long;

impl WordModel for Long {
    fn chances(&self, words: &[&str]) -> Vec<f32> {
        words.iter().map(|word| word.chars().count() as f32 / 50.0).collect()
    }
}

fn by_model(text: &str, request: Option<&str>) -> Compressed {
    let options = CompressOptions { request, model: Some(&Long), ..CompressOptions::default() };
    compress(text, &options)
}

#[test]
fn a_model_chooses_words_and_a_second_time_nothing_changes() {
    for text in [ENGLISH, RUSSIAN] {
        let short = by_model(text, None);
        assert!(short.by_model && !short.refused);
        assert!(short.text.len() * 2 <= text.len(), "{}", short.text);
        assert_ne!(short.text, plain(text).text);
        assert_eq!(by_model(&short.text, None).text, short.text, "again");
        // Words alone go, and gaps alone come.
        let mut words = text.split_whitespace();
        for word in short.text.split_whitespace().filter(|word| *word != GAP) {
            assert!(words.any(|other| other == word), "{word}\n{}", short.text);
        }
    }
}

#[test]
fn what_the_rules_hold_stays_whatever_a_model_says() {
    let held = "In no way do I eat at 7 of it or go to src/a.rs by `a b` as “we do so” if it must be, nor is v2 a b.";
    let text = format!("{ENGLISH}\n{held}\n\n```\na b\n```\n\n{ENGLISH}");
    let short = by_model(&text, None);
    assert!(short.by_model, "{}", short.text);
    for piece in [
        "no way do",
        "7",
        "src/a.rs",
        "`a b`",
        "“we do so”",
        "must",
        "nor is v2",
        "b.\n",
        "```\na b\n```",
    ] {
        assert!(short.text.contains(piece), "{piece}\n{}", short.text);
    }
    let asked = by_model(ENGLISH, Some("Who built the bridge?"));
    assert!(asked.text.contains("built by the engineer Maria Castell after the great flood"));
    assert!(asked.text.len() < ENGLISH.len() && asked.by_model);
}

#[test]
fn what_a_model_cannot_take_is_left_to_the_rules() {
    /// Says nothing of the last word.
    #[derive(Debug)]
    struct Short;
    impl WordModel for Short {
        fn chances(&self, words: &[&str]) -> Vec<f32> {
            vec![0.5; words.len().saturating_sub(1)]
        }
    }
    let options = CompressOptions { model: Some(&Short), ..CompressOptions::default() };
    assert_eq!(compress(ENGLISH, &options), plain(ENGLISH));
    // More prose than a model reads, and none at all.
    let much = ENGLISH.repeat(MAX_MODEL_TEXT / ENGLISH.len() + 50);
    assert!(!by_model(&much, None).by_model);
    assert_eq!(by_model("let a = 1;\n", None).text, "let a = 1;\n");
    assert!(!by_model("let a = 1;\n", None).by_model);
}
