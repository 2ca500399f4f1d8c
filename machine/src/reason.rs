/// Declares the enum of the rules whose breach ends a machine, with `ALL`, `as_str` and `Display`
/// in kebab-case.
///
/// The first line of a variant's doc comment says what happened; a second paragraph, `To do:`, says
/// what an operator should do.
///
/// ```
/// xmpp_machine::reasons! {
///     /// Why it ended.
///     pub enum Reason {
///         /// The peer sent nothing for too long.
///         ///
///         /// To do: nothing.
///         PeerSilent = "peer-silent",
///     }
/// }
/// assert_eq!(Reason::ALL, [Reason::PeerSilent]);
/// assert_eq!(Reason::PeerSilent.to_string(), "peer-silent");
/// ```
#[macro_export]
macro_rules! reasons {
    ($(#[$doc:meta])* pub enum $name:ident { $($(#[$what:meta])* $reason:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum $name { $($(#[$what])* $reason,)+ }

        impl $name {
            /// All of them, in the order of their declaration.
            pub const ALL: &[Self] = &[$(Self::$reason),+];

            /// Its name in logs and errors.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$reason => $text,)+ }
            }
        }

        impl ::core::fmt::Display for $name {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}
