//! How a system can misbehave on demand.

use drawbridge_sdk::FailureClass;

/// One way of misbehaving.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// Nobody listens.
    ConnectionRefused,
    /// Accepts the connection and never answers.
    Silence,
    /// Takes the request, does what it says, and closes the connection without an answer.
    AnswerLost,
    /// Takes changing requests, does what they say, and never answers; the connection stays open.
    SilentChanges,
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

impl Fault {
    /// Every fault that the rules ask for.
    pub const ALL: [Self; 19] = [
        Self::ConnectionRefused,
        Self::Silence,
        Self::AnswerLost,
        Self::SilentChanges,
        Self::CutMidAnswer,
        Self::Status(500),
        Self::Status(503),
        Self::Status(400),
        Self::Status(403),
        Self::Status(409),
        Self::RetryAfter(429, 120),
        Self::HtmlPage,
        Self::TruncatedJson,
        Self::HugeBody,
        Self::Redirect,
        Self::SaysYesDoesNothing,
        Self::SomebodyElse,
        Self::Blind,
        Self::ErrorInsideSuccess,
    ];

    /// The class a connector has to give it, or `None` where the fault is no failure of a call.
    pub const fn class(self) -> Option<FailureClass> {
        match self {
            Self::ConnectionRefused
            | Self::Silence
            | Self::AnswerLost
            | Self::SilentChanges
            | Self::CutMidAnswer => Some(FailureClass::Retryable),
            Self::Status(status) | Self::RetryAfter(status, _) => {
                Some(FailureClass::of_status(status))
            }
            Self::HtmlPage
            | Self::TruncatedJson
            | Self::HugeBody
            | Self::Redirect
            | Self::ErrorInsideSuccess => Some(FailureClass::Contract),
            Self::SaysYesDoesNothing | Self::SomebodyElse | Self::Blind => None,
        }
    }

    /// Whether only changing requests meet it, so that reading goes on as before.
    pub const fn spares_reads(self) -> bool {
        matches!(
            self,
            Self::Status(_) | Self::SaysYesDoesNothing | Self::AnswerLost | Self::SilentChanges
        )
    }
}
