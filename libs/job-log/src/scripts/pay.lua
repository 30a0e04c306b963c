-- include: shared
-- Takes from what the requests of an account may cost in a minute. What is taken grows with each and drains as time passes, the limit
-- in a minute; drained, it is gone.
--   KEYS 1 what is taken: 'amount at', at being Redis's clock (ms)
--   ARGV 1 the limit, 2 what was taken ahead before and is given back, 3 how much to take ahead for requests to come, as long as no more
--        than half of the limit is taken, 4… what each request costs, in their order. One that costs more than there may ever be is let in when nothing is taken
-- Returns {what is taken now, how much was taken ahead, for each request 1 when it is let in, else 0}
local limit = tonumber(ARGV[1])
local now = tonumber(now_ms())
local had, at = string.match(redis.call('GET', KEYS[1]) or '', '^(%S+) (%S+)$')
local taken = 0
if had then
  taken = math.max(0, tonumber(had) - limit * math.max(0, now - tonumber(at)) / 60000)
end
taken = math.max(0, taken - tonumber(ARGV[2]))
local reply = { 0, 0 }
local is_changed = tonumber(ARGV[2]) > 0
for i = 4, #ARGV do
  local cost = tonumber(ARGV[i])
  local is_in = taken + cost <= limit or (taken <= 0 and limit > 0)
  if is_in then
    taken = taken + cost
    is_changed = true
  end
  reply[i - 1] = is_in and 1 or 0
end
local ahead = math.floor(math.min(tonumber(ARGV[3]), limit / 2 - taken))
if ahead > 0 then
  taken = taken + ahead
  reply[2] = ahead
  is_changed = true
end
if taken <= 0 then
  redis.call('DEL', KEYS[1])
elseif is_changed then
  local lasts = math.ceil(taken * 60000 / limit) + 1
  redis.call('SET', KEYS[1], string.format('%.3f %.0f', taken, now), 'PX', string.format('%.0f', lasts))
end
reply[1] = string.format('%.3f', taken)
return reply
