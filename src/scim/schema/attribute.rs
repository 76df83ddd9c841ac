//! One attribute as data: what it holds, who may write it, when it is shown.

/// The definition of one attribute. Everything the front door knows about an attribute it knows from
/// here: `/Schemas`, the spelling of names, what a value may be, and how text is compared.
///
/// # Source
/// RFC 7643 section 7.
#[derive(Debug, PartialEq, Eq)]
pub struct Attribute {
    /// The name, spelled as it is stored and answered.
    pub name: &'static str,
    /// What it says, for people.
    pub description: &'static str,
    /// What a value is.
    pub kind: Kind,
    /// Whether it holds a list.
    pub multi_valued: bool,
    /// Whether a resource must have it.
    pub required: bool,
    /// Whether nobody can take it away: `active` is true or false, and leaving it out or emptying it
    /// must be neither a disable nor an enable.
    pub always_set: bool,
    /// Whether text is compared as it is.
    pub case_exact: bool,
    /// Who may write it.
    pub mutability: Mutability,
    /// Whether the bridge works it out from the rest, whatever was sent: what a client says of an
    /// address may be true elsewhere only.
    pub computed: bool,
    /// When it is in an answer.
    pub returned: Returned,
    /// Whether two resources may have the same value.
    pub uniqueness: Uniqueness,
    /// Values that are suggested.
    pub canonical_values: &'static [&'static str],
    /// What a reference may point at.
    pub reference_types: &'static [&'static str],
    /// Longest text taken, in characters; `None` leaves it to the limit of the whole body.
    pub max_chars: Option<usize>,
    /// The parts of a complex attribute.
    pub sub_attributes: &'static [Attribute],
}

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    String,
    /// True or false.
    Boolean,
    /// A point in time.
    DateTime,
    /// Bytes in base64.
    Binary,
    /// A URI.
    Reference,
    /// An object with sub-attributes.
    Complex,
}

/// Who may write an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutability {
    /// Only the bridge.
    ReadOnly,
    /// Everyone.
    ReadWrite,
    /// Set with its element, and never changed in it.
    Immutable,
    /// Everyone, and nobody can read it. The bridge drops it before anything is stored or logged.
    WriteOnly,
}

/// When an attribute is in an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Returned {
    /// Whatever was asked for.
    Always,
    /// Never.
    Never,
    /// Unless other attributes were asked for.
    Default,
}

/// Whether two resources may have the same value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Uniqueness {
    /// They may.
    None,
    /// Not within a practice.
    Server,
}

/// Longest text taken for what identifies somebody, in characters. Long enough for any e-mail address
/// (254), short enough for an index.
const IDENTIFIER_CHARS: usize = 256;

impl Attribute {
    const fn new(name: &'static str, kind: Kind, description: &'static str) -> Self {
        Self {
            name,
            description,
            kind,
            multi_valued: false,
            required: false,
            always_set: false,
            case_exact: false,
            mutability: Mutability::ReadWrite,
            computed: false,
            returned: Returned::Default,
            uniqueness: Uniqueness::None,
            canonical_values: &[],
            reference_types: &[],
            max_chars: None,
            sub_attributes: &[],
        }
    }

    pub(super) const fn text(name: &'static str, description: &'static str) -> Self {
        Self::new(name, Kind::String, description)
    }

    pub(super) const fn boolean(name: &'static str, description: &'static str) -> Self {
        Self::new(name, Kind::Boolean, description)
    }

    pub(super) const fn time(name: &'static str, description: &'static str) -> Self {
        Self::new(name, Kind::DateTime, description).case_exact()
    }

    pub(super) const fn binary(name: &'static str, description: &'static str) -> Self {
        Self::new(name, Kind::Binary, description).case_exact()
    }

    pub(super) const fn reference(
        name: &'static str,
        description: &'static str,
        types: &'static [&'static str],
    ) -> Self {
        let mut new = Self::new(name, Kind::Reference, description).case_exact();
        new.reference_types = types;
        new
    }

    pub(super) const fn complex(
        name: &'static str,
        description: &'static str,
        sub_attributes: &'static [Attribute],
    ) -> Self {
        let mut new = Self::new(name, Kind::Complex, description);
        new.sub_attributes = sub_attributes;
        new
    }

    pub(super) const fn multi(mut self) -> Self {
        self.multi_valued = true;
        self
    }

    pub(super) const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    pub(super) const fn always_set(mut self) -> Self {
        self.always_set = true;
        self
    }

    pub(super) const fn case_exact(mut self) -> Self {
        self.case_exact = true;
        self
    }

    pub(super) const fn read_only(mut self) -> Self {
        self.mutability = Mutability::ReadOnly;
        self
    }

    pub(super) const fn immutable(mut self) -> Self {
        self.mutability = Mutability::Immutable;
        self
    }

    pub(super) const fn computed(mut self) -> Self {
        self.computed = true;
        self
    }

    pub(super) const fn write_only(mut self) -> Self {
        self.mutability = Mutability::WriteOnly;
        self
    }

    pub(super) const fn never_shown(mut self) -> Self {
        self.returned = Returned::Never;
        self
    }

    pub(super) const fn always_shown(mut self) -> Self {
        self.returned = Returned::Always;
        self
    }

    pub(super) const fn unique(mut self) -> Self {
        self.uniqueness = Uniqueness::Server;
        self
    }

    pub(super) const fn canonical(mut self, values: &'static [&'static str]) -> Self {
        self.canonical_values = values;
        self
    }

    pub(super) const fn identifier(mut self) -> Self {
        self.max_chars = Some(IDENTIFIER_CHARS);
        self
    }

    /// Whether a resource can be without it.
    pub fn may_be_empty(&self) -> bool {
        !self.required && !self.always_set
    }

    /// The part with this name, whatever the case.
    pub fn sub_attribute(&self, name: &str) -> Option<&'static Attribute> {
        find(self.sub_attributes, name)
    }

    /// Whether what a client writes is kept.
    pub fn is_kept(&self) -> bool {
        let is_writable = matches!(
            self.mutability,
            Mutability::ReadWrite | Mutability::Immutable
        );
        is_writable && !self.computed
    }
}

/// The attribute with this name, whatever the case.
pub(super) fn find(attributes: &'static [Attribute], name: &str) -> Option<&'static Attribute> {
    attributes
        .iter()
        .find(|attribute| attribute.name.eq_ignore_ascii_case(name))
}
