-- Takes a lease or renews it, unless somebody else has it. KEYS: the lease. ARGV: its owner, its time in ms.
local owner = redis.call('GET', KEYS[1])
if owner and owner ~= ARGV[1] then
  return 0
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
