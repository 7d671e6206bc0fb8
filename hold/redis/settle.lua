-- Ends admissions and publishes levels. KEYS: two for each SKU: its level and its
-- waiting admissions. ARGV: how long a level is fresh and when it is outdated, in ms,
-- the number of ended items, of each the SKU's number, the admission's id and its units,
-- then of each level the SKU's number, what is available, and the position.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local fresh, outdated, ended = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local at = 4
local given = {}
for _ = 1, ended do
  local n, units = tonumber(ARGV[at]), tonumber(ARGV[at + 2])
  if redis.call('ZREM', KEYS[2 * n], ARGV[at + 1] .. ':' .. ARGV[at + 2]) == 1 then
    given[n] = (given[n] or 0) + units
  end
  at = at + 3
end
for n, units in pairs(given) do
  redis.call('HINCRBY', KEYS[2 * n - 1], 'waiting', -units)
end
while at <= #ARGV do
  local level = KEYS[2 * tonumber(ARGV[at]) - 1]
  local row = redis.call('HMGET', level, 'position', 'at')
  if not row[1] or tonumber(row[1]) <= tonumber(ARGV[at + 2]) or now - tonumber(row[2]) > outdated then
    redis.call('HSET', level, 'available', ARGV[at + 1], 'position', ARGV[at + 2], 'at', now, 'until', now + fresh)
  end
  at = at + 3
end
return redis.status_reply('OK')
