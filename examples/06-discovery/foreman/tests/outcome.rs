//! The example does what its expected output says.

use warren_examples::{Example, run_natively};

#[test]
fn the_outcome_is_the_expected_one() {
    let example = Example::load("..").unwrap();
    let agents = vec![foreman::agent(), summariser::agent(), counter::agent()];
    assert_eq!(
        run_natively(&example, agents).unwrap(),
        example.expected().unwrap()
    );
}
