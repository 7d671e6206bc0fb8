-- Gives a lease back, unless it has become somebody else's. KEYS: the lease. ARGV: its owner.
if redis.call('GET', KEYS[1]) == ARGV[1] then
  return redis.call('DEL', KEYS[1])
end
return 0
