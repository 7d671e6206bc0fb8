-- Answers admissions, in order. KEYS: the mark that the gate is built, then two for
-- each SKU: its level and its waiting admissions. ARGV: TTL and pause of probes in ms,
-- then for each admission its id, the number of its items, and of each item the SKU's
-- number and the units. Answers a list for each admission: 0 admitted, 1 wait, 2 sold
-- out with what is left of each of its items (-1: enough or unknown).
if redis.call('EXISTS', KEYS[1]) == 0 then
  return redis.error_reply('UNBUILT')
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local ttl, pause = tonumber(ARGV[1]), tonumber(ARGV[2])
local skus = {}

-- lapsed ends the admissions of a SKU whose time is over and returns their units.
local function lapsed(waiting)
  local units = 0
  local members = redis.call('ZRANGEBYSCORE', waiting, '-inf', now)
  for i = 1, #members do
    redis.call('ZREM', waiting, members[i])
    units = units + tonumber(string.match(members[i], ':(%d+)$'))
  end
  return units
end

local function sku(n)
  local s = skus[n]
  if s then
    return s
  end
  local level, waiting = KEYS[2 * n], KEYS[2 * n + 1]
  local row = redis.call('HMGET', level, 'available', 'waiting', 'until')
  s = { level = level, queue = waiting, taken = 0 }
  if row[1] then
    local ended = lapsed(waiting)
    s.available, s.waiting, s.fresh = tonumber(row[1]), tonumber(row[2] or 0) - ended, tonumber(row[3])
    s.taken = -ended
  end
  skus[n] = s
  return s
end

local function take(s, id, units)
  if redis.call('ZADD', s.queue, 'NX', now + ttl, id .. ':' .. units) == 1 then
    s.waiting, s.taken = s.waiting + units, s.taken + units
  end
end

local answers = {}
local at = 3
while at <= #ARGV do
  local id, count = ARGV[at], tonumber(ARGV[at + 1])
  local answer, wanted = { 0 }, {}
  for i = 1, count do
    local s, units = sku(tonumber(ARGV[at + 2 * i])), tonumber(ARGV[at + 2 * i + 1])
    answer[i + 1] = -1
    if s.available and s.available < units and now >= s.fresh then
      s.fresh = now + pause -- this one goes to see
      redis.call('HSET', s.level, 'until', s.fresh)
    elseif s.available and s.available < units then
      answer[1], answer[i + 1] = 2, s.available
    elseif s.available then
      wanted[#wanted + 1] = { s, units }
      if s.available - s.waiting < units and answer[1] == 0 and not redis.call('ZSCORE', s.queue, id .. ':' .. units) then
        answer[1] = 1
      end
    end
  end
  if answer[1] == 0 then
    for _, w in ipairs(wanted) do
      take(w[1], id, w[2])
    end
  end
  answers[#answers + 1] = answer
  at = at + 2 + 2 * count
end

for _, s in pairs(skus) do
  if s.taken ~= 0 then
    redis.call('HINCRBY', s.level, 'waiting', s.taken)
  end
end
return answers
