-- include: shared, ledger
-- Says how many places a gateway has in accounts, as far as their limits let it. They are its own as long as its lease lasts; those
-- of gateways whose lease has lapsed are free. Told again, it changes nothing.
--   KEYS 1 ledger, 2 gateways by when their lease lapses, 3 hash: how many places this gateway has in each account
--   ARGV 1 gateway, 2 how long its lease is (ms), 3… of each account its name, how many places are in use here, how many are
--        wanted, and its limit
-- Returns {1 when its lease had not lapsed, else 0, how many places it has in the first account, how many all have there, …}
local now = now_ms()
free_places(KEYS[1], KEYS[2], string.sub(KEYS[3], 1, -1 - #ARGV[1]), now)
local is_new = redis.call('ZADD', KEYS[2], string.format('%.0f', tonumber(now) + tonumber(ARGV[2])), ARGV[1])
local reply = { 1 - is_new }
for i = 3, #ARGV, 4 do
  local account = ARGV[i]
  local had = tonumber(redis.call('HGET', KEYS[3], account) or 0)
  local others = tonumber(redis.call('HGET', KEYS[1], account) or 0) - had
  -- What is in use is so, whatever the limit is by now.
  local has = math.max(tonumber(ARGV[i + 1]), math.min(tonumber(ARGV[i + 2]), tonumber(ARGV[i + 3]) - others))
  if has ~= had then
    change_account(KEYS[1], account, has - had)
    if has > 0 then
      redis.call('HSET', KEYS[3], account, has)
    else
      redis.call('HDEL', KEYS[3], account)
    end
  end
  reply[#reply + 1] = has
  reply[#reply + 1] = others + has
end
return reply
