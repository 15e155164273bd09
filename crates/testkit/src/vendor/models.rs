//! What a model's name tells about the vendor's rules.

/// A Claude model's place in the vendor's tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claude<'a> {
    /// `opus`, `sonnet`, `haiku`, `fable` or `mythos`; empty for other models.
    pub line: &'a str,
    /// Major and minor version.
    pub version: (u32, u32),
}

impl<'a> Claude<'a> {
    /// Reads `claude-LINE-MAJOR[-MINOR][-DATE]`; other names give an empty line and version 0.0.
    pub fn parse(model: &'a str) -> Self {
        let mut parts = model.strip_prefix("claude-").unwrap_or_default().split('-');
        let line = parts.next().unwrap_or_default();
        let mut number = || parts.next().and_then(|part| part.parse::<u32>().ok());
        let major = number().unwrap_or_default();
        // A date such as 20250929 stands where a minor version could.
        let minor = number().filter(|minor| *minor < 100).unwrap_or_default();
        Self { line, version: (major, minor) }
    }

    /// Returns the shortest prefix, in tokens, that the vendor caches.
    pub fn cache_min_tokens(&self) -> u64 {
        match (self.line, self.version) {
            ("fable" | "mythos", _) => 512,
            ("opus", version) if version >= (5, 0) => 512,
            ("sonnet" | "haiku", version) if version >= (5, 5) => 512,
            ("opus", (4, 7)) => 2048,
            ("opus", (4, 5 | 6)) | ("haiku", (4, 5)) => 4096,
            _ => 1024,
        }
    }

    /// Tells whether the conversation may end with the assistant's words.
    pub fn allows_prefill(&self) -> bool {
        self.line.is_empty() || self.version <= (4, 5)
    }

    /// Tells whether `temperature`, `top_p` and `top_k` are taken.
    pub fn allows_sampling(&self) -> bool {
        self.line.is_empty() || self.version < (4, 7)
    }

    /// Tells whether the model may be made to call a tool.
    pub fn allows_forced_tools(&self) -> bool {
        match self.line {
            "opus" | "sonnet" => self.version < (5, 5),
            "fable" | "mythos" => self.version < (5, 1),
            _ => true,
        }
    }

    /// Tells whether a fixed thinking budget is taken.
    pub fn allows_thinking_budget(&self) -> bool {
        self.line.is_empty() || self.version < (4, 7)
    }

    /// Tells whether thinking can be switched off.
    pub fn allows_thinking_off(&self) -> bool {
        match self.line {
            "opus" | "sonnet" => self.version < (5, 5),
            "fable" | "mythos" => false,
            _ => true,
        }
    }
}

/// Returns a GPT model's version: `gpt-5.6-luna` is (5, 6); `None` for other names.
pub fn gpt_version(model: &str) -> Option<(u32, u32)> {
    let version = model.strip_prefix("gpt-")?.split('-').next()?;
    let (major, minor) = version.split_once('.').unwrap_or((version, "0"));
    // `4o` is a version, too.
    let major: String = major.chars().take_while(char::is_ascii_digit).collect();
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// Tells whether the model charges cache writes and takes breakpoints (GPT-5.6 and later).
pub fn has_cache_breakpoints(model: &str) -> bool {
    gpt_version(model).is_some_and(|version| version >= (5, 6))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read() {
        for (name, line, version, min) in [
            ("claude-opus-5-5", "opus", (5, 5), 512),
            ("claude-sonnet-4-5-20250929", "sonnet", (4, 5), 1024),
            ("claude-sonnet-5", "sonnet", (5, 0), 1024),
            ("claude-sonnet-5-5", "sonnet", (5, 5), 512),
            ("claude-opus-4-7", "opus", (4, 7), 2048),
            ("claude-opus-4-8", "opus", (4, 8), 1024),
            ("claude-haiku-4-5", "haiku", (4, 5), 4096),
            ("claude-fable-5-1", "fable", (5, 1), 512),
            ("scripted-1", "", (0, 0), 1024),
        ] {
            let claude = Claude::parse(name);
            assert_eq!(
                (claude.line, claude.version, claude.cache_min_tokens()),
                (line, version, min)
            );
        }
        for (name, version) in [
            ("gpt-5.6-luna", Some((5, 6))),
            ("gpt-6-sol", Some((6, 0))),
            ("gpt-4o", Some((4, 0))),
            ("gpt-oss-120b", None),
            ("deepseek-flash", None),
        ] {
            assert_eq!(gpt_version(name), version, "{name}");
        }
        assert!(has_cache_breakpoints("gpt-6.1-sol") && !has_cache_breakpoints("gpt-5.5"));
    }
}
