-- What an operator sets for a tenant, and whom nothing runs for.

ALTER TABLE tenants ADD COLUMN quotas TEXT NOT NULL DEFAULT '{}';   -- a JSON object of quotas and values
ALTER TABLE tenants ADD COLUMN suspended TEXT;                      -- why nothing of it runs, if so
