-- What a key may do and until when, the secret before its last rotation, and when it was used last.
-- Keys that are there already may do what they could: all.

ALTER TABLE api_keys ADD COLUMN scopes TEXT NOT NULL DEFAULT
    'events:publish events:read agents:read agents:call agents:deploy turns:read turns:write registry:read registry:write memory:read memory:write audit:read';
ALTER TABLE api_keys ADD COLUMN expires_ms INTEGER;
ALTER TABLE api_keys ADD COLUMN previous_hash BLOB;
ALTER TABLE api_keys ADD COLUMN previous_until_ms INTEGER;
ALTER TABLE api_keys ADD COLUMN used_ms INTEGER;
