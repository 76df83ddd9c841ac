//! How a system can misbehave on demand.

use drawbridge_sdk::FailureClass;

/// One way of misbehaving.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// Nobody listens.
    ConnectionRefused,
    /// The connection is neither taken nor refused: no answer to the first packet.
    NeverConnects,
    /// Accepts the connection and never answers.
    Silence,
    /// Takes the request, does what it says, and closes the connection without an answer.
    AnswerLost,
    /// Takes changing requests, does what they say, and never answers; the connection stays open.
    SilentChanges,
    /// Takes changing requests and never answers; what they say is done only when
    /// [`crate::Fixture::deliver`] says so, long after whoever sent them has gone.
    LateChanges,
    /// Closes the connection in the middle of the answer.
    CutMidAnswer,
    /// Gives its answer byte by byte, and never the last one.
    Dripping,
    /// Answers with headers and never comes to their end.
    EndlessHead,
    /// Does what the request says, then ends its own side of the connection without a word.
    HalfClosed,
    /// Does what the request says, and resets the connection in the middle of the answer.
    Reset,
    /// Answers changing requests with this HTTP status and does nothing.
    Status(u16),
    /// Answers every request with this HTTP status and does nothing.
    Outage(u16),
    /// Does what a changing request says and answers it with this HTTP status, as a gateway in
    /// between does when it does not wait for the end.
    DoneBut(u16),
    /// Answers with this status and this `Retry-After`. Its `Date` is [`SAID_AT`].
    RetryAfter(u16, &'static str),
    /// Answers 200 with a page for people.
    HtmlPage,
    /// Answers 200 with truncated JSON.
    TruncatedJson,
    /// Answers 200 with a body far larger than any honest answer, of which the end never comes: who
    /// waits for that runs out of time.
    HugeBody,
    /// The same, packed into a few bytes.
    GzipBomb,
    /// Its honest answer with a text in it that is no UTF-8.
    WrongCharset,
    /// Its honest answer with a key in it twice.
    DuplicateKeys,
    /// Answers 204 without a body.
    NoContent,
    /// Answers with a redirect to another address.
    Redirect,
    /// Answers with this status and leads elsewhere.
    RedirectTo(u16, Towards),
    /// Answers changing requests with success and does nothing.
    SaysYesDoesNothing,
    /// Ignores the filter and answers every search with somebody else, or everybody.
    SomebodyElse,
    /// Answers every search with nothing, the canary included.
    Blind,
    /// Answers with an error inside a success.
    ErrorInsideSuccess,
    /// Only changing requests meet this one.
    OnlyChanges(&'static Fault),
}

/// Where a redirect leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Towards {
    /// To a host that belongs to somebody else, over plain HTTP.
    OtherHost,
    /// To where a cloud machine reads its own credentials.
    Metadata,
}

/// What the clock of a system says that asks to be left alone.
pub const SAID_AT: &str = "Wed, 21 Oct 2026 07:28:00 GMT";

impl Fault {
    /// Every fault that the rules ask for.
    pub const ALL: &[Self] = &[
        Self::ConnectionRefused,
        Self::NeverConnects,
        Self::Silence,
        Self::AnswerLost,
        Self::SilentChanges,
        Self::LateChanges,
        Self::CutMidAnswer,
        Self::Dripping,
        Self::OnlyChanges(&Self::Dripping),
        Self::EndlessHead,
        Self::OnlyChanges(&Self::EndlessHead),
        Self::HalfClosed,
        Self::OnlyChanges(&Self::HalfClosed),
        Self::Reset,
        Self::OnlyChanges(&Self::Reset),
        Self::Status(500),
        Self::Status(502),
        Self::Status(503),
        Self::Status(400),
        Self::Status(403),
        Self::Status(409),
        Self::Outage(500),
        Self::Outage(502),
        Self::Outage(503),
        Self::DoneBut(500),
        Self::DoneBut(502),
        Self::DoneBut(503),
        Self::RetryAfter(429, "120"),
        Self::HtmlPage,
        Self::OnlyChanges(&Self::HtmlPage),
        Self::TruncatedJson,
        Self::OnlyChanges(&Self::TruncatedJson),
        Self::HugeBody,
        Self::OnlyChanges(&Self::HugeBody),
        Self::GzipBomb,
        Self::OnlyChanges(&Self::GzipBomb),
        Self::WrongCharset,
        Self::DuplicateKeys,
        Self::NoContent,
        Self::Redirect,
        Self::RedirectTo(302, Towards::OtherHost),
        Self::OnlyChanges(&Self::RedirectTo(307, Towards::OtherHost)),
        Self::RedirectTo(302, Towards::Metadata),
        Self::SaysYesDoesNothing,
        Self::SomebodyElse,
        Self::Blind,
        Self::ErrorInsideSuccess,
    ];

    /// The class a connector has to give it, or `None` where the fault is no failure of a call.
    pub const fn class(self) -> Option<FailureClass> {
        match self {
            Self::ConnectionRefused
            | Self::NeverConnects
            | Self::Silence
            | Self::AnswerLost
            | Self::SilentChanges
            | Self::LateChanges
            | Self::CutMidAnswer
            | Self::Dripping
            | Self::EndlessHead
            | Self::HalfClosed
            | Self::Reset => Some(FailureClass::Retryable),
            Self::Status(status)
            | Self::Outage(status)
            | Self::DoneBut(status)
            | Self::RetryAfter(status, _) => Some(FailureClass::of_status(status)),
            Self::HtmlPage
            | Self::TruncatedJson
            | Self::HugeBody
            | Self::GzipBomb
            | Self::WrongCharset
            | Self::DuplicateKeys
            | Self::NoContent
            | Self::Redirect
            | Self::RedirectTo(..)
            | Self::ErrorInsideSuccess => Some(FailureClass::Contract),
            Self::SaysYesDoesNothing | Self::SomebodyElse | Self::Blind => None,
            Self::OnlyChanges(fault) => fault.class(),
        }
    }

    /// Whether only changing requests meet it, so that reading goes on as before.
    pub const fn spares_reads(self) -> bool {
        matches!(
            self,
            Self::Status(_)
                | Self::DoneBut(_)
                | Self::SaysYesDoesNothing
                | Self::AnswerLost
                | Self::SilentChanges
                | Self::LateChanges
                | Self::OnlyChanges(_)
        )
    }

    /// Whether only a system that speaks HTTP can be asked for it. Another may have the like of it, and
    /// may be asked too.
    pub const fn is_of_http(self) -> bool {
        match self {
            Self::ConnectionRefused
            | Self::NeverConnects
            | Self::Silence
            | Self::AnswerLost
            | Self::SilentChanges
            | Self::LateChanges
            | Self::CutMidAnswer
            | Self::Dripping
            | Self::HalfClosed
            | Self::Reset
            | Self::SaysYesDoesNothing
            | Self::SomebodyElse
            | Self::Blind => false,
            Self::OnlyChanges(fault) => fault.is_of_http(),
            _ => true,
        }
    }
}
