-- Reads a page of the log after a position, bounded in events and bytes (one event at least).
--   KEYS 1 record, 2 log
--   ARGV 1 tenant, 2 afterSeq, 3 maxEvents, 4 maxBytes
-- Returns {epoch, last seq, status, event …}, or {} when there is no record, or another tenant's
local r = redis.call('HMGET', KEYS[1], 'epoch', 'seq', 'status', 'tenant')
if not r[1] or r[4] ~= ARGV[1] then
  return {}
end
local page, bytes, from = { r[1], tonumber(r[2]), r[3] }, 0, tonumber(ARGV[2])
local stop = from + tonumber(ARGV[3])
while from < stop and bytes < tonumber(ARGV[4]) do
  local events = redis.call('LRANGE', KEYS[2], from, math.min(from + 31, stop - 1))
  if #events == 0 then
    break
  end
  for _, event in ipairs(events) do
    if bytes > 0 and bytes + #event > tonumber(ARGV[4]) then
      return page
    end
    page[#page + 1] = event
    bytes = bytes + #event
  end
  from = from + #events
end
return page
