//! Addresses, which hold the model and what is asked of it.

/// What is asked of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// An answer, whole.
    Generate,
    /// An answer as a stream.
    Stream,
    /// A prompt's tokens.
    Count,
    /// One embedding.
    Embed,
    /// Several embeddings.
    BatchEmbed,
}

/// What an address below the host says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The model, without `models/`.
    pub model: String,
    /// What is asked of it.
    pub action: Action,
}

const ACTIONS: [(Action, &str); 5] = [
    (Action::Generate, "generateContent"),
    (Action::Stream, "streamGenerateContent"),
    (Action::Count, "countTokens"),
    (Action::Embed, "embedContent"),
    (Action::BatchEmbed, "batchEmbedContents"),
];

/// Returns the path below the API's version: `models/MODEL:generateContent`.
pub fn path(model: &str, action: Action) -> String {
    let verb = ACTIONS.iter().find(|(of, _)| *of == action).map_or("", |(_, verb)| verb);
    // Tuned models and publishers' have a folder of their own.
    let folder = if model.contains('/') { "" } else { "models/" };
    format!("{folder}{model}:{verb}")
}

/// Reads a path such as `/v1beta/models/MODEL:generateContent`, with or without the version.
pub fn read_path(path: &str) -> Option<Address> {
    let path = path.trim_start_matches('/');
    let path = ["v1beta/", "v1alpha/", "v1/"]
        .iter()
        .find_map(|version| path.strip_prefix(version))
        .unwrap_or(path);
    let (model, verb) = path.rsplit_once(':')?;
    let (action, _) = ACTIONS.iter().find(|(_, name)| *name == verb)?;
    let model = model.strip_prefix("models/").unwrap_or(model);
    (!model.is_empty()).then(|| Address { model: model.to_owned(), action: *action })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_they_are_written() {
        for (model, written) in [
            ("gemini-3.8-flash", "models/gemini-3.8-flash:streamGenerateContent"),
            ("tunedModels/x", "tunedModels/x:streamGenerateContent"),
        ] {
            assert_eq!(path(model, Action::Stream), written);
            for before in ["", "/v1beta/", "/v1/"] {
                let address = read_path(&format!("{before}{written}")).unwrap();
                assert_eq!(address, Address { model: model.into(), action: Action::Stream });
            }
        }
        for other in
            ["/v1beta/models", "/v1beta/models/x", "/v1beta/models/x:fly", "/models/:countTokens"]
        {
            assert_eq!(read_path(other), None, "{other}");
        }
    }
}
