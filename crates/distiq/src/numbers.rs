//! Numbers of arguments.

/// Returns what reads a number from 1 to `most`; what else is given, below zero too, is told what is allowed.
pub fn up_to<T: TryFrom<u64>>(
    most: u64,
) -> impl Fn(&str) -> Result<T, String> + Clone + Send + Sync + 'static {
    move |text| {
        let number = text.parse().ok().filter(|number| (1..=most).contains(number));
        let number = number.and_then(|number| T::try_from(number).ok());
        number.ok_or_else(|| format!("it must be 1 to {most}"))
    }
}

/// Returns the same, which tells beside what is allowed what a `usual` number gives.
pub fn up_to_telling<T: TryFrom<u64>>(
    most: u64,
    usual: &'static str,
) -> impl Fn(&str) -> Result<T, String> + Clone + Send + Sync + 'static {
    let read = up_to::<T>(most);
    move |text| read(text).map_err(|why| format!("{why}; {usual}"))
}
