-- name: inventory.insert
INSERT INTO inventory (sku, warehouse, available_qty, locked_qty, received_qty, deducted_qty, restocked_qty)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7);

-- name: inventory.update
UPDATE inventory
SET available_qty = ?3, locked_qty = ?4, received_qty = ?5, deducted_qty = ?6, restocked_qty = ?7
WHERE sku = ?1 AND warehouse = ?2;

-- name: inventory.by_sku
SELECT i.sku, i.warehouse, i.available_qty, i.locked_qty, i.received_qty, i.deducted_qty, i.restocked_qty
FROM inventory i
WHERE i.sku IN (SELECT value FROM json_each(?1))
ORDER BY i.sku, i.warehouse;

-- name: inventory.after
SELECT sku, warehouse, available_qty, locked_qty, received_qty, deducted_qty, restocked_qty
FROM inventory
WHERE (sku, warehouse) > (?1, ?2)
ORDER BY sku, warehouse
LIMIT ?3;

-- name: stock_adjustments.insert
INSERT INTO stock_adjustments (adjustment_id, sku, warehouse, delta, counted, reason, created_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7);

-- name: stock_adjustments.sums_after
SELECT sku, warehouse, sum(delta)
FROM stock_adjustments
WHERE (sku, warehouse) > (?1, ?2)
GROUP BY sku, warehouse
ORDER BY sku, warehouse
LIMIT ?3;

-- name: holds.insert
INSERT INTO holds (session_id, hold_id, allocations, expires_at, created_at) VALUES (?1, ?2, ?3, ?4, ?5);

-- name: holds.update
UPDATE holds SET hold_id = ?2, allocations = ?3, expires_at = ?4, created_at = ?5 WHERE session_id = ?1;

-- name: holds.delete
DELETE FROM holds WHERE session_id = ?1;

-- name: holds.by_session
SELECT h.session_id, h.hold_id, h.allocations, h.expires_at, h.created_at
FROM json_each(?1) k
CROSS JOIN holds h ON h.session_id = k.value;

-- name: holds.after
SELECT session_id, hold_id, allocations, expires_at, created_at
FROM holds
WHERE session_id > ?1
ORDER BY session_id
LIMIT ?2;

-- name: holds.due
SELECT session_id FROM holds WHERE expires_at <= ?1 ORDER BY expires_at, session_id LIMIT ?2;
