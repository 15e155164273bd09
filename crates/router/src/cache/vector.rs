//! A question as a short vector, by which its neighbours are found: hashed words and triples of letters.

/// Numbers in a vector.
pub const DIMENSIONS: usize = 128;

/// A vector of length one, each part in 1/127.
pub type Vector = [i8; DIMENSIONS];

/// Makes the vector of a text.
pub fn vector(text: &str) -> Vector {
    let mut sums = [0_f32; DIMENSIONS];
    for word in text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
        let word = word.to_lowercase();
        add(&mut sums, hash(&word), 1.0);
        let letters: Vec<char> = std::iter::once('^').chain(word.chars()).chain(['$']).collect();
        for triple in letters.windows(3) {
            let triple: String = triple.iter().collect();
            add(&mut sums, hash(&triple), 0.4);
        }
    }
    let length = sums.iter().map(|sum| sum * sum).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
    let mut vector = [0; DIMENSIONS];
    for (part, sum) in vector.iter_mut().zip(sums) {
        // Within -127..=127 by the length.
        *part = (sum / length * 127.0).round() as i8;
    }
    vector
}

/// Returns how near two vectors are: 1 where they are the same, about 0 where they have nothing in common.
pub fn nearness(a: &Vector, b: &Vector) -> f32 {
    let sum: i32 = a.iter().zip(b).map(|(a, b)| i32::from(*a) * i32::from(*b)).sum();
    sum as f32 / (127.0 * 127.0)
}

fn add(sums: &mut [f32; DIMENSIONS], hash: u64, weight: f32) {
    // Two places each, so that two that share one still differ.
    for part in [hash, hash.rotate_left(29)] {
        let at = usize::try_from(part % DIMENSIONS as u64).unwrap_or_default();
        let sign = if part >> 40 & 1 == 0 { weight } else { -weight };
        if let Some(sum) = sums.get_mut(at) {
            *sum += sign;
        }
    }
}

/// FNV-1a with a final mix; the same on every machine.
pub(crate) fn hash(text: &str) -> u64 {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mixed = (hash ^ hash >> 32).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed ^ mixed >> 29
}
