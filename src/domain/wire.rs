//! Enumerations that have a name on the wire and a number in the database.

macro_rules! wire_enum {
    ($(#[$doc:meta])* $name:ident ($what:literal) { $($(#[$vdoc:meta])* $variant:ident = $number:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name { $($(#[$vdoc])* $variant = $number,)* }

        impl $name {
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The name on the wire.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => stringify!($variant),)* }
            }

            /// The number in the database, also accepted on input.
            pub fn number(self) -> i64 {
                self as i64
            }

            pub fn from_number(number: i64) -> Option<Self> {
                match number { $($number => Some(Self::$variant),)* _ => None }
            }

            /// A name or a number, as text.
            pub fn parse(text: &str) -> crate::domain::error::Result<Self> {
                let found = match text.parse() {
                    Ok(number) => Self::from_number(number),
                    Err(_) => Self::ALL.iter().copied().find(|one| one.name().eq_ignore_ascii_case(text)),
                };
                found.ok_or_else(|| {
                    let names: Vec<_> = Self::ALL.iter().map(|one| one.name()).collect();
                    crate::domain::error::Error::invalid($what, format!("{} is one of {}.", $what, names.join(", ")))
                })
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
                serializer.serialize_str(self.name())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
                #[derive(serde::Deserialize)]
                #[serde(untagged)]
                enum Either { Number(i64), Text(String) }
                let parsed = match <Either as serde::Deserialize>::deserialize(deserializer)? {
                    Either::Number(number) => Self::parse(&number.to_string()),
                    Either::Text(text) => Self::parse(&text),
                };
                parsed.map_err(|error| serde::de::Error::custom(error.message()))
            }
        }
    };
}

pub(super) use wire_enum;
