//! Semantic memory beyond finding: lists, validity, documents, export and import.

use warren::clock::Clock;
use warren::error::Error;
use warren::events::Json;
use warren::id::{CustomerId, TurnId, UserId};
use warren::memory::knowledge::chunk;
use warren::memory::{
    IMPORT_RECORDS_MAX, Imported, KnowledgeFilter, KnowledgeQuery, KnowledgeRecord, KnowledgeWrite,
    LIST_LIMIT_MAX, PageOf, Provenance, SearchMode, Subject, Validity, Visibility,
};
use warren::turn::{Effect, Read};

use super::knowledge::MODES;
use super::{ask, entry, found, put};
use crate::store::{Fixture, on_every_store};

on_every_store![
    a_list_has_all_that_is_seen_the_latest_first,
    filters_of_a_list_all_hold,
    a_page_of_a_list_is_bounded,
    an_entry_is_found_while_it_is_true,
    a_superseded_entry_is_found_as_of_before,
    a_document_is_found_by_its_chunks_and_goes_as_one,
    what_is_exported_is_imported_as_it_was,
    an_export_is_of_the_subject_alone,
    an_import_is_bounded_and_tells_of_each_record,
    a_client_keeps_what_is_its_users_and_no_more,
];

/// Entries of a list, page by page.
async fn listed(f: &Fixture, who: &str, filter: &KnowledgeFilter, limit: u32) -> Vec<String> {
    let (mut all, mut before) = (Vec::new(), None);
    loop {
        let page = PageOf { before, limit };
        let now = f.clock.now();
        let found = f.knowledge.list(&f.person(who), filter, page, now).await;
        let found = found.unwrap();
        assert!(found.items.len() <= limit as usize);
        all.extend(found.items.iter().map(|item| item.content.to_string()));
        before = found.next;
        if before.is_none() {
            return all;
        }
    }
}

/// What three users of two customers write, ten milliseconds apart.
async fn write_six(f: &Fixture) {
    use Visibility::{Customer, Private, Tenant};
    let written = [
        ("acme/ann", Private, "one"),
        ("acme/bob", Customer, "two"),
        ("acme/bob", Private, "bob's"),
        ("bolt/eve", Tenant, "three"),
        ("acme/ann", Private, "four"),
        ("acme/ann", Customer, "five"),
    ];
    for (who, visibility, content) in written {
        let write = KnowledgeWrite {
            tags: vec![visibility.as_str().to_owned()],
            source: Some(who.to_owned()),
            metadata: Json::from_value("m", &serde_json::json!({ "text": content })).unwrap(),
            ..entry(f, who, visibility, content)
        };
        f.apply(&f.person(who), vec![put(write)]).await;
        f.clock.advance_ms(10);
    }
}

async fn a_list_has_all_that_is_seen_the_latest_first(f: &Fixture) {
    write_six(f).await;
    let everything = KnowledgeFilter::default();
    let seen = ["five", "four", "three", "two", "one"];
    for limit in [1, 2, 3, 5, 100] {
        let got = listed(f, "acme/ann", &everything, limit).await;
        assert_eq!(got, seen, "{limit}");
    }
    assert_eq!(listed(f, "bolt/eve", &everything, 2).await, ["three"]);
}

async fn filters_of_a_list_all_hold(f: &Fixture) {
    let start = f.clock.now();
    write_six(f).await;
    let at = |n: u64| Some(start.plus_ms(n * 10));
    let with = |change: &dyn Fn(&mut KnowledgeFilter)| {
        let mut filter = KnowledgeFilter::default();
        change(&mut filter);
        filter
    };
    for (filter, expected) in [
        (
            with(&|f| f.tags = vec!["customer".into()]),
            &["five", "two"][..],
        ),
        (with(&|f| f.source = Some("bolt/eve".into())), &["three"]),
        (
            with(&|f| f.metadata = Json::parse("m", r#"{"text":"four"}"#).ok()),
            &["four"],
        ),
        (
            with(&|f| (f.since, f.until) = (at(3), at(5))),
            &["four", "three"],
        ),
        (with(&|f| f.document = Some("none".into())), &[]),
    ] {
        for limit in [1, 100] {
            let got = listed(f, "acme/ann", &filter, limit).await;
            assert_eq!(got, expected, "{filter:?}");
        }
    }
}

async fn a_page_of_a_list_is_bounded(f: &Fixture) {
    for n in 0..=LIST_LIMIT_MAX {
        let write = entry(f, "/", Visibility::Private, &format!("filler {n}"));
        f.apply(&f.person("/"), vec![put(write)]).await;
    }
    for limit in [LIST_LIMIT_MAX, LIST_LIMIT_MAX + 1] {
        let page = PageOf {
            before: None,
            limit,
        };
        let everything = KnowledgeFilter::default();
        let found = f
            .knowledge
            .list(&f.person("/"), &everything, page, f.clock.now())
            .await;
        assert_eq!(found.unwrap().items.len(), LIST_LIMIT_MAX as usize);
    }
}

async fn an_entry_is_found_while_it_is_true(f: &Fixture) {
    let start = f.clock.now();
    let at = |ms: u64| start.plus_ms(ms);
    let ann = f.person("acme/ann");
    let write = KnowledgeWrite {
        valid: Validity {
            from: Some(at(10)),
            until: Some(at(20)),
        },
        ..entry(f, "acme/ann", Visibility::Private, "the lamp is red")
    };
    f.apply(&ann, vec![put(write.clone())]).await;
    for (as_of, there) in [(0, false), (9, false), (10, true), (19, true), (20, false)] {
        for mode in MODES {
            let query = KnowledgeQuery {
                as_of: Some(at(as_of)),
                ..ask("lamp", mode)
            };
            assert_eq!(
                found(f, &ann, &query).await.len(),
                usize::from(there),
                "{as_of}"
            );
        }
        let filter = KnowledgeFilter {
            as_of: Some(at(as_of)),
            ..KnowledgeFilter::default()
        };
        let listed = listed(f, "acme/ann", &filter, 10).await;
        assert_eq!(listed.len(), usize::from(there), "{as_of}");
    }
    let now = ask("lamp", SearchMode::Hybrid);
    assert!(found(f, &ann, &now).await.is_empty(), "not yet");
    f.clock.advance_ms(10);
    assert_eq!(found(f, &ann, &now).await.len(), 1);
    f.clock.advance_ms(10);
    assert!(found(f, &ann, &now).await.is_empty(), "no longer");
    let got = f
        .knowledge
        .get(&ann, &write.id, f.clock.now())
        .await
        .unwrap();
    assert_eq!(got.unwrap().valid, write.valid, "still there by its id");
    let all = listed(f, "acme/ann", &KnowledgeFilter::default(), 10).await;
    assert_eq!(all.len(), 1, "and for whoever asks for all of time");
}

async fn a_superseded_entry_is_found_as_of_before(f: &Fixture) {
    let ann = f.person("acme/ann");
    let start = f.clock.now();
    let old = entry(f, "acme/ann", Visibility::Private, "the price is 5");
    f.apply(&ann, vec![put(old.clone())]).await;
    f.clock.advance_ms(100);
    let new = KnowledgeWrite {
        supersedes: Some(old.id.clone()),
        ..entry(f, "acme/ann", Visibility::Private, "the price is 7")
    };
    let read = Read::Knowledge {
        id: old.id.clone(),
        version: 1,
    };
    f.apply(&ann, vec![put(new.clone())]).await;
    assert!(
        !f.unchanged(&ann, read).await,
        "whoever read the old one is told"
    );
    let price = |as_of| KnowledgeQuery {
        as_of,
        ..ask("price", SearchMode::Hybrid)
    };
    assert_eq!(found(f, &ann, &price(None)).await, ["the price is 7"]);
    // The new one says nothing of when it began, so it was so before too.
    let mut before = found(f, &ann, &price(Some(start))).await;
    before.sort();
    assert_eq!(before, ["the price is 5", "the price is 7"]);
    let kept = f
        .knowledge
        .get(&ann, &old.id, f.clock.now())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(kept.superseded_by, Some(new.id.clone()));
    assert_eq!(kept.valid.until, Some(new.now));

    f.apply(&ann, vec![put(old.clone())]).await;
    let again = f
        .knowledge
        .get(&ann, &old.id, f.clock.now())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (again.superseded_by, again.valid),
        (None, Validity::default()),
        "said again"
    );

    let theirs = KnowledgeWrite {
        supersedes: Some(old.id.clone()),
        ..entry(f, "acme/bob", Visibility::Private, "nonsense")
    };
    let outcome = f
        .turn(&f.person("acme/bob"), Vec::new(), vec![put(theirs)])
        .await;
    assert!(outcome.is_err(), "not bob's to say");
}

fn document(f: &Fixture, text: &str, bytes: u32) -> KnowledgeWrite {
    KnowledgeWrite {
        id: "kno_handbook".into(),
        external_id: Some("handbook".to_owned()),
        chunk_bytes: Some(bytes),
        chunks: chunk::split(text, bytes).unwrap(),
        ..entry(f, "acme/ann", Visibility::Private, text)
    }
}

async fn a_document_is_found_by_its_chunks_and_goes_as_one(f: &Fixture) {
    let ann = f.person("acme/ann");
    let filler = "Nothing to see in this sentence at all. ".repeat(40);
    // The same chunk twice is no error.
    let text = format!("{filler}The lamp is in the cellar. {filler}{filler}");
    let write = document(f, &text, 256);
    let count = write.chunks.len();
    assert!(count > 10);
    f.apply(&ann, vec![put(write.clone())]).await;
    let query = ask("where is the lamp?", SearchMode::Keyword);
    let hits = f
        .knowledge
        .search(&ann, &query, f.clock.now())
        .await
        .unwrap()
        .hits;
    let hit = hits
        .iter()
        .find(|hit| hit.item.content.contains("lamp"))
        .unwrap();
    let part = hit.item.part.clone().unwrap();
    assert_eq!((&part.document, part.of as usize), (&write.id, count));
    assert_eq!(hit.item.external_id.as_deref(), Some("handbook"));
    assert_ne!(hit.item.id, write.id);
    let whole = KnowledgeFilter {
        document: Some(write.id.to_string()),
        ..KnowledgeFilter::default()
    };
    assert_eq!(listed(f, "acme/ann", &whole, 3).await.len(), count);
    let listed_once = listed(f, "acme/ann", &KnowledgeFilter::default(), 10).await;
    assert_eq!(listed_once.len(), 1, "a document is one entry of a list");

    let shorter = document(f, &filler, 256);
    f.apply(&ann, vec![put(shorter.clone())]).await;
    assert_eq!(
        listed(f, "acme/ann", &whole, 100).await.len(),
        shorter.chunks.len()
    );
    assert!(found(f, &ann, &query).await.is_empty(), "replaced as one");
    let entry_again = KnowledgeWrite {
        id: write.id.clone(),
        external_id: Some("handbook".to_owned()),
        ..entry(f, "acme/ann", Visibility::Private, "a note")
    };
    f.apply(&ann, vec![put(entry_again)]).await;
    assert_eq!(listed(f, "acme/ann", &whole, 100).await, ["a note"]);

    f.apply(&ann, vec![put(write.clone())]).await;
    let chunk = format!("{}.3", write.id);
    f.apply(&ann, vec![Effect::KnowledgeForget { id: chunk.into() }])
        .await;
    let left = listed(f, "acme/ann", &KnowledgeFilter::default(), 10).await;
    assert!(left.is_empty() && listed(f, "acme/ann", &whole, 10).await.is_empty());
}

/// An entry of each kind, for four owners.
fn one_of_each(f: &Fixture) -> [KnowledgeWrite; 4] {
    let text = "One sentence after another. ".repeat(100);
    [
        document(f, &text, 300),
        KnowledgeWrite {
            tags: vec!["red".into()],
            source: Some("a book".into()),
            expires: Some(f.clock.now().plus_ms(1_000)),
            valid: Validity {
                from: Some(f.clock.now()),
                until: None,
            },
            provenance: Provenance {
                writer: "worker".into(),
                turn: TurnId::new("trn_1").ok(),
                derived_from: vec!["epi_1".into()],
            },
            ..entry(f, "acme/bob", Visibility::Tenant, "with everything")
        },
        entry(f, "acme/", Visibility::Customer, "of nobody in particular"),
        entry(f, "/ann", Visibility::Private, "another ann's"),
    ]
}

async fn import(f: &Fixture, records: Vec<KnowledgeRecord>) -> Result<Vec<Imported>, Error> {
    f.keeper.import(&f.scope, records, f.clock.now()).await
}

async fn what_is_exported_is_imported_as_it_was(f: &Fixture) {
    let bolt = f.neighbour("bolt").await;
    let writes = one_of_each(f);
    let text = writes[0].content.to_string();
    for write in writes {
        f.apply(&f.person("/"), vec![put(write)]).await;
    }
    let all = exported(f, &Subject::Tenant).await;
    assert_eq!(all.len(), 4);
    assert_eq!(all[0].content, text, "in one piece");
    f.clock.advance_ms(10);
    let first = import(&bolt, all.clone()).await.unwrap();
    let created = |one: &Imported| matches!(one, Imported::Created { .. });
    assert!(first.iter().all(created), "{first:?}");
    let again = import(&bolt, all.clone()).await.unwrap();
    let replaced = |one: &Imported| matches!(one, Imported::Replaced { .. });
    assert!(again.iter().all(replaced), "{again:?}");
    let plain = |records: Vec<KnowledgeRecord>| -> Vec<KnowledgeRecord> {
        let strip = |record| KnowledgeRecord {
            updated: None,
            ..record
        };
        records.into_iter().map(strip).collect()
    };
    let there = exported(&bolt, &Subject::Tenant).await;
    assert_eq!(plain(there), plain(all));
}

async fn an_export_is_of_the_subject_alone(f: &Fixture) {
    for write in one_of_each(f) {
        f.apply(&f.person("/"), vec![put(write)]).await;
    }
    let user = |customer: Option<&str>, user: &str| Subject::User {
        customer: customer.map(|id| CustomerId::new(id).unwrap()),
        user: UserId::new(user).unwrap(),
    };
    for (of, count) in [
        (Subject::Tenant, 4),
        (Subject::Customer(CustomerId::new("acme").unwrap()), 3),
        (user(Some("acme"), "ann"), 1),
        (user(None, "ann"), 1),
        (user(None, "bob"), 0),
    ] {
        assert_eq!(exported(f, &of).await.len(), count, "{of:?}");
    }
}

async fn an_import_is_bounded_and_tells_of_each_record(f: &Fixture) {
    for write in one_of_each(f) {
        f.apply(&f.person("/"), vec![put(write)]).await;
    }
    let all = exported(f, &Subject::Tenant).await;
    let bad = KnowledgeRecord {
        content: String::new(),
        ..all[0].clone()
    };
    let told = import(f, vec![bad, all[1].clone()]).await.unwrap();
    assert!(matches!(told[0], Imported::Refused { .. }), "{told:?}");
    assert!(matches!(told[1], Imported::Replaced { .. }), "{told:?}");
    let many = |count| vec![all[1].clone(); count];
    assert!(import(f, many(IMPORT_RECORDS_MAX)).await.is_ok());
    let past = import(f, many(IMPORT_RECORDS_MAX + 1)).await;
    assert!(matches!(past, Err(Error::TooLarge { .. })));
}

async fn exported(f: &Fixture, of: &Subject) -> Vec<KnowledgeRecord> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = f.keeper.export(&f.scope, of, after, 2).await.unwrap();
        all.extend(page.items);
        after = page.next;
        if after.is_none() {
            return all;
        }
    }
}

async fn a_client_keeps_what_is_its_users_and_no_more(f: &Fixture) {
    let (ann, bob) = (f.person("acme/ann"), f.person("acme/bob"));
    let named = |who: &str, text: &str| KnowledgeWrite {
        external_id: Some("x".to_owned()),
        ..entry(f, who, Visibility::Customer, text)
    };
    let id = f
        .keeper
        .remember(&ann, named("acme/ann", "first"))
        .await
        .unwrap();
    let same = f
        .keeper
        .remember(&ann, named("acme/ann", "second"))
        .await
        .unwrap();
    assert_eq!(id, same);
    let denied = f.keeper.remember(&bob, named("acme/bob", "bob's")).await;
    assert!(matches!(denied, Err(Error::Denied { .. })), "{denied:?}");
    let denied = f.keeper.forget(&bob, &id, f.clock.now()).await;
    assert!(matches!(denied, Err(Error::Denied { .. })), "{denied:?}");
    let unseen = f.keeper.forget(&f.person("/"), &id, f.clock.now()).await;
    assert!(!unseen.unwrap(), "as if there were none");
    assert!(f.keeper.forget(&ann, &id, f.clock.now()).await.unwrap());
    assert!(!f.keeper.forget(&ann, &id, f.clock.now()).await.unwrap());
    let gone = KnowledgeWrite {
        supersedes: Some(id),
        ..entry(f, "acme/ann", Visibility::Private, "third")
    };
    let gone = f.keeper.remember(&ann, gone).await;
    assert!(matches!(gone, Err(Error::NotFound { .. })), "{gone:?}");
}
