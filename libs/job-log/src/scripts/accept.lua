-- include: shared, ledger, indexes, accepting
-- Does what announce.lua and create.lua do, in one step: where record and indexes are on one server.
--   KEYS 1 record, 2 log, 3… those of announce.lua
--   ARGV 1…19 those of create.lua, but 9 is not read, 20… those of announce.lua
-- Returns what create.lua does, or {'exceeded', which charge, what its account has} when there is no room for it
local known = find_record(KEYS[1], ARGV)
if known then
  return known
end
local place, taken = charge(KEYS[12], KEYS[13], ARGV[20], ARGV[27])
if place then
  return { 'exceeded', place, taken }
end
local now = now_ms()
-- First: were the record refused in the midst of it, it would still be found.
enter_indexes({ unpack(KEYS, 3) }, { unpack(ARGV, 20) }, now)
return write_record(KEYS[1], KEYS[2], ARGV, now)
