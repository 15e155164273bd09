//! What each fault comes to. `{P}` stands for the provider's name.

use distiq_base::Dialect;

/// How a run takes a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// The whole answer comes through.
    Whole,
    /// The answer comes through, its call is refused and the model told, until it goes in circles.
    Told,
    /// Sent again before anything was shown, four times in all; every attempt that the vendor began
    /// to answer is counted by estimate where `billed`.
    Retried { billed: bool },
    /// Connections are refused meanwhile, so that not every attempt comes through.
    RetriedUnseen,
    /// Something was shown: dropped and asked for again, three times in all.
    AskedAgain,
    /// Given up at once.
    GivenUp { billed: bool },
}

/// A fault in one dialect or both.
pub struct Row {
    /// Its name.
    pub fault: &'static str,
    /// Where it differs between the dialects.
    pub only: Option<Dialect>,
    /// What is done about it.
    pub way: Way,
    /// The exit code once nothing helped.
    pub code: i32,
    /// The error's words, behind the provider's name; a beginning.
    pub words: &'static str,
    /// The hint's first line; a beginning.
    pub hint: &'static str,
}

const AGAIN: Way = Way::Retried { billed: false };
const AGAIN_BILLED: Way = Way::Retried { billed: true };
const GIVEN_UP: Way = Way::GivenUp { billed: false };
const GIVEN_UP_BILLED: Way = Way::GivenUp { billed: true };

const fn row(
    fault: &'static str,
    way: Way,
    code: i32,
    words: &'static str,
    hint: &'static str,
) -> Row {
    Row { fault, only: None, way, code, words, hint }
}

const fn only(dialect: Dialect, row: Row) -> Row {
    Row { only: Some(dialect), ..row }
}

const LIMIT: &str = "HTTP 429: This request would exceed your rate limit";
const WAIT: &str = "Wait, or raise the rate limit at {P}.";
const TROUBLE: &str = "{P} has trouble; try again in a while.";
const CUT: &str = "the answer was cut off before its end";
const HUNG_UP: &str = "{P} hung up in the middle of the answer; try again.";
const LATE: &str = "{P} did not answer in time; try again.";
const NETWORK: &str = "Check the network and the base URL of {P}.";
const DIALECT: &str = "{P} did not speak the dialect that is set for it; check `dialect`.";
const RESET: &str = "Connection reset by peer";
const HUGE: &str = "an event is larger than the limit of 16777216";
const BUSY: &str = "HTTP 503: The engine is overloaded";
const OVERLOADED: &str = "Overloaded";
const SERVER: &str = "The server had an error while processing your request";

/// One row for each fault of `Fault::all()` and dialect.
pub const ROWS: &[Row] = &[
    row("rate_limited", AGAIN, 6, LIMIT, WAIT),
    row("rate_limited_seconds", AGAIN, 6, LIMIT, WAIT),
    row("rate_limited_date", AGAIN, 6, LIMIT, WAIT),
    row("rate_limited_milliseconds", AGAIN, 6, LIMIT, WAIT),
    row(
        "error_400",
        GIVEN_UP,
        6,
        "HTTP 400: prompt is too long: 210000 tokens > 200000 maximum",
        "Start a new session or use a model with a larger context.",
    ),
    row("status_401", GIVEN_UP, 3, "HTTP 401: invalid API key", "Check the API key for {P}"),
    row("status_402", GIVEN_UP, 6, "HTTP 402: no credit", "Add credit to the account at {P}"),
    row("status_403", GIVEN_UP, 6, "HTTP 403: not permitted", "This key may not do that at {P}"),
    row("status_404", GIVEN_UP, 6, "HTTP 404: model: unknown", "{P} does not know the model"),
    row("status_413", GIVEN_UP, 6, "HTTP 413: too large", "Send smaller images or less text."),
    row("status_500", AGAIN, 6, "HTTP 500: Internal server error", TROUBLE),
    row("status_502", AGAIN, 6, "HTTP 502: Internal server error", TROUBLE),
    // OpenAI's code for it asks for fewer requests.
    only(Dialect::Anthropic, row("status_503", AGAIN, 6, BUSY, TROUBLE)),
    only(Dialect::Openai, row("status_503", AGAIN, 6, BUSY, WAIT)),
    row("status_529", AGAIN, 6, "HTTP 529: Overloaded", TROUBLE),
    row("cut_before_head", AGAIN, 6, "connection closed before message completed", NETWORK),
    row("cut_before_first_byte", AGAIN, 6, CUT, HUNG_UP),
    row("cut_at_byte", AGAIN, 6, CUT, HUNG_UP),
    // Three events of Anthropic's show nothing yet.
    only(Dialect::Anthropic, row("cut_at_event", AGAIN_BILLED, 6, CUT, HUNG_UP)),
    only(Dialect::Openai, row("cut_at_event", Way::AskedAgain, 6, CUT, HUNG_UP)),
    row("stall_before_head", AGAIN, 6, "No answer for 400 ms", LATE),
    row("stall_before_first_event", AGAIN, 6, "The answer did not begin for 400 ms", LATE),
    only(
        Dialect::Anthropic,
        row("stall_at_event", AGAIN_BILLED, 6, "The answer stopped for 400 ms", LATE),
    ),
    only(
        Dialect::Openai,
        row("stall_at_event", Way::AskedAgain, 6, "The answer stopped for 400 ms", LATE),
    ),
    only(Dialect::Anthropic, row("broken_event", GIVEN_UP_BILLED, 6, "event: EOF", DIALECT)),
    only(Dialect::Openai, row("broken_event", GIVEN_UP_BILLED, 6, "chunk: EOF", DIALECT)),
    row("truncated_arguments", Way::Told, 1, "The model made the same `read` call 6 times", ""),
    row("split_utf8", Way::Whole, 0, "", ""),
    row("out_of_order", Way::Whole, 0, "", ""),
    row("unknown_events", Way::Whole, 0, "", ""),
    row("gzip", Way::Whole, 0, "", ""),
    row(
        "html_page_200",
        GIVEN_UP,
        6,
        "a web page answered: 200 Gateway",
        "Something other than {P}'s API answered; check the base URL and any proxy.",
    ),
    row("html_page_502", AGAIN, 6, "HTTP 502: a web page answered: 502 Gateway", TROUBLE),
    row("refused", Way::RetriedUnseen, 6, "Connection re", NETWORK),
    row("reset", AGAIN, 6, RESET, NETWORK),
    only(Dialect::Anthropic, row("reset_at_event", AGAIN_BILLED, 6, RESET, HUNG_UP)),
    only(Dialect::Openai, row("reset_at_event", Way::AskedAgain, 6, RESET, HUNG_UP)),
    row(
        "redirect",
        GIVEN_UP,
        6,
        "HTTP 307: the server points to https://example.invalid/",
        "Set the base URL of {P} to the address it now has.",
    ),
    only(Dialect::Anthropic, row("error_event", AGAIN_BILLED, 6, OVERLOADED, TROUBLE)),
    only(Dialect::Openai, row("error_event", Way::AskedAgain, 6, SERVER, TROUBLE)),
    row("huge_event", GIVEN_UP_BILLED, 6, HUGE, DIALECT),
    row("no_end_mark", Way::AskedAgain, 6, CUT, HUNG_UP),
    row("slow_drip", Way::Whole, 0, "", ""),
    row("empty_body", AGAIN, 6, CUT, HUNG_UP),
];

/// The same, struck after something was shown in either dialect.
pub const ROWS_OF_LATE_FAULTS: &[Row] = &[
    row("cut_at_event", Way::AskedAgain, 6, CUT, HUNG_UP),
    row("stall_at_event", Way::AskedAgain, 6, "The answer stopped for 400 ms", LATE),
    row("reset_at_event", Way::AskedAgain, 6, RESET, HUNG_UP),
    only(Dialect::Anthropic, row("error_event", Way::AskedAgain, 6, OVERLOADED, TROUBLE)),
    only(Dialect::Openai, row("error_event", Way::AskedAgain, 6, SERVER, TROUBLE)),
    only(Dialect::Anthropic, row("broken_event", GIVEN_UP_BILLED, 6, "event: EOF", DIALECT)),
    only(Dialect::Openai, row("broken_event", GIVEN_UP_BILLED, 6, "chunk: EOF", DIALECT)),
];

/// Returns the row of a fault.
#[track_caller]
pub fn find(rows: &'static [Row], fault: &str, dialect: Dialect) -> &'static Row {
    let fits = |row: &&Row| row.fault == fault && row.only.is_none_or(|only| only == dialect);
    rows.iter().find(fits).unwrap_or_else(|| panic!("no row says what the user sees of {fault}"))
}
