//! The programs on the pages of this crate do what they say.

#[path = "../../driver/tests/shared/example.rs"]
#[allow(dead_code, reason = "the other tests use more of it")]
mod example;
#[path = "../../driver/tests/shared/pages.rs"]
mod pages;

#[test]
fn the_pages_client_talks_to_the_pages_server() {
    pages::a_client_signs_in_and_hears_itself("page_server_smol", "page_client_smol");
}
