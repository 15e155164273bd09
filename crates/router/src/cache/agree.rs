//! Whether one question may be answered by another's answer: a closed chain of guards, each with a veto.
//!
//! What a guard cannot verify is a miss. The last guard is a floor of likeness for each neighbourhood (a language and what
//! is asked for), learned on labelled pairs by [`learn`].

use super::question::{Asks, Language, Question};
use super::vector::{nearness, vector};

/// Why one question is not answered by another's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Veto {
    /// Their answers depend on the moment, on chance or on what was said.
    Passing,
    /// Their languages differ.
    Language,
    /// A quotation, code or a text that was handed over differs.
    Piece,
    /// A number, a version, a path or a name with a digit differs.
    Number,
    /// One denies what the other does not.
    Negation,
    /// A name in capitals differs.
    Name,
    /// They ask for different things: how, why, where, whether.
    Asks,
    /// Words stand against each other, such as `on` and `off`.
    Opposite,
    /// A word that only one has, or another order.
    Words,
    /// Endings may tell other roles.
    Endings,
    /// They are less alike than questions of their neighbourhood must be.
    Far,
}

/// Words of which a question has one or the other.
const OPPOSITES: &[(&str, &str)] = &[
    ("on", "off"),
    ("enable", "disable"),
    ("add", "remove"),
    ("before", "after"),
    ("first", "last"),
    ("increase", "decrease"),
    ("max", "min"),
    ("allow", "deny"),
    ("open", "close"),
    ("up", "down"),
    ("encode", "decode"),
    ("encrypt", "decrypt"),
    ("start", "stop"),
    ("client", "server"),
    ("sync", "async"),
    ("read", "write"),
    ("import", "export"),
    ("push", "pull"),
    ("true", "false"),
    ("lock", "unlock"),
    ("install", "uninstall"),
    ("upgrade", "downgrade"),
    ("left", "right"),
    ("more", "less"),
    ("most", "least"),
    ("best", "worst"),
    ("include", "exclude"),
    ("in", "out"),
    ("create", "delete"),
    ("show", "hide"),
    ("public", "private"),
    ("ascending", "descending"),
    ("upload", "download"),
    ("buy", "sell"),
    ("hire", "fire"),
    ("win", "lose"),
    ("with", "without"),
    ("advantage", "disadvantage"),
    ("pro", "con"),
    ("eu", "us"),
    ("local", "remote"),
    ("top", "bottom"),
    ("включить", "отключить"),
    ("добавить", "удалить"),
    ("перед", "после"),
    ("до", "после"),
    ("первый", "последний"),
    ("увеличить", "уменьшить"),
    ("разрешить", "запретить"),
    ("открыть", "закрыть"),
    ("закодировать", "декодировать"),
    ("запустить", "остановить"),
    ("клиент", "сервер"),
    ("чтение", "запись"),
    ("импортировать", "экспортировать"),
    ("больше", "меньше"),
    ("лучше", "хуже"),
    ("лучший", "худший"),
    ("скрыть", "показать"),
    ("вверх", "вниз"),
    ("купить", "продать"),
    ("с", "без"),
    ("можно", "нельзя"),
];

/// Floors of likeness as [`learn`] found them on the pairs that it may see, in percent.
pub const FLOORS: &[((Language, Asks), u8)] = &[
    ((Language::English, Asks::HowTo), 57),
    ((Language::Russian, Asks::HowTo), 59),
    ((Language::English, Asks::Plain), 60),
    ((Language::Russian, Asks::Plain), 60),
    ((Language::English, Asks::What), 60),
    ((Language::Russian, Asks::What), 60),
    ((Language::English, Asks::May), 60),
    ((Language::Russian, Asks::May), 60),
    ((Language::English, Asks::Whether), 60),
    ((Language::English, Asks::Where), 60),
    ((Language::English, Asks::Why), 60),
    ((Language::Russian, Asks::Why), 60),
];

/// The floor of a neighbourhood that no pair taught.
const USUAL_FLOOR: u8 = 35;

/// Tells how alike two questions are where one may be answered by the other's answer.
///
/// # Errors
/// The first guard that objects.
pub fn agree(a: &Question, b: &Question) -> Result<f32, Veto> {
    guard(a, b)?;
    let near = likeness(a, b);
    match near * 100.0 >= f32::from(floor(a)) {
        true => Ok(near),
        false => Err(Veto::Far),
    }
}

/// Returns how alike two questions are by their words and letters.
pub fn likeness(a: &Question, b: &Question) -> f32 {
    nearness(&vector(&a.surface.join(" ")), &vector(&b.surface.join(" ")))
}

/// Asks all guards but the last.
///
/// # Errors
/// The first that objects.
pub fn guard(a: &Question, b: &Question) -> Result<(), Veto> {
    let vetoes = [
        (a.passing || b.passing, Veto::Passing),
        (a.language != b.language, Veto::Language),
        (a.facts.pieces != b.facts.pieces, Veto::Piece),
        (a.facts.numbers != b.facts.numbers, Veto::Number),
        (a.facts.negations != b.facts.negations, Veto::Negation),
        (a.facts.names != b.facts.names, Veto::Name),
        (a.asks != b.asks, Veto::Asks),
        (opposed(a, b), Veto::Opposite),
        (a.words != b.words, Veto::Words),
        (endings(a, b) > 1, Veto::Endings),
    ];
    vetoes.iter().find(|(objects, _)| *objects).map_or(Ok(()), |(_, veto)| Err(*veto))
}

/// Finds the floor of each neighbourhood: above all likenesses of wrong pairs that the other guards let pass, and as far
/// below those of right pairs as may be. In percent; what no pair teaches keeps the usual floor.
pub fn learn<'q>(
    pairs: impl Iterator<Item = (&'q Question, &'q Question, bool)>,
) -> Vec<((Language, Asks), u8)> {
    const SLACK: u8 = 15;
    // With no wrong pair near, few right ones tell little of what else is right.
    const HIGHEST_GUESS: u8 = 60;
    let mut floors: Vec<((Language, Asks), u8, u8)> = Vec::new();
    for (a, b, is_same) in pairs.filter(|(a, b, _)| guard(a, b).is_ok()) {
        let near = (likeness(a, b) * 100.0).clamp(0.0, 100.0) as u8;
        let place = (a.language, a.asks);
        let at = floors.iter().position(|(known, ..)| *known == place).unwrap_or_else(|| {
            floors.push((place, 100, 0));
            floors.len() - 1
        });
        if let Some((_, right, wrong)) = floors.get_mut(at) {
            match is_same {
                true => *right = near.min(*right),
                false => *wrong = near.saturating_add(1).max(*wrong),
            }
        }
    }
    floors
        .into_iter()
        .map(|(place, right, wrong)| {
            (place, right.saturating_sub(SLACK).min(HIGHEST_GUESS).max(wrong))
        })
        .collect()
}

fn floor(question: &Question) -> u8 {
    let place = (question.language, question.asks);
    FLOORS.iter().find(|(known, _)| *known == place).map_or(USUAL_FLOOR, |(_, floor)| *floor)
}

fn opposed(a: &Question, b: &Question) -> bool {
    let has = |question: &Question, word: &str| question.surface.iter().any(|own| own == word);
    OPPOSITES.iter().any(|(x, y)| {
        let [ax, ay, bx, by] = [has(a, x), has(a, y), has(b, x), has(b, y)];
        ax && by && !ay && !bx || ay && bx && !ax && !by
    })
}

/// Counts Russian words that stand in the same place with another ending.
fn endings(a: &Question, b: &Question) -> usize {
    if a.language != Language::Russian {
        return 0;
    }
    let surfaces = a.surface.iter().zip(&b.surface);
    surfaces
        .filter(|(a, b)| {
            a != b && a.chars().zip(b.chars()).take_while(|(a, b)| a == b).count() >= 4
        })
        .count()
}
