-- include: shared
-- Takes from what the requests of accounts may cost in a minute. What is taken of one grows with each request and drains as time passes,
-- its limit in a minute; drained, it is gone.
--   KEYS 1… what is taken of each: 'amount at', at being Redis's clock (ms)
--   ARGV of each account its limit, what was taken ahead before and is given back, how much to take ahead for requests to come, as long
--        as no more than half of the limit is taken, how many requests there are, and what each of these costs, in their order. One that
--        costs more than there may ever be is let in when nothing is taken
-- Returns of each account what is taken now, how much was taken ahead, and for each request 1 when it is let in, else 0
local now = tonumber(now_ms())
local reply = {}
local i = 0
local function argument()
  i = i + 1
  return tonumber(ARGV[i])
end
for _, key in ipairs(KEYS) do
  local limit, given_back, ahead, count = argument(), argument(), argument(), argument()
  local had, at = string.match(redis.call('GET', key) or '', '^(%S+) (%S+)$')
  local taken = 0
  if had then
    taken = math.max(0, tonumber(had) - limit * math.max(0, now - tonumber(at)) / 60000)
  end
  taken = math.max(0, taken - given_back)
  local is_changed = given_back > 0
  local place = #reply + 1
  for n = 1, count do
    local cost = argument()
    local is_in = taken + cost <= limit or (taken <= 0 and limit > 0)
    if is_in then
      taken = taken + cost
      is_changed = true
    end
    reply[place + 1 + n] = is_in and 1 or 0
  end
  ahead = math.max(0, math.floor(math.min(ahead, limit / 2 - taken)))
  taken = taken + ahead
  if taken <= 0 then
    redis.call('DEL', key)
  elseif is_changed or ahead > 0 then
    local lasts = math.ceil(taken * 60000 / limit) + 1
    redis.call('SET', key, string.format('%.3f %.0f', taken, now), 'PX', string.format('%.0f', lasts))
  end
  reply[place] = string.format('%.3f', taken)
  reply[place + 1] = ahead
end
return reply
