//! Tenants and API keys.

use warren::bus::Announcement;
use warren::clock::{Clock, Timestamp};
use warren::error::Error;
use warren::id::{KeyName, TenantId, TenantName};
use warren::identity::{ApiKey, ApiKeySecret, KeyHasher, Tenant};

use super::{Fixture, create_tenant, event, on_every_store};

on_every_store![
    a_tenant_is_found_by_its_name_and_id_until_it_is_deleted,
    names_are_taken_once,
    tenants_are_listed_page_by_page,
    nothing_of_a_deleted_tenant_is_left,
    a_key_lives_from_its_making_to_its_revocation,
    keys_belong_to_one_tenant,
];

fn name(text: &str) -> TenantName {
    TenantName::new(text).unwrap()
}

fn tenant(text: &str) -> Tenant {
    Tenant::new(name(text), Timestamp(7), 3)
}

fn key(tenant: TenantId, text: &str) -> (ApiKeySecret, ApiKey) {
    let secret = ApiKeySecret::generate().unwrap();
    let named = (tenant, KeyName::new(text).unwrap());
    let key = ApiKey::new(&secret, &KeyHasher::new([1; 32]), named, Timestamp(5));
    (secret, key)
}

async fn a_tenant_is_found_by_its_name_and_id_until_it_is_deleted(f: &Fixture) {
    let made = tenant("bolt");
    f.admin.create_tenant(made.clone()).await.unwrap();
    let found = f.admin.get_tenant(&made.name).await.unwrap();
    assert_eq!(
        (found.id, found.name, found.created, found.weight),
        (made.id, made.name.clone(), made.created, made.weight)
    );
    let found = f.admin.find_tenant(made.id).await.unwrap();
    assert_eq!(found.name, made.name);
    f.admin.delete_tenant(&made.name).await.unwrap();
    for gone in [
        f.admin.get_tenant(&made.name).await,
        f.admin.find_tenant(made.id).await,
    ] {
        assert!(matches!(gone, Err(Error::NotFound { .. })));
    }
    let again = f.admin.delete_tenant(&made.name).await;
    assert!(matches!(again, Err(Error::NotFound { .. })));
    let told: Vec<_> = f
        .bus
        .of(made.id)
        .into_iter()
        .map(|told| match told {
            Announcement::TenantCreated { weight } => format!("created {weight}"),
            Announcement::TenantDeleted => "deleted".to_owned(),
            Announcement::TenantChanged => "changed".to_owned(),
            other => format!("{other:?}"),
        })
        .collect();
    assert_eq!(told, ["created 3", "deleted"]);
}

async fn names_are_taken_once(f: &Fixture) {
    f.admin.create_tenant(tenant("bolt")).await.unwrap();
    let taken = f.admin.create_tenant(tenant("bolt")).await;
    assert!(matches!(taken, Err(Error::Conflict { .. })));
    let race = (0..8).map(|_| f.admin.create_tenant(tenant("core")));
    let won = futures_util::future::join_all(race).await;
    assert_eq!(won.iter().filter(|made| made.is_ok()).count(), 1);
    assert_eq!(
        f.admin.all_tenants().await.unwrap().len(),
        3,
        "and the fixture's"
    );
    f.admin.delete_tenant(&name("bolt")).await.unwrap();
    f.admin.create_tenant(tenant("bolt")).await.unwrap();
}

async fn tenants_are_listed_page_by_page(f: &Fixture) {
    for i in 0..7 {
        f.admin
            .create_tenant(tenant(&format!("t{i}")))
            .await
            .unwrap();
    }
    let mut after = None;
    let mut names = Vec::new();
    loop {
        let page = f.admin.list_tenants(after.take(), 3).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.name.clone());
        names.extend(page.iter().map(|tenant| tenant.name.to_string()));
    }
    assert_eq!(names, ["acme", "t0", "t1", "t2", "t3", "t4", "t5", "t6"]);
}

async fn nothing_of_a_deleted_tenant_is_left(f: &Fixture) {
    let bolt = create_tenant(&*f.admin, "bolt", &f.clock).await;
    let (_, key) = key(bolt.tenant(), "ci");
    f.admin.create_key(key.clone()).await.unwrap();
    f.events
        .append(&bolt, vec![event("e1", "order.placed")])
        .await
        .unwrap();
    f.publish(vec![event("e1", "order.placed")]).await;

    f.admin.delete_tenant(&name("bolt")).await.unwrap();
    assert!(f.admin.find_key(&key.id).await.unwrap().is_none());
    assert!(f.admin.list_keys(bolt.tenant()).await.unwrap().is_empty());
    let head = f.events.head(&bolt).await;
    assert!(matches!(head, Err(Error::NotFound { .. })));
    let append = f
        .events
        .append(&bolt, vec![event("e2", "order.placed")])
        .await;
    assert!(matches!(append, Err(Error::NotFound { .. })));
    assert!(matches!(
        f.agents.directory(&bolt).await,
        Err(Error::NotFound { .. })
    ));

    let new = create_tenant(&*f.admin, "bolt", &f.clock).await;
    assert_eq!(
        f.events.head(&new).await.unwrap().0,
        0,
        "the name alone is the same"
    );
    assert_eq!(
        f.events.head(&f.scope).await.unwrap().0,
        1,
        "the neighbour has all"
    );
}

async fn a_key_lives_from_its_making_to_its_revocation(f: &Fixture) {
    let tenant = f.scope.tenant();
    let (secret, made) = key(tenant, "ci");
    f.admin.create_key(made.clone()).await.unwrap();
    let found = f.admin.find_key(secret.id()).await.unwrap().unwrap();
    assert_eq!(
        (
            found.tenant,
            &found.name,
            found.hash,
            found.created,
            found.revoked
        ),
        (tenant, &made.name, made.hash, made.created, None)
    );
    assert!(KeyHasher::new([1; 32]).verify(&secret, &found.hash));
    let taken = f.admin.create_key(key(tenant, "ci").1).await;
    assert!(matches!(taken, Err(Error::Conflict { .. })));

    let at = f.clock.now();
    f.admin.revoke_key(tenant, &made.name, at).await.unwrap();
    let found = f.admin.find_key(secret.id()).await.unwrap().unwrap();
    assert_eq!(found.revoked, Some(at), "a revoked one is found as such");
    let again = f.admin.revoke_key(tenant, &made.name, at).await;
    assert!(matches!(again, Err(Error::NotFound { .. })));
    f.admin
        .create_key(key(tenant, "ci").1)
        .await
        .expect("the name is free");
    let names: Vec<_> = f.admin.list_keys(tenant).await.unwrap();
    assert_eq!(names.len(), 2);
}

async fn keys_belong_to_one_tenant(f: &Fixture) {
    let bolt = create_tenant(&*f.admin, "bolt", &f.clock).await;
    let (_, ours) = key(f.scope.tenant(), "ci");
    let (_, theirs) = key(bolt.tenant(), "ci");
    f.admin.create_key(ours.clone()).await.unwrap();
    f.admin.create_key(theirs.clone()).await.unwrap();
    let at = f.clock.now();
    f.admin
        .revoke_key(bolt.tenant(), &theirs.name, at)
        .await
        .unwrap();
    let found = f.admin.find_key(&ours.id).await.unwrap().unwrap();
    assert_eq!(found.revoked, None);
    let stranger = f.admin.create_key(key(TenantId::generate(), "ci").1).await;
    assert!(matches!(stranger, Err(Error::NotFound { .. })));
}
