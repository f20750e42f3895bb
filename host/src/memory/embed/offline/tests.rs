//! What is alike and what is not, and that vectors stay what they are.

use super::*;

fn cosine(a: &str, b: &str) -> f32 {
    embed(a).cosine(&embed(b))
}

#[test]
fn a_text_is_like_itself_and_its_variants_and_unlike_others() {
    let text = "The customer wants a refund for a broken lamp";
    for (other, at_least, at_most) in [
        (
            "the CUSTOMER wants a refund, for a broken lamp!",
            0.999,
            1.001,
        ),
        ("refund a broken lamp", 0.5, 1.0),
        ("refunding customers with broken lamps", 0.45, 1.0),
        ("custmer wnats a refnud for his lamp", 0.2, 1.0),
        ("quarterly rainfall over northern Spain", -0.2, 0.2),
        ("", 0.0, 0.0),
    ] {
        let got = cosine(text, other);
        assert!((at_least..=at_most).contains(&got), "{other:?}: {got}");
    }
}

#[test]
fn every_script_has_features() {
    for (a, b) in [
        ("我想退款", "退款申请"),
        ("возврат денег", "возврат"),
        ("remboursement élevé", "remboursement eleve"),
        ("Fahrradinspektion", "die Inspektion des Fahrrads"),
    ] {
        assert!(cosine(a, b) > 0.3, "{a} {b}: {}", cosine(a, b));
    }
}

#[test]
fn words_of_grammar_decide_nothing() {
    let asked = "what is the height of the tower";
    let (right, wrong) = ("height of a tower", "what is the price of the ticket");
    assert!(cosine(asked, right) > 2.0 * cosine(asked, wrong));
    assert!(
        cosine("who are we", "who are we") > 0.999,
        "but they are not nothing"
    );
}

#[test]
fn a_code_is_one_word_however_it_is_put() {
    for (a, b) in [
        ("EX-7", "ex7"),
        ("WH388", "ticket WH-388"),
        ("a.b_c", "A/B#C"),
    ] {
        assert!(cosine(a, b) > 0.5, "{a} {b}: {}", cosine(a, b));
    }
}

#[test]
fn forms_of_a_word_have_one_stem() {
    let check = |words: &[&str]| {
        let stems: Vec<&str> = words.iter().map(|word| stem(word)).collect();
        assert!(stems.windows(2).all(|pair| pair[0] == pair[1]), "{stems:?}");
    };
    check(&["refund", "refunds", "refunded", "refunding"]);
    check(&["stopping", "stopped", "stop"]);
    check(&["policy", "policies"]);
    check(&["bremse", "bremsen"]);
    for whole in ["bus", "ring", "len", "été", "退款"] {
        assert_eq!(stem(whole), whole);
    }
}

#[test]
fn vectors_are_of_length_one_or_zero_and_do_not_change() {
    assert!((cosine("x", "x") - 1.0).abs() < 1e-5);
    assert_eq!(embed("!?…").to_bytes(), vec![0; OFFLINE_DIMS * 4]);
    let text = "The name must change when this does: étés, 退款, EX-7 and EX-7 again.";
    let hash = blake3::hash(&embed(text).to_bytes());
    assert_eq!(&hash.to_hex()[..16], "81b9e54df71ba674", "{OFFLINE_NAME}");
}

#[test]
fn unrelated_texts_are_nearly_at_right_angles() {
    let letter = |byte: &u8| char::from(b'a' + byte % 26);
    let word = |n: usize| {
        let hash = blake3::hash(&n.to_le_bytes());
        hash.as_bytes()[..7].iter().map(letter).collect::<String>()
    };
    let text = |n: usize| {
        (0..60)
            .map(|i| word(n * 60 + i))
            .collect::<Vec<_>>()
            .join(" ")
    };
    let texts: Vec<Embedding> = (0..40).map(|n| embed(&text(n))).collect();
    let pairs = texts.iter().enumerate();
    let mut cosines: Vec<f32> = pairs
        .flat_map(|(i, a)| texts[..i].iter().map(|b| a.cosine(b).abs()))
        .collect();
    cosines.sort_by(f32::total_cmp);
    let (middle, high) = (cosines.len() / 2, cosines.len() * 19 / 20);
    assert!(cosines[middle] < 0.1, "{}", cosines[middle]);
    assert!(cosines[high] < 0.2, "{}", cosines[high]);
}

#[test]
fn what_lies_past_the_limit_is_not_seen() {
    let at = format!("{}needle", " ".repeat(EMBED_BYTES_MAX - 6));
    let past = format!("{}needle", " ".repeat(EMBED_BYTES_MAX));
    assert!(cosine(&at, "needle") > 0.999);
    assert!(cosine(&past, "needle").abs() < 1e-6);
    let split = format!("{}é", "x".repeat(EMBED_BYTES_MAX - 1));
    assert!(cosine(&split, &split) > 0.999, "never splits a character");
}
