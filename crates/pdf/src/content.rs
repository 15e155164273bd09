//! A page's operators, as far as they put letters on it.

use hayro_cmap::BfString;
use hayro_font::kurbo::{Affine, Point};
use hayro_font::{CMapResolverFn, Font, FontCache, FontGlyph, FontResolverFn, UNITS_PER_EM};
use hayro_syntax::content::TypedIter;
use hayro_syntax::content::ops::TypedInstruction as Op;
use hayro_syntax::object::dict::keys::{MATRIX, RESOURCES, SUBTYPE};
use hayro_syntax::object::{self, Dict, Name, Object, Stream};
use hayro_syntax::page::{Page, Resources};

use crate::lines::{Glyph, Lines};

/// Deepest nesting of forms.
const MAX_DEPTH: u32 = 12;
/// Most states that are kept side by side.
const MAX_STATES: usize = 256;

/// Reads pages.
pub(crate) struct Reader<'r, 'a> {
    fonts: &'r FontCache<'a>,
    font_of: &'r FontResolverFn,
    cmap_of: &'r CMapResolverFn,
    /// Operators that may still be read.
    left: u64,
}

/// What decides where a letter stands and what it is.
#[derive(Clone)]
struct State<'a> {
    page: Affine,
    font: Option<Font<'a>>,
    size: f64,
    character_space: f64,
    word_space: f64,
    /// 1 for letters as wide as the font has them.
    stretch: f64,
    leading: f64,
    rise: f64,
}

/// Where the next letter goes, and where the line began.
#[derive(Clone, Copy)]
struct Matrices {
    text: Affine,
    line: Affine,
}

impl Matrices {
    const START: Self = Self { text: Affine::IDENTITY, line: Affine::IDENTITY };

    fn set(&mut self, matrix: Affine) {
        *self = Self { text: matrix, line: matrix };
    }

    fn next_line(&mut self, x: f64, y: f64) {
        self.set(self.line * Affine::translate((x, y)));
    }
}

impl<'r, 'a> Reader<'r, 'a> {
    pub fn new(
        fonts: &'r FontCache<'a>,
        font_of: &'r FontResolverFn,
        cmap_of: &'r CMapResolverFn,
        operators: u64,
    ) -> Self {
        Self { fonts, font_of, cmap_of, left: operators }
    }

    /// Tells whether nothing more is read.
    pub fn is_spent(&self) -> bool {
        self.left == 0
    }

    /// Reads a page's letters into `lines`.
    pub fn page(&mut self, page: &Page<'a>, lines: &mut Lines) {
        let state = State {
            page: affine(page.initial_transform(false).as_coeffs()),
            font: None,
            size: 1.0,
            character_space: 0.0,
            word_space: 0.0,
            stretch: 1.0,
            leading: 0.0,
            rise: 0.0,
        };
        self.read(page.typed_operations(), page.resources(), state, 0, lines);
    }

    fn read(
        &mut self,
        mut operators: TypedIter<'_>,
        resources: &Resources<'a>,
        mut state: State<'a>,
        depth: u32,
        lines: &mut Lines,
    ) {
        let mut saved: Vec<State<'a>> = Vec::new();
        let mut at = Matrices::START;
        while let Some(operator) = operators.next() {
            let Some(left) = self.left.checked_sub(1).filter(|_| !lines.is_full()) else { return };
            self.left = left;
            match operator {
                Op::SaveState(_) if saved.len() < MAX_STATES => saved.push(state.clone()),
                Op::RestoreState(_) => state = saved.pop().unwrap_or(state),
                Op::Transform(t) => {
                    let by = [t.0, t.1, t.2, t.3, t.4, t.5].map(|it| it.as_f64());
                    state.page *= affine(by);
                }
                Op::BeginText(_) => at = Matrices::START,
                Op::TextFont(font) => {
                    let dict = resources.get_font(font.0);
                    state.font =
                        dict.and_then(|dict| self.fonts.font(&dict, self.font_of, self.cmap_of));
                    state.size = font.1.as_f64();
                }
                Op::CharacterSpacing(by) => state.character_space = by.0.as_f64(),
                Op::WordSpacing(by) => state.word_space = by.0.as_f64(),
                Op::HorizontalScaling(by) => state.stretch = by.0.as_f64() / 100.0,
                Op::TextLeading(by) => state.leading = by.0.as_f64(),
                Op::TextRise(by) => state.rise = by.0.as_f64(),
                Op::SetTextMatrix(t) => {
                    at.set(affine([t.0, t.1, t.2, t.3, t.4, t.5].map(|it| it.as_f64())));
                }
                Op::NextLine(by) => at.next_line(by.0.as_f64(), by.1.as_f64()),
                Op::NextLineAndSetLeading(by) => {
                    state.leading = -by.1.as_f64();
                    at.next_line(by.0.as_f64(), by.1.as_f64());
                }
                Op::NextLineUsingLeading(_) => at.next_line(0.0, -state.leading),
                Op::ShowText(text) => show(text.0, &state, &mut at, lines),
                Op::NextLineAndShowText(text) => {
                    at.next_line(0.0, -state.leading);
                    show(text.0, &state, &mut at, lines);
                }
                Op::ShowTextWithParameters(text) => {
                    (state.word_space, state.character_space) = (text.0.as_f64(), text.1.as_f64());
                    at.next_line(0.0, -state.leading);
                    show(text.2, &state, &mut at, lines);
                }
                Op::ShowTexts(pieces) => {
                    for piece in pieces.0.iter::<Object<'_>>() {
                        match piece {
                            Object::String(text) => show(&text, &state, &mut at, lines),
                            Object::Number(by) => at.text *= shift(-by.as_f64(), &state),
                            _ => {}
                        }
                    }
                }
                Op::XObject(name) if depth < MAX_DEPTH => {
                    self.form(name.0, resources, &state, depth, lines);
                }
                _ => {}
            }
        }
    }

    /// Reads a form: a piece of a page that is drawn by its name.
    fn form(
        &mut self,
        name: &Name<'_>,
        around: &Resources<'a>,
        state: &State<'a>,
        depth: u32,
        lines: &mut Lines,
    ) {
        let Some(form): Option<Stream<'a>> = around.get_x_object(name) else { return };
        let dict = form.dict();
        if dict.get::<Name<'_>>(SUBTYPE).is_none_or(|kind| kind.as_str() != "Form") {
            return;
        }
        let Ok(content) = form.decoded_data() else { return };
        let resources = dict.get::<Dict<'a>>(RESOURCES).map(Resources::new);
        let mut state = state.clone();
        if let Some(matrix) = dict.get::<[f64; 6]>(MATRIX) {
            state.page *= affine(matrix);
        }
        let operators = TypedIter::new(&content);
        self.read(operators, resources.as_ref().unwrap_or(around), state, depth + 1, lines);
    }
}

fn affine(coefficients: [f64; 6]) -> Affine {
    Affine::new(coefficients)
}

/// Returns the way that an adjustment between letters goes, in thousandths of the font's size.
fn shift(by: f64, state: &State<'_>) -> Affine {
    let by = by / f64::from(UNITS_PER_EM) * state.size;
    match state.font.as_ref().is_none_or(Font::is_horizontal) {
        true => Affine::translate((by * state.stretch, 0.0)),
        false => Affine::translate((0.0, by)),
    }
}

/// Puts the letters of a string where they stand.
fn show(text: &object::String<'_>, state: &State<'_>, at: &mut Matrices, lines: &mut Lines) {
    let Some(font) = &state.font else { return };
    let bytes = text.as_bytes();
    let is_horizontal = font.is_horizontal();
    let mut from = 0;
    while from < bytes.len() {
        let (code, length) = font.read_code(bytes, from);
        let length = length.max(1);
        from += length;
        let space = if code == 32 && length == 1 { state.word_space } else { 0.0 };
        let advance = font.code_advance(code) / f64::from(UNITS_PER_EM) * state.size;
        let (width, step) = match is_horizontal {
            true => (
                (advance.x * state.stretch, 0.0),
                ((advance.x + state.character_space + space) * state.stretch, 0.0),
            ),
            false => ((0.0, advance.y), (0.0, advance.y + state.character_space + space)),
        };
        let place = state.page * at.text;
        let begin = place * Point::new(0.0, state.rise);
        let end = place * Point::new(width.0, state.rise + width.1);
        let height = (place * Point::new(0.0, state.rise + state.size)) - begin;
        at.text *= Affine::translate(step);
        let letters = match font.glyph(font.map_code(code), code) {
            FontGlyph::Outline(glyph) => glyph.as_unicode(),
            FontGlyph::Type3(glyph) => glyph.as_unicode(),
        };
        let glyph = Glyph { begin: (begin.x, begin.y), end: (end.x, end.y), size: height.hypot() };
        let mut letter = [0; 4];
        match &letters {
            Some(BfString::Char(one)) => lines.put(glyph, one.encode_utf8(&mut letter)),
            Some(BfString::String(several)) => lines.put(glyph, several),
            // A picture of a letter that nobody named.
            None => {}
        }
    }
}
