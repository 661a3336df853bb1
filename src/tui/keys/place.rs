//! Where keys work.

macro_rules! places {
    (screens { $($(#[$of:meta])* $screen:ident = $screen_name:literal,)+ }
     dialogs { $($(#[$for:meta])* $dialog:ident = $dialog_name:literal,)+ }) => {
        /// The screens that a key works on.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Place {
            $($(#[$of])* $screen,)+
            $($(#[$for])* $dialog,)+
        }

        impl Place {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$screen,)+ $(Self::$dialog,)+];

            /// All that are no dialog.
            pub const SCREENS: &[Self] = &[$(Self::$screen,)+];

            /// Its name for people.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$screen => $screen_name,)+
                    $(Self::$dialog => $dialog_name,)+
                }
            }

            /// Whether it lies over a screen, and takes letters.
            pub const fn is_dialog(self) -> bool {
                match self {
                    $(Self::$screen => false,)+
                    $(Self::$dialog => true,)+
                }
            }
        }
    };
}

places! {
    screens {
        /// The first screen.
        Overview = "first screen",
        /// The objects of a kind.
        Table = "table",
        /// An object or a value.
        Object = "object",
        /// What owns an object, or what it owns.
        Relatives = "owners and owned",
        /// The changes of a key.
        History = "history",
        /// What became of each object between two states.
        Compare = "differences",
        /// What each row of the file rests on.
        Evidence = "evidence",
        /// The stores of one directory.
        Stores = "stores",
        /// The tree of keys.
        Keys = "raw keys",
        /// The leases.
        Leases = "leases",
        /// What takes the bytes.
        Sizes = "sizes",
        /// What a search found.
        Search = "search",
        /// The page that a value came from.
        Page = "page",
        /// Findings.
        Health = "health",
    }
    dialogs {
        /// The dialog that writes objects to a file.
        Export = "export",
        /// The dialog that writes a whole store.
        Store = "new store",
    }
}
