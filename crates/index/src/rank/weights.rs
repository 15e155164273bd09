//! BM25F (Robertson, Zaragoza, Taylor 2004): counts of all fields, each weighed and set against its
//! field's usual length, are added up before they saturate. Weights from our own measurements.

use crate::chunk::FIELDS;
use crate::segment::decode_length;

/// Weights of the fields name, class, signature, path, doc, identifiers, strings, comments.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Weights {
    pub fields: [f32; FIELDS],
    /// How far a field's length is set off, from 0 to 1.
    pub lengths: [f32; FIELDS],
    /// How late counts saturate.
    pub k1: f32,
}

/// How functions are found.
pub(crate) const UNITS: Weights = Weights {
    fields: [8.0, 4.0, 2.0, 2.0, 2.0, 0.5, 1.0, 0.25],
    lengths: [0.9, 0.9, 0.75, 0.0, 0.75, 0.9, 0.5, 0.5],
    k1: 2.4,
};

/// How files are found.
pub(crate) const FILES: Weights = Weights {
    fields: [2.0, 4.0, 2.0, 8.0, 2.0, 1.0, 0.5, 0.5],
    lengths: [0.75, 0.75, 0.75, 0.0, 0.75, 0.75, 0.5, 0.5],
    k1: 2.4,
};

impl Weights {
    /// Returns the factor of a count in a field of some length.
    pub fn factor(&self, field: usize, length: f32, mean: f32) -> f32 {
        let (weight, b) = (self.fields.get(field), self.lengths.get(field));
        let (weight, b) = (weight.copied().unwrap_or(0.0), b.copied().unwrap_or(0.0));
        weight / (1.0 - b + b * length / mean)
    }

    /// Returns the weighed sum's share of what it could reach at most.
    pub fn saturate(&self, sum: f32) -> f32 {
        sum * (self.k1 + 1.0) / (self.k1 + sum)
    }
}

/// The factors of every field at every length that a byte can say.
#[derive(Debug)]
pub(crate) struct Factors {
    table: Box<[[f32; 256]; FIELDS]>,
}

impl Factors {
    pub fn new(weights: &Weights, means: &[f32; FIELDS]) -> Self {
        let mut table = Box::new([[0.0; 256]; FIELDS]);
        for (field, (row, mean)) in table.iter_mut().zip(means).enumerate() {
            for (byte, factor) in (0..=u8::MAX).zip(row.iter_mut()) {
                *factor = weights.factor(field, decode_length(byte) as f32, *mean);
            }
        }
        Self { table }
    }

    /// Returns the factor of a field whose length is said by a byte.
    #[inline]
    pub fn get(&self, field: usize, length: u8) -> f32 {
        self.table.get(field).and_then(|row| row.get(usize::from(length))).copied().unwrap_or(0.0)
    }
}
