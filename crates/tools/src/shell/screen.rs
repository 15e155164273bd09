//! What a terminal would show: the last rows of output, which a program may still draw over.

use std::collections::{BTreeMap, VecDeque};

use unicode_width::UnicodeWidthChar;

/// Rows that can be drawn over; what has gone out above is final.
const HEIGHT: usize = 50;

/// Most bytes of those rows; of longer ones fewer can be drawn over.
const MOST_BYTES: usize = 1 << 20;

/// Furthest column that a cursor movement reaches; text itself may be longer.
const MOST_COLUMNS: usize = 10_000;

/// Columns from one tab stop to the next.
const TAB: usize = 8;

/// The second column of a wide character, and the further ones of a tab.
const REST: char = '\0';

/// A row that is final, and how often it came again right after.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Final {
    pub(super) text: String,
    pub(super) again: usize,
}

/// The last rows, and where the next character goes.
#[derive(Default)]
pub(super) struct Screen {
    rows: VecDeque<Row>,
    row: usize,
    column: usize,
    /// Where to come back to, while that row is here.
    saved: Option<(usize, usize)>,
    /// What the rows above the cursor take.
    bytes: usize,
    /// Whether anything but the row of the cursor was touched.
    moved: bool,
    /// Rows that have gone out above.
    gone: Vec<Final>,
    /// The usual screen while a program shows another one.
    aside: Option<Box<Screen>>,
}

#[derive(Clone, Default)]
struct Row {
    /// The text, unless there are cells.
    text: String,
    cells: Option<Cells>,
    again: usize,
    /// What of it is counted in the screen's bytes.
    counted: usize,
    /// Nothing was written here, or it was erased.
    blank: bool,
}

#[derive(Clone, Default)]
struct Cells {
    columns: Vec<char>,
    /// Accents and joiners, by the column that they stand on.
    marks: BTreeMap<usize, String>,
}

/// A movement up or down.
#[derive(Clone, Copy)]
pub(super) enum Move {
    Up(usize),
    Down(usize),
    To(usize),
}

/// What is erased, from the cursor on or up to it.
#[derive(Clone, Copy)]
pub(super) enum Erase {
    After,
    Before,
    All,
}

impl Screen {
    /// Tells whether the next line begins on a row of its own, below all others.
    pub(super) fn is_fresh(&self) -> bool {
        self.column == 0 && self.row == self.rows.len()
    }

    /// Tells whether there are no rows.
    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.aside.is_none()
    }

    /// Begins to watch what a line does.
    pub(super) fn begin_drawing(&mut self) {
        self.moved = false;
    }

    /// Tells whether the line did not leave its row, and the next one begins below all.
    pub(super) fn stayed_in_row(&self) -> bool {
        !self.moved && self.is_fresh()
    }

    /// Adds a line that needs no drawing.
    pub(super) fn push_line(&mut self, text: String) {
        self.bytes += text.len();
        self.rows.push_back(Row { counted: text.len(), text, ..Row::default() });
        self.row += 1;
        self.scroll();
    }

    /// Counts the line above once more.
    pub(super) fn repeat_line(&mut self, times: usize) {
        if let Some(row) = self.rows.back_mut() {
            row.again += times;
        }
    }

    /// Ends the line.
    pub(super) fn end_line(&mut self) {
        self.column = 0;
        self.feed();
    }

    /// Goes to the next row, in the same column.
    pub(super) fn feed(&mut self) {
        self.moved |= self.column > 0;
        if self.rows.len() <= self.row {
            self.rows.resize_with(self.row + 1, Row::default);
        }
        if let Some(row) = self.rows.get_mut(self.row) {
            // Cells take several times what text does.
            if let Some(cells) = row.cells.take() {
                row.text = cells.text();
            }
            self.bytes = (self.bytes + row.text.len()).saturating_sub(row.counted);
            row.counted = row.text.len();
        }
        self.row += 1;
        self.scroll();
    }

    /// Returns the rows that have become final.
    pub(super) fn take_final(&mut self) -> Vec<Final> {
        std::mem::take(&mut self.gone)
    }

    /// Makes all rows final.
    pub(super) fn flush(&mut self) {
        if let Some(mut usual) = self.aside.take() {
            usual.flush();
            let own = std::mem::replace(&mut self.gone, usual.gone);
            self.gone.extend(own);
        }
        let rows = std::mem::take(&mut self.rows);
        self.gone.extend(rows.into_iter().filter(|row| !row.blank).map(Row::finish));
        (self.row, self.column, self.saved, self.bytes) = (0, 0, None, 0);
    }

    /// Returns what there is as text, without making it final.
    pub(super) fn preview(&self) -> Vec<Final> {
        let usual = self.aside.as_ref().map(|usual| usual.preview());
        let own = self.rows.iter().filter(|row| !row.blank).map(|row| row.clone().finish());
        usual.into_iter().flatten().chain(self.gone.iter().cloned()).chain(own).collect()
    }

    /// Writes a character over what is there.
    pub(super) fn put(&mut self, c: char) {
        let column = self.column;
        let width = c.width().unwrap_or(0);
        self.column += width;
        self.draw(|cells| {
            if width == 0 {
                cells.mark(column, c);
            } else {
                cells.write(column, c, width);
            }
        });
    }

    /// Goes to the next tab stop.
    pub(super) fn tab(&mut self) {
        let column = self.column;
        let width = TAB - column % TAB;
        self.column += width;
        self.draw(|cells| {
            // Over text a tab only moves.
            if column >= cells.columns.len() {
                cells.write(column, '\t', width);
            }
        });
    }

    pub(super) fn set_column(&mut self, column: usize) {
        self.column = column.min(MOST_COLUMNS);
    }

    pub(super) fn left(&mut self, by: usize) {
        self.column = self.column.saturating_sub(by);
    }

    pub(super) fn right(&mut self, by: usize) {
        self.column = self.column.saturating_add(by).min(MOST_COLUMNS.max(self.column));
    }

    /// Moves up or down; what is above the screen is final.
    pub(super) fn go(&mut self, to: Move) {
        self.moved = true;
        self.unfold();
        let row = match to {
            Move::Up(by) => self.row.saturating_sub(by),
            Move::Down(by) => self.row.saturating_add(by),
            Move::To(row) => row,
        };
        self.row = row.min(HEIGHT - 1);
        if self.rows.len() < self.row {
            self.rows.resize_with(self.row, Row::blank);
        }
    }

    pub(super) fn save(&mut self) {
        self.unfold();
        self.saved = Some((self.row, self.column));
    }

    pub(super) fn restore(&mut self) {
        let Some((row, column)) = self.saved else { return };
        self.go(Move::To(row));
        self.column = column;
    }

    pub(super) fn erase_in_row(&mut self, what: Erase) {
        let column = self.column;
        if self.row < self.rows.len() {
            self.draw(|cells| cells.erase(column, what));
        }
    }

    pub(super) fn erase_rows(&mut self, what: Erase) {
        self.moved = true;
        self.unfold();
        if !matches!(what, Erase::Before) {
            self.rows.truncate(self.row + 1);
        }
        if !matches!(what, Erase::After) {
            self.rows.iter_mut().take(self.row).for_each(|row| *row = Row::blank());
        }
        match (what, self.rows.get_mut(self.row)) {
            (Erase::All, Some(row)) => *row = Row::blank(),
            _ => self.erase_in_row(what),
        }
        self.bytes = self.rows.iter().map(|row| row.counted).sum();
    }

    /// Takes columns out of the row.
    pub(super) fn delete(&mut self, count: usize) {
        let column = self.column;
        self.draw(|cells| cells.remove(column, count));
    }

    /// Blanks columns of the row.
    pub(super) fn blank(&mut self, count: usize) {
        let column = self.column;
        self.draw(|cells| {
            let end = column.saturating_add(count).min(cells.columns.len());
            (column..end).for_each(|at| cells.write(at, ' ', 1));
        });
    }

    /// Makes room in the row.
    pub(super) fn insert(&mut self, count: usize) {
        let column = self.column;
        self.draw(|cells| cells.make_room(column, count.min(MOST_COLUMNS)));
    }

    /// Shows a screen of its own, or the usual one again.
    pub(super) fn alternate(&mut self, on: bool) {
        if !on {
            if let Some(usual) = self.aside.take() {
                *self = *usual;
            }
        } else if self.aside.is_none() {
            let usual = std::mem::take(self);
            self.aside = Some(Box::new(usual));
        }
        self.moved = true;
    }

    /// Gives repeated lines rows of their own, so that one can be gone to.
    fn unfold(&mut self) {
        if self.rows.iter().all(|row| row.again == 0) {
            return;
        }
        let below = self.rows.len().saturating_sub(self.row);
        let mut rows = VecDeque::new();
        for mut row in std::mem::take(&mut self.rows) {
            let copies = row.again.min(HEIGHT);
            row.again -= copies;
            let copy = Row { again: 0, ..row.clone() };
            rows.push_back(row);
            rows.extend(std::iter::repeat_n(copy, copies));
        }
        self.row = rows.len() - below;
        self.rows = rows;
        self.bytes = self.rows.iter().map(|row| row.counted).sum();
        self.scroll();
    }

    /// Lets rows go that are above the screen.
    fn scroll(&mut self) {
        while self.row >= HEIGHT || self.bytes > MOST_BYTES && self.row > 0 {
            let Some(row) = self.rows.pop_front() else { return };
            self.row -= 1;
            self.bytes = self.bytes.saturating_sub(row.counted);
            self.saved = self.saved.and_then(|(row, column)| Some((row.checked_sub(1)?, column)));
            if !row.blank {
                self.gone.push(row.finish());
            }
        }
    }

    /// Changes the cells of the row that the cursor is in.
    fn draw(&mut self, change: impl FnOnce(&mut Cells)) {
        if self.rows.len() <= self.row {
            self.rows.resize_with(self.row + 1, Row::default);
        }
        if let Some(row) = self.rows.get_mut(self.row) {
            row.blank = false;
            let text = std::mem::take(&mut row.text);
            change(row.cells.get_or_insert_with(|| Cells::of(&text)));
        }
    }
}

impl Row {
    fn blank() -> Self {
        Self { blank: true, ..Self::default() }
    }

    fn finish(self) -> Final {
        Final { text: self.cells.map_or(self.text, |cells| cells.text()), again: self.again }
    }
}

impl Cells {
    fn of(text: &str) -> Self {
        let mut cells = Self::default();
        for c in text.chars() {
            let column = cells.columns.len();
            match c {
                '\t' => cells.write(column, c, TAB - column % TAB),
                c => match c.width().unwrap_or(0) {
                    0 => cells.mark(column, c),
                    width => cells.write(column, c, width),
                },
            }
        }
        cells
    }

    fn text(&self) -> String {
        let mut text = String::with_capacity(self.columns.len());
        if self.marks.is_empty() {
            text.extend(self.columns.iter().filter(|c| **c != REST));
            text.truncate(text.trim_end_matches(' ').len());
            return text;
        }
        for (column, c) in self.columns.iter().enumerate() {
            if *c != REST {
                text.push(*c);
            }
            if let Some(marks) = self.marks.get(&column) {
                text.push_str(marks);
            }
        }
        text.truncate(text.trim_end_matches(' ').len());
        text
    }

    fn write(&mut self, column: usize, c: char, width: usize) {
        let end = column + width;
        if width == 1 && column == self.columns.len() {
            return self.columns.push(c);
        }
        if self.columns.len() < end {
            self.columns.resize(end, ' ');
        }
        self.split(column);
        self.split(end);
        for (at, cell) in self.columns.iter_mut().enumerate().take(end).skip(column) {
            *cell = if at == column { c } else { REST };
        }
        if !self.marks.is_empty() {
            self.marks.retain(|at, _| !(column..end).contains(at));
        }
    }

    /// Sets an accent on the character before a column.
    fn mark(&mut self, column: usize, c: char) {
        let before = self.columns.get(..column).unwrap_or(&self.columns);
        let at = before.iter().rposition(|cell| *cell != REST).unwrap_or(0);
        let marks = self.marks.entry(at).or_default();
        if marks.len() < 64 {
            marks.push(c);
        }
    }

    fn remove(&mut self, column: usize, count: usize) {
        let end = column.saturating_add(count).min(self.columns.len());
        if column < end {
            self.split(column);
            self.split(end);
            self.columns.drain(column..end);
            let mut after = self.marks.split_off(&column);
            let moved = after.split_off(&end).into_iter();
            self.marks.extend(moved.map(|(at, marks)| (at - (end - column), marks)));
        }
    }

    fn make_room(&mut self, column: usize, count: usize) {
        if column < self.columns.len() {
            self.split(column);
            let most = MOST_COLUMNS.max(self.columns.len());
            self.columns.splice(column..column, std::iter::repeat_n(' ', count));
            self.columns.truncate(most);
            let moved = self.marks.split_off(&column).into_iter();
            self.marks.extend(moved.map(|(at, marks)| (at + count, marks)));
        }
    }

    /// Blanks a wide character or a tab that a column cuts in two.
    fn split(&mut self, column: usize) {
        if self.columns.get(column) != Some(&REST) {
            return;
        }
        let before = self.columns.get(..column).unwrap_or_default();
        let start = before.iter().rposition(|cell| *cell != REST).unwrap_or(0);
        self.marks.remove(&start);
        let cells = self.columns.iter_mut().enumerate().skip(start);
        for (_, cell) in cells.take_while(|(at, cell)| *at == start || **cell == REST) {
            *cell = ' ';
        }
    }

    fn erase(&mut self, column: usize, what: Erase) {
        match what {
            Erase::After => {
                self.split(column);
                self.columns.truncate(column);
                self.marks.split_off(&column);
            }
            Erase::Before => {
                let end = (column + 1).min(self.columns.len());
                (0..end).for_each(|at| self.write(at, ' ', 1));
            }
            Erase::All => *self = Self::default(),
        }
    }
}
