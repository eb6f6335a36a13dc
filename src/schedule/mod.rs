//! 5. An order to bytes.
