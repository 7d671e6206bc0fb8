-- name: begin
BEGIN;

-- name: begin immediate
BEGIN IMMEDIATE;

-- name: commit
COMMIT;

-- name: rollback
ROLLBACK;

-- name: checkpoint
PRAGMA wal_checkpoint(PASSIVE);
