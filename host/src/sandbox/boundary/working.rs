//! `working`: what the work at hand has to keep in mind.

use crate::sandbox::bindings::warren::agent::types::Json;
use crate::sandbox::bindings::warren::agent::working;

use super::{Fault, TurnView};

impl working::Host for TurnView<'_> {
    async fn get(&mut self, key: String) -> Result<Option<Json>, Fault> {
        let turn = self.desk.enter(key.len())?;
        let value = turn.working_get(&key).await?;
        Ok(value.map(|json| json.as_str().to_owned()))
    }

    async fn put(&mut self, key: String, value: Json, ttl_ms: Option<u32>) -> Result<(), Fault> {
        let turn = self.desk.enter(key.len() + value.len())?;
        Ok(turn.working_put(&key, &value, ttl_ms).await?)
    }

    async fn delete(&mut self, key: String) -> Result<bool, Fault> {
        let turn = self.desk.enter(key.len())?;
        Ok(turn.working_delete(&key).await?)
    }

    async fn keys(
        &mut self,
        prefix: String,
        after: Option<String>,
        limit: u32,
    ) -> Result<Vec<String>, Fault> {
        let turn = self.desk.enter(prefix.len() + super::optional(&[&after]))?;
        Ok(turn.working_keys(&prefix, after.as_deref(), limit).await?)
    }

    async fn increment(&mut self, key: String, by: f64) -> Result<f64, Fault> {
        let turn = self.desk.enter(key.len())?;
        Ok(turn.working_increment(&key, by).await?)
    }

    async fn append(&mut self, key: String, value: Json) -> Result<u32, Fault> {
        let turn = self.desk.enter(key.len() + value.len())?;
        Ok(turn.working_append(&key, &value).await?)
    }
}
