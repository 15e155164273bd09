//! What is asked in a month, when, and how each request goes. Pure: the same seed gives the same month.

use std::collections::BTreeMap;

use distiq_router::classify::Label;
use distiq_router::corpus::{self, Asking};

use super::dice::Dice;
use super::mix::Mix;

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
const HOUR_MS: i64 = 60 * 60 * 1_000;
/// Days of a week without work follow so many with.
const WORKING_WEEK: u32 = 5;

/// A request of the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// When, in milliseconds since 1970; later where the one before takes longer.
    pub at_ms: i64,
    /// The project.
    pub project: u32,
    /// How much work it really is.
    pub label: Label,
    /// Its words.
    pub text: String,
    /// The question that it asks, where it only wants to know.
    pub question: Option<usize>,
    /// Whether that was asked before.
    pub is_repeat: bool,
    /// What each request to a model takes.
    pub steps: Vec<Step>,
    /// Its own chance.
    pub seed: u64,
}

/// What a request to a model takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// The answer and the tools that follow.
    pub answer_ms: i64,
    /// The wait for the user after it; 0 where nobody is waited for.
    pub wait_ms: i64,
}

/// What a request asks.
struct Wish {
    text: String,
    question: Option<usize>,
    is_repeat: bool,
    label: Label,
    at_ms: i64,
    project: u32,
}

/// Makes the month of a mix, in the order of time.
pub fn schedule(mix: &Mix, seed: u64) -> Vec<Task> {
    let mut maker = Maker { mix, dice: Dice::new(seed, 1), wishes: Vec::new() };
    let counts = counts(mix);
    let easy = counts[0] + counts[1];
    let repeats = share(mix.requests, mix.repeats.share).min(easy);
    let of = |count: u32| (u64::from(repeats) * u64::from(count) / u64::from(easy.max(1))) as u32;
    let again = [repeats - of(counts[1]), of(counts[1]), 0];
    let mut questions = maker.questions();
    let mut prompts = maker.prompts();
    for (label, (count, again)) in Label::ALL.into_iter().zip(counts.into_iter().zip(again)) {
        let asked = maker.ask_questions(label, (count, again), &mut questions);
        let rest = count.saturating_sub(asked);
        maker.ask_for_work(label, rest, prompts.entry(label).or_default());
    }
    let Maker { mut wishes, .. } = maker;
    wishes.sort_by_key(|wish| wish.at_ms);
    let mut tasks: Vec<Task> = Vec::with_capacity(wishes.len());
    for (number, wish) in wishes.into_iter().enumerate() {
        let task_seed = Dice::new(seed, 1_000 + number as u64).next();
        let steps = steps(mix, &wish, task_seed);
        let Wish { text, question, is_repeat, label, at_ms, project } = wish;
        tasks.push(Task {
            at_ms,
            project,
            label,
            text,
            question,
            is_repeat,
            steps,
            seed: task_seed,
        });
    }
    tasks
}

/// Returns the requests of each label, all of them together as many as the mix has.
fn counts(mix: &Mix) -> [u32; 3] {
    let complex = share(mix.requests, mix.classes.complex.share);
    let medium = share(mix.requests, mix.classes.medium.share).min(mix.requests - complex);
    [mix.requests - complex - medium, medium, complex]
}

fn share(of: u32, percent: f64) -> u32 {
    (f64::from(of) * percent / 100.0).round() as u32
}

fn steps(mix: &Mix, wish: &Wish, seed: u64) -> Vec<Step> {
    let mut dice = Dice::new(seed, 2);
    let requests = mix.classes.of(wish.label).requests;
    let ms = |seconds: u64| i64::try_from(seconds * 1_000).unwrap_or(i64::MAX);
    let pauses = mix.pauses;
    (0..requests)
        .map(|at| {
            let answer_ms = ms(dice.between(pauses.answer_s.0, pauses.answer_s.1));
            let wait_ms = ms(dice.between(pauses.wait_s.0, pauses.wait_s.1));
            // Nobody has to allow a look, and after the last answer there is nothing to wait for.
            let waits = dice.happens(pauses.waits) && at + 1 < requests && wish.question.is_none();
            Step { answer_ms, wait_ms: if waits { wait_ms } else { 0 } }
        })
        .collect()
}

struct Maker<'a> {
    mix: &'a Mix,
    dice: Dice,
    wishes: Vec<Wish>,
}

impl Maker<'_> {
    /// Returns the committed questions in the user's languages, in an order by chance, with their numbers.
    fn questions(&mut self) -> Vec<(usize, Asking)> {
        let all = corpus::questions().into_iter().enumerate();
        let spoken = |asking: &Asking| {
            self.mix.languages.get(&asking.language).is_some_and(|share| *share > 0.0)
        };
        let mut own: Vec<_> = all.clone().filter(|(_, asking)| spoken(asking)).collect();
        if own.is_empty() {
            own = all.collect();
        }
        self.dice.shuffle(&mut own);
        own
    }

    /// Returns the prompts that the classifier never saw, by label, as the user's languages have them.
    fn prompts(&mut self) -> BTreeMap<Label, Prompts> {
        let mut by: BTreeMap<Label, Prompts> = BTreeMap::new();
        for prompt in corpus::prompts().into_iter().filter(|prompt| prompt.is_held_out) {
            let known = self.mix.languages.contains_key(&prompt.language);
            let language = if known { prompt.language } else { "other".to_owned() };
            by.entry(prompt.label).or_default().all.entry(language).or_default().push(prompt.text);
        }
        for texts in by.values_mut().flat_map(|prompts| prompts.all.values_mut()) {
            self.dice.shuffle(texts);
        }
        by
    }

    /// Adds questions of which `again` are asked once more; returns how many requests these are.
    fn ask_questions(
        &mut self,
        label: Label,
        (count, again): (u32, u32),
        from: &mut Vec<(usize, Asking)>,
    ) -> u32 {
        let most = self.mix.repeats.times - 1;
        let (mut left, mut asked) = (again, 0);
        while left > 0 && asked + 1 < count {
            // A month with more questions than there are asks some of them more often.
            let Some((number, asking)) = from.pop() else { break };
            let repeats = left.min(if from.is_empty() { left } else { most });
            let repeats = repeats.min(count - asked - 1);
            self.ask(label, number, &asking, repeats);
            left -= repeats;
            asked += repeats + 1;
        }
        asked
    }

    fn ask(&mut self, label: Label, number: usize, asking: &Asking, repeats: u32) {
        let (day, project) = (self.day(0), self.project());
        let first_ms = self.moment(day, 0);
        let own = self.dice.below(asking.same.len() as u64) as usize;
        let text = |at: usize| asking.same.get(at % asking.same.len().max(1)).cloned();
        let wish = |text: Option<String>, at_ms, is_repeat| Wish {
            text: text.unwrap_or_default(),
            question: Some(number),
            is_repeat,
            label,
            at_ms,
            project,
        };
        self.wishes.push(wish(text(own), first_ms, false));
        for _ in 0..repeats {
            let when = self.dice.below(100) as f64;
            let repeats = self.mix.repeats;
            let on = match when {
                now if now < repeats.same_day => day,
                soon if soon < repeats.same_day + repeats.next_days => {
                    day + 1 + self.dice.below(3) as u32
                }
                _ => self.day(day),
            };
            let on = on.min(self.mix.working_days - 1);
            let at_ms = self.moment(on, if on == day { first_ms + 1 } else { 0 });
            let other = 1 + self.dice.below(asking.same.len() as u64 - 1) as usize;
            let at = if self.dice.happens(repeats.same_words) { own } else { own + other };
            self.wishes.push(wish(text(at), at_ms, true));
        }
    }

    fn ask_for_work(&mut self, label: Label, count: u32, prompts: &mut Prompts) {
        for _ in 0..count {
            let text = prompts.take(&self.mix.languages, &mut self.dice);
            let (day, project) = (self.day(0), self.project());
            let at_ms = self.moment(day, 0);
            let wish = Wish { text, question: None, is_repeat: false, label, at_ms, project };
            self.wishes.push(wish);
        }
    }

    fn day(&mut self, from: u32) -> u32 {
        from + self.dice.below(u64::from(self.mix.working_days - from)) as u32
    }

    fn project(&mut self) -> u32 {
        self.dice.below(self.mix.projects.into()) as u32
    }

    /// Returns a moment of a working day, not before `least`.
    fn moment(&mut self, day: u32, least: i64) -> i64 {
        let (from, to) = self.mix.hours;
        let calendar = i64::from(day / WORKING_WEEK * 7 + day % WORKING_WEEK);
        let begin = self.mix.start_ms() + calendar * DAY_MS + i64::from(from) * HOUR_MS;
        let end = begin + i64::from(to - from) * HOUR_MS;
        let begin = begin.max(least).min(end);
        begin + self.dice.below((end - begin).unsigned_abs()) as i64
    }
}

/// Prompts of a label by language; each is taken once before any is taken twice.
#[derive(Default)]
struct Prompts {
    all: BTreeMap<String, Vec<String>>,
    taken: BTreeMap<String, usize>,
}

impl Prompts {
    fn take(&mut self, languages: &BTreeMap<String, f64>, dice: &mut Dice) -> String {
        let sum: f64 = languages.values().sum();
        let mut left = dice.below(1_000_000) as f64 / 1_000_000.0 * sum;
        let spoken = languages.iter().find(|(_, share)| {
            left -= **share;
            left < 0.0
        });
        let known = spoken.map(|(language, _)| language).filter(|it| self.all.contains_key(*it));
        let language = known.or_else(|| self.all.keys().next()).cloned().unwrap_or_default();
        let texts = self.all.get(&language).map(Vec::as_slice).unwrap_or_default();
        let taken = self.taken.entry(language).or_default();
        let text = texts.get(*taken % texts.len().max(1)).cloned().unwrap_or_default();
        *taken += 1;
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_has_what_its_mix_says() {
        let mix = Mix::load(None).unwrap();
        let tasks = schedule(&mix, 1);
        let count = |is: &dyn Fn(&Task) -> bool| tasks.iter().filter(|task| is(task)).count();
        assert_eq!(tasks.len(), 1_500);
        assert_eq!(count(&|task| task.label == Label::Simple), 600);
        assert_eq!(count(&|task| task.label == Label::Medium), 675);
        assert_eq!(count(&|task| task.is_repeat), 600);
        let requests: usize = tasks.iter().map(|task| task.steps.len()).sum();
        assert_eq!(requests, 1_200 + 5_400 + 5_625);
        assert!(tasks.is_sorted_by_key(|task| task.at_ms));
        assert!(count(&|task| task.text.is_empty()) == 0);
        // No prompt is asked twice but the repeats.
        let mut texts: Vec<&str> =
            tasks.iter().filter(|t| !t.is_repeat).map(|t| t.text.as_str()).collect();
        texts.sort_unstable();
        let all = texts.len();
        texts.dedup();
        assert!(all - texts.len() < 20, "{}", all - texts.len());
        assert_eq!(tasks, schedule(&mix, 1), "the same seed");
        assert_ne!(tasks, schedule(&mix, 2), "another");
    }

    #[test]
    fn every_repeat_comes_after_its_question_and_in_its_project() {
        let mix = Mix::load(None).unwrap();
        let tasks = schedule(&mix, 3);
        for (at, task) in tasks.iter().enumerate().filter(|(_, task)| task.is_repeat) {
            let first = tasks.iter().position(|it| it.question == task.question).unwrap();
            assert!(first < at && !tasks[first].is_repeat, "{task:?}");
            assert_eq!(tasks[first].project, task.project);
        }
    }

    #[test]
    fn months_of_any_size_have_so_many_requests() {
        for requests in [1, 2, 7, 40, 333, 6_000] {
            let mix = Mix::load(None).unwrap().with_requests(requests).unwrap();
            assert_eq!(schedule(&mix, 9).len(), requests as usize);
        }
    }
}
