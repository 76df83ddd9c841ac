//! How a system can misbehave on demand.

/// One way of misbehaving.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nobody listens.
    ConnectionRefused,
    /// Accepts the connection and never answers.
    Silence,
    /// Takes the request, does what it says, and closes the connection without an answer.
    AnswerLost,
    /// Closes the connection in the middle of the answer.
    CutMidAnswer,
    /// Answers changing requests with this HTTP status and does nothing.
    Status(u16),
    /// Answers with this status and a `Retry-After` in seconds.
    RetryAfter(u16, u32),
    /// Answers 200 with a page for people.
    HtmlPage,
    /// Answers 200 with truncated JSON.
    TruncatedJson,
    /// Answers 200 with a body far larger than any honest answer.
    HugeBody,
    /// Answers with a redirect to another address.
    Redirect,
    /// Answers changing requests with success and does nothing.
    SaysYesDoesNothing,
    /// Ignores the filter and answers every search with somebody else, or everybody.
    SomebodyElse,
    /// Answers every search with nothing, the canary included.
    Blind,
    /// Answers with an error inside a success.
    ErrorInsideSuccess,
}
