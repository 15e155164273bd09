//! How a sentence comes to its plain form.

use super::words::Word;
use super::{Asks, Language, NEGATIONS, english, is_name, russian};

/// Keeps the commas at a denial: they tell what is denied.
fn with_commas(plain: String, word: &Word, before: Option<&Word>) -> String {
    if !NEGATIONS.contains(&word.low.as_str()) {
        return plain;
    }
    let left = before.is_some_and(|before| before.comma);
    match (left, word.comma) {
        (true, true) => format!(",{plain},"),
        (true, false) => format!(",{plain}"),
        (false, true) => format!("{plain},"),
        (false, false) => plain,
    }
}

/// Returns the plain form of a participle, without an `e` at its end.
fn plain_verb(word: &str) -> Option<String> {
    if let Some((_, verb)) = english::PARTICIPLES.iter().find(|(form, _)| *form == word) {
        return Some((*verb).to_owned());
    }
    let stem = word.strip_suffix("ed").filter(|stem| stem.len() >= 3)?;
    if let Some(stem) = stem.strip_suffix('i') {
        return Some(format!("{stem}y"));
    }
    // Whether an `e` or a doubled letter belongs to the verb, only a list of verbs would tell.
    let known = [
        stem.to_owned(),
        format!("{stem}e"),
        stem.chars().take(stem.chars().count() - 1).collect(),
    ];
    known.into_iter().find(|verb| english::KNOWN.contains(&verb.as_str()))
}

/// A form that grows by sentences.
pub(super) struct Form {
    pub language: Language,
    pub mentions: bool,
    pub asks: Asks,
    pub words: Vec<String>,
    pub surface: Vec<String>,
}

impl Form {
    /// Takes a sentence in.
    pub fn add(&mut self, sentence: Vec<Word>) {
        let mut line = Line { words: sentence, mentions: self.mentions };
        let asks = match self.language {
            Language::English => line.english(),
            Language::Russian => line.russian(),
            Language::Other => Asks::Plain,
        };
        if line.words.is_empty() {
            return;
        }
        if !self.words.is_empty() {
            self.words.push("\u{2}".to_owned());
            self.surface.push("\u{2}".to_owned());
        }
        self.words.push(format!("{asks:?}"));
        self.surface.push(format!("{asks:?}"));
        if asks != Asks::Plain {
            self.asks = asks;
        }
        for (at, word) in line.words.iter().enumerate() {
            let before = at.checked_sub(1).and_then(|before| line.words.get(before));
            let plain = match word.verbatim {
                true => word.raw.clone(),
                false => self.plain(word, line.words.get(at + 1), at == 0, asks),
            };
            self.words.push(with_commas(plain, word, before));
            self.surface.push(word.low.clone());
        }
    }

    /// Returns a word's plain form.
    fn plain(&self, word: &Word, after: Option<&Word>, is_head: bool, asks: Asks) -> String {
        let low = word.low.as_str();
        if self.mentions {
            return low.to_owned();
        }
        match self.language {
            Language::English => {
                let tool = |word: &Word| english::TOOLS.contains(&same(english::SAME, &word.low));
                if matches!(low, "in" | "with" | "using" | "on") && after.is_some_and(tool) {
                    return "in".to_owned();
                }
                let known = same(english::SAME, low);
                let is_big = word.raw.chars().filter(|c| c.is_uppercase()).count() > 1;
                if is_head && !is_big && matches!(asks, Asks::HowTo | Asks::May) {
                    return group(english::VERBS, known).to_owned();
                }
                same(english::SAME, &english::lemma(known)).to_owned()
            }
            Language::Russian => {
                let tool = |word: &Word| english::TOOLS.contains(&same(russian::SAME, &word.low));
                if matches!(low, "в" | "на") && after.is_some_and(tool) {
                    return "в".to_owned();
                }
                let known = same(russian::SAME, low);
                if is_head && matches!(asks, Asks::HowTo | Asks::May) {
                    return group(russian::VERBS, known).to_owned();
                }
                match asks {
                    // Where nobody is said to do anything to anybody, an ending tells no role.
                    Asks::HowTo | Asks::May => russian::stem(known).to_owned(),
                    _ => known.to_owned(),
                }
            }
            Language::Other => low.to_owned(),
        }
    }
}

fn same<'w>(table: &[(&'static str, &'static str)], word: &'w str) -> &'w str
where
    'static: 'w,
{
    table.iter().find(|(from, _)| *from == word).map_or(word, |(_, to)| to)
}

fn group<'w>(table: &[&'static [&'static str]], word: &'w str) -> &'w str
where
    'static: 'w,
{
    let found = table.iter().find(|group| group.contains(&word));
    found.and_then(|group| group.first()).map_or(word, |first| first)
}

/// A sentence that loses its manners.
struct Line {
    words: Vec<Word>,
    mentions: bool,
}

impl Line {
    fn low(&self, at: usize) -> &str {
        match self.words.get(at) {
            Some(word) if !word.verbatim => &word.low,
            _ => "",
        }
    }

    /// Returns how many words a phrase takes at a place, where it stands there.
    fn at(&self, start: usize, phrase: &str) -> Option<usize> {
        let mut count = 0;
        for part in phrase.split(' ') {
            if self.low(start + count) != part {
                return None;
            }
            count += 1;
        }
        Some(count)
    }

    /// Returns the longest of the phrases at the beginning.
    fn opens(&self, phrases: &[&str]) -> Option<usize> {
        phrases.iter().filter_map(|phrase| self.at(0, phrase)).max()
    }

    fn cut(&mut self, count: usize) {
        self.words.drain(..count.min(self.words.len()));
    }

    fn put(&mut self, at: usize, count: usize, phrase: &str) {
        let comma = self.words.get(at + count - 1).is_some_and(|word| word.comma);
        let first = self.words.get(at).is_some_and(|word| word.first);
        let mut words: Vec<Word> = phrase.split(' ').map(Word::plain).collect();
        if let Some(last) = words.last_mut() {
            last.comma = comma;
        }
        if let Some(word) = words.first_mut() {
            word.first = first;
        }
        self.words.splice(at..at + count, words);
    }

    fn replace(&mut self, table: &[(&str, &str)]) {
        let mut at = 0;
        while at < self.words.len() {
            let found = table.iter().find_map(|(from, to)| Some((self.at(at, from)?, *to)));
            if let Some((count, to)) = found {
                self.put(at, count, to);
            }
            at += 1;
        }
    }

    /// Takes away what stands before the question and after it.
    fn strip(&mut self, before: &[&str], leading: &[&str], after: &[&str], asking: &[&str]) {
        loop {
            if let Some(count) = self.opens(before) {
                self.cut(count);
                continue;
            }
            let Some(count) = self.opens(leading) else { break };
            let comma = self.words.get(count - 1).is_some_and(|word| word.comma);
            if !asking.contains(&self.low(count)) && !comma {
                break;
            }
            self.cut(count);
        }
        while let Some((start, _)) = after
            .iter()
            .filter_map(|phrase| {
                let start = self.words.len().checked_sub(phrase.split(' ').count())?;
                Some((start, self.at(start, phrase)?))
            })
            .min()
        {
            let set_off = start
                .checked_sub(1)
                .and_then(|at| self.words.get(at))
                .is_some_and(|word| word.comma);
            // "How do I write please?"
            if !set_off && start > 0 && (self.mentions || start < 5) {
                break;
            }
            self.words.truncate(start);
        }
    }

    /// Puts a phrase that opens the sentence behind it.
    fn move_opening(&mut self, placing: &[&str], asking: &[&str]) {
        const LONGEST: usize = 7;
        if !placing.contains(&self.low(0)) || asking.contains(&self.low(1)) {
            return;
        }
        let comma = self.words.iter().take(LONGEST).position(|word| word.comma).map(|at| at + 1);
        let asked = (2..=LONGEST.min(self.words.len())).find(|at| asking.contains(&self.low(*at)));
        let Some(count) = comma.or(asked).filter(|count| *count >= 2 && *count < self.words.len())
        else {
            return;
        };
        if let Some(word) = self.words.get_mut(count - 1) {
            word.comma = false;
        }
        self.words.rotate_left(count);
    }

    /// Puts a word of asking that stands behind a comma at the end in front.
    fn move_asking(&mut self, asking: &[&str]) {
        let Some(last) = self.words.len().checked_sub(1).filter(|last| *last > 1) else { return };
        let set_off = self.words.get(last - 1).is_some_and(|word| word.comma);
        if set_off && asking.contains(&self.low(last)) {
            self.words.rotate_right(1);
        }
    }

    fn english(&mut self) -> Asks {
        use english as en;
        self.replace(en::SHORT);
        self.strip(en::BEFORE, en::LEADING, en::AFTER, en::ASKING);
        if self.mentions {
            self.english_words();
            return Asks::Plain;
        }
        self.strip_again(en::AGAIN);
        self.move_asking(&["how", "why"]);
        self.move_opening(en::PLACING, en::ASKING);
        self.strip(en::BEFORE, en::LEADING, &[], en::ASKING);
        self.replace(en::PHRASES);
        let asks = self.english_kind();
        let asks = if asks == Asks::Plain && self.turn_passive() { Asks::HowTo } else { asks };
        self.words.retain(|word| {
            word.verbatim
                || !self::english::EMPTY.contains(&word.low.as_str())
                || is_name(word, Language::English)
        });
        if matches!(asks, Asks::HowTo | Asks::Why | Asks::Where | Asks::May) {
            self.words.retain(|word| word.low != "my");
        }
        if asks == Asks::HowTo && self.low(0) == "turn" {
            self.replace(&[("turn", "convert"), ("into", "to")]);
        } else if matches!(self.low(0), "convert" | "transform" | "change" | "translate") {
            self.replace(&[("into", "to")]);
        }
        self.made_in();
        self.order_ways();
        asks
    }

    /// Brings questions about words and differences that begin in other ways to one beginning; all else stays.
    fn english_words(&mut self) {
        for opening in
            ["explain the difference", "describe the difference", "tell me the difference"]
        {
            if let Some(count) = self.at(0, opening) {
                self.put(0, count, "what is the difference");
                return;
            }
        }
        if let Some(count) = self.at(0, "what is the meaning of") {
            self.put(0, count, "what does");
            self.words.push(Word::plain("mean"));
        } else if self.low(0) == "what" && self.words.last().is_some_and(|word| word.low == "means")
        {
            self.put(0, 1, "what does");
            self.words.pop();
            self.words.push(Word::plain("mean"));
        } else if self.low(0) == "how" && matches!(self.low(1), "does" | "do" | "is" | "are") {
            let found = (2..self.words.len()).find_map(|at| {
                Some((at, self.at(at, "differ from").or_else(|| self.at(at, "different from"))?))
            });
            if let Some((at, count)) = found {
                self.put(at, count, "and");
                self.put(0, 2, "what is the difference between");
            }
        }
    }

    /// "How can tests be run" asks how to run tests.
    fn turn_passive(&mut self) -> bool {
        if self.low(0) != "how" || !matches!(self.low(1), "can" | "could" | "are" | "is" | "should")
        {
            return false;
        }
        let helper = matches!(self.low(1), "can" | "could" | "should");
        let verb = match helper {
            true => (3..7).find(|at| self.low(*at) == "be").map(|at| at + 1),
            false => None,
        };
        let Some(verb) = verb.filter(|verb| *verb < self.words.len()) else { return false };
        let Some(plain) = plain_verb(self.low(verb)) else { return false };
        self.words.remove(verb);
        self.words.remove(verb - 1);
        self.words.drain(..2);
        self.words.insert(0, Word::plain(&plain));
        true
    }

    /// "A Python function" is "a function in Python".
    fn made_in(&mut self) {
        use english as en;
        for at in 1..self.words.len().saturating_sub(1) {
            let placed = matches!(
                self.low(at - 1),
                "in" | "with" | "on" | "using" | "from" | "to" | "and" | "or" | "between"
            );
            let is_tool = en::TOOLS.contains(&same(en::SAME, self.low(at)));
            if is_tool && !placed && en::MADE_IN.contains(&self.low(at + 1)) {
                self.words.swap(at, at + 1);
                self.words.insert(at + 1, Word::plain("in"));
                return;
            }
        }
    }

    /// "To B from A" at the end is "from A to B".
    fn order_ways(&mut self) {
        let Some(start) = self.words.len().checked_sub(4) else { return };
        if matches!(self.low(start), "to" | "into") && self.low(start + 2) == "from" && start > 0 {
            self.words.iter_mut().skip(start).for_each(|word| word.comma = false);
            if let Some(end) = self.words.get_mut(start..) {
                end.rotate_left(2);
            }
        }
    }

    /// Takes away what only repeats the question after a comma.
    fn strip_again(&mut self, again: &[&str]) {
        let found = again.iter().filter_map(|phrase| {
            let start = self
                .words
                .len()
                .checked_sub(phrase.split(' ').count())
                .filter(|start| *start > 2)?;
            self.at(start, phrase)?;
            self.words.get(start - 1).is_some_and(|word| word.comma).then_some(start)
        });
        if let Some(start) = found.min() {
            self.words.truncate(start);
        }
    }

    fn english_kind(&mut self) -> Asks {
        use english as en;
        if self.low(0) == "how" && matches!(self.low(1), "i" | "how") {
            // "I want to X, how": the second beginning tells it all.
            self.cut(1);
        }
        for (phrases, asks) in [
            (en::HOW_TO, Asks::HowTo),
            (en::WHY, Asks::Why),
            (en::WHERE, Asks::Where),
            (en::MAY, Asks::May),
        ] {
            if let Some(count) = self.opens(phrases) {
                self.cut(count);
                if self.low(0) == "best" && asks == Asks::HowTo {
                    self.cut(1);
                }
                return asks;
            }
        }
        match self.low(0) {
            "why" => {
                self.cut(1);
                self.drop_doing();
                Asks::Why
            }
            "what" if matches!(self.low(1), "is" | "are" | "exactly") => {
                self.cut(1);
                Asks::What
            }
            "explain" => {
                self.cut(1);
                Asks::What
            }
            "is" | "are" | "do" | "does" => {
                self.cut(1);
                Asks::Whether
            }
            "if" => {
                self.cut(1);
                Asks::Whether
            }
            "which" => {
                self.put(0, 1, "what");
                self.drop_doing();
                self.what()
            }
            "what" => {
                self.drop_doing();
                self.what()
            }
            "how" | "when" | "where" | "who" => {
                self.drop_doing();
                Asks::Plain
            }
            _ => Asks::Plain,
        }
    }

    /// "What a closure is" asks as "what is a closure" does.
    fn what(&mut self) -> Asks {
        let is_last =
            self.words.last().is_some_and(|word| matches!(word.low.as_str(), "is" | "are"));
        let inside =
            self.words.iter().skip(1).any(|word| matches!(word.low.as_str(), "is" | "are"));
        let article = matches!(self.low(1), "a" | "an" | "the");
        if is_last || (inside && article) {
            self.cut(1);
            return Asks::What;
        }
        Asks::Plain
    }

    /// Takes the first helping verb away.
    fn drop_doing(&mut self) {
        let at =
            self.words.iter().take(6).position(|word| matches!(word.low.as_str(), "do" | "does"));
        // Where it comes late, it is no helping verb.
        if let Some(at) = at.filter(|at| self.words.len() > at + 2) {
            self.words.remove(at);
        }
    }

    fn russian(&mut self) -> Asks {
        use russian as ru;
        self.strip(ru::BEFORE, ru::LEADING, ru::AFTER, ru::ASKING);
        self.replace(ru::DOING);
        // "Напиши, пожалуйста, …"
        if self.low(1) == "пожалуйста" {
            self.words.remove(1);
        }
        if self.mentions {
            self.replace(&[
                ("означает", "значит"),
                ("какая разница", "в чем разница"),
                ("объясни разницу", "в чем разница"),
            ]);
            if self.low(0) == "чем"
                && matches!(self.low(1), "отличается" | "отличаются")
                && self.words.len() == 5
            {
                // "Чем отличается А от Б" is "чем А отличается от Б".
                self.words.swap(1, 2);
            }
            return Asks::Plain;
        }
        self.strip_again(ru::AGAIN);
        self.move_asking(&["как", "почему"]);
        self.move_opening(ru::PLACING, ru::ASKING);
        self.strip(ru::BEFORE, ru::LEADING, &[], ru::ASKING);
        let asks = self.russian_kind();
        self.words.retain(|word| word.verbatim || !ru::EMPTY.contains(&word.low.as_str()));
        asks
    }

    fn russian_kind(&mut self) -> Asks {
        use russian as ru;
        let how = ru::HOW_TO.iter().filter_map(|phrase| self.at(0, phrase)).max();
        if let Some(count) = how
            && let Some(verb) = self.verb_after(count)
        {
            self.cut(count);
            // "Как в Python отсортировать список": the phrase may as well stand behind.
            self.words.rotate_left(verb - count);
            return Asks::HowTo;
        }
        for (phrases, asks) in [(ru::WHY, Asks::Why), (ru::MAY, Asks::May), (ru::WHAT, Asks::What)]
        {
            if let Some(count) = self.opens(phrases) {
                self.cut(count);
                return asks;
            }
        }
        if self.at(0, "каким образом").is_some() {
            self.put(0, 2, "как");
        }
        Asks::Plain
    }

    /// Finds the plain verb behind a beginning, at once or behind one phrase of place or means.
    fn verb_after(&self, count: usize) -> Option<usize> {
        if russian::is_plain_verb(self.low(count)) {
            return Some(count);
        }
        if !russian::PLACING.contains(&self.low(count)) {
            return None;
        }
        (count + 2..=count + 4).find(|at| russian::is_plain_verb(self.low(*at)))
    }
}
