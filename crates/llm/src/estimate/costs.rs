//! How many tokens an average piece of text takes.
//!
//! Hundredths of a token, counted with o200k over 1.6 million words: the sources of 400 Rust and 300
//! Python files, C, JavaScript, JSON, TOML, YAML, shell and Markdown from published packages, and
//! programs' messages in Russian.

use super::pieces::{Case, Lead, Piece};

/// Costs by length, from 1 on; longer pieces cost the last and the slope for each further character.
struct Costs {
    by_length: [u64; 16],
    slope: u64,
}

impl Costs {
    fn of(&self, length: usize) -> u64 {
        let known = length.clamp(1, 16);
        let last = self.by_length.get(known - 1).copied().unwrap_or_default();
        last + (length - known.min(length)) as u64 * self.slope
    }
}

const fn word(by_length: [u64; 16]) -> Costs {
    Costs { by_length, slope: 30 }
}

const BARE_LOWER: Costs =
    word([100, 100, 106, 110, 109, 116, 126, 136, 165, 152, 147, 191, 216, 235, 243, 298]);
const BARE_CAPITAL: Costs =
    word([100, 107, 110, 108, 105, 105, 109, 113, 120, 129, 129, 134, 142, 157, 167, 167]);
const BARE_UPPER: Costs =
    word([100, 101, 136, 168, 173, 189, 199, 237, 292, 339, 339, 345, 350, 360, 380, 400]);
const BARE_MIXED: Costs =
    word([100, 100, 200, 234, 280, 330, 360, 400, 400, 410, 440, 440, 440, 480, 530, 600]);
const SPACED_LOWER: Costs =
    word([100, 100, 101, 103, 104, 105, 108, 109, 113, 118, 122, 131, 131, 145, 145, 284]);
const SPACED_CAPITAL: Costs =
    word([100, 101, 105, 103, 108, 110, 112, 126, 126, 136, 136, 136, 136, 144, 172, 175]);
const SPACED_UPPER: Costs =
    word([100, 117, 117, 134, 175, 175, 191, 210, 228, 228, 326, 350, 350, 360, 360, 360]);
const SPACED_MIXED: Costs =
    word([100, 100, 115, 156, 187, 187, 209, 230, 230, 232, 232, 232, 232, 232, 232, 232]);
const MARKED_LOWER: Costs =
    word([102, 110, 117, 119, 127, 130, 154, 171, 187, 211, 214, 240, 253, 255, 308, 347]);
const MARKED_CAPITAL: Costs =
    word([100, 137, 153, 137, 148, 154, 177, 177, 196, 221, 221, 221, 233, 238, 238, 238]);
const MARKED_UPPER: Costs =
    word([107, 125, 148, 151, 161, 161, 199, 221, 221, 244, 319, 319, 393, 423, 435, 440]);
const MARKED_MIXED: Costs =
    word([100, 100, 203, 265, 265, 275, 300, 332, 332, 353, 383, 410, 415, 415, 415, 415]);
const MARKS: Costs = Costs {
    by_length: [100, 101, 114, 152, 216, 262, 311, 351, 384, 462, 554, 602, 649, 684, 722, 744],
    slope: 55,
};
const SPACED_MARKS: Costs = Costs {
    by_length: [100, 102, 118, 191, 247, 260, 337, 388, 416, 445, 490, 490, 490, 490, 490, 490],
    slope: 55,
};
/// Vocabularies hold long runs of the marks that draw lines.
const RULE: Costs = Costs {
    by_length: [100, 100, 100, 105, 120, 125, 130, 135, 140, 145, 150, 150, 155, 155, 160, 160],
    slope: 2,
};
const CYRILLIC: Costs = Costs {
    by_length: [109, 103, 115, 143, 154, 163, 180, 214, 226, 234, 259, 265, 280, 320, 330, 350],
    slope: 28,
};

/// Returns the cost of a piece.
pub fn cost(piece: Piece) -> u64 {
    match piece {
        Piece::Word(lead, case, length) => words(lead, case).of(length),
        Piece::Cyrillic(length) => CYRILLIC.of(length),
        Piece::Number | Piece::Lines(_) => 100,
        Piece::Marks(false, length) => MARKS.of(length),
        Piece::Marks(true, length) => SPACED_MARKS.of(length),
        Piece::Rule(length) => RULE.of(length),
        // One token holds some eighty spaces.
        Piece::Spaces(length) => 100 * (length as u64).div_ceil(80),
        Piece::Accent => 50,
        Piece::Ideograph => 80,
        Piece::Letter => 60,
        Piece::Symbol => 110,
    }
}

const fn words(lead: Lead, case: Case) -> &'static Costs {
    match (lead, case) {
        (Lead::None, Case::Lower) => &BARE_LOWER,
        (Lead::None, Case::Capital) => &BARE_CAPITAL,
        (Lead::None, Case::Upper) => &BARE_UPPER,
        (Lead::None, Case::Mixed) => &BARE_MIXED,
        (Lead::Space, Case::Lower) => &SPACED_LOWER,
        (Lead::Space, Case::Capital) => &SPACED_CAPITAL,
        (Lead::Space, Case::Upper) => &SPACED_UPPER,
        (Lead::Space, Case::Mixed) => &SPACED_MIXED,
        (Lead::Mark, Case::Lower) => &MARKED_LOWER,
        (Lead::Mark, Case::Capital) => &MARKED_CAPITAL,
        (Lead::Mark, Case::Upper) => &MARKED_UPPER,
        (Lead::Mark, Case::Mixed) => &MARKED_MIXED,
    }
}
