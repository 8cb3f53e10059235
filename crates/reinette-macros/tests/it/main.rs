//! What the macros refuse, they refuse with advice.
//!
//! Here and not beside the framework's other tests, because trybuild compiles all that a crate's tests depend on once more.

#[test]
fn guides_and_tools_that_cannot_be_are_compile_errors() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}
