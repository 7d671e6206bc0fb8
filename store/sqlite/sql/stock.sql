-- name: levels.insert
INSERT INTO levels (sku, warehouse) VALUES (?, ?);

-- name: levels.number
SELECT level_no FROM levels WHERE sku = ? AND warehouse = ?;

-- name: stock.insert
INSERT INTO stock (available_qty, locked_qty, received_qty, deducted_qty, restocked_qty, level_no)
VALUES (?, ?, ?, ?, ?, ?);

-- name: stock.update
UPDATE stock
SET available_qty = ?, locked_qty = ?, received_qty = ?, deducted_qty = ?, restocked_qty = ?
WHERE level_no = ?;

-- name: inventory.by_sku
SELECT sku, warehouse, available_qty, locked_qty, received_qty, deducted_qty, restocked_qty
FROM inventory
WHERE sku = ?
ORDER BY warehouse;

-- name: inventory.after
SELECT sku, warehouse, available_qty, locked_qty, received_qty, deducted_qty, restocked_qty
FROM inventory
WHERE (sku, warehouse) > (?, ?)
ORDER BY sku, warehouse
LIMIT ?;

-- name: stock_adjustments.insert
INSERT INTO stock_adjustments (adjustment_id, sku, warehouse, delta, counted, reason, created_at)
VALUES (?, ?, ?, ?, ?, ?, ?);

-- name: stock_adjustments.sums_after
SELECT sku, warehouse, sum(delta)
FROM stock_adjustments
WHERE (sku, warehouse) > (?, ?)
GROUP BY sku, warehouse
ORDER BY sku, warehouse
LIMIT ?;

-- name: holds.insert
INSERT INTO holds (hold_id, allocations, expires_at, created_at, session_id) VALUES (?, ?, ?, ?, ?);

-- name: holds.update
UPDATE holds SET hold_id = ?, allocations = ?, expires_at = ?, created_at = ? WHERE session_id = ?;

-- name: holds.delete
DELETE FROM holds WHERE session_id = ?;

-- name: holds.by_session
SELECT session_id, hold_id, allocations, expires_at, created_at FROM holds WHERE session_id = ?;

-- name: holds.after
SELECT session_id, hold_id, allocations, expires_at, created_at
FROM holds
WHERE session_id > ?
ORDER BY session_id
LIMIT ?;

-- name: holds.due
SELECT session_id FROM holds WHERE expires_at <= ? ORDER BY expires_at, session_id LIMIT ?;
