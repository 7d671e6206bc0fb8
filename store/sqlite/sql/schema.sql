-- name: schema.table
SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'goose_db_version';

-- name: schema.version
SELECT coalesce(max(version_id), 0) FROM goose_db_version;
