-- include: shared, ledger, indexes, accepting
-- Does what announce.lua and create.lua do, in one step: where record and indexes are on one server.
--   KEYS 1 record, 2 log, 3… those of announce.lua, the last: line of its tenant, a sorted set of the jobs that wait
--   ARGV 1…20 those of create.lua, but 9 is not read, 21…28 those of announce.lua, 29 those in line with a lower score go before it
-- Returns what create.lua does, or {'exceeded', which charge, what its account has} when there is no room for it
local known = find_record(KEYS[1], ARGV)
if known then
  return known
end
local place, taken = charge(KEYS[12], KEYS[13], ARGV[21], ARGV[28])
if place then
  return { 'exceeded', place, taken }
end
local now = now_ms()
-- First: were the record refused in the midst of it, it would still be found.
enter_indexes({ unpack(KEYS, 3, #KEYS - 1) }, { unpack(ARGV, 21) }, now)
local position = redis.call('ZCOUNT', KEYS[#KEYS], '-inf', '(' .. ARGV[#ARGV])
if position > 0 then
  ARGV[8] = string.sub(ARGV[8], 1, -2) .. ',"position":' .. position .. '}'
end
return write_record(KEYS[1], KEYS[2], ARGV, now)
