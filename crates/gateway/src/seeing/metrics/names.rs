//! Names that become labels: a bounded number of them.

use std::collections::HashMap;

/// A name's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Name(u32);

impl Name {
    /// Stands for all names that came when there was no more room.
    pub const OTHER: Name = Name(0);
}

/// The names seen so far. A caller may name any model: each would be another series for ever.
#[derive(Debug)]
pub(crate) struct Names {
    places: HashMap<String, Name>,
    texts: Vec<String>,
    most: usize,
}

impl Names {
    pub fn with_room(most: usize) -> Self {
        Self { places: HashMap::new(), texts: vec!["other".to_owned()], most }
    }

    /// Returns the place of a name, a new one where there is room.
    pub fn get(&mut self, text: &str) -> Name {
        if let Some(name) = self.places.get(text) {
            return *name;
        }
        if self.places.len() >= self.most || text.len() > 200 {
            return Name::OTHER;
        }
        let name = Name(u32::try_from(self.texts.len()).unwrap_or(0));
        self.texts.push(text.to_owned());
        self.places.insert(text.to_owned(), name);
        name
    }

    pub fn text(&self, name: Name) -> &str {
        self.texts.get(name.0 as usize).map_or("other", String::as_str)
    }
}
